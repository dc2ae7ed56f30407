"""What carries frames to a rover: UDP, one frame a datagram, or one TCP connection. Nothing piles up in either."""

import asyncio
import fcntl
import random
import socket
import struct
import termios
from collections.abc import Callable, Sequence
from typing import cast

from protos.robomaster.frame import Decoder, Frame
from protos.robomaster.ids import CLIENT_PORTS
from robot.robomaster.binary_errors import RoverGone

PORTS_TRIED = 20
CONNECT_S = 3.0
SEND_BUFFER_BYTES = 4096
# The kernel doubles it and counts 768 bytes for a small datagram: about ten, which is 0.25 s of driving.

OnFrames = Callable[[Sequence[Frame]], None]
OnLost = Callable[[str], None]


class Wire:
    """One connected socket. `on_frames` gets what came, `on_lost` once why nothing will come any more."""

    def __init__(self, on_frames: OnFrames, on_lost: OnLost) -> None:
        self._on_frames = on_frames
        self._on_lost = on_lost
        self._transport: asyncio.DatagramTransport | asyncio.Transport | None = None
        self._decoder = Decoder()
        self.damaged = 0  # bytes or datagrams that were no frame

    @property
    def backlog_bytes(self) -> int:
        """What was sent but is still here."""
        # Datagram transports have it too, whatever their type says.
        return cast(asyncio.WriteTransport, self._transport).get_write_buffer_size() if self._transport else 0

    @property
    def fileno(self) -> int:
        assert self._transport is not None
        return cast(int, self._transport.get_extra_info("socket").fileno())

    @property
    def local(self) -> tuple[str, int]:
        assert self._transport is not None
        address: tuple[str, int] = self._transport.get_extra_info("sockname")
        return address

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def connection_lost(self, error: Exception | None) -> None:
        self._on_lost(str(error) if error else "the rover closed the connection")


class UdpWire(Wire, asyncio.DatagramProtocol):
    """A datagram lost is a command lost: the next one says the same."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def send(self, data: bytes) -> None:
        if self.backlog_bytes == 0:  # else the kernel takes none: what would be kept here is old when it leaves
            cast(asyncio.DatagramTransport, self._transport).sendto(data)

    def datagram_received(self, data: bytes, addr: object) -> None:
        decoder = Decoder()  # its own: half a frame does not go on in the next datagram
        frames = decoder.feed(data)
        self.damaged += bool(decoder.garbage_bytes or decoder.waiting_bytes)
        self._on_frames(frames)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there (any more). It shows as silence, which is watched anyway."""


class TcpWire(Wire, asyncio.Protocol):
    """Speed commands without Nagle's pause; what the rover has not taken yet is known to `backlog_bytes`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @property
    def backlog_bytes(self) -> int:
        waiting = super().backlog_bytes
        if self._transport is None or self._transport.is_closing():
            return waiting
        answer = fcntl.ioctl(self.fileno, termios.TIOCOUTQ, b"\0\0\0\0")  # sent, and not acknowledged by its kernel
        return waiting + cast(int, struct.unpack("i", answer)[0])

    def send(self, data: bytes) -> None:
        cast(asyncio.Transport, self._transport).write(data)

    def data_received(self, data: bytes) -> None:
        frames = self._decoder.feed(data)
        self.damaged = self._decoder.bad_header + self._decoder.bad_checksum
        self._on_frames(frames)


def local_ip_to(ip: str) -> str:
    """This computer's address on the way to the rover. Raises RoverGone where there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ip, 9))
        except OSError as error:
            raise RoverGone(
                f"rover {ip}: there is no way to it ({error.strerror}). Join its Wi-Fi or plug in its cable."
            ) from error
        return cast(str, probe.getsockname()[0])


def bound_socket(ip: str, tcp: bool) -> socket.socket:
    """On a free port that a rover may answer to. Raises RoverGone."""
    for port in random.sample(CLIENT_PORTS, PORTS_TRIED):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.bind((ip, port))
        except OSError as error:
            sock.close()
            failed = error
            continue
        if not tcp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return sock
    raise RoverGone(
        f"base.local_ip {ip}: no port of {CLIENT_PORTS[0]}..{CLIENT_PORTS[-1]} can be used there ({failed.strerror})."
    )


async def open_wire(sock: socket.socket, to: tuple[str, int], tcp: bool, on_frames: OnFrames, on_lost: OnLost) -> Wire:
    """Takes the socket over. Raises RoverGone when nobody takes the connection."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            await loop.sock_connect(sock, to)
            if tcp:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _, stream = await loop.create_connection(lambda: TcpWire(on_frames, on_lost), sock=sock)
                return stream
            _, datagrams = await loop.create_datagram_endpoint(lambda: UdpWire(on_frames, on_lost), sock=sock)
            return datagrams
    except OSError as error:  # TimeoutError, too
        sock.close()
        raise RoverGone(
            f"rover {to[0]}: no connection on port {to[1]} ({error.strerror or 'no answer'}). Is it switched on?"
        ) from error
    except BaseException:
        sock.close()
        raise
