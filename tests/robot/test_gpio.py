"""An RGB LED on three pins, against gpiozero's own mock of the pins."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin
from rich.console import Console

from common.errors import DeviceError
from robot.drivers.animated import AnimatedLights, lights_of
from robot.drivers.console import ConsoleLights, NoLights
from robot.drivers.gpio import GpioLamp
from robot.drivers.lights_config import ConsoleLightsConfig, GpioLightsConfig, NoLightsConfig
from robot.values import Effect, Light

PINS = (17, 27, 22)
GREEN = (0, 255, 51)


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    Device.pin_factory = MockFactory(pin_class=MockPWMPin)
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


def states(pins: MockFactory) -> tuple[float, ...]:
    return tuple(round(float(pins.pin(number).state), 3) for number in PINS)


@contextlib.asynccontextmanager
async def running(lights: AnimatedLights) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lights.run())
        yield
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():  # noqa: ASYNC110  # a pin tells nobody
            await asyncio.sleep(0.005)


async def test_a_colour_is_a_duty_cycle_on_each_of_the_three_pins_and_the_end_is_dark(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig()))
    async with running(lights):
        await lights.show(Light(Effect.STEADY, GREEN))
        await until(lambda: states(pins) == (0.0, 1.0, 0.2))
    assert states(pins) == (0.0, 0.0, 0.0)


async def test_a_common_anode_is_lit_by_a_low_pin_and_dark_at_the_end_by_a_high_one(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig(active_high=False)))
    async with running(lights):
        await lights.show(Light(Effect.STEADY, GREEN))
        await until(lambda: states(pins) == (1.0, 0.0, 0.8))
        for number in PINS:
            pins.pin(number).clear_states()
    for number in PINS:  # the very last state is a released pin's: it floats, in the mock at 0
        assert float(pins.pin(number).states[-2].state) == 1.0


async def test_brightness_is_a_share_of_all_colours(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig(brightness=0.5)))
    async with running(lights):
        await lights.show(Light(Effect.STEADY, GREEN))
        await until(lambda: states(pins) == (0.0, 0.5, 0.1))


async def test_a_flash_goes_on_and_off_and_a_new_light_is_shown_at_once(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig()))
    async with running(lights):
        await lights.show(Light(Effect.FLASH, GREEN, 20.0))
        for _ in range(3):
            await until(lambda: states(pins) == (0.0, 1.0, 0.2))
            await until(lambda: states(pins) == (0.0, 0.0, 0.0))
        await lights.show(Light(Effect.STEADY, (255, 0, 0)))
        await until(lambda: states(pins) == (1.0, 0.0, 0.0))
        await lights.show(Light(Effect.OFF, (255, 0, 0)))
        await until(lambda: states(pins) == (0.0, 0.0, 0.0))


async def test_breathing_passes_through_shades(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig()))
    async with running(lights):
        await lights.show(Light(Effect.BREATHE, GREEN, 2.0))
        await until(lambda: 0.1 < states(pins)[1] < 0.9)
        await until(lambda: states(pins)[1] > 0.9)
        await until(lambda: states(pins)[1] < 0.1)


async def test_without_pwm_a_pin_is_on_or_off_and_breathing_flashes(pins: MockFactory) -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig(pwm=False)))
    async with running(lights):
        await lights.show(Light(Effect.STEADY, (40, 40, 10)))
        await until(lambda: states(pins) == (1.0, 1.0, 0.0))
        await lights.show(Light(Effect.BREATHE, (0, 0, 200), 10.0))
        await until(lambda: states(pins) == (0.0, 0.0, 1.0))
        await until(lambda: states(pins) == (0.0, 0.0, 0.0))


async def test_the_same_light_again_does_not_start_its_effect_anew() -> None:
    lights = AnimatedLights(GpioLamp(GpioLightsConfig()), clock=iter(range(100)).__next__)
    await lights.show(Light(Effect.BREATHE, GREEN, 0.25))
    since_s = lights._since_s
    await lights.show(Light(Effect.BREATHE, GREEN, 0.25))
    assert lights._since_s == since_s


async def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(DeviceError, match="sudo apt install python3-gpiozero python3-lgpio"):
        await AnimatedLights(GpioLamp(GpioLightsConfig())).run()


async def test_a_pin_that_is_taken_is_an_error_that_names_the_pins(pins: MockFactory) -> None:
    from gpiozero import LED

    with LED(27), pytest.raises(DeviceError, match=r"lights gpio 17, 27, 22: .*in use.*group gpio"):
        await AnimatedLights(GpioLamp(GpioLightsConfig())).run()


async def test_a_lamp_that_breaks_later_is_told_once_and_the_robot_goes_on(
    pins: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    lamp = GpioLamp(GpioLightsConfig())
    lights = AnimatedLights(lamp)
    task = asyncio.create_task(lights.run())
    await lights.show(Light(Effect.STEADY, GREEN))
    await until(lambda: states(pins) == (0.0, 1.0, 0.2))
    lamp._led.close()
    await lights.show(Light(Effect.STEADY, (255, 0, 0)))
    await task  # ends normally
    assert "goes on without lights" in caplog.text


def test_the_factory_touches_no_hardware_and_plain_lights_need_no_job() -> None:
    console = Console()
    lights, jobs = lights_of(GpioLightsConfig(), console)
    assert isinstance(lights, AnimatedLights)
    assert [job.name for job in jobs] == ["lights"]
    assert isinstance(lights_of(ConsoleLightsConfig(), console)[0], ConsoleLights)
    assert lights_of(NoLightsConfig(), console)[1] == ()
    assert isinstance(lights_of(NoLightsConfig(), console)[0], NoLights)
