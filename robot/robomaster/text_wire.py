"""Opens the bytes under the text protocol: a TCP connection or a serial line. Errors say what to do about them."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import cast

from common.errors import ConfigError, DeviceError
from protos.robomaster.ids import TEXT_PORT

CONNECT_S = 2.0
BAUD = 115200
USER_TIMEOUT_MS = 2000  # what the rover's side has not acknowledged for so long is given up, never sent later
CLOSED_PORT = (
    "its text port {port} is closed. A stock S1 (firmware 00.06) opens none; an EP needs firmware 01.01.0500 or newer "
    "(update it with the RoboMaster app) and some seconds after it was switched on."
)


@dataclass(frozen=True, slots=True)
class Wire:
    """An open connection."""

    name: str  # for messages
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    fd: int
    ip: str | None = None  # of the rover; None: serial
    local_ip: str | None = None

    @property
    def fileno(self) -> int:
        """-1 where it is gone: the number may mean another connection by now."""
        return -1 if self.writer.transport.is_closing() else self.fd

    async def close(self) -> None:
        """At once: what has not left yet stays here. The rover must not get it later."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self.writer.wait_closed()


async def open_tcp(ip: str, local_ip: str | None = None) -> Wire:
    """Raises DeviceError."""
    rover = f"rover {ip}"
    local = (local_ip, 0) if local_ip else None
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(ip, TEXT_PORT, local_addr=local)
    except TimeoutError as error:
        raise DeviceError(
            f"{rover}: no answer on port {TEXT_PORT} within {CONNECT_S:.0f} s. Is it switched on, and is this computer "
            "in its network (connection ap: the rover's own Wi-Fi)?"
        ) from error
    except ConnectionRefusedError as error:
        raise DeviceError(f"{rover}: {CLOSED_PORT.format(port=TEXT_PORT)}") from error
    except OSError as error:
        raise DeviceError(
            f"{rover}: cannot be reached ({error.strerror or error}). Join its network, or give its address as base.ip."
        ) from error
    sock = cast(socket.socket, writer.get_extra_info("socket"))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing throws away what waits
    return Wire(rover, reader, writer, sock.fileno(), ip, writer.get_extra_info("sockname")[0])


async def open_serial(device: str) -> Wire:
    """Raises DeviceError, and ConfigError where the library is missing."""
    try:
        import serial_asyncio_fast
    except ImportError as error:
        raise ConfigError(
            f"base: a rover on a serial line needs the library {error.name}: pip install 'tagalong[robomaster]'"
        ) from error
    try:  # what pyserial raises is an OSError, too
        reader, writer = await serial_asyncio_fast.open_serial_connection(url=device, baudrate=BAUD)
    except OSError as error:
        raise DeviceError(
            f"rover on {device}: cannot be opened ({error}). Look with `ls /dev/tty*` which ports there are, set "
            "base.device, and be in the group dialout."
        ) from error
    return Wire(f"rover on {device}", reader, writer, writer.transport.serial.fileno())
