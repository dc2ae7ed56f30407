"""What subscriptions push. A wrong length is deadly to DJI's package, so `pack` gives exactly what it takes."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from common.errors import BadMessageError
from protos.robomaster.ids import Subject
from protos.robomaster.kinematics import WheelSpeeds
from protos.robomaster.unverified import ESC_LEFT_IS_MIRRORED
from protos.robomaster.wire import Payload, wire

_STEPS = 32768  # of an ESC's angle in one turn
_SIGNS = (1, -1, -1, 1) if ESC_LEFT_IS_MIRRORED else (1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Position(Payload):
    """Since power-on, in the axes of then."""

    x_m: float = wire("f", default=0.0)
    y_m: float = wire("f", default=0.0)
    z: float = wire("f", default=0.0)


@dataclass(frozen=True, slots=True)
class Velocity(Payload):
    """In the axes of power-on, and in the robot's own."""

    world_x_mps: float = wire("f", default=0.0)
    world_y_mps: float = wire("f", default=0.0)
    world_z: float = wire("f", default=0.0)
    body_x_mps: float = wire("f", default=0.0)
    body_y_mps: float = wire("f", default=0.0)
    body_z: float = wire("f", default=0.0)


@dataclass(frozen=True, slots=True)
class Attitude(Payload):
    """Yaw clockwise, since power-on."""

    yaw_deg: float = wire("f", default=0.0)
    pitch_deg: float = wire("f", default=0.0)
    roll_deg: float = wire("f", default=0.0)


@dataclass(frozen=True, slots=True)
class Imu(Payload):
    """z points down: at rest acc_z is -1."""

    acc_x_g: float = wire("f", default=0.0)
    acc_y_g: float = wire("f", default=0.0)
    acc_z_g: float = wire("f", default=-1.0)
    gyro_x_radps: float = wire("f", default=0.0)
    gyro_y_radps: float = wire("f", default=0.0)
    gyro_z_radps: float = wire("f", default=0.0)


_ESC = struct.Struct("<4h4h4I4B")
_Four = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Esc:
    """The motors, as right front, left front, left rear, right rear; forward positive, angles 0 to 360."""

    speed_rpm: _Four = (0.0, 0.0, 0.0, 0.0)
    angle_deg: _Four = (0.0, 0.0, 0.0, 0.0)
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)
    state: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def speeds(self) -> WheelSpeeds:
        return WheelSpeeds(*self.speed_rpm)

    def pack(self) -> bytes:
        rpm = [min(max(round(sign * value), -32768), 32767) for sign, value in zip(_SIGNS, self.speed_rpm, strict=True)]
        steps = [
            round(sign * value * _STEPS / 360) % _STEPS for sign, value in zip(_SIGNS, self.angle_deg, strict=True)
        ]
        return _ESC.pack(*rpm, *steps, *(stamp & 0xFFFF_FFFF for stamp in self.stamp), *self.state)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < _ESC.size:
            raise BadMessageError(f"Esc: {len(data)} bytes where {_ESC.size} are needed")
        numbers = _ESC.unpack_from(data)
        rpm: Any = tuple(float(sign * number) for sign, number in zip(_SIGNS, numbers[:4], strict=True))
        angle: Any = tuple(
            sign * number % _STEPS * 360 / _STEPS for sign, number in zip(_SIGNS, numbers[4:8], strict=True)
        )
        return cls(rpm, angle, numbers[8:12], numbers[12:16])


@dataclass(frozen=True, slots=True)
class Status:
    """Eleven flags."""

    static: bool = False
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

    def pack(self) -> bytes:
        flags = (getattr(self, name) for name in self.__slots__)
        return sum(flag << bit for bit, flag in enumerate(flags)).to_bytes(2, "little")

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < 2:
            raise BadMessageError(f"Status: {len(data)} bytes where 2 are needed")
        bits = int.from_bytes(data[:2], "little")
        return cls(*(bool(bits >> bit & 1) for bit in range(11)))


