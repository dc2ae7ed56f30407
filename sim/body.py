"""The simulated rover as the robot's agent knows hardware: camera, base and lights, answered by the world.

The agent's clock is the machine's monotonic one; the world's starts at zero with the run. `WorldClock` ties them.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot.config import RobotConfig, SimCameraConfig
from robot.hardware import Hardware
from robot.values import BGR, STILL, DriveCommand, Frame, Light, Odometry
from sim.film import Stage, stage_of
from sim.scenario import load


class WorldClock:
    """Runs the world (or the video) along with real time. Everything happens in the event loop's thread."""

    STEP_S = 0.005

    def __init__(self, world: Stage) -> None:
        self.world = world
        self._start_s: float | None = None

    def start(self) -> None:
        """From now on, if it does not run already."""
        if self._start_s is None:
            self._start_s = time.monotonic() - self.world.time_s

    @property
    def start_s(self) -> float:
        """When the world's time was zero, on the machine's clock."""
        return time.monotonic() if self._start_s is None else self._start_s

    def catch_up(self) -> None:
        """Let the world's time reach the machine's."""
        if self._start_s is not None:
            behind_s = time.monotonic() - self._start_s - self.world.time_s
            if behind_s > 0:
                self.world.step(behind_s)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.catch_up()
            await asyncio.sleep(self.STEP_S)


class SimCamera:
    """Takes a picture each frame period; drawn in one thread of its own, as OpenGL demands."""

    def __init__(self, clock: WorldClock, fps: float, with_truth: bool, see: Callable[[BGR], None] | None) -> None:
        """`with_truth`: frames carry what a perfect detector would find (engine `oracle`)."""
        self.model = clock.world.camera
        self._clock = clock
        self._period_s = 1 / fps
        self._with_truth = with_truth
        self._see = see
        self._pen = ThreadPoolExecutor(1, "eye")
        self._due_s = 0.0
        self._number = 0

    async def open(self) -> None:
        """Draw one picture ahead: the first one loads shaders and textures."""
        await self._draw()
        self._clock.start()

    async def latest(self) -> Frame:
        now_s = time.monotonic()
        self._due_s = max(self._due_s + self._period_s, now_s - self._period_s)  # missed pictures are left out
        await asyncio.sleep(max(0.0, self._due_s - now_s))
        self._clock.catch_up()
        world = self._clock.world
        capture_s = self._clock.start_s + world.time_s
        truth = world.truth_detections() if self._with_truth else ()
        bgr = await self._draw()
        self._number += 1
        if self._see is not None:
            self._see(bgr)
        return Frame(bgr, self._number, capture_s, truth)

    async def render_top(self) -> BGR:
        """The place from above, drawn by the same thread."""
        return await self._draw(from_above=True)

    async def _draw(self, from_above: bool = False) -> BGR:
        """The world as it is now; it may go on while the pen draws."""
        world, snapshot = self._clock.world, self._clock.world.snapshot()
        # a stage's snapshot fits its own eye, which a union of the two cannot say
        draw: Callable[[Any], BGR] = world.eye.render_top if from_above else world.eye.render
        return await asyncio.get_running_loop().run_in_executor(self._pen, draw, snapshot)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pen, self._clock.world.close)
        self._pen.shutdown(wait=False)


class SimBase:
    """The rover's wheels. The world itself stops them when commands cease."""

    def __init__(self, clock: WorldClock) -> None:
        self._clock = clock

    @property
    def ready(self) -> bool:
        return True

    async def drive(self, command: DriveCommand) -> DriveCommand:
        self._clock.catch_up()
        return self._clock.world.drive(command)

    async def stop(self) -> None:
        self._clock.world.drive(STILL)

    def odometry(self) -> Odometry | None:
        self._clock.catch_up()
        odometry = self._clock.world.odometry()
        return replace(odometry, time_s=self._clock.start_s + odometry.time_s)


class SimLights:
    """Shown by the rover's lamp."""

    def __init__(self, world: Stage) -> None:
        self._world = world

    async def show(self, light: Light) -> None:
        self._world.light_rgb = light.rgb


def hardware(config: RobotConfig) -> Hardware:
    """For `tagalong robot --camera sim --driver sim`: a rover in a world of its own, without servers."""
    name = config.camera.scenario if isinstance(config.camera, SimCameraConfig) else "corridor"
    scenario = load(name)
    clock = WorldClock(stage_of(scenario, scenario.seed, Path(tempfile.gettempdir())))
    return Hardware(SimCamera(clock, scenario.camera.fps, False, None), SimBase(clock), SimLights(clock.world))
