"""The switch of the rover's video stream; the pictures themselves come over a connection of their own."""

import asyncio
import contextlib
import logging

from common.errors import DeviceError
from protos.robomaster.ids import Command, Host, Resolution, Stream
from protos.robomaster.payloads import StreamControl
from protos.robomaster.payloads.modules import StreamSwitch
from protos.robomaster.unverified import STREAM_SETTLE_S
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import Link
from robot.robomaster.config import RobomasterBinaryConfig

log = logging.getLogger(__name__)

RESOLUTIONS = {"720p": Resolution.P720, "540p": Resolution.P540, "360p": Resolution.P360}
WAIT_S = 10.0  # for the rover to be connected


class BinaryVideo:
    """A `VideoSwitch`. After a break of the connection the camera, whose pictures end then, turns it on again."""

    def __init__(self, config: RobomasterBinaryConfig) -> None:
        self._config = config
        self._there = asyncio.Event()
        self._link: Link | None = None
        self._ip = ""

    async def serve(self, link: Link, ip: str) -> None:
        """Over one connection, until cancelled."""
        self._link, self._ip = link, ip
        self._there.set()
        try:
            await asyncio.shield(link.lost)  # bare, a cancelled wait would cancel the future of all
        finally:
            self._link = None
            self._there.clear()

    async def start_video(self, resolution: str) -> str:
        """The address to fetch it from. Raises DeviceError."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._there.wait()
        except TimeoutError as error:
            raise DeviceError(f"camera: the rover is not connected yet, after {WAIT_S:.0f} s.") from error
        for stream in (Stream.SDK, Stream.VIDEO):
            code = await self._switch(stream, True, RESOLUTIONS[resolution])
            if code:
                raise DeviceError(
                    f"camera: the rover refuses its video ({stream.name}, code {code}). "
                    "An S1 does so: set base.profile to s1 and take another camera."
                )
        await asyncio.sleep(STREAM_SETTLE_S)
        return self._ip

    async def stop_video(self) -> None:
        """Never raises."""
        with contextlib.suppress(DeviceError):
            for stream in (Stream.VIDEO, Stream.SDK):
                await self._switch(stream, False, Resolution.P720)

    async def _switch(self, stream: Stream, on: bool, resolution: Resolution) -> int:
        if self._link is None:
            raise RoverGone("camera: the rover is out of reach.")
        usb = self._config.connection == "rndis"
        return await self._link.order(
            Host.CAMERA, Command.STREAM, StreamControl(stream, StreamSwitch(on, usb), resolution).pack()
        )
