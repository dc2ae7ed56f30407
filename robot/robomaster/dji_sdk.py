"""Driving through DJI's own package, for who has it. Nothing else depends on this file.

The package blocks, so a thread of its own drives and another does what has time. Its stop timer is switched off: it
lives in this process, as ours does, and does not repeat itself.
"""

import asyncio
import importlib
import logging
import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from common.backoff import Backoff
from common.errors import ConfigError, DeviceError
from common.supervise import Job, supervise
from robot.config import RobotConfig
from robot.hardware import Camera
from robot.robomaster.binary_base import LEAVE_FRAME, STOP_FRAMES
from robot.robomaster.binary_odometry import PushedOdometry
from robot.robomaster.config import DjiSdkConfig, RobomasterCameraConfig
from robot.robomaster.dji_wheels import Wheels
from robot.robomaster.guard import Guard
from robot.robomaster.hits import Hits
from robot.robomaster.parts import RoverParts
from robot.robomaster.reckoning import FromCommands
from robot.robomaster.sounds import SOUND_IDS
from robot.values import STILL, DriveCommand, Effect, Light, Odometry, Sound

log = logging.getLogger(__name__)

PUSHES_HZ = 50
READY_S = 0.5
GONE_S = 3.0
CLOSE_S = 5.0
SOUND_S = 3.0
EFFECTS = {Effect.OFF: "off", Effect.STEADY: "on", Effect.FLASH: "flash", Effect.BREATHE: "breath"}


def load_package() -> ModuleType:
    """Raises ConfigError where it cannot be imported."""
    try:
        importlib.import_module("robomaster.config")
        return importlib.import_module("robomaster.robot")
    except Exception as error:  # it needs native parts and old libraries: it fails in more ways than ImportError
        raise ConfigError(
            f"base.kind dji-sdk: DJI's package cannot be imported ({error}). It exists for Python 3.8 on x86 only. "
            "Take base.kind robomaster-binary: it speaks the same protocol and needs no package"
        ) from error


