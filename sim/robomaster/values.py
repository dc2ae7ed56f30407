"""The plain values of the emulated robot, in DJI's axes: x forward, y to the right, yaw clockwise, pitch up.

Lengths are metres, angles degrees, wheel speeds turns a minute.
"""

from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import NamedTuple

from protos.robomaster.kinematics import WheelSpeeds as Wheels
from sim.lamps import Lamp as Led
from sim.lamps import LampEffect as LedEffect
from sim.lamps import Shine as LedState

__all__ = [
    "ActionRefused",
    "ActionState",
    "Attitude",
    "Battery",
    "Esc",
    "GimbalAngles",
    "Hit",
    "HitKind",
    "HitSide",
    "Imu",
    "Led",
    "LedEffect",
    "LedState",
    "Mode",
    "Position",
    "SoundMode",
    "Status",
    "Velocity",
    "Wheels",
]


class Mode(StrEnum):
    """Who leads: in the other one's mode a part ignores commands to turn."""

    FREE = "free"
    GIMBAL_LEAD = "gimbal_lead"
    CHASSIS_LEAD = "chassis_lead"


class ActionState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ActionRefused(Exception):
    """The part is busy with another action, or is not there."""


class Position(NamedTuple):
    """Since it was switched on; yaw does not wrap."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Attitude:
    """Yaw within -180..180."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Velocity:
    """In the frame of `Position`, and in the robot's own."""

    world_x_mps: float = 0.0
    world_y_mps: float = 0.0
    world_z_mps: float = 0.0
    body_x_mps: float = 0.0
    body_y_mps: float = 0.0
    body_z_mps: float = 0.0
    turn_degps: float = 0.0


@dataclass(frozen=True, slots=True)
class Esc:
    """The motors' controllers; each in the order right front, left front, left rear, right rear, forward positive."""

    speed_rpm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    angle_deg: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # 0..360
    stamp: int = 0
    state: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Imu:
    """x forward, y right, z down: at rest z is -1."""

    acc_x_g: float = 0.0
    acc_y_g: float = 0.0
    acc_z_g: float = -1.0
    gyro_x_radps: float = 0.0
    gyro_y_radps: float = 0.0
    gyro_z_radps: float = 0.0


@dataclass(frozen=True, slots=True)
class Status:
    """Eleven flags, in the protocols' order."""

    static: bool = True
    uphill: bool = False
    downhill: bool = False
    on_slope: bool = False
    pick_up: bool = False
    slip: bool = False
    impact_x: bool = False
    impact_y: bool = False
    impact_z: bool = False
    roll_over: bool = False
    hill_static: bool = False

    def flags(self) -> tuple[bool, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class GimbalAngles:
    """Yaw to the right. `yaw_deg` is seen from the chassis, the ground angles from how it stood when switched on."""

    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    pitch_ground_deg: float = 0.0
    yaw_ground_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Battery:
    voltage_v: float = 12.3
    temperature_c: float = 28.0
    current_a: float = 0.6
    percent: int = 100


class HitSide(IntEnum):
    """As both protocols number the plates."""

    BACK = 1
    FRONT = 2
    LEFT = 3
    RIGHT = 4
    GIMBAL_LEFT = 5
    GIMBAL_RIGHT = 6


class HitKind(IntEnum):
    """As the text protocol numbers them."""

    BEAD = 0
    COLLISION = 1
    HAND = 2


@dataclass(frozen=True, slots=True)
class Hit:
    side: HitSide
    kind: HitKind
    strength_mps: float = 0.0  # how fast it went into the plate


class SoundMode(IntEnum):
    """What a sound does to the one that plays."""

    STOP = 0
    REPLACE = 1
    MIX = 2
    IGNORE = 3  # the new one, while another plays
