"""The robot without wheels, and the watchdog of all that have some."""

import asyncio
import io
import math

import pytest
from rich.console import Console

from robot.drivers.console import ConsoleBase, ConsoleLights
from robot.drivers.watchdog import Watchdog
from robot.values import STILL, DriveCommand, Effect, Light, Limits, Pose


class Steps:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def paper() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, highlight=False, color_system=None), text


async def test_it_prints_changes_of_motion_and_not_every_command() -> None:
    console, text = paper()
    clock = Steps()
    base = ConsoleBase(console=console, clock=clock)
    for tick in range(50):
        clock.now_s = tick * 0.02
        await base.drive(DriveCommand(0.5 + 0.0001 * tick, 0.0, math.radians(10)))
    await base.drive(STILL)
    await base.drive(STILL)
    assert text.getvalue().splitlines() == ["drive  ahead 0.50 m/s, turn left 10 deg/s", "drive  stop"]


async def test_it_prints_no_more_than_five_times_a_second() -> None:
    console, text = paper()
    clock = Steps()
    base = ConsoleBase(console=console, clock=clock)
    for tick in range(100):
        clock.now_s = tick * 0.02
        await base.drive(DriveCommand(0.01 * tick, 0.0, 0.0))
    await base.stop()
    assert len(text.getvalue().splitlines()) <= 11


async def test_it_tells_what_was_really_sent_after_limits() -> None:
    base = ConsoleBase(Limits(forward_mps=0.3, turn_radps=1.0), paper()[0])
    assert await base.drive(DriveCommand(2.0, 0.0, math.nan)) == DriveCommand(0.3, 0.0, 0.0)
    await base.stop()


async def test_it_reckons_where_the_commands_would_have_taken_it() -> None:
    clock = Steps()
    base = ConsoleBase(console=paper()[0], clock=clock, reckons=True)
    for tick in range(100):
        clock.now_s = tick * 0.02
        await base.drive(DriveCommand(0.5, 0.0, math.pi / 4))
    clock.now_s = 2.0
    pose = base.odometry().pose
    radius_m = 0.5 / (math.pi / 4)  # a quarter of a circle
    assert (pose.x_m, pose.y_m, pose.heading_rad) == pytest.approx((radius_m, radius_m, math.pi / 2), abs=0.01)
    await base.stop()
    clock.now_s = 60.0
    assert base.odometry().pose == pose


async def test_a_webcam_on_a_desk_stands_whatever_is_commanded() -> None:
    base = ConsoleBase(console=paper()[0])
    await base.drive(DriveCommand(0.5, 0.0, 1.0))
    assert base.odometry().pose == Pose()
    await base.stop()


async def test_lights_are_told_when_they_change() -> None:
    console, text = paper()
    lights = ConsoleLights(console)
    for light in [Light(Effect.FLASH, (0, 255, 0), 5.0)] * 3 + [Light(Effect.STEADY, (0, 255, 0))]:
        await lights.show(light)
    assert text.getvalue().splitlines() == ["light  ████ flash 5 Hz #00ff00", "light  ████ steady #00ff00"]


async def test_wheels_stop_when_commands_cease() -> None:
    base = ConsoleBase(console=paper()[0])
    await base.drive(DriveCommand(0.5, 0.0, 0.0))
    assert not base.command.is_still
    async with asyncio.timeout(10):
        while not base.command.is_still:  # noqa: ASYNC110  # the base tells nobody
            await asyncio.sleep(0.01)


async def test_the_watchdog_barks_once_a_silence_and_not_at_rest() -> None:
    heard = asyncio.Event()
    dog = Watchdog(heard.set, limit_s=0.02)
    dog.feed()
    dog.rest()
    await asyncio.sleep(0.06)
    assert dog.barks == 0
    for silences in (1, 2):
        heard.clear()
        dog.feed()
        await asyncio.wait_for(heard.wait(), 10)
        await asyncio.sleep(0.06)
        assert dog.barks == silences
