"""Between the speed of the chassis and that of its four mecanum wheels."""

import math

from sim.robomaster.values import Wheels

WHEEL_RADIUS_M = 0.05
ARM_M = 0.2  # half the wheelbase and half the track together
MPS_PER_RPM = 2 * math.pi * WHEEL_RADIUS_M / 60


def wheels_of(x_mps: float, y_mps: float, turn_degps: float) -> Wheels:
    """y to the right, turn clockwise."""
    turn = math.radians(turn_degps) * ARM_M
    speeds = (x_mps - y_mps - turn, x_mps + y_mps + turn, x_mps - y_mps + turn, x_mps + y_mps - turn)
    return Wheels(*(speed / MPS_PER_RPM for speed in speeds))


def speed_of(wheels: Wheels) -> tuple[float, float, float]:
    """x, y (m/s) and turn (deg/s) that fit best; wheels that fight each other slip."""
    rf, lf = wheels.right_front_rpm, wheels.left_front_rpm
    lr, rr = wheels.left_rear_rpm, wheels.right_rear_rpm
    quarter = MPS_PER_RPM / 4
    turn = math.degrees((-rf + lf + lr - rr) * quarter / ARM_M)
    return (rf + lf + lr + rr) * quarter, (-rf + lf - lr + rr) * quarter, turn