@dataclass(frozen=True, slots=True)
class Mode(Payload):
    """What moves the chassis; the numbers are not explained anywhere."""

    mission: int = wire("B", default=0)
    sdk: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Battery(Payload):
    voltage_v: float = wire("H", unit=0.001, default=0.0)
    temperature_c: float = wire("h", unit=0.1, default=0.0)
    current_a: float = wire("i", unit=0.001, default=0.0)
    percent: int = wire("B", default=0)
    more: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Gimbal(Payload):
    """Yaw to the right, pitch up. `ground`: from how it stood at power-on; the others from the chassis."""

    yaw_ground_deg: float = wire("h", unit=0.1, default=0.0)
    pitch_ground_deg: float = wire("h", unit=0.1, default=0.0)
    yaw_deg: float = wire("h", unit=0.1, default=0.0)
    pitch_deg: float = wire("h", unit=0.1, default=0.0)
    flags: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Sbus(Payload):
    """A remote control's receiver."""

    connected: bool = wire("B", kind=bool, default=False)
    channels: tuple[int, ...] = wire("h", count=16, default=(0,) * 16)


@dataclass(frozen=True, slots=True)
class Servo(Payload):
    """A bit for each servo that is there; speeds and angles as the servos count."""

    valid: int = wire("B", default=0)
    speeds: tuple[int, ...] = wire("h", count=4, default=(0,) * 4)
    angles: tuple[int, ...] = wire("h", count=4, default=(0,) * 4)


@dataclass(frozen=True, slots=True)
class Arm(Payload):
    """In millimetres; below zero shows as near 2**32."""

    flags: int = wire("B", default=0)
    x_mm: int = wire("I", default=0)
    y_mm: int = wire("I", default=0)


@dataclass(frozen=True, slots=True)
class Gripper(Payload):
    """0 between, 1 open, 2 closed."""

    status: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Tof:
    """Four distance sensors: number, direction, flag, and the distance with its high byte first."""

    ids: tuple[int, ...] = (0, 0, 0, 0)
    directions: tuple[int, ...] = (0, 0, 0, 0)
    flags: tuple[int, ...] = (0, 0, 0, 0)
    distances_mm: tuple[int, ...] = (0, 0, 0, 0)

    def pack(self) -> bytes:
        rows = zip(self.ids, self.directions, self.flags, self.distances_mm, strict=True)
        return b"".join(struct.pack(">BBBH", *row) for row in rows)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < 20:
            raise BadMessageError(f"Tof: {len(data)} bytes where 20 are needed")
        rows = [struct.unpack_from(">BBBH", data, 5 * number) for number in range(4)]
        return cls(*zip(*rows, strict=True))


@dataclass(frozen=True, slots=True)
class Pinboard:
    """Six sensor boards with two ports each."""

    io: tuple[int, ...] = (0,) * 12
    adc: tuple[int, ...] = (0,) * 12

    def pack(self) -> bytes:
        return b"".join(
            struct.pack("<BBHH", *self.io[2 * number : 2 * number + 2], *self.adc[2 * number : 2 * number + 2])
            for number in range(6)
        )

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < 36:
            raise BadMessageError(f"Pinboard: {len(data)} bytes where 36 are needed")
        rows = [struct.unpack_from("<BBHH", data, 6 * number) for number in range(6)]
        return cls(tuple(value for row in rows for value in row[:2]), tuple(value for row in rows for value in row[2:]))


class SubjectData(Protocol):
    """Any of them."""

    def pack(self) -> bytes: ...

    @classmethod
    def unpack(cls, data: bytes) -> Self: ...


SUBJECTS: Mapping[Subject, type[SubjectData]] = {
    Subject.POSITION: Position,
    Subject.VELOCITY: Velocity,
    Subject.ATTITUDE: Attitude,
    Subject.IMU: Imu,
    Subject.ESC: Esc,
    Subject.STATUS: Status,
    Subject.MODE: Mode,
    Subject.BATTERY: Battery,
    Subject.GIMBAL: Gimbal,
    Subject.SBUS: Sbus,
    Subject.SERVO: Servo,
    Subject.ARM: Arm,
    Subject.GRIPPER: Gripper,
    Subject.TOF: Tof,
    Subject.PINBOARD: Pinboard,
}
