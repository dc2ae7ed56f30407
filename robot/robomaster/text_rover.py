"""A RoboMaster by the text protocol: keeps one connection, and makes another when it is lost."""

import asyncio
import contextlib
import logging

from common.backoff import Backoff
from common.errors import ConfigError, DeviceError
from protos.robomaster.ids import AP_IP, RNDIS_IP
from robot.robomaster.config import RobomasterTextConfig
from robot.robomaster.discovery import EVERYWHERE, find_rover
from robot.robomaster.hits import Hits
from robot.robomaster.text_base import TextBase
from robot.robomaster.text_lights import TextLights
from robot.robomaster.text_pushes import PushReader
from robot.robomaster.text_session import TextSession
from robot.robomaster.text_wire import Wire, open_serial, open_tcp

log = logging.getLogger(__name__)

HELD_S = 1.0  # a connection that was ready for so long was a good one: waits start from short again
VIDEO_WAIT_S = 8.0  # a first connection may take a search and two tries


class TextRover:
    """`run` for as long as the robot does. Base, lights and hits may be used all the time."""

    def __init__(self, config: RobomasterTextConfig) -> None:
        self._config = config
        self.base = TextBase(config.limits, config.rate_hz, config.profile)
        self.lights = TextLights()
        self.hits = Hits()
        self.pushes = PushReader(self.base, self.hits)
        self.trouble = ""  # why there is no connection
        self.connections = 0
        self._found_ip: str | None = None  # of a rover that was the first to be heard
        self._session: TextSession | None = None
        self._video = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError for what only the settings can mend."""
        backoff = Backoff()
        clock = asyncio.get_running_loop().time
        while True:
            ready_s: float | None = None
            try:
                session = TextSession(
                    await self._open(), self.base, self.lights, self.pushes, self._config.profile == "ep"
                )
                ready_s = await self._serve(session)
            except DeviceError as error:
                self.trouble = str(error)
            if ready_s is not None and clock() - ready_s > HELD_S:
                backoff.reset()
            wait_s = backoff.next_s()
            log.warning("%s Tries again in %.1f s.", self.trouble, wait_s)
            self._tell()
            await asyncio.sleep(wait_s)

    async def start_video(self, resolution: str) -> str:
        """The text protocol has one size only. Raises DeviceError."""
        if resolution != "720p":
            log.info("rover: video is 720p by the text protocol, not %s", resolution)
        session = await self._ready_session()
        await session.link.ask("stream on", True)
        self._video = True
        session.link.post("gimbal recenter", None, True)  # where there is a gimbal
        return session.ip or ""  # a serial line: `camera.ip` says it

    async def stop_video(self) -> None:
        session = self._session
        if session is not None and session.ready.is_set() and self._video:
            session.link.post("stream off", None, True)
        self._video = False

    # ---- inside ----

    async def _serve(self, session: TextSession) -> float | None:
        """When it got ready; None: never. The reason why it ended is in `trouble`."""
        self._session = session
        session.on_ready = self._got_ready
        try:
            await session.serve()
        except DeviceError as error:
            self.trouble = str(error)
        finally:
            self._session = None
        return session.ready_s

    def _tell(self) -> None:
        self._changed.set()

    def _got_ready(self) -> None:
        self.connections += 1
        if self._config.serial_number is None and self._session is not None:
            self._found_ip = self._session.ip  # never another one, which happens to be heard first the next time
        self._tell()

    async def _ready_session(self) -> TextSession:
        """Raises DeviceError, with the rover's trouble, when there is none in good time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VIDEO_WAIT_S):
                while True:
                    if self._session is not None and self._session.ready.is_set():
                        return self._session
                    self._changed.clear()
                    await self._changed.wait()
        raise DeviceError(self.trouble or "rover: no connection yet. Is it switched on?")

    async def _open(self) -> Wire:
        config = self._config
        if config.connection == "uart":
            return await open_serial(config.device)
        local_ip = config.local_ip
        match config.ip, config.connection:
            case str(ip), _:
                pass
            case None, "ap":
                ip = AP_IP
            case None, "rndis":
                ip = RNDIS_IP
            case _ if self._found_ip is not None:
                ip = self._found_ip
            case _:
                here = local_ip if local_ip is not None and local_ip.startswith("127.") else EVERYWHERE
                ip = await find_rover(config.serial_number, here)
                log.info("rover: found at %s", ip)
        return await open_tcp(ip, local_ip)


def check_library(config: RobomasterTextConfig) -> None:
    """Raises ConfigError where the settings ask for a library that is not there."""
    if config.connection != "uart":
        return
    try:
        import serial_asyncio_fast  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"base: a rover on a serial line needs the library {error.name}: pip install 'tagalong[robomaster]'"
        ) from error
