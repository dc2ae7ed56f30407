"""A strip of WS281x LEDs, against a small fake with the interface of rpi_ws281x 5."""

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import DeviceError
from robot.drivers.animated import AnimatedLights
from robot.drivers.lights_config import Ws281xLightsConfig
from robot.drivers.ws281x import Ws281xLamp
from robot.values import Effect, Light

GREEN = (0, 200, 100)
DARK = (0, 0, 0)


class FakeStrip:
    """PixelStrip: what is set is seen after `show`."""

    made: "list[FakeStrip]"
    fails = ""

    def __init__(
        self,
        num: int,
        pin: int,
        freq_hz: int = 800000,
        dma: int = 10,
        invert: bool = False,
        brightness: int = 255,
        channel: int = 0,
        strip_type: Any = None,
        gamma: Any = None,
    ) -> None:
        self.pin, self.brightness, self.channel, self.strip_type = pin, brightness, channel, strip_type
        self._set = [DARK] * num
        self.shown: list[tuple[tuple[int, int, int], ...]] = []
        self.begun = False
        FakeStrip.made.append(self)

    def begin(self) -> None:
        if self.fails:
            raise RuntimeError(self.fails)
        self.begun = True

    def setPixelColorRGB(self, n: int, red: int, green: int, blue: int, white: int = 0) -> None:
        self._set[n] = (red, green, blue)

    def show(self) -> None:
        assert self.begun
        self.shown.append(tuple(self._set))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[FakeStrip]:
    FakeStrip.made = []
    orders = {f"WS2811_STRIP_{order}": order for order in ("RGB", "RBG", "GRB", "GBR", "BRG", "BGR")}
    module = SimpleNamespace(PixelStrip=FakeStrip, ws=SimpleNamespace(**orders))
    monkeypatch.setitem(sys.modules, "rpi_ws281x", module)
    return FakeStrip


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():  # noqa: ASYNC110  # a strip tells nobody
            await asyncio.sleep(0.005)


async def test_all_lights_show_a_steady_colour_with_one_picture_and_are_dark_at_the_end(
    library: type[FakeStrip],
) -> None:
    lights = AnimatedLights(Ws281xLamp(Ws281xLightsConfig(count=3, brightness=0.5)))
    await lights.show(Light(Effect.STEADY, GREEN))
    task = asyncio.create_task(lights.run())
    await until(lambda: bool(library.made and library.made[0].shown))
    task.cancel()
    await asyncio.wait([task])
    (strip,) = library.made
    assert strip.shown == [(GREEN,) * 3, (DARK,) * 3]
    assert (strip.pin, strip.brightness, strip.channel, strip.strip_type) == (10, 128, 0, "GRB")


async def test_scrolling_runs_along_the_strip(library: type[FakeStrip]) -> None:
    lights = AnimatedLights(Ws281xLamp(Ws281xLightsConfig(count=4)))
    await lights.show(Light(Effect.SCROLL, GREEN, 4.0))
    task = asyncio.create_task(lights.run())
    brightest: set[int] = set()

    def has_been_everywhere() -> bool:
        if library.made:
            brightest.update(max(range(4), key=lambda n: picture[n][1]) for picture in library.made[0].shown)
        return brightest == {0, 1, 2, 3}

    await until(has_been_everywhere)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(("pin", "channel"), [(10, 0), (12, 0), (13, 1), (18, 0), (19, 1), (21, 0)])
async def test_the_second_channel_is_taken_for_its_pins(library: type[FakeStrip], pin: Any, channel: int) -> None:
    lamp = Ws281xLamp(Ws281xLightsConfig(pin=pin, order="BGR"))
    lamp.open()
    assert (library.made[0].channel, library.made[0].strip_type) == (channel, "BGR")


@pytest.mark.parametrize(("pin", "advice"), [(10, "group spi"), (18, "needs root")])
async def test_a_strip_that_does_not_start_is_an_error_with_the_next_step(
    library: type[FakeStrip], monkeypatch: pytest.MonkeyPatch, pin: Any, advice: str
) -> None:
    monkeypatch.setattr(library, "fails", "ws2811_init failed with code -5 (mmap() failed)")
    with pytest.raises(DeviceError, match=f"ws281x on pin {pin}: ws2811_init failed .*{advice}"):
        await AnimatedLights(Ws281xLamp(Ws281xLightsConfig(pin=pin))).run()


async def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rpi_ws281x", None)
    with pytest.raises(DeviceError, match="pip install 'tagalong"):
        await AnimatedLights(Ws281xLamp(Ws281xLightsConfig())).run()
