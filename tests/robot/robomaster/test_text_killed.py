"""The program is killed, stopped or interrupted while it drives: the world's rover stands half a second later."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.robot.robomaster import driven_by_text
from tests.robot.robomaster.emulated import Room, speed_of, until

ROOT = Path(__file__).parents[3]
PROGRAM = str(Path(driven_by_text.__file__))
STAND_S = 0.5  # of the world's time, after the last command that was not a stop


class Timed(Room):
    """Notes when the robot was last told to move."""

    def __init__(self, ip: str) -> None:
        super().__init__(ip)
        self.told_s = 0.0
        rover = self.emulator.rover
        drive_speed = rover.drive_speed

        def drive(x_mps: float, y_mps: float, z_degps: float) -> None:
            if x_mps or y_mps or z_degps:
                self.told_s = self.world.time_s
            drive_speed(x_mps, y_mps, z_degps)

        rover.drive_speed = drive  # type: ignore[method-assign]

    async def stands_after_s(self) -> float:
        while await speed_of(self) > 0.02:
            assert self.world.time_s < self.told_s + 5
        return self.world.time_s - 0.05 - self.told_s  # it stood for as long as its speed was measured


@asynccontextmanager
async def driven(room: Room, local_ip: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """By a real program, until it is fast."""
    async with room.switched_on():
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, PROGRAM, room.ip, local_ip], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
        )
        try:
            await until(lambda: room.where()[0] > 0.4, "a program that drives")
            assert await speed_of(room) > 0.6
            yield process
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)


async def test_killed() -> None:
    room = Timed("127.0.40.70")
    async with driven(room, "127.0.40.170") as process:
        process.send_signal(signal.SIGKILL)
        assert await room.stands_after_s() < STAND_S
        await until(lambda: room.emulator.rover.owner is None, "the robot to be free for the next one")


async def test_stopped_and_woken() -> None:
    room = Timed("127.0.40.71")
    async with driven(room, "127.0.40.171") as process:
        process.send_signal(signal.SIGSTOP)
        assert await room.stands_after_s() < STAND_S
        process.send_signal(signal.SIGCONT)
        x = room.where()[0]
        await until(lambda: room.where()[0] > x + 0.2, "it to drive on")


async def test_interrupted() -> None:
    room = Timed("127.0.40.72")
    async with driven(room, "127.0.40.172") as process:
        process.send_signal(signal.SIGINT)
        assert await room.stands_after_s() < STAND_S
        await asyncio.to_thread(process.wait, 5)
        assert room.emulator.rover.owner is None
