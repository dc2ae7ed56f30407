"""Four mecanum wheels: how fast each rolls for a motion of the robot, and back.

x forward, y to the right, turn clockwise positive; a wheel's speed is positive when it rolls forward.
"""

import math
from typing import NamedTuple

from protos.robomaster.unverified import HALF_LENGTHS_M, WHEEL_RADIUS_M

MPS_PER_RPM = WHEEL_RADIUS_M * 2 * math.pi / 60
_LEVER_M_PER_DEG = HALF_LENGTHS_M * math.pi / 180  # how fast a turn of 1 deg/s moves each wheel


class WheelSpeeds(NamedTuple):
    """In the binary protocol's order."""

    right_front_rpm: float
    left_front_rpm: float
    left_rear_rpm: float
    right_rear_rpm: float


class BodySpeed(NamedTuple):
    """Of the robot in its own frame."""

    x_mps: float
    y_mps: float
    z_degps: float


def wheel_speeds(speed: BodySpeed) -> WheelSpeeds:
    x, y, turn = speed.x_mps, speed.y_mps, speed.z_degps * _LEVER_M_PER_DEG
    return WheelSpeeds(
        (x - y - turn) / MPS_PER_RPM,
        (x + y + turn) / MPS_PER_RPM,
        (x - y + turn) / MPS_PER_RPM,
        (x + y - turn) / MPS_PER_RPM,
    )


def body_speed(wheels: WheelSpeeds) -> BodySpeed:
    """What these wheels make of it; four speeds that do not agree give the mean, the rest is slip."""
    rf, lf, lr, rr = (rpm * MPS_PER_RPM / 4 for rpm in wheels)
    return BodySpeed(rf + lf + lr + rr, -rf + lf - lr + rr, (-rf + lf + lr - rr) / _LEVER_M_PER_DEG)
