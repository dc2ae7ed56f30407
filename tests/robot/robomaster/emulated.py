"""A client of ours and an emulated robot in one event loop, on addresses of their own."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from common.supervise import Job, supervise
from robot.robomaster.config import RobomasterTextConfig
from robot.robomaster.text_rover import TextRover
from robot.values import DriveCommand
from sim.body import WorldClock
from sim.robomaster.emulator import Emulator
from sim.robomaster.identity import Identity
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.scenario import Scenario
from sim.world import World

CLIENT_IP = "127.0.40.100"
FAR_S = 15.0  # deadline of waits that end at once where all is well


def room() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "test-room",
            "description": "An open floor.",
            "length_s": 20,
            "world": {"floor": [{"corner": [-5, -5], "opposite": [10, 5]}]},
            "people": [{"id": "ada", "is_target": True, "path": [{"at": (4.0, 3.0)}]}],
            "access_points": [{"id": "ap", "at": [0, 4]}],
            "servers": [{"id": "edge-1", "access_point": "ap", "colour": "#2e86de"}],
        }
    )


async def until(true: Callable[[], bool], what: str, for_s: float = FAR_S) -> None:
    give_up_s = time.monotonic() + for_s
    while not true():
        assert time.monotonic() < give_up_s, f"waited in vain for: {what}"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*jobs: Job) -> AsyncIterator[None]:
    """Jobs that run while the body does."""
    task = asyncio.create_task(supervise(jobs))
    try:
        yield
    finally:
        failed = task.done() and not task.cancelled() and task.exception()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not failed, failed


class Room:
    """The world, running along with real time, and the robot in it."""

    def __init__(self, ip: str, identity: Identity | None = None, announce_to: tuple[str, ...] = ()) -> None:
        self.ip = ip
        self.world = World(room(), limits=ROBOMASTER_LIMITS)
        self.clock = WorldClock(self.world)
        self.clock.start()
        self.identity = identity
        self.announce_to = announce_to
        self.emulator = self.new_emulator()

    def new_emulator(self) -> Emulator:
        """As after switching off and on."""
        body = WorldBody(self.clock, self.world.rovers[0])
        self.emulator = Emulator(body, self.ip, self.identity, announce_to=self.announce_to)
        return self.emulator

    def where(self) -> tuple[float, float, float]:
        """x, y to the left, heading counter-clockwise, as the world knows."""
        pose = self.world.pose()
        return pose.x_m, pose.y_m, pose.heading_rad

    @asynccontextmanager
    async def switched_on(self) -> AsyncIterator[Emulator]:
        async with running(Job("world", self.clock.run), Job("robot", self.emulator.run)):
            async with asyncio.timeout(FAR_S):
                await self.emulator.ready()
            yield self.emulator


def text_config(ip: str | None, **changes: Any) -> RobomasterTextConfig:
    return RobomasterTextConfig.model_validate({"ip": ip, "local_ip": CLIENT_IP} | changes)


@asynccontextmanager
async def connected(config: RobomasterTextConfig) -> AsyncIterator[TextRover]:
    rover = TextRover(config)
    async with running(Job("rover", rover.run)):
        await until(lambda: rover.base.ready and rover.connections > 0, "a connection")
        yield rover


async def drive_for(rover: TextRover, command: DriveCommand, for_s: float) -> None:
    """As the agent's control loop does: fifty times a second."""
    end_s = time.monotonic() + for_s
    while time.monotonic() < end_s:
        await rover.base.drive(command)
        await asyncio.sleep(0.02)


async def drive_until(rover: TextRover, command: DriveCommand, true: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + FAR_S
    while not true():
        assert time.monotonic() < give_up_s, f"drove in vain for: {what}"
        await drive_for(rover, command, 0.02)


async def speed_of(room: Room) -> float:
    """Of the rover in the world, over a twentieth of a second."""
    (x0, y0, _), at_s = room.where(), room.world.time_s
    await until(lambda: room.world.time_s > at_s + 0.05, "the world's time")
    x1, y1, _ = room.where()
    return math.hypot(x1 - x0, y1 - y0) / (room.world.time_s - at_s)


async def until_it_stands(room: Room) -> None:
    give_up_s = time.monotonic() + FAR_S
    while await speed_of(room) > 0.02:
        assert time.monotonic() < give_up_s, "it drives on and on"