class DjiRover:
    """Base, lights, speaker and armour in one, and `run` that keeps them connected."""

    def __init__(
        self,
        config: DjiSdkConfig,
        load: Callable[[], ModuleType] = load_package,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._load, self._clock = config, load, clock
        self._limits = config.limits
        self._reckoned = FromCommands(config.limits) if config.profile == "s1" else None
        self._pushed = PushedOdometry()
        self._felt_s = -math.inf
        self._wheels: Wheels | None = None
        self._chores: asyncio.Queue[Callable[[], None]] = asyncio.Queue(8)
        self._light: Light | None = None
        self._sound: Any = None  # the action under way
        self._robot: Any = None
        self.hits = Hits()

    # ---- what the robot asks ----

    @property
    def ready(self) -> bool:
        return self._wheels is not None and self._clock() - self._felt_s < READY_S

    async def drive(self, command: DriveCommand) -> DriveCommand:
        sent = command.clipped(self._limits) if self.ready else STILL
        if self._wheels is not None:
            self._wheels.want(sent)
        if self._reckoned is not None:
            self._reckoned.commanded(self._clock(), sent)
        return sent

    async def stop(self) -> None:
        await self.drive(STILL)

    def odometry(self) -> Odometry | None:
        return self._reckoned.at(self._clock()) if self._reckoned else self._pushed.newest()

    async def show(self, light: Light) -> None:
        if light != self._light:
            self._light = light
            self._chore(lambda: self._set_lamps(light))

    async def play(self, sound: Sound) -> None:
        self._chore(lambda: self._play(SOUND_IDS[sound]))

    # ---- the connection ----

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError where the package is not."""
        module = await asyncio.to_thread(self._load)
        backoff = Backoff()
        while True:
            try:
                await self._connection(module)
            except DeviceError as error:
                pause_s = backoff.next_s()
                log.warning("%s Tries again in %.1f s.", error, pause_s)
                await asyncio.sleep(pause_s)

    async def _connection(self, module: ModuleType) -> None:
        loop = asyncio.get_running_loop()
        hands = ThreadPoolExecutor(2, "dji-sdk")  # one drives, one does chores
        robot = module.Robot()
        wheels: Wheels | None = None
        guard: Guard | None = None
        driving: asyncio.Future[None] | None = None
        try:
            await loop.run_in_executor(hands, self._connect, robot, loop)
            guard = await _guard_of(robot)
            wheels = Wheels(robot.chassis, self._config.rate_hz, guard)
            driving = asyncio.wrap_future(hands.submit(wheels.run))
            self._robot, self._wheels = robot, wheels
            self._felt_s = self._clock()
            if (light := self._light) is not None:
                self._chore(lambda: self._set_lamps(light))
            await supervise(
                [
                    Job("dji wheels", lambda: _driven(driving)),
                    Job("dji chores", lambda: self._do_chores(loop, hands)),
                    Job("dji watch", self._watch),
                ]
            )
        finally:
            self._wheels = self._robot = self._sound = None
            if wheels is not None and driving is not None:
                wheels.end()
                await asyncio.wait([driving], timeout=1.0)  # its last zeros
            if guard is not None:
                await guard.close(stands=driving is not None and driving.done() and not driving.exception())
            closing = asyncio.wrap_future(hands.submit(_close, robot))
            hands.shutdown(wait=False)
            await asyncio.wait([closing], timeout=CLOSE_S)  # it may hang in there for good; then it is left behind

    def _connect(self, robot: Any, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread. Raises DeviceError."""
        config = self._config
        settings = sys.modules.get("robomaster.config")
        if config.ip is not None and settings is not None:
            settings.ROBOT_IP_STR = config.ip  # type: ignore[attr-defined]
            settings.ROBOT_DEFAULT_WIFI_ADDR = (config.ip, 20020)  # type: ignore[attr-defined]
            settings.ROBOT_DEFAULT_RNDIS_ADDR = (config.ip, 20020)  # type: ignore[attr-defined]
        # It compares these by identity, with literals of its own.
        connection, protocol = sys.intern(config.connection), sys.intern(config.protocol)
        try:
            if not robot.initialize(conn_type=connection, proto_type=protocol, sn=config.serial_number):
                raise DeviceError("rover: DJI's package does not connect.")
            robot.set_robot_mode(mode=sys.intern("chassis_lead"))
            robot.armor.sub_hit_event(_in_loop(loop, lambda info: self.hits.add(info[0])))
            if self._reckoned is None:
                self._subscribe(robot.chassis, loop)
            else:
                robot.battery.sub_battery_info(5, _in_loop(loop, lambda info: self._felt()))
        except DeviceError:
            raise
        except Exception as error:  # whatever it raises: sockets, its own bugs, plain Exception
            raise DeviceError(f"rover: DJI's package does not connect ({error}). Is the rover on, and free?") from error

    def _subscribe(self, chassis: Any, loop: asyncio.AbstractEventLoop) -> None:
        clock, pushed = self._clock, self._pushed
        pushed.restart()

        def on_position(info: tuple[float, ...]) -> None:
            self._felt()
            pushed.on_position(clock(), info[0], info[1])

        chassis.sub_attitude(PUSHES_HZ, _in_loop(loop, lambda info: pushed.on_yaw(clock(), info[0])))
        chassis.sub_imu(PUSHES_HZ, _in_loop(loop, lambda info: pushed.on_turn(clock(), info[5])))
        chassis.sub_velocity(PUSHES_HZ, _in_loop(loop, lambda info: pushed.on_speed(clock(), info[3], info[4])))
        chassis.sub_position(1, PUSHES_HZ, _in_loop(loop, on_position))  # 1: counted from power-on, as attitude is

    def _felt(self) -> None:
        self._felt_s = self._clock()

    async def _watch(self) -> None:
        while True:
            silent_s = self._clock() - self._felt_s
            if silent_s > GONE_S:
                raise DeviceError(f"rover: silent for {silent_s:.1f} s.")
            await asyncio.sleep(GONE_S / 8)

    # ---- chores, one after the other in a thread ----

    def _chore(self, work: Callable[[], None]) -> None:
        if self._chores.full():
            self._chores.get_nowait()
        self._chores.put_nowait(work)

    async def _do_chores(self, loop: asyncio.AbstractEventLoop, hands: ThreadPoolExecutor) -> None:
        while True:
            work = await self._chores.get()
            try:
                await loop.run_in_executor(hands, work)
            except Exception as error:  # a lamp or a sound is not worth the drive, whatever the package trips over
                log.warning("rover: DJI's package failed at a lamp or a sound: %s", error)

    def _set_lamps(self, light: Light) -> None:
        red, green, blue = light.rgb
        robot = self._robot
        parts = [("all", EFFECTS.get(light.effect, "breath"))]
        if light.effect is Effect.SCROLL:  # lamps of the chassis cannot
            parts = [("bottom_all", "breath"), ("top_all", "scrolling")]
        for part, effect in parts if robot is not None else []:
            robot.led.set_led(
                comp=sys.intern(part), r=red, g=green, b=blue, effect=sys.intern(effect), freq=light.hz or 1
            )

    def _play(self, sound_id: int) -> None:
        if self._sound is not None:  # a second one beside it would hang the package for good
            self._sound.wait_for_completed(timeout=SOUND_S)
        if self._robot is not None:
            self._sound = self._robot.play_sound(sound_id, times=1)


def dji_rover_of(config: RobotConfig, base: DjiSdkConfig, load: Callable[[], ModuleType] = load_package) -> RoverParts:
    """Raises ConfigError where the package cannot be imported."""
    load()
    rover = DjiRover(base, load)

    def camera(wanted: RobomasterCameraConfig) -> Camera:
        raise ConfigError(
            f"camera.kind {wanted.kind}: not through DJI's package, whose pictures come late and block. "
            "Take base.kind robomaster-binary with it"
        )

    return RoverParts(rover, rover, rover, rover.hits, (Job("rover", rover.run),), camera)


def _in_loop(loop: asyncio.AbstractEventLoop, take: Callable[[Any], object]) -> Callable[[Any], None]:
    """A callback for the package's threads that is worked off in ours."""

    def told(info: Any) -> None:
        values = tuple(info) if isinstance(info, tuple | list) else info
        if not loop.is_closed():
            loop.call_soon_threadsafe(take, values)

    return told


async def _driven(driving: "asyncio.Future[None]") -> None:
    """Raises DeviceError for whatever the package trips over."""
    try:
        await asyncio.shield(driving)
    except Exception as error:
        raise DeviceError(f"rover: DJI's package failed at driving ({error}).") from error


async def _guard_of(robot: Any) -> Guard | None:
    """Over the package's own socket, which it keeps to itself: a version that has it elsewhere goes unguarded."""
    try:
        connection = robot.client._conn
        fd, to = connection._sock.fileno(), connection.target_addr
    except AttributeError as error:
        log.warning("rover: DJI's package hides its socket (%s): nobody stops the rover if this program dies", error)
        return None
    return await Guard.start(fd, STOP_FRAMES, to, LEAVE_FRAME)


def _close(robot: Any) -> None:
    try:
        robot.close()
    except Exception as error:  # it fails so after a connection that never came about
        log.debug("DJI's package failed at closing: %s", error)
