"""Opening the emulated robot's ports, with an error that says what to do where one is taken."""

import asyncio
import socket
from collections.abc import Callable

from common.errors import LinkError


async def listen(protocol: Callable[[], asyncio.BaseProtocol], ip: str, port: int, what: str) -> asyncio.Server:
    """A TCP server. Raises LinkError when the port is taken or the address is not this machine's."""
    try:
        return await asyncio.get_running_loop().create_server(protocol, ip, port, reuse_address=True)
    except OSError as error:
        raise LinkError(_advice(what, ip, port, error)) from error


def sender(ip: str, what: str) -> socket.socket:
    """A UDP socket that sends from `ip`, broadcasts too. Raises LinkError when the address is not this machine's.

    Its port is any: the ones of the protocol are the client's to bind, and that may run on this machine.
    """
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    udp.setblocking(False)
    try:
        udp.bind((ip, 0))
    except OSError as error:
        udp.close()
        raise LinkError(_advice(what, ip, 0, error)) from error
    return udp


def _advice(what: str, ip: str, port: int, error: OSError) -> str:
    return (
        f"{what}: cannot use {ip}:{port} ({error.strerror or error}). "
        "End what holds the port, or give the emulated robot another address, for example 127.0.0.2."
    )
