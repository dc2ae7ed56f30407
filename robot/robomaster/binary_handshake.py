"""Finding a rover and asking it for a connection, before any wire is there."""

import asyncio
import socket

from common.errors import BadMessageError, DeviceError
from protos.robomaster.frame import Frame, decode, encode
from protos.robomaster.ids import (
    AP_IP,
    HANDSHAKE_PORT,
    RNDIS_IP,
    Command,
    Connection,
    HandshakeState,
    Host,
    Transport,
)
from protos.robomaster.payloads import Handshake, HandshakeAck
from robot.robomaster.binary_errors import RoverBusy, RoverGone
from robot.robomaster.binary_wire import local_ip_to
from robot.robomaster.config import RobomasterBinaryConfig
from robot.robomaster.discovery import EVERYWHERE, find_rover

ANSWER_S = 1.0
TRIES = 3

IPS = {"ap": AP_IP, "rndis": RNDIS_IP}


async def rover_ip(config: RobomasterBinaryConfig, listen_ip: str = EVERYWHERE) -> str:
    """The address in the settings, the usual one, or where a rover announces itself. Raises RoverGone."""
    if config.ip is not None:
        return config.ip
    return IPS.get(config.connection) or await _announced(config.serial_number, listen_ip)


async def request_connection(config: RobomasterBinaryConfig, ip: str, local_ip: str, port: int) -> None:
    """The rover is to talk to that port of ours. Raises RoverBusy, RoverGone."""
    handshake = Handshake(
        connection=Connection[config.connection.upper()],
        transport=Transport[config.protocol.upper()],
        ip=local_ip,
        port=port,
    )
    request = Frame(Host.SDK, Host.SERVICE, 1, *Command.HANDSHAKE.value, handshake.pack(), wants_ack=2)
    answer = await _answer_to(encode(request), ip, local_ip)
    if answer.state is HandshakeState.BUSY:
        raise RoverBusy(f"rover {ip}: is busy, another program drives it. Close that one, or wait for it to end.")
    if answer.ret or answer.state is not HandshakeState.READY:
        raise RoverGone(
            f"rover {ip}: refused the connection (code {answer.ret}, {answer.state.name}). "
            f"Is base.connection ({config.connection}) how it is switched? Switch it off and on if so."
        )


async def _answer_to(request: bytes, ip: str, local_ip: str) -> HandshakeAck:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        why = "no answer"
        try:
            sock.bind((local_ip, 0))
            sock.connect((ip, HANDSHAKE_PORT))
            for _ in range(TRIES):
                try:
                    await loop.sock_sendall(sock, request)
                    async with asyncio.timeout(ANSWER_S):
                        while (answer := _parsed(await loop.sock_recv(sock, 2048))) is None:
                            pass
                        return answer
                except TimeoutError:
                    continue
                except ConnectionRefusedError:  # there is a computer, but no such service (yet)
                    why = "nothing listens there"
                    await asyncio.sleep(ANSWER_S / TRIES)
        except OSError as error:
            why = error.strerror or str(error)
    raise RoverGone(
        f"rover {ip}: does not take connections on UDP {HANDSHAKE_PORT} ({why}). Is it switched on, and is this "
        "computer in its network? A stock S1 has no such service."
    )


def _parsed(datagram: bytes) -> HandshakeAck | None:
    try:
        frame = decode(datagram)
        if not frame.is_ack or (frame.cmdset, frame.cmdid) != Command.HANDSHAKE.value:
            return None
        return HandshakeAck.unpack(frame.payload)
    except BadMessageError:
        return None


async def _announced(serial_number: str | None, listen_ip: str) -> str:
    try:
        return await find_rover(serial_number, listen_ip)
    except DeviceError as error:
        raise RoverGone(str(error)) from error


def local_ip_of(config: RobomasterBinaryConfig, ip: str) -> str:
    """Raises RoverGone."""
    return config.local_ip or local_ip_to(ip)
