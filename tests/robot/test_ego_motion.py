"""The history of odometry answers for times in between, and for no others."""

import math

import pytest

from robot.ego_motion import OdometryHistory
from robot.values import Odometry, Pose


def at(time_s: float, x_m: float = 0.0, heading_rad: float = 0.0, forward_mps: float = 0.0, turn_radps: float = 0.0):
    return Odometry(time_s, Pose(x_m, 0.0, heading_rad), forward_mps, 0.0, turn_radps)


def test_between_two_entries_the_pose_is_interpolated():
    history = OdometryHistory()
    history.add(at(1.0, 0.0, 0.0))
    history.add(at(2.0, 1.0, 0.4))
    found = history.at(1.25)
    assert found is not None
    assert found.time_s == 1.25
    assert found.pose.x_m == pytest.approx(0.25)
    assert found.pose.heading_rad == pytest.approx(0.1)


def test_headings_are_interpolated_the_short_way_round():
    history = OdometryHistory()
    history.add(at(0.0, heading_rad=math.pi - 0.1))
    history.add(at(1.0, heading_rad=-math.pi + 0.1))
    found = history.at(0.25)
    assert found is not None
    assert found.pose.heading_rad == pytest.approx(math.pi - 0.05)


def test_a_little_past_the_newest_the_speed_is_believed_then_nothing():
    history = OdometryHistory(extrapolate_s=0.25)
    history.add(at(1.0, forward_mps=2.0, turn_radps=0.5))
    found = history.at(1.2)
    assert found is not None
    assert found.pose.heading_rad == pytest.approx(0.1)
    assert math.hypot(found.pose.x_m, found.pose.y_m) == pytest.approx(0.4)
    assert history.at(1.3) is None


def test_before_the_oldest_entry_or_with_none_there_is_no_answer():
    history = OdometryHistory()
    assert history.at(0.0) is None
    history.add(at(1.0))
    assert history.at(0.99) is None
    assert history.at(math.nan) is None


def test_only_the_last_seconds_are_kept():
    history = OdometryHistory(keep_s=2.0, most=50)
    for step in range(10_000):
        history.add(at(step / 100))
    assert len(history) == 50
    assert history.at(90.0) is None


def test_late_double_and_broken_entries_are_dropped():
    history = OdometryHistory()
    history.add(at(1.0, 1.0))
    history.add(at(1.0, 5.0))
    history.add(at(0.5, 5.0))
    history.add(at(1.5, math.nan))
    assert len(history) == 1
    assert history.newest == at(1.0, 1.0)


def test_a_clock_that_was_set_back_starts_the_history_anew():
    history = OdometryHistory()
    history.add(at(1000.0, 1.0))
    history.add(at(1.0, 2.0))
    assert history.newest == at(1.0, 2.0)
    assert len(history) == 1
