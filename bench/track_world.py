"""People who walk before a standing camera, and what a detector would say of them: the world of `bench track`.

Positions are in metres on the floor: x to the right of the camera, z away from it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from protos.messages import RGB, Box, Detection
from robot.appearance import lab
from robot.values import CameraModel

CAMERA = CameraModel()
_MOUNT_M = 0.5  # height of the camera
_HALF_HEIGHT = CAMERA.half_width * CAMERA.height_px / CAMERA.width_px
_VISIBLE = 0.3  # of a person's width must be inside the frame for a detector to find it
_HIDDEN = 0.6  # share of a box behind another one from which on it is not found
_HALF_HIDDEN = 0.25  # from here on its box shrinks towards the part that can be seen
_DRESSED_DIFFERENTLY = 25.0  # CIE76 difference of colours; 2 can just be told apart, red to blue is over 100
_ALIKE = 3


@dataclass(frozen=True, slots=True)
class Conditions:
    """How well the camera and the detector do."""

    fps: float = 30.0
    noise_px: float = 8.0  # standard deviation of each of x, y, w, h
    misses: float = 0.2
    ghosts: float = 0.01  # share of frames with a box of nothing
    irregular: bool = False  # a third of the frames never arrives, and capture times jitter
    occlusion: bool = True


@dataclass(slots=True)
class Person:
    """Walks a path with wobbling speed; visible from `from_s` to `to_s`."""

    place: Callable[[float], tuple[float, float]]
    height_m: float
    width_m: float
    rgb: RGB
    wobble: list[float] = field(default_factory=list)  # metres of detour, 30 a second
    from_s: float = 0.0
    to_s: float = math.inf
    step_hz: float = 1.8

    def box(self, time_s: float) -> Box | None:
        """Of the whole person, frame or not; None while not in the world."""
        if not self.from_s <= time_s <= self.to_s:
            return None
        x, z = self.place(time_s)
        step = min(int(time_s * 30), len(self.wobble) - 2)
        if step >= 0:
            part = min(1.0, time_s * 30 - step)
            x += self.wobble[step] * (1 - part) + self.wobble[step + 1] * part
        swing = 1 + 0.12 * math.sin(2 * math.pi * self.step_hz * time_s)  # legs and arms open and close
        w = self.width_m * swing / (2 * CAMERA.half_width * z)
        top = 0.5 - (self.height_m - _MOUNT_M) / (2 * _HALF_HEIGHT * z)
        bottom = 0.5 + _MOUNT_M / (2 * _HALF_HEIGHT * z)
        return Box(0.5 + x / (2 * CAMERA.half_width * z) - w / 2, top, w, bottom - top)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the detector says of one frame; `who` names the person of each box, -1 for a ghost."""

    time_s: float
    detections: tuple[Detection, ...]
    who: tuple[int, ...]


def film(people: list[Person], frames: int, conditions: Conditions, random: Random) -> Iterator[Seen]:
    """Frame after frame. The light changes slowly over time and from left to right."""
    phase, period_s, tilt = random.uniform(0, 6), random.uniform(3, 12), random.uniform(-0.2, 0.2)
    for number in range(frames):
        time_s = number / conditions.fps
        if conditions.irregular:
            if random.random() < 1 / 3:
                continue
            time_s += random.uniform(0, 0.9) / conditions.fps
        found: list[tuple[Detection, int]] = []
        for who, box, rgb in _visible(people, time_s, conditions.occlusion):
            light = (1 + 0.15 * math.sin(phase + time_s * 2 * math.pi / period_s)) * (1 + tilt * (box.cx - 0.5) * 2)
            if random.random() < conditions.misses:
                continue
            noisy = _noisy(box, conditions.noise_px, random)
            if noisy is not None:
                colour = _shade(rgb, light, random)
                found.append((Detection("person", random.uniform(0.5, 0.95), noisy, colour), who))
        if random.random() < conditions.ghosts:
            x, y, w = random.uniform(0, 0.8), random.uniform(0, 0.4), random.uniform(0.05, 0.2)
            grey = random.randrange(40, 200)
            ghost = Detection("person", random.uniform(0.4, 0.6), Box(x, y, w, 0.5), (grey, grey, grey))
            found.append((ghost, -1))
        random.shuffle(found)
        yield Seen(time_s, tuple(d for d, _ in found), tuple(who for _, who in found))


def _visible(people: list[Person], time_s: float, occlusion: bool) -> Iterator[tuple[int, Box, RGB]]:
    """Boxes inside the frame, and whose colour is found in their middle: that of whoever stands in front there."""
    boxes = [(who, person, person.box(time_s)) for who, person in enumerate(people)]
    for who, person, box in boxes:
        if box is None:
            continue
        inside = box.clipped()
        if inside.w < _VISIBLE * box.w or inside.h <= 0:
            continue
        rgb = person.rgb
        depth = person.place(time_s)[1]
        hidden = False
        for other, in_front, its in boxes:
            if its is None or other == who or in_front.place(time_s)[1] >= depth:
                continue
            across = min(inside.x + inside.w, its.x + its.w) - max(inside.x, its.x)
            share = max(0.0, across) / inside.w
            if its.x < inside.cx < its.x + its.w:
                rgb = in_front.rgb
            if occlusion and share > _HIDDEN:
                hidden = True
            elif occlusion and share > _HALF_HIDDEN:
                cut = across * 0.5
                left = its.cx < inside.cx
                inside = Box(inside.x + (cut if left else 0.0), inside.y, inside.w - cut, inside.h)
        if not hidden:
            yield who, inside, rgb


def _noisy(box: Box, noise_px: float, random: Random) -> Box | None:
    def off(size_px: int) -> float:
        return random.gauss(0, noise_px) / size_px

    wide, high = CAMERA.width_px, CAMERA.height_px
    moved = Box(box.x + off(wide), box.y + off(high), max(0.01, box.w + off(wide)), max(0.01, box.h + off(high)))
    inside = moved.clipped()
    return inside if inside.is_sane else None


def _shade(rgb: RGB, light: float, random: Random) -> RGB:
    r, g, b = (max(0, min(255, round(value * light + random.uniform(-10, 10)))) for value in rgb)
    return (r, g, b)


def wardrobe(alike: bool, random: Random) -> tuple[RGB, RGB]:
    """Colours of two people's clothes."""

    def any_colour() -> RGB:
        return (random.randrange(15, 230), random.randrange(15, 230), random.randrange(15, 230))

    first = any_colour()
    if alike:
        r, g, b = (max(0, min(255, value + random.randint(-_ALIKE, _ALIKE))) for value in first)
        return first, (r, g, b)
    while True:
        second = any_colour()
        if math.dist(lab(first), lab(second)) >= _DRESSED_DIFFERENTLY:
            return first, second


def wobble(seconds: float, random: Random) -> list[float]:
    """Detour of somebody whose speed varies by 0.15 m/s, with a memory of half a second."""
    speed, place, places = 0.0, 0.0, [0.0]
    for _ in range(int(seconds * 30) + 2):
        speed += -speed / 0.5 / 30 + random.gauss(0, 0.15 * math.sqrt(2 / 0.5 / 30))
        place += speed / 30
        places.append(place)
    return places
