"""Camera, vision, and what can be plugged in: arm, gripper, servos, sensors, serial line, PWM."""

# ruff: noqa: RUF009 - the calls make dataclass fields

import struct
from dataclasses import dataclass
from typing import Any, Self

from common.errors import BadMessageError
from protos.robomaster.ids import ActionState, GripperOrder, Host, Resolution, Stream, VisionBits, address
from protos.robomaster.payloads.actions import Control, action_state, control
from protos.robomaster.wire import AckPayload, Payload, wire

_ARM_MASK = 3


@dataclass(frozen=True, slots=True)
class StreamSwitch:
    """On or off, and which way the client is connected."""

    on: bool = True
    usb: bool = False

    def __int__(self) -> int:
        return self.usb << 4 | self.on

    @classmethod
    def of(cls, number: int) -> Self:
        return cls(bool(number & 0x0F), bool(number >> 4))


@dataclass(frozen=True, slots=True)
class StreamControl(Payload):
    stream: Stream = wire("B", kind=Stream)
    switch: StreamSwitch = wire("B", kind=StreamSwitch.of, default=StreamSwitch())
    resolution: Resolution = wire("B", kind=Resolution, default=Resolution.P720)


@dataclass(frozen=True, slots=True)
class Photo(Payload):
    kind: int = wire("B", default=1)


@dataclass(frozen=True, slots=True)
class Zoom(Payload):
    """DJI's package fails to build it, its buffer being a byte too short."""

    mode: int = wire("B", default=1 << 3 | 1)
    value: int = wire("h", skip=3, default=1)


@dataclass(frozen=True, slots=True)
class WhiteBalance(Payload):
    kind: int = wire("B", default=0)  # 0 automatic, 6 by hand
    temperature: tuple[int, int] = wire("B", count=2, default=(0, 0))
    tint: int = wire("h", default=0)


@dataclass(frozen=True, slots=True)
class VisionEnable(Payload):
    detectors: VisionBits = wire("H", kind=VisionBits)


@dataclass(frozen=True, slots=True)
class VisionStatusAck(AckPayload):
    ret: int = wire("B", default=0)
    detectors: VisionBits = wire("H", kind=VisionBits, default=VisionBits.NONE)


@dataclass(frozen=True, slots=True)
class VisionColor(Payload):
    kind: int = wire("B")
    color: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Pwm(Payload):
    """For six outputs: shares in 0.1 % or frequencies in Hz; `mask` says which of them count."""

    mask: int = wire("B")
    values: tuple[int, ...] = wire("H", count=6, default=(0,) * 6)


@dataclass(frozen=True, slots=True)
class UartSet(Payload):
    """`config`: stop bits, parity, data bits and baud rate as codes in one byte."""

    config: int = wire("B")
    enable: int = wire("B", default=0xFF)
    receive_bytes: int = wire("H", default=0)
    send_bytes: int = wire("H", default=0)


@dataclass(frozen=True, slots=True)
class UartSend:
    """To the serial line."""

    data: bytes

    def pack(self) -> bytes:
        return struct.pack("<BH", 2, len(self.data)) + self.data

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        return cls(_counted(data, 2, "little"))


@dataclass(frozen=True, slots=True)
class UartReceived:
    """From the serial line; the length has its high byte first here."""

    data: bytes

    def pack(self) -> bytes:
        return struct.pack(">BH", 1, len(self.data)) + self.data

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        return cls(_counted(data, 1, "big"))


def _counted(data: bytes, kind: int, order: Any) -> bytes:
    length = int.from_bytes(data[1:3], order)
    if len(data) < 3 or data[0] != kind or len(data) < 3 + length:
        raise BadMessageError(f"serial line: {len(data)} bytes that are no such message: {data[:16].hex(' ')}")
    return data[3 : 3 + length]


@dataclass(frozen=True, slots=True)
class GripperControl(Payload):
    device: int = wire("B", default=int(Host.GRIPPER))
    order: GripperOrder = wire("B", kind=GripperOrder, default=GripperOrder.PAUSE)
    force: int = wire("H", default=330)


@dataclass(frozen=True, slots=True)
class ArmMove(Payload):
    """`is_absolute`: from the arm's origin, not from where it is."""

    action_id: int = wire("B")
    control: Control = control()
    device: int = wire("B", default=int(Host.ARM))
    is_absolute: bool = wire("B", kind=bool, default=False)
    mask: int = wire("B", default=_ARM_MASK)
    x_m: float = wire("i", unit=0.001, default=0.0)
    y_m: float = wire("i", unit=0.001, default=0.0)
    z_m: float = wire("i", unit=0.001, default=0.0)


@dataclass(frozen=True, slots=True)
class ArmPush(Payload):
    action_id: int = wire("B")
    percent: int = wire("B", default=0)
    state: ActionState = action_state()
    x_m: float = wire("i", unit=0.001, default=0.0)
    y_m: float = wire("i", unit=0.001, default=0.0)


def _angle() -> Any:
    """-180 to 180 degrees, on the wire from 0."""
    return wire(
        "i",
        kind=lambda number: (number - 1800) / 10,
        encode=lambda angle: min(max(round(angle * 10) + 1800, -0x8000_0000), 0x7FFF_FFFF),
        default=0.0,
    )


@dataclass(frozen=True, slots=True)
class ServoMove(Payload):
    action_id: int = wire("B")
    control: Control = control()
    device: int = wire("B", default=address(Host.SERVO, 1))
    angle_deg: float = _angle()


@dataclass(frozen=True, slots=True)
class ServoPush(Payload):
    action_id: int = wire("B")
    percent: int = wire("B", default=0)
    state: ActionState = action_state()
    angle_deg: float = _angle()


@dataclass(frozen=True, slots=True)
class ServoGet(Payload):
    device: int = wire("B", default=address(Host.SERVO, 1))


@dataclass(frozen=True, slots=True)
class ServoAngleAck(AckPayload):
    ret: int = wire("B", default=0)
    angle_deg: float = wire("I", unit=0.1, default=0.0)  # from 0


@dataclass(frozen=True, slots=True)
class ServoMode(Payload):
    """Before `ServoSpeed`: 1 is to turn on and on."""

    device: int = wire("B", default=address(Host.SERVO, 1))
    mode: int = wire("B", default=1)


@dataclass(frozen=True, slots=True)
class ServoSpeed(Payload):
    """DJI's package takes -49 to 49 for it, of which the unit is not known. Off: it stops."""

    device: int = wire("B", default=address(Host.SERVO, 1))
    on: bool = wire("B", kind=bool, default=True)
    speed: float = wire(
        "H",
        kind=lambda number: number * 98 / 900 - 49,
        encode=lambda speed: min(max(round((speed + 49) * 900 / 98), 0), 0xFFFF),
        default=0.0,
    )


@dataclass(frozen=True, slots=True)
class ArmPositionAck(AckPayload):
    ret: int = wire("B", default=0)
    x_m: float = wire("i", unit=0.001, default=0.0)
    y_m: float = wire("i", unit=0.001, default=0.0)
    z_m: float = wire("i", unit=0.001, default=0.0)


@dataclass(frozen=True, slots=True)
class SensorRead(Payload):
    port: int = wire("B", default=1)


@dataclass(frozen=True, slots=True)
class SensorAck(AckPayload):
    ret: int = wire("B", default=0)
    port: int = wire("B", default=0)
    adc: int = wire("H", default=0)
    io: int = wire("B", default=0)
    time_ms: int = wire("I", default=0)
