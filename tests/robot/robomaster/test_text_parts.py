"""Lights, hits, a serial line and settings of a rover by the text protocol."""

import asyncio
import os
import pty
import sys
import time
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from common.errors import ConfigError
from common.supervise import Job
from protos.robomaster.text import command
from robot.config import RobotConfig
from robot.robomaster.build import rover_of
from robot.robomaster.config import RobomasterCameraConfig
from robot.robomaster.hits import KEPT, Hits
from robot.robomaster.text_lights import commands_of
from robot.values import STILL, ArmourSide, DriveCommand, Effect, Light
from sim.robomaster.rover import Rover
from sim.robomaster.text.desk import Desk
from sim.robomaster.text.session import Session
from sim.robomaster.values import Hit, HitKind, HitSide, Led, LedEffect
from sim.robomaster.world_body import WorldBody
from tests.robot.robomaster.emulated import Room, connected, drive_for, running, text_config, until

RED = (255, 0, 0)
BOTTOM = (Led.BOTTOM_BACK, Led.BOTTOM_FRONT, Led.BOTTOM_LEFT, Led.BOTTOM_RIGHT)


@pytest.mark.parametrize("effect", list(Effect))
def test_every_light_has_commands_that_the_rover_takes(effect: Effect) -> None:
    for values in commands_of(Light(effect, (12, 200, 255), 2.0)):
        assert command("led control", 1, **values)  # raises for what it would refuse


async def test_the_light_is_shown_on_the_rover_and_again_after_it_was_switched_off_and_on() -> None:
    room = Room("127.0.40.50")
    config = text_config(room.ip)

    def lit() -> set[tuple[tuple[int, int, int], LedEffect]]:
        return {(room.emulator.rover.leds[led].rgb, room.emulator.rover.leds[led].effect) for led in BOTTOM}

    async with connected_later(config) as rover:
        await rover.lights.show(Light(Effect.FLASH, RED, 5.0))
        async with room.switched_on():
            await until(lambda: lit() == {(RED, LedEffect.BLINK)}, "red flashes")
            await rover.lights.show(Light(Effect.BREATHE, (0, 0, 255), 0.5))
            await until(lambda: lit() == {((0, 0, 255), LedEffect.PULSE)}, "blue breathing")
            for step in range(30):  # the newest one wins, whatever came before
                await rover.lights.show(Light(Effect.STEADY, (step, 0, 0)))
            await until(lambda: lit() == {((29, 0, 0), LedEffect.SOLID)}, "the last of many")
            await rover.lights.show(Light(Effect.SCROLL, RED))
            top = (Led.TOP_LEFT, Led.TOP_RIGHT)
            leds = room.emulator.rover.leds
            await until(lambda: {leds[led].effect for led in top} == {LedEffect.SCROLLING}, "scrolling above")
            assert {effect for _, effect in lit()} == {LedEffect.PULSE}
        room.new_emulator()
        async with room.switched_on():
            await until(lambda: {rgb for rgb, _ in lit()} == {RED}, "the same light on the new one")
            await rover.lights.show(Light())
            await until(lambda: {effect for _, effect in lit()} == {LedEffect.OFF}, "darkness")


@asynccontextmanager
async def connected_later(config: Any) -> AsyncIterator[Any]:
    from robot.robomaster.text_rover import TextRover

    rover = TextRover(config)
    async with running(Job("rover", rover.run)):
        yield rover


async def test_hits_are_felt_on_the_side_where_they_were() -> None:
    room = Room("127.0.40.51")
    async with room.switched_on() as emulator, connected(text_config(room.ip)) as rover:
        await until(lambda: bool(emulator.text._listeners), "somebody to listen to events")
        for side in (HitSide.LEFT, HitSide.BACK):
            emulator.rover.hit(Hit(side, HitKind.COLLISION, 0.5))
        async with asyncio.timeout(5):
            assert await rover.hits.next_hit() is ArmourSide.LEFT
            assert await rover.hits.next_hit() is ArmourSide.BACK


async def test_of_hits_that_nobody_waits_for_the_newest_are_kept() -> None:
    hits = Hits()
    for _ in range(50):
        assert hits.add(3)
    assert hits.add(2)
    assert not hits.add(7)
    sides = [await hits.next_hit() for _ in range(KEPT)]
    assert sides == [ArmourSide.LEFT] * (KEPT - 1) + [ArmourSide.FRONT]


class SerialRobot:
    """The emulated robot's talk on a serial line: answers and pushes come the same way."""

    def __init__(self, room: Room) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._slave)
        self._rover = Rover(WorldBody(room.clock, room.world.rovers[0]))
        self._desk = Desk(self._rover)
        self._session = Session(self._desk)

    async def run(self) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._hear)
        try:
            while True:
                self._rover.step(time.monotonic())
                self._say(self._desk.pushes.due(self._rover))
                await asyncio.sleep(0.005)
        finally:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)

    def _hear(self) -> None:
        self._say(self._session.feed(os.read(self._master, 4096)))

    def _say(self, lines: list[str]) -> None:
        if lines:
            os.write(self._master, "".join(lines).encode())


async def test_a_rover_on_a_serial_line_drives_and_tells_where_it_is() -> None:
    room = Room("127.0.40.53")
    robot = SerialRobot(room)
    config = text_config(None, connection="uart", device=robot.device)
    async with running(Job("world", room.clock.run), Job("robot", robot.run)), connected(config) as rover:
        await drive_for(rover, DriveCommand(0.5, 0.0, 0.5), 0.6)
        assert room.where()[0] > 0.12
        await drive_for(rover, STILL, 0.4)
        odometry = rover.base.odometry()
        assert odometry is not None
        assert odometry.pose.x_m == pytest.approx(room.where()[0], abs=0.08)
        assert odometry.pose.heading_rad == pytest.approx(room.where()[2], abs=0.08)


async def test_a_serial_port_that_is_not_there_is_named() -> None:
    async with connected_later(text_config(None, connection="uart", device="/dev/ttyNOBODY")) as rover:
        await until(lambda: rover.trouble != "", "the reason")
        assert "/dev/ttyNOBODY" in rover.trouble
        assert "base.device" in rover.trouble


def test_a_missing_library_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial_asyncio_fast", None)
    config = text_config(None, connection="uart")
    with pytest.raises(ConfigError, match=r"pip install 'tagalong\[robomaster\]'"):
        rover_of(RobotConfig(base=config), config)


def test_an_opened_s1_and_a_serial_line_give_no_video() -> None:
    for changes, advice in (({"profile": "s1"}, "picamera2"), ({"connection": "uart"}, "camera.ip")):
        config = text_config(None, **changes)
        parts = rover_of(RobotConfig(base=config), config)
        with pytest.raises(ConfigError, match=advice):
            parts.camera(RobomasterCameraConfig())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"connection": "uart", "ip": "192.168.2.1"}, "serial line"),
        ({"ip": "robot.local"}, "IPv4"),
        ({"rate_hz": 500}, "rate_hz"),
        ({"conection": "ap"}, "did you mean 'connection'"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RobotConfig.load(overrides={"base": {"kind": "robomaster-text", **settings}})
