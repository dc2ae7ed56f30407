"""Driving: speeds, wheels, moves, and who leads."""

# ruff: noqa: RUF009 - the calls make dataclass fields

from dataclasses import dataclass

from protos.robomaster.ids import ActionState, RobotMode
from protos.robomaster.kinematics import WheelSpeeds
from protos.robomaster.payloads.actions import Control, action_state, control
from protos.robomaster.wire import AckPayload, Payload, wire


@dataclass(frozen=True, slots=True)
class SetMode(Payload):
    """DJI's package sends FREE before the other two."""

    mode: RobotMode = wire("B", kind=RobotMode)


@dataclass(frozen=True, slots=True)
class GetMode(Payload):
    """Empty."""


@dataclass(frozen=True, slots=True)
class ModeAck(AckPayload):
    ret: int = wire("B", default=0)
    mode: RobotMode = wire("B", kind=RobotMode, default=RobotMode.FREE)


@dataclass(frozen=True, slots=True)
class DriveSpeed(Payload):
    """Not answered."""

    x_mps: float = wire("f", default=0.0)
    y_mps: float = wire("f", default=0.0)
    z_degps: float = wire("f", default=0.0)  # clockwise


@dataclass(frozen=True, slots=True)
class DriveWheels(Payload):
    """The wire counts the left wheels' speeds backwards."""

    right_front_rpm: float = wire("h", unit=1.0, default=0.0)
    left_front_rpm: float = wire("h", unit=-1.0, default=0.0)
    left_rear_rpm: float = wire("h", unit=-1.0, default=0.0)
    right_rear_rpm: float = wire("h", unit=1.0, default=0.0)

    @property
    def speeds(self) -> WheelSpeeds:
        return WheelSpeeds(self.right_front_rpm, self.left_front_rpm, self.left_rear_rpm, self.right_rear_rpm)


@dataclass(frozen=True, slots=True)
class Move(Payload):
    """Go so far from here. Speeds: 0.5 to 2 m/s and 10 to 540 deg/s in DJI's package."""

    action_id: int = wire("B")
    control: Control = control()
    x_m: float = wire("h", unit=0.01, skip=2, default=0.0)
    y_m: float = wire("h", unit=0.01, default=0.0)
    z_deg: float = wire("h", unit=0.1, default=0.0)  # counter-clockwise
    speed_mps: float = wire(
        "B",
        kind=lambda number: (number + 70) / 160,
        encode=lambda speed: min(max(round(160 * speed - 70), 0), 255),
        default=0.5,
    )
    turn_degps: float = wire("h", unit=0.1, default=30.0)


@dataclass(frozen=True, slots=True)
class MovePush(Payload):
    """How far it has come, in the move's own axes."""

    action_id: int = wire("B")
    percent: int = wire("B", default=0)
    state: ActionState = action_state()
    x_m: float = wire("h", unit=0.01, default=0.0)
    y_m: float = wire("h", unit=0.01, default=0.0)
    z_deg: float = wire("h", unit=0.1, default=0.0)


@dataclass(frozen=True, slots=True)
class StickOverlay(Payload):
    mode: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class WorkMode(Payload):
    mode: int = wire("B", default=0)
