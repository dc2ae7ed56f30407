"""The protocol over real sockets."""

import asyncio
import socket

import pytest

from common.errors import LinkError
from protos.robomaster.frame import Frame, encode
from protos.robomaster.ids import BINARY_PORT, Command, HandshakeState, Host, Subject, Transport
from protos.robomaster.payloads import DriveSpeed, SdkMode, SubjectPush, Subscribe
from sim.robomaster.binary.service import BinaryService
from tests.sim.robomaster.binary.client import CLIENT_IP, IP, Client, robot, until
from tests.sim.robomaster.binary.stand import Screen

BOTH = pytest.mark.parametrize("transport", Transport, ids=lambda transport: transport.name)


@BOTH
async def test_a_client_connects_drives_and_leaves(transport: Transport) -> None:
    async with robot() as on_air:
        with Client(transport) as client:
            ack = await client.handshake()
            assert (ack.ret, ack.state, ack.ip) == (0, HandshakeState.READY, "127.0.0.1")
            assert await client.ask(Command.SDK_MODE, SdkMode(True)) == b"\0"
            await client.say(Command.DRIVE_SPEED, DriveSpeed(0.4))
            await until(lambda: on_air.speed == pytest.approx((0.4, 0.0, 0.0)))
            assert await client.ask(Command.SDK_MODE, SdkMode(False)) == b"\0"
            assert on_air.speed == (0.0, 0.0, 0.0)
            assert on_air.rover.owner is None


@BOTH
async def test_samples_come_and_the_first_right_behind_the_answer(transport: Transport) -> None:
    async with robot():
        with Client(transport) as client:
            await client.enter()
            request = Subscribe(33, (Subject.POSITION,), 50)
            assert (await client.ask(Command.SUBSCRIBE, request))[0] == 0
            for _ in range(10):
                push = await client.hear()
                assert (push.sender, push.receiver) == (Host.SERVICE, Host.SDK)
                assert SubjectPush.unpack(push.payload).msg_id == 33


async def test_by_tcp_no_two_frames_arrive_together() -> None:
    async with robot():
        with Client(Transport.TCP) as client:
            await client.enter()
            for number, subject in enumerate((Subject.POSITION, Subject.IMU, Subject.ESC), 20):
                await client.ask(Command.SUBSCRIBE, Subscribe(number, (subject,), 50))
            while len(client.pushed) < 100:
                await client.hear()
            together = [data for data in client.reads if data.count(b"\x48\x08\x00") > 1]
            assert len(together) < 5  # none at all on a machine that has nothing else to do


async def test_a_second_client_is_told_that_the_robot_is_busy_and_disturbs_nothing() -> None:
    async with robot() as on_air:
        with Client() as first, Client() as second:
            await first.enter()
            assert (await second.handshake()).state is HandshakeState.BUSY
            await second.say(Command.DRIVE_SPEED, DriveSpeed(1.0))
            await second.say(Command.SDK_MODE, SdkMode(False))
            await until(lambda: on_air.service.strangers == 2)
            await first.say(Command.DRIVE_SPEED, DriveSpeed(0.2))
            await until(lambda: on_air.speed == pytest.approx((0.2, 0.0, 0.0)))
            await first.ask(Command.SDK_MODE, SdkMode(False))
            await second.enter()


async def test_the_robot_is_busy_while_the_other_protocol_has_it() -> None:
    async with robot() as on_air:
        other = object()
        assert on_air.rover.claim(other)
        with Client() as client:
            assert (await client.handshake()).state is HandshakeState.BUSY
            on_air.rover.release(other)
            assert (await client.handshake()).state is HandshakeState.READY


async def test_a_client_that_missed_the_first_answer_may_ask_again() -> None:
    async with robot():
        with Client() as client:
            for _ in range(2):
                assert (await client.handshake(connect=False)).state is HandshakeState.READY
            await client.enter()


async def test_who_did_not_ask_for_a_connection_is_not_heard() -> None:
    async with robot() as on_air:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(encode(Frame(Host.SDK, Host.SERVICE, 1, 0x3F, 0xD1, b"\1", wants_ack=2)), (IP, BINARY_PORT))
            await until(lambda: on_air.service.strangers == 1)
        reader, writer = await asyncio.open_connection(IP, BINARY_PORT)
        assert await asyncio.wait_for(reader.read(1), 5) == b""
        writer.close()
        await writer.wait_closed()
        assert on_air.service.strangers == 2


