"""Between our axes (REP 103: y left, counter-clockwise positive, radians) and DJI's (y right, clockwise, degrees)."""

import math
from dataclasses import dataclass

from robot.values import DriveCommand, Pose, wrap_rad


@dataclass(frozen=True, slots=True)
class DjiSpeed:
    """x forward, y right, z clockwise seen from above."""

    x_mps: float = 0.0
    y_mps: float = 0.0
    z_degps: float = 0.0


def dji_speed(command: DriveCommand) -> DjiSpeed:
    # 0.0 - x, not -x: a stop is sent as 0.000, not as -0.000
    return DjiSpeed(command.forward_mps, 0.0 - command.left_mps, 0.0 - math.degrees(command.turn_radps))


def our_speed(speed: DjiSpeed) -> DriveCommand:
    return DriveCommand(speed.x_mps, 0.0 - speed.y_mps, 0.0 - math.radians(speed.z_degps))


def our_pose(x_m: float, y_m: float, yaw_deg: float) -> Pose:
    """From position and attitude, both counted from where it was switched on (`unverified` says so, too)."""
    return Pose(x_m, 0.0 - y_m, wrap_rad(-math.radians(yaw_deg)))
