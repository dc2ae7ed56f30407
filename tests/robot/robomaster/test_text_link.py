"""What goes wrong on the way: stalls, silence, wrong numbers, half messages, reboots, other programs, closed ports."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from common.errors import DeviceError
from common.supervise import Job
from robot.robomaster import text_link, text_session
from robot.robomaster.config import RobomasterTextConfig
from robot.robomaster.discovery import find_rover
from robot.robomaster.text_base import UNREADY_S
from robot.robomaster.text_rover import TextRover
from robot.values import STILL, DriveCommand
from sim.robomaster.identity import Identity
from tests.robot.robomaster.emulated import (
    FAR_S,
    Room,
    connected,
    drive_for,
    drive_until,
    running,
    text_config,
    until,
    until_it_stands,
)
from tests.robot.robomaster.fickle_rover import FickleRover

STOP = "chassis speed x 0 y 0 z 0"
AHEAD = DriveCommand(0.5)


def scripted(ip: str) -> RobomasterTextConfig:
    """For a rover that answers, but has no wheels whose stop could be seen."""
    return text_config(ip, profile="s1")


async def test_in_a_stall_nothing_queues_up_and_after_it_only_what_is_wanted_now_is_sent() -> None:
    async with FickleRover().listening("127.0.40.20") as robot, connected(scripted("127.0.40.20")) as rover:
        await drive_until(rover, AHEAD, lambda: len(robot.speeds()) > 5, "commands")
        robot.answers = False
        began_s = time.monotonic()
        await drive_for(rover, AHEAD, 0.6)
        in_stall = [each for each in robot.speeds(began_s) if each != STOP]
        assert len(in_stall) <= 9  # a fifth of a second's, and one that was answered
        assert robot.speeds()[-1] == STOP
        speeds_s = [at_s for at_s, words in robot.heard if at_s >= began_s and words.startswith("chassis speed x")]
        await until(lambda: time.monotonic() > speeds_s[0] + UNREADY_S + 0.02, "half a second without an answer")
        assert not rover.base.ready
        assert await rover.base.drive(AHEAD) == STILL
        robot.answers = True
        robot.answer()
        await until(lambda: rover.base.ready, "to be ready again")
        over_s = time.monotonic()
        await drive_for(rover, DriveCommand(0.2), 0.2)
        assert {each for each in robot.speeds(over_s) if each != STOP} == {"chassis speed x 0.2 y 0 z 0"}
        assert robot.connections == 1


async def test_a_rover_that_is_silent_for_long_is_connected_to_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_session, "LOST_S", 0.8)
    async with FickleRover().listening("127.0.40.21") as robot, connected(scripted("127.0.40.21")) as rover:
        robot.answers = False
        await until(lambda: not rover.base.ready, "not to be ready")
        await until(lambda: robot.connections == 2, "another connection")
        robot.answers = True
        robot.answer()
        await until(lambda: rover.base.ready and rover.connections == 2, "to be ready again")
    assert "has not answered for 0.8 s" in caplog.text


async def test_answers_with_wrong_numbers_are_dropped_and_the_rover_counts_as_out_of_reach(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with FickleRover().listening("127.0.40.22") as robot, connected(scripted("127.0.40.22")) as rover:
        robot.seq_shift = 5000
        await until(lambda: not rover.base.ready, "not to be ready")
        robot.seq_shift = 0
        await until(lambda: rover.base.ready, "to be ready again")
        assert robot.connections == 1
    assert "answers nothing that was asked" in caplog.text


async def test_one_lost_answer_does_no_harm() -> None:
    async with FickleRover().listening("127.0.40.23") as robot, connected(scripted("127.0.40.23")) as rover:
        robot.swallows = 1
        await drive_until(rover, AHEAD, lambda: len(robot.speeds()) > 12, "commands")
        assert rover.base.ready


async def test_a_rover_that_answers_without_numbers_and_in_pieces_is_understood() -> None:
    robot = FickleRover()
    robot.tells_seq, robot.in_pieces = False, True
    async with robot.listening("127.0.40.24"), connected(scripted("127.0.40.24")) as rover:
        await drive_until(rover, AHEAD, lambda: len(robot.speeds()) > 6, "commands")
        assert rover.base.ready


async def test_half_a_message_and_rubbish_do_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    async with FickleRover().listening("127.0.40.25") as robot, connected(scripted("127.0.40.25")) as rover:
        robot.say(
            "chassis pu;;; ;seq;ok seq;armor event hit 77 0;chassis push position x y;\xff\xfe;" + "z" * 5000 + ";"
        )
        robot.say("ok s")
        await drive_for(rover, STILL, 0.3)
        assert rover.base.ready
        assert rover.pushes.bad == 2
    assert "there is no such plate" in caplog.text


async def test_what_the_rover_refuses_is_said_and_done_without(caplog: pytest.LogCaptureFixture) -> None:
    robot = FickleRover()
    robot.refuses = {"robot mode", "armor", "chassis speed x"}
    async with robot.listening("127.0.40.26"), connected(scripted("127.0.40.26")) as rover:
        async with asyncio.timeout(FAR_S):
            while rover.base.refused <= 3:
                await drive_for(rover, AHEAD, 0.05)
    assert "refuses to drive: 'fail'" in caplog.text
    assert "'fail' to `robot mode`" in caplog.text


async def test_a_robot_that_reboots_in_the_middle_is_driven_again_by_itself() -> None:
    room = Room("127.0.40.27")
    rover = TextRover(text_config(room.ip))
    async with AsyncExitStack() as client:
        async with room.switched_on():
            await client.enter_async_context(running(Job("rover", rover.run)))
            await until(lambda: rover.base.ready, "a connection")
            await drive_for(rover, DriveCommand(0.5), 0.4)
        await until(lambda: not rover.base.ready, "not to be ready")
        assert await rover.base.drive(AHEAD) == STILL
        before = rover.base.odometry()
        room.new_emulator()
        async with room.switched_on():
            await until(lambda: rover.base.ready and rover.connections == 2, "a connection again")
            x, _, _ = room.where()
            await drive_until(rover, DriveCommand(0.5), lambda: room.where()[0] > x + 0.1, "it to go on")
            after = rover.base.odometry()
            assert before is not None
            assert after is not None
            assert after.pose.x_m > before.pose.x_m


async def test_a_busy_robot_is_said_to_be_busy_and_driven_when_it_is_free() -> None:
    room = Room("127.0.40.28")
    rover = TextRover(text_config(room.ip))
    async with room.switched_on() as emulator:
        other = object()
        assert emulator.rover.claim(other)
        async with running(Job("rover", rover.run)):
            await until(lambda: rover.trouble != "", "the reason")
            assert "is busy" in rover.trouble
            assert "Another program" in rover.trouble
            emulator.rover.release(other)
            await until(lambda: rover.base.ready, "a connection")


async def test_closed_ports_are_explained() -> None:
    rover = TextRover(text_config("127.0.40.29"))
    async with running(Job("rover", rover.run)):
        await until(lambda: rover.trouble != "", "the reason")
        assert "40923 is closed" in rover.trouble
        assert "stock S1" in rover.trouble
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await rover.start_video("720p")


async def test_a_rover_that_takes_connections_and_says_nothing_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_link, "ANSWER_S", 0.3)
    robot = FickleRover()
    robot.answers = False
    rover = TextRover(text_config("127.0.40.30"))
    async with robot.listening("127.0.40.30"), running(Job("rover", rover.run)):
        await until(lambda: rover.trouble != "", "the reason")
        assert "does not answer" in rover.trouble


async def test_a_rover_in_the_same_network_is_found_and_driven() -> None:
    room = Room("127.0.40.31", announce_to=("127.0.40.101",))
    config = text_config(None, connection="sta", local_ip="127.0.40.101")
    async with room.switched_on(), connected(config) as rover:
        await drive_for(rover, DriveCommand(0.0, 0.0, 1.0), 0.5)
        assert room.where()[2] > 0.1
        await rover.base.stop()
        await until_it_stands(room)


async def test_of_two_rovers_the_one_with_the_serial_number_is_taken() -> None:
    here = "127.0.40.102"
    first = Room("127.0.40.32", Identity(serial_number="159CGAC0050QS0"), announce_to=(here,))
    second = Room("127.0.40.33", Identity(serial_number="3JKDH2T001ULTD"), announce_to=(here,))
    async with first.switched_on(), second.switched_on():
        assert await find_rover("3JKDH2T001ULTD", here) == second.ip
        with pytest.raises(DeviceError, match=r"NOBODY000000000: not heard.*Heard instead: 159CGAC0050QS0, 3JK"):
            await find_rover("NOBODY000000000", here, wait_s=2.5)


async def test_where_the_push_port_is_taken_positions_are_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    room = Room("127.0.40.34")
    loop = asyncio.get_running_loop()
    taken, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.40.103", 40924))
    try:
        config = text_config(room.ip, local_ip="127.0.40.103")
        async with room.switched_on(), connected(config) as rover:
            await drive_for(rover, DriveCommand(0.5), 0.6)
            odometry = rover.base.odometry()
            assert odometry is not None
            assert odometry.forward_mps == pytest.approx(0.5, abs=0.1)
            await rover.base.stop()
            await until(lambda: not rover.base.waits_for_stop, "the stop to be seen")
    finally:
        taken.close()
    assert "40924" in caplog.text


async def test_pushes_of_strangers_are_not_believed() -> None:
    room = Room("127.0.40.35")
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        loop = asyncio.get_running_loop()
        stranger, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.40.36", 0), remote_addr=("127.0.40.100", 40924)
        )
        for _ in range(20):
            stranger.sendto(b"chassis push position 50 50;")
            await drive_for(rover, STILL, 0.02)
        stranger.close()
        odometry = rover.base.odometry()
        assert odometry is not None
        assert abs(odometry.pose.x_m) < 0.1
