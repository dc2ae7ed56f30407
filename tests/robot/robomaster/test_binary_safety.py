"""The rover must not move, and the program must not end, whatever comes between it and the binary client."""

import asyncio
from typing import Any

import pytest

from common.errors import DeviceError
from robot.robomaster.guard import Guard
from robot.values import DriveCommand
from sim.robomaster.identity import Identity
from tests.robot.robomaster.binary_emulated import (
    drive_until,
    driving,
    robot_at,
    rover_to,
    running,
    speed_of,
    stand,
    until,
)

AHEAD = DriveCommand(0.8)
start_guard = Guard.start


async def test_nothing_is_driven_before_the_guard_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    starting, may_start = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Guard:
        starting.set()
        await may_start.wait()
        return await start_guard(*arguments)

    monkeypatch.setattr(Guard, "start", slow)
    rover = rover_to("127.0.50.60")
    async with robot_at("127.0.50.60") as robot, running(rover):
        await starting.wait()
        for _ in range(10):
            assert (await rover.base.drive(AHEAD)).is_still
            await asyncio.sleep(0.02)
        assert not rover.base.ready
        may_start.set()
        await drive_until(rover, AHEAD, lambda: speed_of(robot) > 0.1)
        await stand(robot, rover)


async def test_a_guard_that_dies_ends_the_connection_and_the_next_one_has_another() -> None:
    async with driving("127.0.50.61") as (robot, rover):
        await drive_until(rover, AHEAD, lambda: speed_of(robot) > 0.3)
        first = rover.base._guard
        assert first is not None
        first._process.kill()
        await drive_until(rover, AHEAD, lambda: rover.trouble != "")
        assert "guards its wheels is gone" in rover.trouble
        await until(lambda: rover.connections == 2 and rover.base.ready)
        assert rover.base._guard is not first
        await drive_until(rover, AHEAD, lambda: speed_of(robot) > 0.1)
        await stand(robot, rover)


async def test_a_guard_that_cannot_start_now_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    async def at_the_second_try(*arguments: Any) -> Guard:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise DeviceError("guard: its process cannot be started (no memory).")
        return await start_guard(*arguments)

    monkeypatch.setattr(Guard, "start", at_the_second_try)
    rover = rover_to("127.0.50.62")
    async with robot_at("127.0.50.62"), running(rover) as running_rover:
        await until(lambda: rover.base.ready or running_rover.done())
        assert rover.base.ready
        assert tried == 2


async def test_an_s1_that_left_the_sdk_mode_is_not_ready_however_much_it_answers() -> None:
    async with driving("127.0.50.63", Identity.s1(), profile="s1") as (robot, rover):
        owner = robot.emulator.rover.owner
        assert owner is not None
        robot.emulator.rover.release(owner)
        await until(lambda: not rover.base.ready)
        await until(lambda: rover.connections == 2 and rover.base.ready)


async def test_another_rover_of_the_wrong_kind_in_its_place_does_not_end_the_program() -> None:
    rover = rover_to("127.0.50.64")
    async with running(rover) as task:
        async with robot_at("127.0.50.64"):
            await until(lambda: rover.base.ready)
        await until(lambda: not rover.base.ready)
        async with robot_at("127.0.50.64", Identity.s1()):
            await until(lambda: "is an S1's" in rover.trouble or task.done())
        assert not task.done()
        async with robot_at("127.0.50.64"):
            await until(lambda: rover.connections == 2 and rover.base.ready, within_s=15)


async def test_answers_that_say_no_do_not_count_as_being_heard() -> None:
    async with driving("127.0.50.65", Identity.s1(), profile="s1") as (_, rover):
        link = rover.link
        assert link is not None

        async def refused(*_: Any, **__: Any) -> bytes:
            return b"\xe4"

        link.ask = refused  # type: ignore[method-assign]
        await until(lambda: not rover.base.ready)
