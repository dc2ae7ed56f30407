"""Finds a rover in the same Wi-Fi: it says over and over where it is, until somebody connects."""

import asyncio
import socket
from collections.abc import Callable

from common.errors import DeviceError
from protos.robomaster.ids import SERIAL_BROADCAST_PORT, TEXT_BROADCAST_PORT

LISTEN_S = 5.0  # it speaks about once a second
EVERYWHERE = "0.0.0.0"  # a socket bound to one address gets no broadcasts


async def find_rover(serial_number: str | None = None, listen_ip: str = EVERYWHERE, wait_s: float = LISTEN_S) -> str:
    """The address of the rover with that serial number, or of the first one heard. Raises DeviceError."""
    heard: set[str] = set()
    whose: Callable[[bytes, str], str | None]
    if serial_number is None:
        port, whose, what = TEXT_BROADCAST_PORT, _speakers_ip, "a rover"
    else:
        port, whose, what = SERIAL_BROADCAST_PORT, _ip_of(serial_number, heard), f"the rover {serial_number}"
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Listener(whose, found), sock=_listening(listen_ip, port)
        )
    except OSError as error:
        raise DeviceError(
            f"{what}: cannot listen on UDP {listen_ip}:{port} ({error.strerror}). End the other program that does, or "
            "give the rover's address as base.ip."
        ) from error
    try:
        async with asyncio.timeout(wait_s):
            return await found
    except TimeoutError as error:
        others = f" Heard instead: {', '.join(sorted(heard))}." if heard else ""
        raise DeviceError(
            f"{what}: not heard on UDP {port} within {wait_s:.0f} s.{others} Is it in this Wi-Fi (its switch at the "
            "router's sign), is nobody connected to it, does a firewall let the port in? Or give base.ip."
        ) from error
    finally:
        transport.close()


def _listening(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # several programs may look for rovers
        sock.bind((ip, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _speakers_ip(data: bytes, sender_ip: str) -> str | None:
    """`robot ip A.B.C.D`, with or without an end. The sender's address is the one that can be reached."""
    words = data.decode("ascii", errors="replace").strip(" ;\r\n\0").split()
    return sender_ip if words[:2] == ["robot", "ip"] and len(words) == 3 else None


def _ip_of(serial_number: str, heard: set[str]) -> Callable[[bytes, str], str | None]:
    def read(data: bytes, sender_ip: str) -> str | None:
        said = data.split(b"\0", 1)[0].decode("ascii", errors="replace").strip()
        if said == serial_number:
            return sender_ip
        if said.isalnum() and len(said) <= 32 and len(heard) < 16:
            heard.add(said)
        return None

    return read


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, read: Callable[[bytes, str], str | None], found: "asyncio.Future[str]") -> None:
        self._read = read
        self._found = found

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        ip = self._read(data, addr[0])
        if ip is not None and not self._found.done():
            self._found.set_result(ip)
