"""Lights that have to be animated by us: an LED, a strip. One job paints, a thread of its own does what may block."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from rich.console import Console

from common.errors import DeviceError
from common.supervise import Job
from protos.messages import RGB
from robot.drivers.lights_config import (
    ConsoleLightsConfig,
    GpioLightsConfig,
    LightsConfig,
    NoLightsConfig,
    RobomasterLightsConfig,
    Ws281xLightsConfig,
)
from robot.hardware import Lights
from robot.lights import strip_at, until_change_s, without_shades
from robot.values import Light

log = logging.getLogger(__name__)

CLOSE_S = 2.0  # for the last, dark picture; after that the thread is left behind


class Lamp(Protocol):
    """What shows colours. All three methods may block for some milliseconds and are called in one thread."""

    name: str
    count: int  # of lights beside each other
    shades: bool  # False: a colour is on or off

    def open(self) -> None:
        """Raises DeviceError."""
        ...

    def paint(self, colours: Sequence[RGB]) -> None: ...

    def close(self) -> None: ...


class AnimatedLights:
    """`show` says what is to be seen, `run` shows it until cancelled and leaves the lamp dark."""

    def __init__(self, lamp: Lamp, clock: Callable[[], float] = time.monotonic) -> None:
        self._lamp = lamp
        self._clock = clock
        self._light = Light()
        self._since_s = clock()
        self._news = asyncio.Event()

    async def show(self, light: Light) -> None:
        """Never waits for the lamp. An effect begins when it is asked for."""
        if light == self._light:
            return
        self._light, self._since_s = light, self._clock()
        self._news.set()

    async def run(self) -> None:
        """Raises DeviceError when there is no such lamp; one that breaks later is told once and left alone."""
        loop = asyncio.get_running_loop()
        # One thread: colours come in order, and the dark last one after all others.
        hand = ThreadPoolExecutor(1, "lights")
        try:
            await loop.run_in_executor(hand, self._lamp.open)
            await self._animate(loop, hand)
        finally:
            closed = asyncio.wrap_future(hand.submit(self._lamp.close))
            hand.shutdown(wait=False)
            await asyncio.wait([closed], timeout=CLOSE_S)
            if closed.done() and (error := closed.exception()) is not None:
                log.warning("%s: may still be lit (%s)", self._lamp.name, error)

    async def _animate(self, loop: asyncio.AbstractEventLoop, hand: ThreadPoolExecutor) -> None:
        painted: tuple[RGB, ...] | None = None
        while True:
            self._news.clear()
            light = self._light if self._lamp.shades else without_shades(self._light)
            shown_s = self._clock() - self._since_s
            colours = strip_at(light, shown_s, self._lamp.count)
            if colours != painted:
                try:
                    await loop.run_in_executor(hand, self._lamp.paint, colours)
                except DeviceError as error:
                    log.error("%s The robot goes on without lights.", error)
                    return
                painted = colours
            wait_s = until_change_s(light, shown_s)
            try:
                async with asyncio.timeout(None if math.isinf(wait_s) else wait_s):
                    await self._news.wait()
            except TimeoutError:
                pass


def lights_of(config: LightsConfig, console: Console) -> tuple[Lights, tuple[Job, ...]]:
    """The lights and what has to run beside the robot for them. Touches no hardware yet."""
    from robot.drivers.console import ConsoleLights, NoLights

    lamp: Lamp
    match config:
        case ConsoleLightsConfig():
            return ConsoleLights(console), ()
        case NoLightsConfig():
            return NoLights(), ()
        case GpioLightsConfig():
            from robot.drivers.gpio import GpioLamp

            lamp = GpioLamp(config)
        case Ws281xLightsConfig():
            from robot.drivers.ws281x import Ws281xLamp

            lamp = Ws281xLamp(config)
        case RobomasterLightsConfig():
            raise AssertionError("a RoboMaster's lights come with its base")
    animated = AnimatedLights(lamp)
    return animated, (Job("lights", animated.run),)
