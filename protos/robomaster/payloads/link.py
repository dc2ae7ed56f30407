"""Connecting, asking who it is, subscribing."""

# ruff: noqa: RUF009 - the calls make dataclass fields

import struct
from dataclasses import dataclass
from typing import Self

from common.errors import BadMessageError
from protos.robomaster.ids import NODE, Connection, HandshakeState, Host, Transport
from protos.robomaster.wire import AckPayload, Payload, ip, ip_bytes, ip_text, wire

_SUBSCRIBE = struct.Struct("<BBBBB")
_FREQUENCY = struct.Struct("<H")
_NODE_ADDED_BEFORE = 0x50
_STA_MAGIC = b"\x5a\x5b"
_STA_BYTES = 24


@dataclass(frozen=True, slots=True)
class Empty(Payload):
    """A request without anything in it: heartbeat, questions."""


@dataclass(frozen=True, slots=True)
class ReturnCode(AckPayload):
    """The answer to most requests; 0: done. An answer is never empty: DJI's package dies of that."""

    ret: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class Handshake(Payload):
    """ "I am here": to port 30030. With `sta` DJI's package sends 0.0.0.0, which means the sender's address."""

    control: int = wire("B", default=0)
    host: int = wire("B", default=int(Host.SDK))
    connection: Connection = wire("B", kind=Connection, default=Connection.STA)
    transport: Transport = wire("B", kind=Transport, default=Transport.UDP)
    ip: str = ip(default="0.0.0.0")
    port: int = wire("H", default=0)


@dataclass(frozen=True, slots=True)
class HandshakeAck(AckPayload):
    """`ip`: the address to bind, the client's own."""

    ret: int = wire("B", default=0)
    state: HandshakeState = wire("B", kind=HandshakeState, default=HandshakeState.READY)
    ip: str = ip(default="0.0.0.0")


@dataclass(frozen=True, slots=True)
class SdkMode(Payload):
    """Take charge, or give it back: the robot stops then and ends subscriptions."""

    enter: bool = wire("B", kind=bool, default=True)


