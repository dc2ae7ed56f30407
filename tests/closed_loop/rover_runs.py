"""What the tests of a rover over the wire share: the world with its emulated robot, the agent's process, a look."""

import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from common.supervise import Job, keep_running
from sim.body import WorldClock
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.world import World
from tests.sim.robomaster.rover_in_world import room

STILL_MPS, STILL_RADPS = 0.05, 0.1  # slower than that is standing
LOOK_S = 0.005
LOG = "agent.log"


@dataclass(frozen=True, slots=True)
class Look:
    """How fast the wheels in the world really turn."""

    time_s: float
    mps: float
    radps: float

    @property
    def stands(self) -> bool:
        return self.mps < STILL_MPS and self.radps < STILL_RADPS


class Watcher:
    """Looks at the rover in the world all the time."""

    def __init__(self, clock: WorldClock) -> None:
        self._clock = clock
        self.looks: list[Look] = []

    @property
    def mps(self) -> float:
        return self.looks[-1].mps if self.looks else 0.0

    async def run(self) -> None:
        while True:
            self._clock.catch_up()
            odometry = self._clock.world.odometry()
            mps = math.hypot(odometry.forward_mps, odometry.left_mps)
            self.looks.append(Look(time.monotonic(), mps, abs(odometry.turn_radps)))
            await asyncio.sleep(LOOK_S)

    def still_after_s(self, moment_s: float) -> float:
        """How long after that moment the wheels stood for good. Raises AssertionError when they still turn."""
        after = [look for look in self.looks if look.time_s >= moment_s]
        assert after, "nobody looked"
        assert after[-1].stands, f"it still drives: {after[-1]}"
        moving_s = [look.time_s for look in after if not look.stands]
        return (moving_s[-1] - moment_s) if moving_s else 0.0


def open_space() -> WorldClock:
    """A large room with a RoboMaster in it, on real time."""
    clock = WorldClock(World(room(person=(-4, -4)), limits=ROBOMASTER_LIMITS))
    clock.start()
    return clock


def body_in(clock: WorldClock) -> WorldBody:
    assert isinstance(clock.world, World)
    return WorldBody(clock, clock.world.rovers[0])


def log_in(folder: Path) -> str:
    """What an agent started with that folder has said so far."""
    file = folder / LOG
    return file.read_text() if file.exists() else ""


class AgentProcess:
    """`tests/closed_loop/rover_agent.py` in a process of its own."""

    def __init__(self, folder: Path, edge_port: int, base: dict[str, object]) -> None:
        settings = {
            "robot_id": "test",
            "base": base,
            "keyboard": False,
            "behaviour": {"wakeup_s": 0.1},
            "handover": {"zeroconf": False, "servers": [{"address": f"127.0.0.1:{edge_port}"}]},
        }
        self._file = folder / "robot.yaml"
        self._file.write_text(yaml.safe_dump(settings))
        self._log = folder / LOG
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return log_in(self._log.parent)

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.closed_loop.rover_agent", str(self._file)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "COLUMNS": "200"})

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.asynccontextmanager
async def beside(*jobs: Job) -> AsyncIterator[None]:
    """The jobs run while the block does; an error of theirs is raised in it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keep_running(job), name=job.name) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
