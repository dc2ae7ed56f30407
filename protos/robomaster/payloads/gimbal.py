"""The gimbal. Yaw to the right, pitch up; the wire has yaw, roll, pitch in this order, and roll is never used."""

# ruff: noqa: RUF009 - the calls make dataclass fields

from dataclasses import dataclass
from typing import Self

from protos.robomaster.ids import ActionState, Axes, GimbalPower
from protos.robomaster.payloads.actions import Control, action_state, control
from protos.robomaster.wire import Payload, wire

_SPEED_MODE = 0xDC  # what DJI's package sends, unexplained


@dataclass(frozen=True, slots=True)
class GimbalSpeed(Payload):
    """Not answered."""

    yaw_degps: float = wire("h", unit=0.1, default=0.0)
    roll_degps: float = wire("h", unit=0.1, default=0.0)
    pitch_degps: float = wire("h", unit=0.1, default=0.0)
    mode: int = wire("B", default=_SPEED_MODE)
    more: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class GimbalOrder(Payload):
    """Motors off or on again. Not answered."""

    order: GimbalPower = wire("H", kind=GimbalPower)


@dataclass(frozen=True, slots=True)
class GimbalAxes:
    """Which angles count, and from where."""

    yaw: bool = True
    roll: bool = False
    pitch: bool = True
    axes: Axes = Axes.CURRENT

    def __int__(self) -> int:
        return int(self.yaw) | self.roll << 1 | self.pitch << 2 | self.axes << 3

    @classmethod
    def of(cls, number: int) -> Self:
        """Raises ValueError for axes that nobody knows."""
        return cls(bool(number & 1), bool(number & 2), bool(number & 4), Axes(number >> 3))


@dataclass(frozen=True, slots=True)
class GimbalMove(Payload):
    action_id: int = wire("B")
    control: Control = control()
    about: GimbalAxes = wire("B", kind=GimbalAxes.of, default=GimbalAxes())
    yaw_deg: float = wire("h", unit=0.1, default=0.0)
    roll_deg: float = wire("h", unit=0.1, default=0.0)
    pitch_deg: float = wire("h", unit=0.1, default=0.0)
    error: int = wire("H", default=0)  # how near is near enough, it seems; DJI's package sends 0
    yaw_degps: float = wire("H", unit=1.0, default=30.0)
    roll_degps: float = wire("H", unit=1.0, default=0.0)
    pitch_degps: float = wire("H", unit=1.0, default=30.0)

    @property
    def is_absolute(self) -> bool:
        """Not counted from where it looks now."""
        return self.about.axes is not Axes.CURRENT


@dataclass(frozen=True, slots=True)
class GimbalRecenter(Payload):
    action_id: int = wire("B")
    control: Control = control()
    about: GimbalAxes = wire("B", kind=GimbalAxes.of, default=GimbalAxes(axes=Axes.NED))  # which angles; no axes
    yaw_degps: float = wire("H", unit=1.0, default=100.0)
    roll_degps: float = wire("H", unit=1.0, default=0.0)
    pitch_degps: float = wire("H", unit=1.0, default=100.0)


@dataclass(frozen=True, slots=True)
class GimbalPush(Payload):
    """The angles now."""

    action_id: int = wire("B")
    percent: int = wire("B", default=0)
    state: ActionState = action_state()
    yaw_deg: float = wire("h", unit=0.1, default=0.0)
    roll_deg: float = wire("h", unit=0.1, default=0.0)
    pitch_deg: float = wire("h", unit=0.1, default=0.0)
