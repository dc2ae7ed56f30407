"""The binary protocol's client drives an emulated robot: what it commands, the world does."""

import asyncio
import math

import numpy as np
import pytest

from robot.robomaster import binary_base
from robot.robomaster.binary_errors import RoverGone
from robot.values import DriveCommand, Odometry
from tests.robot.robomaster.binary_emulated import (
    CONTROL_S,
    drive_until,
    driving,
    odometry_of,
    rover_to,
    speed_of,
    stand,
    until,
)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_drives_ahead_to_the_left_and_turns_to_the_left(protocol: str) -> None:
    ip = "127.0.50.1" if protocol == "udp" else "127.0.50.2"
    async with driving(ip, protocol=protocol) as (robot, rover):
        await drive_until(rover, DriveCommand(forward_mps=0.8), lambda: robot.where().x_m > 0.2)
        await stand(robot, rover)
        assert abs(robot.where().y_m) < 0.05
        await drive_until(rover, DriveCommand(left_mps=0.5), lambda: robot.where().y_m > 0.15)
        await stand(robot, rover)
        await drive_until(rover, DriveCommand(turn_radps=1.5), lambda: robot.where().heading_rad > math.radians(20))
        await stand(robot, rover)


def speeds_in(odometry: Odometry) -> tuple[float, float, float]:
    return odometry.forward_mps, odometry.left_mps, odometry.turn_radps


async def test_odometry_agrees_with_the_world() -> None:
    async with driving("127.0.50.3") as (robot, rover):
        command = DriveCommand(0.6, 0.2, 1.0)
        await drive_until(rover, command, lambda: robot.where().heading_rad > 0.8)
        told, true = [], []
        for _ in range(20):  # both are noisy
            await rover.base.drive(command)
            await asyncio.sleep(CONTROL_S)
            told.append(speeds_in(odometry_of(rover)))
            true.append(speeds_in(robot.world.rovers[0].odometry(robot.world.time_s)))
        assert np.median(told, 0) == pytest.approx(np.median(true, 0), abs=0.1)
        await stand(robot, rover)
        await until(lambda: _apart(rover.base.odometry(), robot.where()) < 0.02)
        heading = odometry_of(rover).pose.heading_rad
        assert heading == pytest.approx(robot.where().heading_rad, abs=0.02)


async def test_control_loop_that_hangs_leaves_the_wheels_standing() -> None:
    async with driving("127.0.50.4") as (robot, rover):
        await drive_until(rover, DriveCommand(0.8), lambda: speed_of(robot) > 0.6)
        await until(lambda: speed_of(robot) < 0.01)
        assert rover.base.ready  # not because the connection was lost


async def test_cancelled_client_leaves_the_robot_standing_and_free_for_another() -> None:
    async with driving("127.0.50.5") as (robot, rover):
        await drive_until(rover, DriveCommand(0.8), lambda: speed_of(robot) > 0.6)
        assert robot.emulator.rover.owner is not None
    assert robot.emulator.rover.owner is None
    assert speed_of(robot) < 0.9


async def test_stop_that_is_not_obeyed_is_insisted_on_and_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_base, "GIVE_UP_TIMES", 4)
    async with driving("127.0.50.6") as (robot, rover):
        await drive_until(rover, DriveCommand(0.5), lambda: speed_of(robot) > 0.4)
        first = rover.link
        deaf = robot.emulator.rover
        deaf.drive_speed = lambda *_: None  # type: ignore[method-assign]
        deaf.drive_wheels = lambda *_: None  # type: ignore[method-assign]
        await rover.base.stop()
        await until(lambda: rover.link is not first)  # out of SDK mode, which does stop it
        assert rover.base.disobeyed > 2
        await until(lambda: speed_of(robot) < 0.01)


async def test_limits_of_the_settings_hold_and_what_is_sent_is_returned() -> None:
    async with driving("127.0.50.7", forward_max_mps=0.3) as (robot, rover):
        sent = await rover.base.drive(DriveCommand(2.0, math.nan, -9.0))
        assert sent == DriveCommand(0.3, 0.0, -2.5)
        await stand(robot, rover)


async def test_nothing_is_driven_while_no_robot_is_there() -> None:
    rover = rover_to("127.0.50.8")
    assert not rover.base.ready
    assert (await rover.base.drive(DriveCommand(1.0))).is_still
    with pytest.raises(RoverGone, match=r"127\.0\.50\.8.*30030.*Is it switched on"):
        await rover._connection()


def _apart(told, where) -> float:
    return math.hypot(told.pose.x_m - where.x_m, told.pose.y_m - where.y_m)
