"""Emulated robots in a world, in real time, beside a test."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common.supervise import keep_running
from protos.messages import RGB
from sim.body import WorldClock
from sim.chassis import Chassis
from sim.lamps import Lamp
from sim.robomaster.emulator import Emulator
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.robomaster.world_camera import WorldPictures
from sim.world import World
from tests.sim.robomaster.rover_in_world import room


@dataclass(frozen=True, slots=True)
class Stage:
    """What happened: in the world, and in each robot."""

    world: World
    emulators: list[Emulator]
    eyes: list[WorldPictures]  # with `pictures`

    @property
    def rover(self) -> Rover:
        return self.emulators[0].rover

    @property
    def chassis(self) -> Chassis:
        return self.world.rovers[0]

    def place(self, number: int = 0) -> tuple[float, float, float]:
        """x, y to the left, heading counter-clockwise in radians: the world's own."""
        pose = self.world.rovers[number].pose()
        return pose.x_m, pose.y_m, pose.heading_rad

    def colours(self) -> dict[Lamp, RGB]:
        """What the lamps show now."""
        return dict(self.chassis.lamps(self.world.time_s))

    def is_still(self) -> bool:
        speed = self.chassis.odometry(self.world.time_s)
        return max(abs(speed.forward_mps), abs(speed.left_mps), abs(speed.turn_radps)) < 0.02


@contextlib.asynccontextmanager
async def stage(
    *ips: str,
    serials: Sequence[str] = (),
    pictures: bool = False,
    person: tuple[float, float] = (3.0, 0.0),
    **options: Any,
) -> AsyncIterator[Stage]:
    """One robot an address, side by side a metre apart. An error of theirs is raised in the block."""
    more = [{"at": [0.0, 1.0 + number]} for number in range(len(ips) - 1)]
    world = World(room(person=person, more_rovers=more), limits=ROBOMASTER_LIMITS)
    clock = WorldClock(world)
    clock.start()
    eyes = [WorldPictures(world, number) for number in range(len(ips))] if pictures else []
    emulators = [
        Emulator(
            WorldBody(clock, rover),
            ip,
            Identity(serials[rover.number] if serials else f"3JKDH2T0060{rover.number:03}"),
            pictures=eyes[rover.number] if eyes else None,
            **options,
        )
        for ip, rover in zip(ips, world.rovers, strict=True)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(keep_running(job), name=job.name) for emulator in emulators for job in emulator.jobs()
            ]
            async with asyncio.timeout(10):
                for emulator in emulators:
                    await emulator.ready()
            yield Stage(world, emulators, eyes)
            for task in tasks:
                task.cancel()
    finally:
        for eye in eyes:
            await eye.close()


async def until(is_so: Callable[[], bool], at_most_s: float = 10.0) -> None:
    end_s = time.monotonic() + at_most_s
    while not is_so():
        assert time.monotonic() < end_s, "it never came about"
        await asyncio.sleep(0.01)
