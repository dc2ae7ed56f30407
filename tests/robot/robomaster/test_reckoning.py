"""Odometry out of what a rover says, and out of what it was told."""

import math

import pytest

from common.backoff import Backoff
from robot.robomaster.axes import DjiSpeed, dji_speed, our_speed
from robot.robomaster.reckoning import FromCommands, Measured
from robot.values import STILL, DriveCommand, Limits


def test_left_is_left_and_counter_clockwise_is_counter_clockwise() -> None:
    told = dji_speed(DriveCommand(0.5, 0.2, math.radians(30)))
    assert (told.x_mps, told.y_mps) == (0.5, -0.2)
    assert told.z_degps == pytest.approx(-30)
    back = our_speed(told)
    assert (back.forward_mps, back.left_mps) == (0.5, 0.2)
    assert back.turn_radps == pytest.approx(math.radians(30))
    assert str(dji_speed(STILL)) == str(DjiSpeed())  # no -0.0 among them
    measured = Measured()
    measured.pose(1.0, 1.0, 2.0, 90.0)
    odometry = measured.newest
    assert odometry is not None
    assert (odometry.pose.x_m, odometry.pose.y_m) == (1.0, -2.0)
    assert odometry.pose.heading_rad == pytest.approx(-math.pi / 2)


def drive_in_a_circle(measured: Measured, start_s: float = 0.0, count: int = 200, period_s: float = 0.02) -> None:
    """0.5 m/s ahead, 1 rad/s to the left, heard at 50 Hz with three decimals as the rover writes them."""
    for step in range(count):
        now_s = start_s + step * period_s
        heading = step * period_s * 1.0
        x, y = 0.5 * math.sin(heading), 0.5 * (1 - math.cos(heading))
        measured.attitude(now_s + 0.001, round(math.remainder(-math.degrees(heading), 360), 3))
        measured.position(now_s + 0.001, round(x, 3), round(-y, 3))


def test_speeds_come_out_of_positions() -> None:
    measured = Measured()
    drive_in_a_circle(measured)
    odometry = measured.newest
    assert odometry is not None
    assert odometry.forward_mps == pytest.approx(0.5, abs=0.02)
    assert odometry.left_mps == pytest.approx(0.0, abs=0.05)
    assert odometry.turn_radps == pytest.approx(1.0, abs=0.01)
    assert odometry.pose.heading_rad == pytest.approx(math.remainder(199 * 0.02, math.tau), abs=0.005)


def test_positions_that_were_held_up_and_come_all_at_once_make_no_speed() -> None:
    measured = Measured()
    for step in range(50):
        held_up = 30 <= step < 40
        at_s = 0.8 + 0.0002 * (step - 30) if held_up else step * 0.02
        measured.attitude(at_s, 0.0)
        measured.position(at_s, step * 0.01, 0.0)
        odometry = measured.newest
        assert odometry is not None
        assert odometry.forward_mps < 0.8, step


def test_where_positions_come_seldom_the_rovers_own_speed_is_taken() -> None:
    measured = Measured()
    for step in range(10):
        measured.speed(step * 0.1, DjiSpeed(0.4, -0.1, -20.0))
        measured.pose(step * 0.1 + 0.01, step * 0.04, 0.0, 0.0)
    odometry = measured.newest
    assert odometry is not None
    assert (odometry.forward_mps, odometry.left_mps) == (0.4, 0.1)
    assert odometry.turn_radps == pytest.approx(math.radians(20))


def test_numbers_that_are_none_are_dropped() -> None:
    measured = Measured()
    measured.position(0.0, 1.0, 1.0)
    assert measured.newest is None  # the heading is not known yet
    measured.attitude(0.0, math.nan)
    measured.position(0.1, math.inf, 0.0)
    measured.speed(0.1, DjiSpeed(math.nan))
    assert measured.newest is None


def test_a_rover_switched_off_and_on_goes_on_where_it_was() -> None:
    measured = Measured()
    measured.pose(0.0, 2.0, 1.0, 90.0)
    before = measured.newest
    measured.reconnected()
    measured.pose(30.0, 0.0, 0.0, 0.0)
    assert before is not None
    after = measured.newest
    assert after is not None
    assert after.pose.x_m == pytest.approx(before.pose.x_m)
    assert after.pose.y_m == pytest.approx(before.pose.y_m)
    assert after.pose.heading_rad == pytest.approx(before.pose.heading_rad)
    measured.pose(31.0, 1.0, 0.0, 0.0)  # a metre ahead, which is to the right of the first heading
    assert measured.newest is not None
    assert measured.newest.pose.y_m == pytest.approx(before.pose.y_m - 1.0)


def test_a_connection_that_was_only_lost_keeps_the_rovers_own_count() -> None:
    measured = Measured()
    measured.pose(0.0, 2.0, 1.0, 90.0)
    measured.reconnected()
    measured.pose(3.0, 2.5, 1.0, 90.0)
    assert measured.newest is not None
    assert measured.newest.pose.x_m == 2.5


def test_commands_alone_tell_where_a_rover_is_that_says_nothing() -> None:
    reckoned = FromCommands(Limits())
    reckoned.at(0.0)
    reckoned.commanded(1.0, DriveCommand(1.0, 0.0, 0.0))
    assert reckoned.at(1.1).forward_mps < 0.3  # wheels take their time
    there = reckoned.at(3.0)
    assert there.forward_mps == 1.0
    assert there.pose.x_m == pytest.approx(2.0 - 0.25, abs=0.03)
    reckoned.commanded(3.0, STILL)
    stood = reckoned.at(4.0)
    assert stood.pose.x_m == pytest.approx(there.pose.x_m + 0.1, abs=0.02)
    reckoned.commanded(4.0, DriveCommand(0.0, 0.0, 1.0))
    assert reckoned.at(5.0).pose.heading_rad == pytest.approx(0.95, abs=0.02)
    assert reckoned.at(500.0).pose.heading_rad == pytest.approx(0.95, abs=0.02)  # after a sleep it is not dreamt on


def test_waits_between_tries_grow_to_ten_seconds_and_start_again() -> None:
    backoff = Backoff()
    assert [backoff.next_s() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_a_rover_that_had_only_turned_on_the_spot_and_was_switched_off_and_on_looks_where_it_looked() -> None:
    measured = Measured()
    measured.pose(0.0, 0.02, 0.01, 90.0)
    before = measured.newest
    measured.reconnected()
    measured.pose(30.0, 0.0, 0.0, 0.0)
    after = measured.newest
    assert before is not None
    assert after is not None
    assert after.pose.heading_rad == pytest.approx(before.pose.heading_rad)
    measured.reconnected()
    measured.pose(33.0, 0.0, 0.0, 20.0)  # only out of reach while it turned on
    assert measured.newest is not None
    assert measured.newest.pose.heading_rad == pytest.approx(before.pose.heading_rad - math.radians(20))
