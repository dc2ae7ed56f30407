"""What is passed, and how it is described in bytes. Nothing here is pickled, and every number read is checked.

A frame is an envelope (kind, time allowed, head, and each tensor's type and shape) and the tensors' data, which lie at
offsets that follow from the envelope.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import BadMessageError

MAX_BYTES = 64 << 20  # of one parcel's tensors: a picture of 4 megapixels with mask and labels is 32 MB
MAX_HEAD = 32 << 10
MAX_TENSORS = 16
MAX_DIMENSIONS = 4
ALIGNMENT = 64  # of a tensor's data: a cache line, and more than any vector instruction asks for

DTYPES: tuple[np.dtype[Any], ...] = tuple(
    np.dtype(name) for name in ("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8")
)
_CODE = {dtype: code for code, dtype in enumerate(DTYPES)}
_FIXED = struct.Struct("<4sBBHII")  # magic, kind, tensors, version, milliseconds allowed, length of the head
_TENSOR = struct.Struct("<BB2x4I")  # dtype, dimensions, shape
_MAGIC, _VERSION = b"TGLP", 1
MAX_ENVELOPE = _FIXED.size + MAX_TENSORS * _TENSOR.size + MAX_HEAD


class Kind(IntEnum):
    CALL = 1
    EVENT = 2  # on the way to the answer
    REPLY = 3
    ERROR = 4  # instead of the answer; the head says why


@dataclass(frozen=True, slots=True)
class Parcel:
    """A few bytes and some tensors."""

    head: bytes = b""
    tensors: tuple[NDArray[Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """A parcel on its way."""

    kind: Kind
    parcel: Parcel = Parcel()
    timeout_s: float = 0.0  # of a call: how long the answer is waited for


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a tensor's data lie."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    nbytes: int

    def view(self, buffer: Any) -> NDArray[Any]:
        """The tensor in this buffer, not copied."""
        if not self.nbytes:
            return np.empty(self.shape, self.dtype)
        return np.frombuffer(buffer, self.dtype, math.prod(self.shape), self.offset).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Envelope:
    kind: Kind
    head: bytes
    timeout_s: float
    slots: tuple[Slot, ...]
    size: int  # bytes of all tensors with the gaps between them

    def frame(self, tensors: Sequence[NDArray[Any]]) -> Frame:
        return Frame(self.kind, Parcel(self.head, tuple(tensors)), self.timeout_s)


def describe(frame: Frame, max_bytes: int = MAX_BYTES) -> tuple[bytes, tuple[Slot, ...], int]:
    """The envelope of a frame, where its tensors go, and the bytes they take. Raises BadMessageError."""
    tensors = frame.parcel.tensors
    if len(tensors) > MAX_TENSORS or len(frame.parcel.head) > MAX_HEAD:
        raise BadMessageError(
            f"a parcel has {len(tensors)} tensors and a head of {len(frame.parcel.head)} bytes; at most {MAX_TENSORS} "
            f"and {MAX_HEAD}: what is large belongs in a tensor"
        )
    known = []
    for tensor in tensors:
        if tensor.dtype not in _CODE or not 1 <= tensor.ndim <= MAX_DIMENSIONS:
            raise BadMessageError(
                f"a tensor of {tensor.dtype} with {tensor.ndim} dimensions cannot be sent; numbers with 1 to "
                f"{MAX_DIMENSIONS} dimensions can"
            )
        known.append((tensor.dtype, tensor.shape))
    slots, size = _place(known, max_bytes)
    milliseconds = min(max(0, round(frame.timeout_s * 1e3)), 2**32 - 1)
    parts = [_FIXED.pack(_MAGIC, frame.kind, len(tensors), _VERSION, milliseconds, len(frame.parcel.head))]
    parts += [
        _TENSOR.pack(_CODE[dtype], len(shape), *shape, *(0,) * (MAX_DIMENSIONS - len(shape))) for dtype, shape in known
    ]
    return b"".join((*parts, frame.parcel.head)), slots, size


def read(data: bytes | memoryview, max_bytes: int = MAX_BYTES) -> Envelope:
    """Check an envelope. Raises BadMessageError before anything of the size it claims is allocated."""
    try:
        magic, kind, count, version, milliseconds, head_length = _FIXED.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise BadMessageError(f"this is no parcel of version {_VERSION}: the other side speaks something else")
        if count > MAX_TENSORS or head_length > MAX_HEAD:
            raise BadMessageError(f"a parcel claims {count} tensors and a head of {head_length} bytes; too many")
        known = []
        for number in range(count):
            code, dimensions, *shape = _TENSOR.unpack_from(data, _FIXED.size + number * _TENSOR.size)
            if code >= len(DTYPES) or not 1 <= dimensions <= MAX_DIMENSIONS:
                raise BadMessageError(f"tensor {number} has type {code} with {dimensions} dimensions: not known")
            known.append((DTYPES[code], tuple(shape[:dimensions])))
        start = _FIXED.size + count * _TENSOR.size
        if len(data) != start + head_length:
            raise BadMessageError(f"an envelope has {len(data)} bytes, but says {start + head_length}")
        slots, size = _place(known, max_bytes)
        return Envelope(Kind(kind), bytes(data[start:]), milliseconds / 1e3, slots, size)
    except (struct.error, ValueError) as error:  # too short; a kind that is none
        raise BadMessageError(f"an envelope of {len(data)} bytes cannot be read: {error}") from error


def _place(known: Sequence[tuple[np.dtype[Any], tuple[int, ...]]], max_bytes: int) -> tuple[tuple[Slot, ...], int]:
    slots, end = [], 0
    for dtype, shape in known:
        offset = (end + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        nbytes = math.prod(shape) * dtype.itemsize
        slots.append(Slot(dtype, shape, offset, nbytes))
        end = offset + nbytes
    if end > max_bytes:
        raise BadMessageError(
            f"a parcel of {end / 1e6:.1f} MB is larger than the {max_bytes / 1e6:.1f} MB that are allowed here"
        )
    return tuple(slots), end
