"""The text client drives the emulated robot, and the world's rover goes there."""

import logging
import math
from collections.abc import Callable

import numpy as np
import pytest

from robot.robomaster.guard import SILENCE_S
from robot.values import STILL, DriveCommand
from tests.robot.robomaster.emulated import (
    Room,
    connected,
    drive_for,
    drive_until,
    speed_of,
    text_config,
    until,
    until_it_stands,
)


async def test_ahead_left_and_turning_left_are_that_in_the_world_and_odometry_agrees() -> None:
    room = Room("127.0.40.1")
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        await drive_until(rover, DriveCommand(0.5), lambda: room.where()[0] > 0.2, "the way ahead")
        await drive_until(rover, DriveCommand(0.0, 0.4), lambda: room.where()[1] > 0.15, "the way to the left")
        assert abs(room.where()[2]) < 0.1
        turning = DriveCommand(0.2, 0.0, 1.0)
        await drive_until(rover, turning, lambda: room.where()[2] > 0.4, "the turn")
        told = []
        for _ in range(15):  # on a busy machine the guard may step in for a moment
            await drive_for(rover, turning, 0.02)
            odometry = rover.base.odometry()
            assert odometry is not None
            told.append((odometry.forward_mps, odometry.left_mps, odometry.turn_radps))
        forward_mps, left_mps, turn_radps = np.median(told, 0)
        assert forward_mps == pytest.approx(0.2, abs=0.06)
        assert left_mps == pytest.approx(0.0, abs=0.06)
        assert turn_radps == pytest.approx(1.0, abs=0.1)
        await drive_for(rover, STILL, 0.5)
        x, y, heading = room.where()
        odometry = rover.base.odometry()
        assert odometry is not None
        pose = odometry.pose
        assert math.hypot(pose.x_m - x, pose.y_m - y) < 0.08  # wheels slip a little
        assert abs(pose.heading_rad - heading) < 0.05
        assert abs(odometry.forward_mps) < 0.03
        assert rover.base.disobeyed == rover.base.refused == 0


async def test_a_stop_stops_and_is_seen_to_and_a_control_loop_that_hangs_is_a_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room("127.0.40.2")
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        await drive_for(rover, DriveCommand(0.8), 0.4)
        assert await speed_of(room) > 0.4
        await rover.base.stop()
        assert rover.base.waits_for_stop
        await until(lambda: not rover.base.waits_for_stop, "the stop to be seen")
        assert await speed_of(room) < 0.05
        assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
        await drive_for(rover, DriveCommand(0.8), 0.3)
        await until_it_stands(room)


def deaf_to_stops(room: Room) -> Callable[[], int]:
    """The robot takes no zero for an order, as long as it is a speed. Returns how many it ignored."""
    rover, ignored = room.emulator.rover, [0]
    drive_speed = rover.drive_speed

    def drive(x_mps: float, y_mps: float, z_degps: float) -> None:
        if x_mps == y_mps == z_degps == 0:
            ignored[0] += 1
        else:
            drive_speed(x_mps, y_mps, z_degps)

    rover.drive_speed = drive  # type: ignore[method-assign]
    return lambda: ignored[0]


async def test_a_robot_that_does_not_obey_a_stop_gets_another_one(caplog: pytest.LogCaptureFixture) -> None:
    room = Room("127.0.40.4")
    ignored = deaf_to_stops(room)
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        await drive_for(rover, DriveCommand(0.6), 0.4)
        before = ignored()
        await rover.base.stop()
        await until(lambda: rover.base.disobeyed > 0, "the disobedience to be noticed")
        assert ignored() > before + 5  # zeros were repeated
        await until(lambda: not rover.base.waits_for_stop, "its wheels to be stopped by another command")
        assert await speed_of(room) < 0.05
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert any("still moves at 0." in each and "told to stop" in each for each in told), told


async def test_the_end_of_the_program_waits_until_the_rover_stands() -> None:
    room = Room("127.0.40.5")
    deaf_to_stops(room)
    async with room.switched_on():
        async with connected(text_config(room.ip)) as rover:
            await drive_for(rover, DriveCommand(0.6), 0.4)
        assert room.emulator.rover.owner is None
        assert await speed_of(room) < 0.05
        assert rover.base.ready is False
        assert await rover.base.drive(DriveCommand(0.5)) == STILL


async def test_speeds_are_clipped_and_what_was_sent_is_told() -> None:
    room = Room("127.0.40.6")
    async with room.switched_on(), connected(text_config(room.ip, forward_max_mps=0.3)) as rover:
        sent = await rover.base.drive(DriveCommand(5.0, math.nan, -9.0))
        assert sent == DriveCommand(0.3, 0.0, -2.5)


async def test_an_opened_s1_is_reckoned_from_commands() -> None:
    room = Room("127.0.40.7")
    async with room.switched_on(), connected(text_config(room.ip, profile="s1")) as rover:
        await drive_for(rover, DriveCommand(0.5, 0.0, 0.5), 0.7)
        await drive_for(rover, STILL, 0.4)
        odometry = rover.base.odometry()
        assert odometry is not None
        x, y, heading = room.where()
        assert math.hypot(odometry.pose.x_m - x, odometry.pose.y_m - y) < 0.12
        assert odometry.pose.heading_rad == pytest.approx(heading, abs=0.12)
        assert not rover.base.waits_for_stop


def test_the_guard_speaks_before_the_half_second_is_over() -> None:
    assert SILENCE_S + 0.06 + 1.2 / 5 < 0.45  # from full speed: the wheels' own delay, then braking