@BOTH
async def test_garbage_half_frames_and_wrong_checksums_are_counted_and_harm_nothing(transport: Transport) -> None:
    good = encode(Frame(Host.SDK, Host.SERVICE, 9, *Command.HEARTBEAT.value, wants_ack=2))
    wrong = good[:-1] + bytes([good[-1] ^ 1])
    async with robot() as on_air:
        with Client(transport) as client:
            await client.enter()
            for rubbish in (b"\x00", bytes(1500), b"\x55" * 40, good[:7], wrong):
                await client.raw(rubbish)
                await asyncio.sleep(0.002)  # so that it comes apart by TCP too
            assert await client.ask(Command.HEARTBEAT) == b"\0"
            if transport is Transport.UDP:
                assert on_air.service.bad_datagrams == 5
            else:
                assert on_air.service.garbage_bytes >= 1500


async def test_by_tcp_a_request_may_come_in_pieces_or_with_others() -> None:
    async with robot():
        with Client(Transport.TCP) as client:
            await client.enter()
            frames = [
                encode(Frame(Host.SDK, Host.SERVICE, seq, *Command.HEARTBEAT.value, wants_ack=2)) for seq in (1, 2, 3)
            ]
            for byte in frames[0]:
                await client.raw(bytes([byte]))
            await client.raw(frames[1] + frames[2])
            assert [(await client.hear()).seq for _ in frames] == [1, 2, 3]


async def test_a_client_that_falls_silent_is_let_go_and_the_robot_stands() -> None:
    async with robot(silence_s=0.5) as on_air:
        with Client() as client:
            await client.enter()
            await client.say(Command.DRIVE_SPEED, DriveSpeed(0.5))
            await until(lambda: on_air.speed[0] > 0)
            for _ in range(10):  # a heartbeat keeps it
                assert await client.ask(Command.HEARTBEAT) == b"\0"
                await asyncio.sleep(0.05)
            assert on_air.speed[0] > 0
            await until(lambda: on_air.speed == (0.0, 0.0, 0.0))
            assert on_air.rover.owner is None
            await client.say(Command.DRIVE_SPEED, DriveSpeed(0.5))
            await until(lambda: on_air.service.strangers == 1)
            assert on_air.speed == (0.0, 0.0, 0.0)


async def test_a_tcp_connection_that_ends_stops_the_robot_at_once() -> None:
    async with robot() as on_air:
        with Client(Transport.TCP) as client:
            await client.enter()
            await client.say(Command.DRIVE_SPEED, DriveSpeed(0.5))
            await until(lambda: on_air.speed[0] > 0)
        await until(lambda: on_air.speed == (0.0, 0.0, 0.0))
        await until(lambda: on_air.service.session is None)
        with Client(Transport.TCP) as next_one:
            await next_one.enter()


@BOTH
async def test_when_the_network_is_gone_the_client_has_to_connect_anew(transport: Transport) -> None:
    async with robot() as on_air:
        with Client(transport) as client:
            await client.enter()
            await client.say(Command.DRIVE_SPEED, DriveSpeed(0.5))
            await until(lambda: on_air.speed[0] > 0)
            on_air.rover.release_any()
            assert on_air.speed == (0.0, 0.0, 0.0)
            await until(lambda: on_air.service.session is None)
        with Client(transport) as anew:
            await anew.enter()


async def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    async with robot() as on_air:
        with pytest.raises(LinkError, match=r"127\.0\.20\.10.*another address"):
            await BinaryService(on_air.rover, IP, Screen()).run()
        with Client() as client:
            await client.enter()


async def test_two_robots_live_side_by_side_on_their_own_addresses() -> None:
    async with robot() as on_air:
        beside = BinaryService(on_air.rover, "127.0.20.11", Screen())
        running = asyncio.create_task(beside.run())
        await asyncio.wait_for(beside.ready.wait(), 5)
        with Client(ip=CLIENT_IP) as client:
            await client.enter()
        running.cancel()
        await asyncio.wait([running])