@dataclass(frozen=True, slots=True)
class GetVersion(Payload):
    file_type: int = wire("B", default=4)
    device: int = wire("I", default=0)
    number: int = wire("I", default=0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class VersionAck(AckPayload):
    ret: int = wire("B", default=0)
    patch: int = wire("H", skip=8, default=0)
    minor: int = wire("B", default=0)
    major: int = wire("B", default=0)

    @classmethod
    def of(cls, version: str) -> Self:
        """Of "aa.bb.cccc"."""
        major, minor, patch = map(int, version.split("."))
        return cls(0, patch, minor, major)

    @property
    def version(self) -> str:
        return f"{self.major:02d}.{self.minor:02d}.{self.patch:04d}"


@dataclass(frozen=True, slots=True)
class ModuleVersionAck(AckPayload):
    """At least 30 bytes; what comes after the fourth is not known."""

    ret: int = wire("B", default=0)
    minor: int = wire("B", default=0)
    patch: int = wire("B", default=0)
    build: int = wire("B", default=0)
    rest: tuple[int, ...] = wire("B", count=26, default=(0,) * 26)


@dataclass(frozen=True, slots=True)
class GetSerial(Payload):
    kind: int = wire("B", default=1)


@dataclass(frozen=True, slots=True)
class SerialAck:
    """The serial number, with its length before it."""

    ret: int
    serial_number: str = ""

    def pack(self) -> bytes:
        text = self.serial_number.encode("ascii")
        return bytes((self.ret, len(text), 0)) + text

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if data and data[0]:
            return cls(data[0])
        text = data[3 : 3 + data[1]] if len(data) >= 3 else b""
        if len(data) < 3 or len(text) < data[1] or not text.isascii():
            raise BadMessageError(f"SerialAck: no serial number in {data.hex(' ') or 'an empty payload'}")
        return cls(0, text.rstrip(b"\0").decode("ascii"))


@dataclass(frozen=True, slots=True)
class NodeReset(Payload):
    """Ends all subscriptions of a client."""

    node: int = wire("B", default=int(NODE))


@dataclass(frozen=True, slots=True)
class NodeAdd(Payload):
    node: int = wire("B", default=int(NODE))
    version: int = wire("I", default=0x0300_0000)


@dataclass(frozen=True, slots=True)
class NodeAddAck(AckPayload):
    ret: int = wire("B", default=0)
    pub_node: int = wire("B", default=int(Host.CHASSIS))

    @property
    def is_ok(self) -> bool:
        return self.ret in (0, _NODE_ADDED_BEFORE)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Push these subjects so often, under this number (20 to 255 in DJI's package)."""

    msg_id: int
    uids: tuple[int, ...]  # of Subject
    rate_hz: int
    node: int = int(NODE)
    flags: int = 0
    mode: int = 0

    def pack(self) -> bytes:
        """Raises ValueError."""
        try:
            head = _SUBSCRIBE.pack(self.node, self.msg_id, self.flags, self.mode, len(self.uids))
            return head + struct.pack(f"<{len(self.uids)}QH", *self.uids, self.rate_hz)
        except struct.error as error:
            raise ValueError(f"{self}: {error}") from error

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < _SUBSCRIBE.size or len(data) < _SUBSCRIBE.size + 8 * data[4] + _FREQUENCY.size:
            raise BadMessageError(f"Subscribe: {len(data)} bytes are too few: {data.hex(' ')}")
        node, msg_id, flags, mode, count = _SUBSCRIBE.unpack_from(data)
        *uids, rate_hz = struct.unpack_from(f"<{count}QH", data, _SUBSCRIBE.size)
        return cls(msg_id, tuple(uids), rate_hz, node, flags, mode)


@dataclass(frozen=True, slots=True)
class SubscribeAck(AckPayload):
    ret: int = wire("B", default=0)
    node: int = wire("B", default=int(Host.CHASSIS))
    mode: int = wire("B", default=0)
    msg_id: int = wire("B", default=0)
    bad_uid: int = wire("I", default=0)


@dataclass(frozen=True, slots=True)
class Unsubscribe(Payload):
    mode: int = wire("B", default=0)
    node: int = wire("B", default=int(NODE))
    msg_id: int = wire("B", default=0)


@dataclass(frozen=True, slots=True)
class SubjectPush:
    """`data`: one after the other what was asked for under this number."""

    msg_id: int
    data: bytes
    mode: int = 0

    def pack(self) -> bytes:
        return bytes((self.mode, self.msg_id)) + self.data

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        if len(data) < 2:
            raise BadMessageError(f"SubjectPush: {len(data)} bytes are too few")
        return cls(data[1], data[2:], data[0])


@dataclass(frozen=True, slots=True)
class StaInfo:
    """What a robot in somebody's Wi-Fi announces on port 45678, lightly scrambled. No frame is around it."""

    ip: str
    mac: bytes = bytes(6)
    appid: bytes = bytes(8)
    is_pairing: bool = False

    def pack(self) -> bytes:
        plain = _STA_MAGIC + int(self.is_pairing).to_bytes(4, "big") + ip_bytes(self.ip) + self.mac + self.appid
        if len(plain) != _STA_BYTES:
            raise ValueError(f"{self}: 6 bytes of mac and 8 of appid are needed")
        return _scrambled(plain)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Raises BadMessageError."""
        plain = _scrambled(data[:_STA_BYTES])
        if len(plain) < _STA_BYTES or not plain.startswith(_STA_MAGIC):
            raise BadMessageError(f"StaInfo: no robot's announcement: {data[:_STA_BYTES].hex(' ')}")
        return cls(ip_text(plain[6:10]), plain[10:16], plain[16:24], bool(plain[5] & 1))


def _scrambled(data: bytes) -> bytes:
    """Twice gives the same bytes again."""
    key, result = 7, bytearray()
    for byte in data:
        result.append((byte ^ key) & 0xFF)
        key = (key + 7) ^ 178
    return bytes(result)
