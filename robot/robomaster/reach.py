"""Whether a RoboMaster can be reached, without a word to it: it does not even enter its SDK mode."""

import asyncio
import contextlib
import errno

from common.errors import DeviceError
from protos.robomaster.ids import AP_IP, FTP_PORT, RNDIS_IP, TEXT_PORT
from robot.robomaster.config import DjiSdkConfig, RobomasterBinaryConfig, RobomasterTextConfig
from robot.robomaster.discovery import find_rover

CONNECT_S = 2.0
GREETING_S = 2.0
IPS = {"ap": AP_IP, "rndis": RNDIS_IP}
ON_THE_WAY = {
    "ap": "Is the Pi in the rover's Wi-Fi (its name and password stand on the rover)? "
    "sudo nmcli device wifi connect RMEP-... password ...",
    "rndis": "Is the USB cable in the controller's Micro-USB port, and the rover on? "
    "`ip -4 addr` has to show 192.168.42.x.",
    "sta": "Is the rover in this network? Look at the router, or leave base.ip out to search.",
}


async def reach(config: RobomasterTextConfig | RobomasterBinaryConfig | DjiSdkConfig) -> str:
    """What was found, in words. Raises DeviceError with the next step."""
    ip = config.ip or IPS.get(config.connection) or await find_rover(config.serial_number)
    if isinstance(config, RobomasterTextConfig):
        _, writer = await _connected(ip, TEXT_PORT, config.connection)
        await _hang_up(writer)
        return f"{ip} takes connections on port {TEXT_PORT}"
    # The binary protocol itself has no question that changes nothing; its robots greet file transfers, too.
    reader, writer = await _connected(ip, FTP_PORT, config.connection)
    try:
        async with asyncio.timeout(GREETING_S):
            greeting = await reader.readline()
    except TimeoutError:
        greeting = b""
    finally:
        await _hang_up(writer)
    if not greeting.startswith(b"220"):
        raise DeviceError(f"rover {ip}: takes files but does not greet. Has it just been switched on? Wait, try again.")
    return f"{ip} greets on port {FTP_PORT}"


async def _connected(ip: str, port: int, connection: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(ip, port)
    except TimeoutError:
        raise DeviceError(f"rover {ip}: no answer within {CONNECT_S:.0f} s. {ON_THE_WAY[connection]}") from None
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            raise DeviceError(
                f"rover {ip}: is there, but port {port} is closed. It starts up for half a minute; an S1 has to be "
                "opened first, an EP needs firmware 01.01.0500 or newer."
            ) from error
        raise DeviceError(f"rover {ip}: cannot be reached ({error.strerror}). {ON_THE_WAY[connection]}") from error


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # it hung up first
        await writer.wait_closed()
