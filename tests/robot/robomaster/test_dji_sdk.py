"""The adapter to DJI's own package, over a small stand-in for it."""

import asyncio
import contextlib
import math
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from common.errors import ConfigError
from common.supervise import Job, supervise
from protos.robomaster.ids import NOTES
from robot.config import RobotConfig
from robot.robomaster.binary_base import STOP_FRAMES
from robot.robomaster.config import DjiSdkConfig, RobomasterCameraConfig
from robot.robomaster.dji_sdk import DjiRover, dji_rover_of, load_package
from robot.values import ArmourSide, DriveCommand, Effect, Light, Sound
from tests.robot.robomaster.fake_dji import FakeRobot, fake_package

MOVED = DriveCommand(0.5, 0.2, math.radians(30))


@pytest.fixture(autouse=True)
def none_made() -> Iterator[None]:
    FakeRobot.made.clear()
    FakeRobot.refuses = False
    yield
    for robot in FakeRobot.made:
        robot.released.set()
        robot.client._conn._sock.close()


@contextlib.asynccontextmanager
async def connected(config: DjiSdkConfig | None = None) -> AsyncIterator[tuple[DjiRover, FakeRobot]]:
    rover = DjiRover(config or DjiSdkConfig(), fake_package)
    running = asyncio.create_task(supervise([Job("rover", rover.run)]))
    try:
        await until(lambda: rover.ready)
        yield rover, FakeRobot.made[-1]
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def tell_place(robot: FakeRobot) -> None:
    """From a thread of the package, in its axes."""
    robot.chassis.callbacks["attitude"]((-30.0, 0.0, 0.0))
    robot.chassis.callbacks["imu"]((0.0, 0.0, -1.0, 0.0, 0.0, 0.4))
    robot.chassis.callbacks["velocity"]((0.0, 0.0, 0.0, 0.3, 0.1, 0.0))
    robot.chassis.callbacks["position"]((1.0, 2.0, 0.0))


async def drive_until(rover: DjiRover, robot: FakeRobot, is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.to_thread(tell_place, robot)
            await rover.drive(MOVED)
            await asyncio.sleep(0.02)


async def test_speeds_are_repeated_in_its_axes_from_a_thread_and_zeros_follow() -> None:
    async with connected(DjiSdkConfig(connection="rndis", serial_number="3JKDH2T00159G8")) as (rover, robot):
        assert robot.asked == ("rndis", "udp", "3JKDH2T00159G8")
        assert robot.mode == "chassis_lead"
        await drive_until(rover, robot, lambda: len([s for s in robot.chassis.speeds if s[0]]) >= 10)
        assert robot.chassis.speeds[-1] == pytest.approx((0.5, -0.2, -30.0))
        await rover.stop()
        await until(lambda: robot.chassis.speeds[-3:] == [(0.0, 0.0, 0.0)] * 3)
    assert robot.closed


async def test_control_loop_that_hangs_leaves_the_wheels_standing() -> None:
    async with connected() as (rover, robot):
        await drive_until(rover, robot, lambda: any(speed[0] for speed in robot.chassis.speeds))
        await until(lambda: robot.chassis.speeds[-1] == (0.0, 0.0, 0.0))


async def test_package_that_blocks_does_not_hold_up_the_loop() -> None:
    async with connected() as (rover, robot):
        robot.stuck.set()
        await drive_until(rover, robot, lambda: any(speed[0] for speed in robot.chassis.speeds))
        sent = len(robot.chassis.speeds)
        for _ in range(20):
            await rover.drive(MOVED)
        assert len(robot.chassis.speeds) == sent
        robot.stuck.clear()
        robot.released.set()


async def test_pushes_become_odometry_and_silence_means_not_ready() -> None:
    async with connected() as (rover, robot):
        assert set(robot.chassis.rates.values()) == {50}
        await asyncio.to_thread(tell_place, robot)
        await until(lambda: rover.odometry() is not None)
        told = rover.odometry()
        assert told is not None
        assert (told.pose.x_m, told.pose.y_m, told.pose.heading_rad) == pytest.approx(
            (1.0, -2.0, math.pi / 6), abs=0.02
        )
        assert (told.forward_mps, told.left_mps, told.turn_radps) == pytest.approx((0.3, -0.1, -0.4))
        await until(lambda: not rover.ready)
        assert (await rover.drive(MOVED)).is_still


async def test_lamps_sounds_and_hits_go_through() -> None:
    async with connected() as (rover, robot):
        await rover.show(Light(Effect.FLASH, (1, 2, 3), 5.0))
        await rover.show(Light(Effect.SCROLL, (1, 2, 3), 1.0))
        await until(lambda: len(robot.led.shown) == 3)
        assert robot.led.shown[0] == ("all", (1, 2, 3), "flash", 5.0)
        assert [shown[0::2] for shown in robot.led.shown[1:]] == [("bottom_all", "breath"), ("top_all", "scrolling")]
        await rover.play(Sound.SEARCH)
        await rover.play(Sound.FOLLOW)  # only after the first has ended: the package hangs else
        await until(lambda: robot.sounds == [NOTES["NOTE_1F"], NOTES["NOTE_1A"]])
        assert robot.armor.callback is not None
        await asyncio.to_thread(robot.armor.callback, (3, "water"))
        async with asyncio.timeout(5):
            assert await rover.hits.next_hit() is ArmourSide.LEFT


async def test_robot_that_is_not_there_is_tried_again() -> None:
    FakeRobot.refuses = True
    rover = DjiRover(DjiSdkConfig(), fake_package)
    running = asyncio.create_task(rover.run())
    try:
        await until(lambda: len(FakeRobot.made) == 1 and FakeRobot.made[0].closed)
        assert not rover.ready
        FakeRobot.refuses = False
        await until(lambda: rover.ready)
        assert len(FakeRobot.made) == 2
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def test_missing_package_is_said_with_what_to_take_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "robomaster.config", None)
    with pytest.raises(ConfigError, match=r"dji-sdk.*cannot be imported.*robomaster-binary"):
        load_package()


def test_its_video_is_refused() -> None:
    parts = dji_rover_of(RobotConfig(), DjiSdkConfig(), fake_package)
    with pytest.raises(ConfigError, match="robomaster-binary"):
        parts.camera(RobomasterCameraConfig())


async def test_package_that_breaks_while_it_drives_is_stopped_by_the_guard_and_connected_again() -> None:
    async with connected() as (rover, robot):
        await drive_until(rover, robot, lambda: any(speed[0] for speed in robot.chassis.speeds))
        connection = robot.client._conn
        told = connection._sock.dup()

        def broken(**_: float) -> bool:
            raise OSError("the package's socket is gone")

        robot.chassis.drive_speed = broken  # type: ignore[method-assign, assignment]
        with told:
            told.setblocking(False)
            await until(lambda: len(FakeRobot.made) == 2 and rover.ready)
            heard = [told.recv(100) for _ in range(2)]
        assert heard == STOP_FRAMES
