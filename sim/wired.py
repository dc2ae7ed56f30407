"""A run whose agent reaches its rover over the network: the rover is a RoboMaster there, in the run's own world."""

import socket
from collections.abc import Callable

from common.errors import ConfigError, DeviceError
from common.supervise import Job
from protos.robomaster.ids import (
    AUDIO_PORT,
    BINARY_PORT,
    HANDSHAKE_PORT,
    TEXT_EVENT_PORT,
    TEXT_PORT,
    VIDEO_PORT,
)
from robot.config import RobotConfig
from robot.hardware import Camera, Hardware
from robot.robomaster.config import RobomasterBinaryConfig, RobomasterCameraConfig, RobomasterTextConfig
from robot.robomaster.parts import RoverParts
from robot.values import BGR, CameraModel, Frame
from sim.body import WorldClock
from sim.robomaster.emulator import Emulator
from sim.robomaster.world_body import WorldBody
from sim.robomaster.world_camera import WorldPictures
from sim.wire_kinds import Driver, Eyes
from sim.world import World

VIDEO_LATENCY_S = 0.03  # to draw, encode and send a picture on this machine
TCP_PORTS = (VIDEO_PORT, AUDIO_PORT, TEXT_PORT, TEXT_EVENT_PORT, BINARY_PORT)
UDP_PORTS = (BINARY_PORT, HANDSHAKE_PORT)


class Wired:
    """The emulated robot and the agent's hardware for it."""

    def __init__(self, clock: WorldClock, world: World, config: RobotConfig, fps: float) -> None:
        """Raises ConfigError for settings without a RoboMaster, DeviceError where no address is free."""
        self._pictures = WorldPictures(world, 0)
        ip = free_address()
        self.emulator = Emulator(WorldBody(clock, world.rovers[0]), ip, pictures=self._pictures, video_fps=fps)
        self._parts = _parts_of(config, ip)
        self._hfov_deg = world.scenario.camera.hfov_deg

    def hardware(self, eyes: Eyes, camera: Camera, see: Callable[[BGR], None] | None) -> Hardware:
        """`camera`: the simulator's, unless the robot's own one is wanted; `see` gets what that one sends."""
        parts = self._parts
        if eyes is Eyes.ROBOMASTER:
            settings = RobomasterCameraConfig(
                resolution="360p", hfov_deg=self._hfov_deg, latency_s=VIDEO_LATENCY_S, width_px=640
            )
            camera = _Shown(parts.camera(settings), see)
        return Hardware(camera, parts.base, parts.lights, parts.speaker, parts.armour, parts.jobs)

    def jobs(self) -> list[Job]:
        return self.emulator.jobs()

    async def close(self) -> None:
        await self._pictures.close()


class _Shown:
    """A camera whose pictures are shown to somebody else as well."""

    def __init__(self, camera: Camera, see: Callable[[BGR], None] | None) -> None:
        self.model: CameraModel = camera.model
        self._camera = camera
        self._see = see

    async def open(self) -> None:
        await self._camera.open()

    async def latest(self) -> Frame:
        frame = await self._camera.latest()
        if self._see is not None:
            self._see(frame.bgr)
        return frame

    async def close(self) -> None:
        await self._camera.close()


def _parts_of(config: RobotConfig, ip: str) -> RoverParts:
    wire = {"connection": "sta", "ip": ip, "local_ip": ip}
    if isinstance(config.base, RobomasterTextConfig):
        from robot.robomaster.build import rover_of

        return rover_of(config, config.base.model_copy(update=wire))
    if isinstance(config.base, RobomasterBinaryConfig):
        from robot.robomaster.binary_build import binary_rover_of

        return binary_rover_of(config, config.base.model_copy(update=wire))
    raise ConfigError(
        f"base.kind {config.base.kind!r} drives no simulated RoboMaster. Run with --driver {Driver.TEXT}."
    )


def free_address() -> str:
    """A loopback address on which no other robot is. Raises DeviceError."""
    for last in range(2, 255):
        ip = f"127.0.0.{last}"
        if all(_is_free(ip, port, socket.SOCK_STREAM) for port in TCP_PORTS) and all(
            _is_free(ip, port, socket.SOCK_DGRAM) for port in UDP_PORTS
        ):
            return ip
    raise DeviceError(
        f"no loopback address has the RoboMaster's ports ({TEXT_PORT}, {BINARY_PORT} ...) free. "
        "End other simulators, or run with --driver sim."
    )


def _is_free(ip: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True
