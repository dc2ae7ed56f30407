"""The rover must not move, and the program must not end, whatever comes between it and the text client."""

import asyncio
import socket
import struct
from contextlib import AsyncExitStack

import pytest

from common.supervise import Job
from robot.robomaster.text_rover import TextRover
from robot.robomaster.text_wire import open_tcp
from robot.values import DriveCommand
from tests.robot.robomaster import fickle_rover
from tests.robot.robomaster.emulated import Room, connected, drive_for, running, text_config, until
from tests.robot.robomaster.fickle_rover import FickleRover

AHEAD = DriveCommand(0.5)
STOP = "chassis speed x 0 y 0 z 0"


async def test_what_was_wanted_before_the_program_was_stopped_is_not_driven_when_it_goes_on() -> None:
    robot = FickleRover()
    async with robot.listening("127.0.40.80"), connected(text_config("127.0.40.80", profile="s1")) as rover:
        await drive_for(rover, AHEAD, 0.2)
        await until(lambda: not rover.base._flow._unanswered, "answers to all that was sent before")
        before = len(robot.speeds())
        clock = rover.base._clock
        rover.base._clock = lambda: clock() + 5.0  # as if it had been stopped for so long
        rover.base.pump()
        await until(lambda: len(robot.speeds()) > before, "what it says first")
        assert set(robot.speeds()[before:]) == {STOP}


async def test_nothing_is_driven_before_the_rover_is_set_up_and_the_first_word_is_a_stop() -> None:
    robot = FickleRover()
    robot.holds = "robot mode"
    rover = TextRover(text_config("127.0.40.81", profile="s1"))
    async with robot.listening("127.0.40.81"), running(Job("rover", rover.run)):
        await until(lambda: any(words.startswith("robot mode") for _, words in robot.heard), "the set-up")
        await drive_for(rover, AHEAD, 0.1)
        assert not rover.base.ready
        assert {*robot.speeds()} == {STOP}
        robot.holds = ""
        robot.answer()
        await until(lambda: rover.base.ready, "a connection")


async def test_a_rover_whose_guard_died_is_not_driven_while_it_is_let_go() -> None:
    robot = FickleRover()
    robot.holds = "quit"
    async with robot.listening("127.0.40.82"), connected(text_config("127.0.40.82")) as rover:
        await drive_for(rover, AHEAD, 0.2)
        guard = rover.base._guard
        assert guard is not None
        guard._process.kill()
        driving = asyncio.create_task(drive_for(rover, AHEAD, 1.0))
        await until(
            lambda: any(words.startswith("chassis wheel") for _, words in robot.heard), "its wheels to be stopped"
        )
        stopped_s = next(at_s for at_s, words in robot.heard if words.startswith("chassis wheel"))
        await driving
        assert {*robot.speeds(stopped_s)} <= {STOP}
        robot.holds = ""
        robot.answer()
        await until(lambda: rover.connections == 2 and rover.base.ready, "another connection")
        await drive_for(rover, AHEAD, 0.2)
        assert robot.speeds()[-1] != STOP


async def test_the_rover_is_let_go_even_where_nobody_can_see_whether_it_stands() -> None:
    robot = FickleRover()
    robot.refuses = {"chassis position", "chassis speed ?"}
    async with robot.listening("127.0.40.83"):
        async with connected(text_config("127.0.40.83")) as rover:
            await drive_for(rover, AHEAD, 0.1)
        assert robot.heard[-1][1] == "quit"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400"])
async def test_a_number_that_is_none_does_not_end_the_program(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fickle_rover.ANSWERS, "robot battery ?", number)
    monkeypatch.setitem(fickle_rover.ANSWERS, "chassis position ?", f"{number} 0 0")
    monkeypatch.setitem(fickle_rover.ANSWERS, "chassis speed ?", f"0 {number} 0 0 0 0 0")
    robot = FickleRover()
    async with robot.listening("127.0.40.84"), connected(text_config("127.0.40.84")) as rover:
        await drive_for(rover, AHEAD, 0.5)
        assert rover.base.ready
        assert rover.base.battery_percent is None
        assert rover.connections == 1


async def test_of_two_rovers_in_the_network_the_other_one_is_not_taken_when_the_first_is_gone() -> None:
    here = "127.0.40.104"
    first, other = Room("127.0.40.85", announce_to=(here,)), Room("127.0.40.86", announce_to=(here,))
    rover = TextRover(text_config(None, connection="sta", local_ip=here))
    async with AsyncExitStack() as client:
        async with first.switched_on():
            await client.enter_async_context(running(Job("rover", rover.run)))
            await until(lambda: rover.base.ready, "a connection")
        async with other.switched_on():
            await until(lambda: "127.0.40.85: its text port" in rover.trouble, "the reason")
            assert other.emulator.rover.owner is None


async def test_a_connection_that_broke_gives_its_number_to_no_guard() -> None:
    robot = FickleRover()
    async with robot.listening("127.0.40.87"):
        wire = await open_tcp("127.0.40.87")
        assert wire.fileno > 0
        await until(lambda: robot.transport is not None, "the connection")
        assert robot.transport is not None
        sock = robot.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        robot.transport.abort()  # a reset, not an orderly end
        await until(lambda: wire.fileno == -1, "the end")
        await wire.close()
