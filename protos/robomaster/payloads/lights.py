"""Lamps, the blaster, and the plates that feel hits."""

# ruff: noqa: RUF009 - the calls make dataclass fields

from dataclasses import dataclass
from typing import Any, Self

from protos.robomaster.ids import ArmorBits, ArmorId, Effect, LedBits
from protos.robomaster.wire import Payload, wire

_SYSTEM = 7  # the control mode beside the effect; the only one seen


def _effect() -> Any:
    return wire(
        "B",
        kind=lambda number: Effect(number & 0x0F),
        encode=lambda effect: _SYSTEM << 4 | effect,
        default=Effect.ON,
    )


@dataclass(frozen=True, slots=True)
class SetLed(Payload):
    """`leds`: a bit for each of the eight small lamps in a gimbal light. Flashing: on and off for these times."""

    parts: LedBits = wire("I", kind=LedBits)
    leds: int = wire("H", default=0xFF)
    effect: Effect = _effect()
    red: int = wire("B", default=0)
    green: int = wire("B", default=0)
    blue: int = wire("B", default=0)
    loop: int = wire("B", default=0)
    on_ms: int = wire("H", default=100)
    off_ms: int = wire("H", default=100)


@dataclass(frozen=True, slots=True)
class BlasterLed(Payload):
    """Not answered."""

    effect: Effect = _effect()
    red: int = wire("B", default=255)
    green: int = wire("B", default=255)
    blue: int = wire("B", default=255)
    times: int = wire("B", default=1)
    on_ms: int = wire("H", default=100)
    off_ms: int = wire("H", default=100)


@dataclass(frozen=True, slots=True)
class _Two:
    """Two numbers in one byte."""

    high: int
    low: int

    def __int__(self) -> int:
        return self.high << 4 | self.low

    @classmethod
    def of(cls, number: int) -> Self:
        return cls(number >> 4, number & 0x0F)


@dataclass(frozen=True, slots=True)
class BlasterFire(Payload):
    shot: _Two = wire("B", kind=_Two.of)

    @classmethod
    def of(cls, times: int, infrared: bool = False) -> Self:
        return cls(_Two(int(infrared), times))

    @property
    def times(self) -> int:
        return self.shot.low

    @property
    def infrared(self) -> bool:
        return self.shot.high == 1


@dataclass(frozen=True, slots=True)
class ArmorSensitivity(Payload):
    """The thresholds of the plates' microphones; `of` makes them of one number, 0 (feels all) to 10, as DJI's does."""

    plates: ArmorBits = wire("B", kind=ArmorBits, default=ArmorBits.ALL)
    energy_enter: int = wire("H", default=500)
    energy_leave: int = wire("H", default=300)
    length_max: int = wire("H", default=50)
    length_min: int = wire("H", default=13)
    length_silence: int = wire("H", default=6)
    peak_count: int = wire("H", default=1)
    peak_min: int = wire("H", default=160)
    peak_mean: int = wire("H", default=180)
    peak_final: int = wire("H", default=200)

    @classmethod
    def of(cls, sensitivity: float, plates: ArmorBits = ArmorBits.ALL) -> Self:
        factor = 1.5 - sensitivity / 10
        return cls(plates, peak_min=int(160 * factor), peak_mean=int(180 * factor), peak_final=int(200 * factor))

    @property
    def sensitivity(self) -> float:
        """The number that `of` was given, nearly."""
        return 15 - self.peak_final / 20


@dataclass(frozen=True, slots=True)
class HitEvent(Payload):
    """A plate was hit. Nobody asks for it: it is pushed while the SDK is in charge."""

    plate_and_type: _Two = wire("B", kind=_Two.of)
    strength: int = wire("H", default=0)  # of the sound
    length: int = wire("H", default=0)

    @classmethod
    def of(cls, plate: ArmorId, kind: int, strength: int = 0, length: int = 0) -> Self:
        """`kind`: 0 water, 1 infrared."""
        return cls(_Two(plate, kind), strength, length)

    @property
    def plate(self) -> int:
        """An ArmorId, from a robot that keeps to them."""
        return self.plate_and_type.high

    @property
    def kind(self) -> int:
        return self.plate_and_type.low


@dataclass(frozen=True, slots=True)
class IrEvent(Payload):
    """The infrared receiver was shot at."""

    role_and_skill: _Two = wire("B", kind=_Two.of)
    device: int = wire("B", default=0)
    pin: int = wire("B", default=0)

    @classmethod
    def of(cls, role: int, skill: int, device: int = 0, pin: int = 0) -> Self:
        return cls(_Two(role, skill), device, pin)

    @property
    def role(self) -> int:
        return self.role_and_skill.high

    @property
    def skill(self) -> int:
        return self.role_and_skill.low
