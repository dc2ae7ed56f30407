"""Connections that carry frames: datagrams with one frame each, and paced TCP."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from common.errors import LinkError
from protos.robomaster.frame import Decoder, Frame, encode
from sim.robomaster.binary.pacing import Pacer
from sim.robomaster.binary.session import Outgoing

Address = tuple[str, int]
Heard = Callable[[bytes, Address], None]


class Link(Protocol):
    """The way back to the client."""

    def send(self, outgoing: Outgoing) -> None: ...

    def close(self) -> None: ...


class Datagrams(asyncio.DatagramProtocol):
    """A UDP port; hands on what comes."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, address: Address) -> None:
        self._heard(data, address)

    def error_received(self, error: Exception) -> None:
        """A client that is gone, seen by its system's answer: its silence ends it, as it would over the air."""


async def bind(heard: Heard, ip: str, port: int) -> asyncio.DatagramTransport:
    """Raises LinkError when the port is taken or the address is not this machine's."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(heard), (ip, port))
    except OSError as error:
        raise LinkError(
            f"binary protocol: cannot use {ip}:{port} by UDP ({error.strerror or error}). "
            "End what holds the port, or give the emulated robot another address, for example 127.0.0.2."
        ) from error
    return transport


class UdpLink:
    """To one client, through the port that all share."""

    def __init__(self, transport: asyncio.DatagramTransport, address: Address) -> None:
        self._transport = transport
        self._address = address

    def send(self, outgoing: Outgoing) -> None:
        self._transport.sendto(encode(outgoing.frame), self._address)

    def close(self) -> None:
        """The port stays open for the next one."""


class Host(Protocol):
    """Who owns the TCP connections."""

    garbage_bytes: int

    def tcp_opened(self, link: "TcpLink", address: Address) -> bool:
        """False: nobody expects it."""
        ...

    def tcp_frame(self, link: "TcpLink", frame: Frame) -> None: ...

    def tcp_closed(self, link: "TcpLink") -> None: ...


class TcpLink(asyncio.Protocol):
    """One connection on the command port."""

    def __init__(self, host: Host) -> None:
        self._decoder = Decoder()
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._pacer: Pacer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._host.tcp_opened(self, transport.get_extra_info("peername")[:2]):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=0)  # asyncio sets TCP_NODELAY by itself
        self._pacer = Pacer(transport.write, asyncio.get_running_loop())

    def data_received(self, data: bytes) -> None:
        garbage_before = self._decoder.garbage_bytes
        frames = self._decoder.feed(data)
        self._host.garbage_bytes += self._decoder.garbage_bytes - garbage_before
        for frame in frames:
            self._host.tcp_frame(self, frame)

    def pause_writing(self) -> None:
        if self._pacer is not None:
            self._pacer.hold()

    def resume_writing(self) -> None:
        if self._pacer is not None:
            self._pacer.go_on()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._pacer is not None:
            self._pacer.close()
            self._host.tcp_closed(self)

    def send(self, outgoing: Outgoing) -> None:
        if self._pacer is not None:
            self._pacer.put(encode(outgoing.frame), outgoing.stream)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
