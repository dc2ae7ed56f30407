"""A rover of ours beside an emulated robot in a real-time world, for the tests of the binary protocol's client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.supervise import Job, supervise
from robot.robomaster.binary_rover import BinaryRover
from robot.robomaster.config import RobomasterBinaryConfig
from robot.robomaster.obedience import STILL_MPS
from robot.values import DriveCommand, Odometry, Pose
from sim.body import WorldClock
from sim.robomaster.emulator import Emulator
from sim.robomaster.identity import Identity
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.world import World
from tests.sim.robomaster.rover_in_world import room

CONTROL_S = 0.02


@dataclass
class Robot:
    """The emulated robot. It can be switched off and on; its world goes on."""

    ip: str
    world: World
    clock: WorldClock
    identity: Identity | None
    emulator: Emulator
    running: asyncio.Task[None] | None = None

    async def switch_on(self) -> None:
        body = WorldBody(self.clock, self.world.rovers[0])
        self.emulator = Emulator(body, self.ip, self.identity, announce_to=())
        self.running = asyncio.create_task(supervise(self.emulator.jobs()), name="emulated robot")
        await self.emulator.ready()

    async def switch_off(self) -> None:
        if self.running is not None:
            await ended(self.running)

    def where(self) -> Pose:
        return self.world.pose()


@contextlib.asynccontextmanager
async def robot_at(ip: str, identity: Identity | None = None) -> AsyncIterator[Robot]:
    world = World(room(), limits=ROBOMASTER_LIMITS)
    clock = WorldClock(world)
    clock.start()
    robot = Robot(ip, world, clock, identity, Emulator(WorldBody(clock, world.rovers[0]), ip))
    ticking = asyncio.create_task(clock.run(), name="world")
    try:
        await robot.switch_on()
        yield robot
    finally:
        await robot.switch_off()
        await ended(ticking)


def rover_to(ip: str, **settings: Any) -> BinaryRover:
    return BinaryRover(RobomasterBinaryConfig.model_validate({"ip": ip, **settings}))


@contextlib.asynccontextmanager
async def running(rover: BinaryRover) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(supervise([Job("rover", rover.run)]), name="rover")
    try:
        yield task
    finally:
        await ended(task)


@contextlib.asynccontextmanager
async def driving(
    ip: str, identity: Identity | None = None, **settings: Any
) -> AsyncIterator[tuple[Robot, BinaryRover]]:
    """Both, connected."""
    rover = rover_to(ip, **settings)
    async with robot_at(ip, identity) as robot, running(rover):
        await until(lambda: rover.base.ready and rover.base.odometry() is not None)
        yield robot, rover


async def drive_until(
    rover: BinaryRover, command: DriveCommand, is_so: Callable[[], bool], within_s: float = 8.0
) -> None:
    """As the control loop does: the same command again and again."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await rover.base.drive(command)
            await asyncio.sleep(CONTROL_S)


def odometry_of(rover: BinaryRover) -> Odometry:
    told = rover.base.odometry()
    assert told is not None
    return told


async def stand(robot: Robot, rover: BinaryRover) -> None:
    await rover.base.stop()
    await until(lambda: speed_of(robot) < STILL_MPS)


def speed_of(robot: Robot) -> float:
    """As it is in the world: sensors add noise."""
    rover = robot.world.rovers[0]
    return float(np.abs(rover._data.qvel[rover._joints]).sum())


async def until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def ended(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
