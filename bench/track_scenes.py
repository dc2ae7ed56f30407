"""The scenes of `bench track`: two people cross; one leaves and somebody else comes; one leaves and comes back."""

import math
from collections.abc import Callable
from random import Random

from bench.track_world import CAMERA, Person, wardrobe, wobble
from protos.messages import RGB

Place = Callable[[float], tuple[float, float]]
RUN_S = 5.0  # 150 frames at 30 fps


def crossing(alike: bool, random: Random) -> list[Person]:
    """Two people whose ways cross in the picture; who is in front, how fast and which way is chance.

    Six in ten meet head on, a quarter overtakes, the rest passes somebody who stands. Both stay in view throughout.
    """
    while True:
        meet_s, column = random.uniform(1.6, 3.2), random.uniform(0.3, 0.7)
        near_m = random.uniform(2.5, 5.0)
        depths = [near_m, near_m + random.uniform(0.4, 2.0)]
        random.shuffle(depths)
        way = random.choice((-1, 1))
        kind = random.random()
        fast = random.uniform(0.4, 1.4)
        if kind < 0.6:
            speeds = [way * fast, -way * random.uniform(0.4, 1.4)]
        elif kind < 0.85:
            speeds = [way * fast, way * fast * random.uniform(0.2, 0.5)]
        else:
            speeds = [way * fast, 0.0]
        random.shuffle(speeds)
        people = [
            _person(_line(column, depth, speed, meet_s, random.uniform(-0.25, 0.25)), rgb, random)
            for depth, speed, rgb in zip(depths, speeds, wardrobe(alike, random), strict=True)
        ]
        if all(_inside(person, t / 10) for person in people for t in range(int(RUN_S * 10) + 1)) and all(
            _apart(people, t) for t in (0.0, 0.3, RUN_S - 0.4, RUN_S)
        ):
            return people


def turning_back(alike: bool, random: Random) -> list[Person]:
    """As `crossing`, but one of the two turns round behind or before the other and goes back."""
    people = crossing(alike, random)
    meet_s = min(
        (t / 30 for t in range(int(RUN_S * 30))), key=lambda t: abs(_column(people[0], t) - _column(people[1], t))
    )
    turner = random.choice(people)
    ahead = turner.place

    def there_and_back(time_s: float) -> tuple[float, float]:
        return ahead(time_s if time_s < meet_s else 2 * meet_s - time_s)

    turner.place = there_and_back
    return people


def replaced(alike: bool, random: Random) -> list[Person]:
    """The target walks out of the picture; half a second after it was last to be seen, somebody else comes in.

    Half of them at the same edge, the others at the other edge or through a door inside the picture.
    """
    mine, theirs = wardrobe(alike, random)
    depth, speed = random.uniform(2.5, 5.0), random.uniform(0.4, 1.4)
    side = random.choice((-1, 1))
    leaves_s = random.uniform(1.5, 2.5)
    edge_m = depth * CAMERA.half_width
    leaver = _person(lambda t: (side * (edge_m + speed * (t - leaves_s)), depth), mine, random)
    leaver.to_s = _last_seen_s(leaver)
    comes_s = leaver.to_s + 0.5
    its_depth, its_speed = random.uniform(2.5, 5.0), random.uniform(0.4, 1.4)
    where = random.random()
    its_edge_m = its_depth * CAMERA.half_width
    start_m = (
        side * its_edge_m
        if where < 0.5
        else -side * its_edge_m
        if where < 0.8
        else its_edge_m * random.uniform(-0.6, 0.6)
    )
    towards = -math.copysign(1, start_m)
    stops_s = comes_s + random.uniform(1.0, 3.0)

    def enter(t: float) -> tuple[float, float]:
        return start_m + towards * its_speed * (min(t, stops_s) - comes_s), its_depth

    comer = _person(enter, theirs, random)
    comer.from_s = comes_s
    return [leaver, comer]


def returning(alike: bool, random: Random) -> list[Person]:
    """The target walks out, turns round and comes back at the same edge 1 to 3 s later. `alike` means nothing here."""
    mine, _ = wardrobe(alike, random)
    depth, speed = random.uniform(2.5, 5.0), random.uniform(0.4, 1.2)
    side = random.choice((-1, 1))
    leaves_s, away_s = random.uniform(1.2, 1.8), random.uniform(1.0, 3.0)
    edge_m = depth * CAMERA.half_width
    reach_m = speed * away_s / 2

    def place(t: float) -> tuple[float, float]:
        return side * (edge_m + reach_m - speed * abs(t - leaves_s - away_s / 2)), depth

    return [_person(place, mine, random)]


def _person(place: Place, rgb: RGB, random: Random) -> Person:
    return Person(
        place,
        height_m=random.uniform(1.55, 1.9),
        width_m=random.uniform(0.45, 0.6),
        rgb=rgb,
        wobble=wobble(RUN_S * 2, random),
        step_hz=random.uniform(1.5, 2.1),
    )


def _line(column: float, depth: float, speed: float, meet_s: float, approach: float) -> Place:
    def place(t: float) -> tuple[float, float]:
        z = depth + approach * (t - meet_s)
        return (column - 0.5) * 2 * CAMERA.half_width * depth + speed * (t - meet_s), z

    return place


def _column(person: Person, t: float) -> float:
    box = person.box(t)
    return box.cx if box else math.nan


def _inside(person: Person, t: float) -> bool:
    return 0.06 < _column(person, t) < 0.94 and person.place(t)[1] > 1.5


def _apart(people: list[Person], t: float) -> bool:
    a, b = (person.box(t) for person in people)
    return a is not None and b is not None and abs(a.cx - b.cx) > (a.w + b.w) / 2


def _last_seen_s(person: Person) -> float:
    """When the detector can find this person for the last time."""
    last = 0.0
    for t in range(int(RUN_S * 30)):
        box = person.box(t / 30)
        if box is not None and box.clipped().w >= 0.3 * box.w:
            last = t / 30
    return last
