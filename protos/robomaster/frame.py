"""The envelope of the binary protocol: lengths, checksums, addresses; also found again after garbage."""

import binascii
import struct
from dataclasses import dataclass

from common.errors import BadMessageError

MAGIC = 0x55
OVERHEAD_BYTES = 13  # 11 of header, 2 of checksum
MAX_FRAME_BYTES = 0x3FF  # the length has 10 bits
MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - OVERHEAD_BYTES

_VERSION = 0x04  # in the byte with the length's high bits
_HEAD = struct.Struct("<IBBHBBB")  # magic with length and its checksum, sender, receiver, seq, attributes, command
_CRC8_SEED, _CRC8_POLY = 0x77, 0x8C
_CRC16_SEED = 0x3692


def _reversed_bits(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


def _crc8_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ _CRC8_POLY if value & 1 else value >> 1
    return value


_CRC8_TABLE = bytes(_crc8_entry(value) for value in range(256))
# The standard library has this CRC16 in C, but for bytes sent highest bit first: so with all bits turned round.
_BIT_REVERSED = bytes(_reversed_bits(value, 8) for value in range(256))
_CRC16_SEED_REVERSED = _reversed_bits(_CRC16_SEED, 16)


def crc8(data: bytes) -> int:
    """The checksum of a frame's first three bytes."""
    crc = _CRC8_SEED
    for byte in data:
        crc = _CRC8_TABLE[crc ^ byte]
    return crc


def crc16(data: bytes) -> int:
    """The checksum of all of a frame but the checksum itself."""
    high_first = binascii.crc_hqx(data.translate(_BIT_REVERSED), _CRC16_SEED_REVERSED)
    return _BIT_REVERSED[high_first & 0xFF] << 8 | _BIT_REVERSED[high_first >> 8]


def _start(length: int) -> bytes:
    start = bytes((MAGIC, length & 0xFF, length >> 8 | _VERSION))
    return start + bytes((crc8(start),))


# A frame's first four bytes depend on its length only: one look into a table checks magic, version and checksum.
_STARTS = [int.from_bytes(_start(length), "little") for length in range(MAX_FRAME_BYTES + 1)]
_LENGTHS = {start: length for length, start in enumerate(_STARTS) if length >= OVERHEAD_BYTES}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a request, its answer (`is_ack`) or a push."""

    sender: int  # index * 32 + host
    receiver: int
    seq: int  # 16 bits; an answer carries the one of its request
    cmdset: int
    cmdid: int
    payload: bytes = b""
    is_ack: bool = False
    wants_ack: int = 0  # 0 no, 1 now, 2 when done

    def ack(self, payload: bytes) -> "Frame":
        """The answer to this request; its payload begins with a return code, 0 for done."""
        return Frame(self.receiver, self.sender, self.seq, self.cmdset, self.cmdid, payload, is_ack=True)


def encode(frame: Frame) -> bytes:
    """Raises ValueError for a payload that is too long or a field that does not fit."""
    length = len(frame.payload) + OVERHEAD_BYTES
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"payload of {len(frame.payload)} bytes: a frame takes at most {MAX_PAYLOAD_BYTES}")
    if not 0 <= frame.wants_ack <= 3:
        raise ValueError(f"wants_ack {frame.wants_ack}: give 0 to 2")
    attributes = frame.is_ack << 7 | frame.wants_ack << 5
    try:
        head = _HEAD.pack(
            _STARTS[length], frame.sender, frame.receiver, frame.seq, attributes, frame.cmdset, frame.cmdid
        )
    except struct.error as error:
        raise ValueError(f"{frame}: {error}") from error
    body = head + frame.payload
    return body + crc16(body).to_bytes(2, "little")


def decode(datagram: bytes) -> Frame:
    """The one frame in a datagram. Raises BadMessageError."""
    decoder = Decoder()
    frames = decoder.feed(datagram)
    if len(frames) != 1 or decoder.garbage_bytes or decoder.waiting_bytes:
        shown = datagram[:24].hex(" ") + (" ..." if len(datagram) > 24 else "")
        raise BadMessageError(f"datagram of {len(datagram)} bytes is not one whole frame and was dropped: {shown}")
    return frames[0]


class Decoder:
    """Frames out of a stream of bytes that may begin anywhere and may be damaged. Never raises; holds < 1 KiB.

    A frame is given out once its last byte is there. After damage the search goes on one byte after the bad start, so
    that no whole frame is lost; only a start that turns up in garbage by chance can hold the frames after it back,
    until as many bytes have come as it speaks of.
    """

    def __init__(self) -> None:
        self.bad_header = 0  # starts that were none, and frames with encryption, which nobody here can read
        self.bad_checksum = 0
        self.garbage_bytes = 0  # dropped, for whatever reason
        self._rest = b""

    @property
    def waiting_bytes(self) -> int:
        """Bytes kept of a frame that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        data = self._rest + data if self._rest else bytes(data)
        mirrored = memoryview(data.translate(_BIT_REVERSED))
        frames: list[Frame] = []
        unpack, lengths, checksum = _HEAD.unpack_from, _LENGTHS, binascii.crc_hqx
        at, size = 0, len(data)
        while at + OVERHEAD_BYTES <= size:
            start, sender, receiver, seq, attributes, cmdset, cmdid = unpack(data, at)
            length = lengths.get(start)
            if length is None:
                at = self._next_start(data, at)
                continue
            end = at + length
            if end > size:
                break
            if checksum(mirrored[at:end], _CRC16_SEED_REVERSED):  # over its own checksum too, which gives 0
                self.bad_checksum += 1
                self.garbage_bytes += 1
                at += 1
                continue
            if attributes & 0x1F:
                self.bad_header += 1
                self.garbage_bytes += length
            else:
                payload = data[at + 11 : end - 2]
                wants = attributes >> 5 & 3
                frames.append(Frame(sender, receiver, seq, cmdset, cmdid, payload, attributes > 0x7F, wants))
            at = end
        self._rest = data[self._skip_to_start(data, at) :]
        return frames

    def _next_start(self, data: bytes, at: int) -> int:
        """Where the next magic byte after `at` is."""
        self.bad_header += data[at] == MAGIC
        found = data.find(MAGIC, at + 1)
        found = len(data) if found < 0 else found
        self.garbage_bytes += found - at
        return found

    def _skip_to_start(self, data: bytes, at: int) -> int:
        """Past what cannot be the start of a frame, in the last few bytes."""
        while at < len(data):
            head = data[at : at + 4]
            if head[0] == MAGIC and (len(head) < 4 or int.from_bytes(head, "little") in _LENGTHS):
                break
            at = self._next_start(data, at)
        return at
