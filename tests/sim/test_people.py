"""People's ways: pure functions of time, smooth, with the speeds and pauses of the scenario."""

import math

import numpy as np
import pytest

from sim import scenario
from sim.people import Walk, walk
from sim.scenario import Person, Waypoint

STEP_S = 0.02


class Steady(np.random.Generator):
    """No jitter: every draw is its mean."""

    def normal(self, loc=0.0, scale=1.0, size=None):
        return loc


def person(*points: tuple[float, float, float], pause_s: float = 0.0, radius_m: float = 0.7, **more: float) -> Person:
    path = [Waypoint(at=(x, y), speed_mps=speed, pause_s=pause_s) for x, y, speed in points]
    return Person.model_validate({"id": "ada", "path": path, "corner_radius_m": radius_m, **more})


def steady(someone: Person, length_s: float = 60.0) -> Walk:
    return walk(someone, length_s, Steady(np.random.PCG64(0)))


def speeds(way: Walk, length_s: float) -> list[float]:
    times = np.arange(0, length_s, STEP_S)
    return [math.dist(way.at(t), way.at(t + STEP_S)) / STEP_S for t in times]


def test_a_straight_way_takes_its_length_over_its_speed() -> None:
    way = steady(person((0, 0, 0.5), (10, 0, 0.5)))
    assert way.at(0) == (0, 0)
    assert way.at(10)[0] == pytest.approx(5.0, abs=0.3)  # a moment is lost in starting
    assert way.at(40) == pytest.approx((10, 0))


def test_nobody_walks_faster_than_the_leg_allows() -> None:
    way = steady(person((0, 0, 0.9), (6, 0, 0.5), (6, 6, 0.7)))
    assert max(speeds(way, 40)) < 0.93


def test_a_pause_is_kept_at_its_point() -> None:
    way = steady(person((0, 0, 0.8), (4, 0, 0.8), (8, 0, 0.8), pause_s=3.0))
    standing = [t for t, speed in zip(np.arange(0, 30, STEP_S), speeds(way, 30), strict=True) if speed < 1e-3]
    at_point = [t for t in standing if abs(way.at(t)[0] - 4) < 0.01]
    assert 3.0 <= len(at_point) * STEP_S <= 3.3


def test_corners_are_walked_round() -> None:
    way = steady(person((0, 0, 0.7), (5, 0, 0.7), (5, 5, 0.7)))
    nearest = min(math.dist(way.at(t), (5, 0)) for t in np.arange(0, 20, STEP_S))
    assert nearest == pytest.approx(0.7 * (math.sqrt(2) - 1), abs=0.03)  # a circle of 0.7 m that touches both legs


def test_one_point_is_standing_still() -> None:
    way = steady(person((3, 1, 0.7)))
    assert way.at(0) == way.at(31.7) == (3, 1)


def test_who_appears_later_starts_walking_then() -> None:
    way = steady(person((0, 0, 0.7), (5, 0, 0.7), appears_s=4.0, leaves_s=9.0))
    assert [way.present(t) for t in (3.9, 4.0, 8.9, 9.0)] == [False, True, True, False]
    assert way.at(4.0) == (0, 0)
    assert way.at(6.0)[0] > 0.5


def test_a_path_doubling_back_on_itself_is_walked_to_its_end() -> None:
    way = steady(person((0, 0, 0.7), (3, 0, 0.7), (0, 0, 0.7)))
    assert way.at(30) == pytest.approx((0, 0))


@pytest.mark.parametrize("name", ["corridor", "lab", "outage"])
def test_same_seed_same_way_another_seed_nearly(name: str) -> None:
    loaded = scenario.load(name)
    someone = loaded.target
    assert someone is not None
    first, again, other = (walk(someone, loaded.length_s, np.random.default_rng(seed)) for seed in (1, 1, 2))
    times = np.arange(0, loaded.length_s, 0.5)
    assert [first.at(t) for t in times] == [again.at(t) for t in times]
    apart = max(math.dist(first.at(t), other.at(t)) for t in times)
    assert 0 < apart < 1.5


def test_the_corridor_is_walked_at_half_to_nine_tenths_of_a_metre_a_second() -> None:
    someone = scenario.load("corridor").target
    assert someone is not None
    assert {0.5 <= point.speed_mps <= 0.9 for point in someone.path} == {True}
    assert sum(point.pause_s > 0 for point in someone.path[1:]) >= 2
    way = walk(someone, 60, np.random.default_rng(1))
    assert math.dist(way.at(45), way.at(48)) > 1.0  # still walking when the server is killed
