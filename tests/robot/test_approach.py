"""The target's place on the ground, from late and noisy looks."""

import math
import random

import pytest

from robot.approach import ApproachConfig, GroundFilter
from robot.values import Pose


def look(pose: Pose, x: float, y: float) -> tuple[float, float]:
    dx, dy = x - pose.x_m, y - pose.y_m
    return math.atan2(dy, dx) - pose.heading_rad, math.hypot(dx, dy)


def test_a_walking_target_is_known_where_it_is_now_and_not_where_it_was() -> None:
    tracked, noise = GroundFilter(ApproachConfig()), random.Random(1)
    late_s, errors_m = 0.08, []
    for step in range(100):
        time_s = step * 0.05
        bearing, distance = look(Pose(), 1 + 0.5 * time_s, 0.5)
        tracked.measure(time_s, Pose(), bearing + noise.gauss(0, 0.009), distance * (1 + noise.gauss(0, 0.02)))
        estimate = tracked.at(time_s + late_s)
        assert estimate is not None
        errors_m.append(estimate.x_m - (1 + 0.5 * (time_s + late_s)))
    settled = errors_m[20:]
    assert sum(settled) / len(settled) == pytest.approx(0, abs=0.01)  # 0.04 m without the prediction
    assert max(map(abs, settled)) < 0.15


def test_the_robots_own_turning_does_not_move_a_standing_target() -> None:
    tracked = GroundFilter(ApproachConfig())
    for step in range(40):
        pose = Pose(0.01 * step, 0.0, 0.04 * step)
        bearing, distance = look(pose, 3.0, 1.0)
        assert tracked.measure(step * 0.05, pose, bearing, distance)
    estimate = tracked.at(39 * 0.05)
    assert estimate is not None
    assert (estimate.x_m, estimate.y_m) == pytest.approx((3.0, 1.0), abs=0.01)
    assert math.hypot(estimate.vx_mps, estimate.vy_mps) < 0.02


def test_one_wild_measurement_is_not_believed_but_a_series_of_them_is() -> None:
    tracked = GroundFilter(ApproachConfig(max_rejects=3))
    for step in range(20):
        tracked.measure(step * 0.05, Pose(), 0.0, 2.0)
    assert not tracked.measure(1.0, Pose(), 0.0, 6.0)
    assert tracked.measure(1.05, Pose(), 0.0, 2.0)
    assert [tracked.measure(1.1 + n * 0.05, Pose(), 0.0, 6.0) for n in range(4)] == [False, False, False, True]
    assert tracked.rejected == 5
    estimate = tracked.at(1.25)
    assert estimate is not None
    assert estimate.x_m == pytest.approx(6.0)


def test_a_direction_without_distance_keeps_the_distance() -> None:
    tracked = GroundFilter(ApproachConfig())
    assert not tracked.measure(0.0, Pose(), 0.1, None)  # cannot start a filter
    tracked.measure(0.0, Pose(), 0.0, 2.0)
    for step in range(1, 20):
        assert tracked.measure(step * 0.05, Pose(), 0.01 * step, None)
    estimate = tracked.at(0.95)
    assert estimate is not None
    bearing, distance = estimate.seen_from(Pose())
    assert bearing == pytest.approx(0.19, abs=0.02)
    assert distance == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(("bearing", "distance"), [(math.nan, 2.0), (0.0, math.nan), (0.0, math.inf), (0.0, 0.0)])
def test_nonsense_is_not_taken_in(bearing: float, distance: float) -> None:
    tracked = GroundFilter(ApproachConfig())
    tracked.measure(0.0, Pose(), 0.0, 2.0)
    assert not tracked.measure(0.1, Pose(), bearing, distance)
    estimate = tracked.at(0.1)
    assert estimate is not None
    assert (estimate.x_m, estimate.y_m) == pytest.approx((2.0, 0.0))


def test_a_target_out_of_sight_is_not_believed_to_walk_on_for_ever() -> None:
    tracked = GroundFilter(ApproachConfig(velocity_memory_s=0.5))
    for step in range(40):
        tracked.measure(step * 0.05, Pose(), 0.0, 2 + 0.05 * step)
    soon, later = tracked.at(3.0), tracked.at(60.0)
    assert soon is not None
    assert later is not None
    assert later.x_m - soon.x_m < 0.2
    assert later.vx_mps == pytest.approx(0, abs=1e-6)


def test_what_was_measured_while_the_target_was_going_out_of_sight_can_be_taken_back() -> None:
    honest, fooled = GroundFilter(ApproachConfig()), GroundFilter(ApproachConfig())
    for step in range(40):
        bearing, distance = look(Pose(), 2.0, 0.02 * step)
        honest.measure(step * 0.05, Pose(), bearing, distance)
        fooled.measure(step * 0.05, Pose(), bearing, distance)
    for step in range(40, 46):
        fooled.measure(step * 0.05, Pose(), 0.38, 2.2 + 0.06 * (step - 40))
    assert fooled.at(3.0) != honest.at(3.0)
    fooled.rewind(39 * 0.05)
    assert fooled.at(3.0) == honest.at(3.0)
    fooled.rewind(-1.0)
    assert fooled.at(3.0) is not None


def test_after_seconds_out_of_sight_the_target_is_where_it_is_seen_and_not_on_the_old_way() -> None:
    tracked = GroundFilter(ApproachConfig())
    for step in range(40):
        tracked.measure(step * 0.05, Pose(), 0.0, 2 + 0.05 * step)
    assert tracked.measure(8.0, Pose(), 0.3, 2.0)
    estimate = tracked.at(8.05)
    assert estimate is not None
    assert estimate.seen_from(Pose()) == pytest.approx((0.3, 2.0))
