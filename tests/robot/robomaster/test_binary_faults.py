"""What goes wrong on the way to an emulated robot: busy, rebooted, damaged frames, a cut, the wrong firmware."""

import asyncio
import socket

import pytest

from common.errors import DeviceError
from protos.robomaster.frame import Frame, encode
from protos.robomaster.ids import Command, Host
from robot.robomaster.binary_errors import RoverBusy
from robot.robomaster.binary_handshake import rover_ip
from robot.robomaster.config import RobomasterBinaryConfig
from robot.values import DriveCommand, Effect, Light
from sim.robomaster.binary.links import TcpLink
from sim.robomaster.discovery import Announcer
from sim.robomaster.identity import Identity
from tests.robot.robomaster.binary_emulated import (
    Robot,
    drive_until,
    driving,
    ended,
    odometry_of,
    robot_at,
    rover_to,
    running,
    speed_of,
    stand,
    until,
)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_robot_that_reboots_while_it_is_driven_is_driven_again_after_it(protocol: str) -> None:
    ip = "127.0.50.20" if protocol == "udp" else "127.0.50.21"
    async with driving(ip, protocol=protocol) as (robot, rover):
        await rover.lights.show(Light(Effect.STEADY, (1, 2, 3)))
        await drive_until(rover, DriveCommand(0.8), lambda: robot.where().x_m > 0.3)
        await robot.switch_off()
        await drive_until(rover, DriveCommand(0.8), lambda: not rover.base.ready)
        assert (await rover.base.drive(DriveCommand(0.8))).is_still
        before = odometry_of(rover).pose
        await robot.switch_on()
        await until(lambda: rover.connections == 2 and rover.base.ready)
        assert speed_of(robot) < 0.01  # what was wanted before is not driven now
        await until(lambda: rover.base.odometry() is not None)
        assert odometry_of(rover).pose.x_m == pytest.approx(before.x_m, abs=0.3)
        await until(lambda: all(state.rgb == (1, 2, 3) for state in robot.emulator.rover.leds.values()))
        was_m = robot.where().x_m
        await drive_until(rover, DriveCommand(0.8), lambda: robot.where().x_m > was_m + 0.1)
        await stand(robot, rover)


async def test_busy_robot_is_asked_again_until_it_is_free() -> None:
    async with driving("127.0.50.22") as (robot, _):
        other = rover_to("127.0.50.22")
        with pytest.raises(RoverBusy, match="another program drives it"):
            await other._connection()
    async with robot_at("127.0.50.22") as robot:
        occupant = object()
        assert robot.emulator.rover.claim(occupant)
        async with running(other):
            await until(lambda: "is busy" in other.trouble)
            assert not other.base.ready
            robot.emulator.rover.release(occupant)
            await until(lambda: other.base.ready)


async def test_damaged_and_foreign_frames_are_counted_and_disturb_nothing() -> None:
    async with driving("127.0.50.23") as (robot, rover):
        link = rover.link
        assert link is not None
        assert robot.emulator.binary._commands is not None
        good = encode(Frame(Host.CHASSIS, Host.SDK, 7, *Command.MOVE_PUSH.value, b"\0" * 12))
        bad_checksum = good[:-1] + bytes([good[-1] ^ 1])
        wire = link._wire
        assert wire is not None
        to = wire.local
        send = robot.emulator.binary._commands.sendto
        for datagram in (b"", b"\x55", bad_checksum, good[:9], good, b"garbage" * 50):
            send(datagram, to)
        send(encode(Frame(Host.SERVICE, Host.SDK, 8, *Command.SUBJECT_PUSH.value, b"\0")), to)
        send(encode(Frame(Host.SERVICE, Host.SDK, 9, *Command.HIT_EVENT.value, b"\xf0\0\0\0\0")), to)
        send(encode(Frame(Host.SERVICE, Host.SDK, 9, 0x3F, 0xEE, b"\0", is_ack=True)), to)
        await until(lambda: link.counts.bad == 2 and link.counts.late == 1 and link.counts.unknown == 1)
        assert wire.damaged == 4
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:  # not from the robot: not even seen
            stranger.sendto(good, to)
        await drive_until(rover, DriveCommand(0.5), lambda: robot.where().x_m > 0.1)
        await stand(robot, rover)
        assert (link.counts.unknown, rover.connections) == (1, 1)


async def test_too_old_firmware_ends_it_with_what_to_do() -> None:
    async with robot_at("127.0.50.24", Identity(firmware="01.01.0300")) as robot:
        with pytest.raises(DeviceError, match=r"01\.01\.0300 has no SDK.*Update it"):
            await rover_to("127.0.50.24").run()
        await until(lambda: robot.emulator.rover.owner is None)


async def test_s1_under_the_wrong_profile_ends_it_with_what_to_set() -> None:
    async with robot_at("127.0.50.25", Identity.s1()):
        with pytest.raises(DeviceError, match=r"00\.06\.0521 is an S1's.*base\.profile to s1"):
            await rover_to("127.0.50.25").run()


async def test_stalled_tcp_connection_gets_no_queue_of_old_motion() -> None:
    async with driving("127.0.50.26", protocol="tcp") as (robot, rover):
        await drive_until(rover, DriveCommand(0.5), lambda: speed_of(robot) > 0.4)
        transport = _connection_of(robot)
        transport.pause_reading()
        taken = robot.emulator.rover.now_s
        await drive_until(rover, DriveCommand(0.5), lambda: not rover.base.ready)
        assert robot.emulator.rover.now_s > taken
        transport.resume_reading()
        await until(lambda: speed_of(robot) < 0.01)  # all that waited is driven by now, and it ends in a stop


async def test_rover_in_a_network_with_others_is_found_by_its_serial_number() -> None:
    wanted = RobomasterBinaryConfig(connection="sta", serial_number="3JKDH2T00159G8")
    async with robot_at("127.0.50.27", Identity("3JKDH2T00159G8")) as robot:
        announcing = asyncio.create_task(Announcer(robot.emulator.rover, robot.ip, ("127.0.50.28",)).run())
        try:
            assert await rover_ip(wanted, listen_ip="127.0.50.28") == "127.0.50.27"
        finally:
            await ended(announcing)


def _connection_of(robot: Robot) -> asyncio.Transport:
    link = robot.emulator.binary._link
    assert isinstance(link, TcpLink)
    assert link._transport is not None
    return link._transport
