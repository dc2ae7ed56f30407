"""How a frozen dataclass says what its fields look like in a payload."""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from common.errors import BadMessageError

Number = int | float
_BOUNDS = {
    "b": (-0x80, 0x7F), "B": (0, 0xFF), "h": (-0x8000, 0x7FFF), "H": (0, 0xFFFF),
    "i": (-0x8000_0000, 0x7FFF_FFFF), "I": (0, 0xFFFF_FFFF), "Q": (0, 0xFFFF_FFFF_FFFF_FFFF),
}  # fmt: skip
_WIRE = "wire"


@dataclass(frozen=True, slots=True)
class _Wire:
    """One field: `count` items of a struct code, and the way to the value and back."""

    code: str
    count: int
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    skip: int


def wire(
    code: str,
    *,
    unit: float | None = None,
    kind: Callable[[Any], Any] | None = None,
    encode: Callable[[Any], Any] | None = None,
    count: int = 1,
    skip: int = 0,
    **options: Any,
) -> Any:
    """A field of a payload.

    `unit`: what 1 on the wire is worth; a value beyond the range is sent as the range's end. `kind`: makes the value
    out of the number (an enum, bool), and `encode` a number of it, where int() does not. `count`: a tuple of so many.
    `skip`: zero bytes before it. The rest as for `dataclasses.field`.
    """
    if unit is not None:
        plain = _Wire(code, count, _scaled(code, unit), lambda number: number * unit, skip)
    elif code in "fd":
        plain = _Wire(code, count, _finite, _finite, skip)
    else:
        plain = _Wire(code, count, encode or int, kind or int, skip)
    return field(metadata={_WIRE: plain}, **options)


def _scaled(code: str, unit: float) -> Callable[[float], int]:
    low, high = _BOUNDS[code]

    def encode(value: float) -> int:
        return min(max(round(_finite(value) / unit), low), high)

    return encode


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} for a number")
    return float(value)


_Layout = tuple[struct.Struct, tuple[_Wire, ...]]
_LAYOUTS: dict[type, _Layout] = {}


def _layout(payload: type) -> _Layout:
    found = _LAYOUTS.get(payload)
    if found is None:
        wires = tuple(each.metadata[_WIRE] for each in fields(payload))
        shape = struct.Struct("<" + "".join(f"{each.skip}x{each.count}{each.code}" for each in wires))
        found = _LAYOUTS[payload] = (shape, wires)
    return found


class Payload:
    """Base of all payloads of a fixed size: the dataclass's fields in order."""

    __slots__ = ()

    def pack(self) -> bytes:
        """Raises ValueError for a number that is none."""
        shape, wires = _layout(type(self))
        numbers: list[Number] = []
        for each, about in zip(wires, fields(self), strict=True):  # type: ignore[arg-type]
            value = getattr(self, about.name)
            numbers += [each.encode(value)] if each.count == 1 else [each.encode(item) for item in value]
        try:
            return shape.pack(*numbers)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{self}: {error}") from error

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError. Bytes after what is known are left alone: other firmware may send more."""
        shape, wires = _layout(cls)
        data = cls._filled(data, shape.size)
        if len(data) < shape.size:
            raise BadMessageError(f"{cls.__name__}: {len(data)} bytes where {shape.size} are needed: {data.hex(' ')}")
        numbers = shape.unpack_from(data)
        values: list[Any] = []
        at = 0
        try:
            for each in wires:
                part = numbers[at : at + each.count]
                values.append(each.decode(part[0]) if each.count == 1 else tuple(map(each.decode, part)))
                at += each.count
            return cls(*values)
        except ValueError as error:
            raise BadMessageError(f"{cls.__name__}: {error}: {data.hex(' ')}") from error

    @classmethod
    def _filled(cls, data: bytes, size: int) -> bytes:
        return data


class AckPayload(Payload):
    """An answer: its first field is the return code, and an error may come without the rest."""

    __slots__ = ()

    @classmethod
    def _filled(cls, data: bytes, size: int) -> bytes:
        return data.ljust(size, b"\0") if data and data[0] else data


def ip_bytes(text: str) -> bytes:
    """Raises ValueError."""
    parts = [int(part) for part in text.split(".") if part.isascii() and part.isdigit()]
    if len(parts) != 4 or text.count(".") != 3:
        raise ValueError(f"{text!r} is no IPv4 address")
    return bytes(parts)


def ip_text(data: Sequence[int]) -> str:
    return ".".join(str(part) for part in data)


def ip(**options: Any) -> Any:
    """A field for an IPv4 address as text."""
    return wire("I", kind=lambda number: ip_text(number.to_bytes(4, "little")), encode=_ip_number, **options)


def _ip_number(text: str) -> int:
    return int.from_bytes(ip_bytes(text), "little")
