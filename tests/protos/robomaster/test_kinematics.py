"""Wheels and motion agree, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.robomaster.kinematics import MPS_PER_RPM, BodySpeed, WheelSpeeds, body_speed, wheel_speeds

SPEED = st.floats(-3.5, 3.5)


def test_one_turn_a_minute_is_five_millimetres_a_second() -> None:
    assert pytest.approx(0.00524, abs=1e-5) == MPS_PER_RPM


def test_forward_turns_all_wheels_forward() -> None:
    speeds = wheel_speeds(BodySpeed(0.524, 0, 0))
    assert speeds == pytest.approx((100, 100, 100, 100), abs=0.1)


def test_to_the_right_and_clockwise_start_with_the_left_front_wheel() -> None:
    right = wheel_speeds(BodySpeed(0, 1, 0))
    assert right.left_front_rpm > 0
    assert right.right_rear_rpm > 0
    assert right.right_front_rpm < 0
    assert right.left_rear_rpm < 0
    turn = wheel_speeds(BodySpeed(0, 0, 90))
    assert turn.left_front_rpm == turn.left_rear_rpm > 0
    assert turn.right_front_rpm == turn.right_rear_rpm < 0


@given(SPEED, SPEED, st.floats(-600, 600))
def test_there_and_back(x: float, y: float, z: float) -> None:
    assert body_speed(wheel_speeds(BodySpeed(x, y, z))) == pytest.approx((x, y, z), abs=1e-6)


def test_wheels_that_fight_each_other_move_nothing() -> None:
    assert body_speed(WheelSpeeds(100, 100, -100, -100)) == pytest.approx((0, 0, 0))
