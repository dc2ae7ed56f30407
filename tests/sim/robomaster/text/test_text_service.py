"""The text protocol over real sockets, with the robot in a room."""

import asyncio
import contextlib
import socket
import struct

import pytest

from common.errors import LinkError
from protos.robomaster.ids import TEXT_EVENT_PORT, TEXT_PORT
from protos.robomaster.text import pushes
from sim.robomaster.values import Hit, HitKind, HitSide
from sim.scenario import Scenario
from tests.sim.robomaster.rover_in_world import room
from tests.sim.robomaster.text.visit import IP, Visit, client, events, push_socket, received


def wall_ahead() -> Scenario:
    return room(person=(-3, 0), world={"walls": [{"line": [[0.8, -2], [0.8, 2]]}]})


async def test_a_move_is_answered_at_its_end_and_the_rover_really_is_there() -> None:
    visit = Visit()
    async with visit.running(), client() as program:
        assert await program.ask("chassis move x 0.5 y 0.2 z 90 vxy 1 vz 120 seq 1") == "ok seq 1;"
        x, y, heading = visit.bench.where()
        assert (x, y) == pytest.approx((0.5, -0.2), abs=0.04)
        assert heading == pytest.approx(1.57, abs=0.05)  # counter-clockwise, unlike the speed's z
        x_m, y_m, yaw = (float(word) for word in (await program.ask("chassis position ?")).rstrip(";").split())
        assert (x_m, y_m, yaw) == pytest.approx((0.5, 0.2, -90.0), abs=2.0)


async def test_other_commands_are_answered_during_a_move_and_a_speed_ends_it() -> None:
    visit = Visit()
    async with visit.running(), client() as program:
        program.send(b"chassis move x 3 vxy 0.5 seq 1;chassis status ? seq 2;")
        assert (await program.reply()).endswith("seq 2;")
        await visit.until(lambda: visit.bench.where()[0] > 0.1)
        program.send(b"chassis speed x 0 y 0 z 0 seq 3;")
        assert {await program.reply(), await program.reply()} == {"ok seq 3;", "fail seq 1;"}
        await visit.pass_time(1.0)
        assert visit.bench.where()[0] < 1.0


async def test_a_move_against_a_wall_fails() -> None:
    visit = Visit(wall_ahead())
    async with visit.running(), client() as program:
        assert await program.ask("chassis move x 2 vxy 0.5 seq 1") == "fail seq 1;"


@pytest.mark.parametrize("hz", [1, 10, 50])
async def test_pushes_come_from_the_robot_s_address_at_their_rate(hz: int) -> None:
    visit = Visit()
    with push_socket() as udp:
        async with visit.running(), client() as program:
            await program.ask("chassis speed x 0.3 y 0 z 0")
            await program.ask(f"chassis push position on pfreq {hz} status on sfreq {hz}")
            await program.ask(f"gimbal push attitude on afreq {hz}")
            received(udp)
            begin_s, datagrams = visit.rover.now_s, []
            while visit.rover.now_s < begin_s + 4.0:
                await visit.pass_time(0.5)
                datagrams += received(udp)
            passed_s = visit.rover.now_s - begin_s
            for message in ("chassis push position off status off", "gimbal push attitude off"):
                await program.ask(message)
            received(udp)
            await visit.pass_time(1.0)
            assert received(udp) == []
    found = [push for text, _, _ in datagrams for push in pushes(text.encode())]
    assert len(found) == len(datagrams)
    for device, attribute, words in (("chassis", "position", 2), ("chassis", "status", 11), ("gimbal", "attitude", 2)):
        mine = [push for push in found if (push.device, push.attribute) == (device, attribute)]
        assert len(mine) == pytest.approx(hz * passed_s, abs=1 + 0.15 * hz * passed_s)
        assert {len(push.words) for push in mine} == {words}
    x_m = [push.numbers(2)[0] for push in found if push.attribute == "position"]
    assert x_m == sorted(x_m)
    assert x_m[-1] > 0.5
    assert {address for _, address, _ in datagrams} == {IP}
    assert len({port for _, _, port in datagrams}) == 1


async def test_a_collision_in_the_world_is_an_event() -> None:
    visit = Visit(wall_ahead())
    async with visit.running(), events() as heard, client() as program:
        assert await program.ask("armor event hit on") == "ok;"
        await program.ask("chassis speed x 0.6 y 0 z 0")
        assert await heard.reply() == "armor event hit 2 1;"
        await program.ask("armor event hit off")
        visit.rover.hit(Hit(HitSide.LEFT, HitKind.HAND))
        await program.ask("sound event applause on")
        visit.service.applaud(3)
        assert await heard.reply() == "sound event applause 3;"


async def test_no_events_after_the_client_has_gone() -> None:
    visit = Visit()
    async with visit.running(), events() as heard:
        async with client() as program:
            await program.ask("armor event hit on")
        await visit.until(lambda: visit.rover.owner is None)
        visit.rover.hit(Hit(HitSide.LEFT, HitKind.HAND))
        async with client() as program:
            await program.ask("sound event applause on")
            visit.service.applaud(1)
            assert await heard.reply() == "sound event applause 1;"


@pytest.mark.parametrize("how", ["closes", "resets", "half a command"])
async def test_a_client_that_disappears_leaves_the_rover_standing(how: str) -> None:
    visit = Visit()
    async with visit.running():
        async with client() as program:
            await program.ask("chassis speed x 0.8 y 0 z 0")
            await visit.until(lambda: visit.bench.where()[0] > 0.2)
            if how == "half a command":
                program.send(b"chassis speed x 2 y")
            if how == "resets":
                linger = struct.pack("ii", 1, 0)
                program.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await visit.until(lambda: visit.rover.owner is None)
        await visit.pass_time(0.5)
        where = visit.bench.where()
        await visit.pass_time(0.5)
        assert visit.bench.where() == pytest.approx(where, abs=0.005)
        async with client() as program:
            assert await program.ask("robot mode ?") == "free;"


async def test_a_service_that_ends_leaves_the_rover_standing() -> None:
    visit = Visit()
    async with visit.running(), client() as program:
        await program.ask("chassis speed x 0.8 y 0 z 0")
        await visit.until(lambda: visit.bench.where()[0] > 0.1)
    assert visit.rover.owner is None
    visit.bench.run(0.5)
    where = visit.bench.where()
    visit.bench.run(0.5)
    assert visit.bench.where() == pytest.approx(where, abs=0.005)


async def test_a_link_that_is_lost_ends_the_talk_and_command_begins_it_again() -> None:
    visit = Visit()
    async with visit.running(), client() as program:
        program.send(b"chassis move x 3 seq 1;robot mode ? seq 2;")
        assert await program.reply() == "free seq 2;"
        visit.rover.release_any()
        program.send(b"robot mode ?;")
        assert await program.ask("command") == "ok;"
        assert await program.ask("robot mode ?") == "free;"


async def test_a_second_client_is_told_so_and_gets_the_rover_after_the_first() -> None:
    visit = Visit()
    async with visit.running(), client(command=False, ip="127.0.10.3") as second:
        async with client() as first:
            assert await second.ask("command") == "fail;"
            second.send(b"chassis speed x 1 y 0 z 0;")
            assert await second.ask("command seq 5") == "fail seq 5;"
            assert await first.ask("robot mode ?") == "free;"
            assert visit.service.client_ip == "127.0.10.2"
            assert await first.ask("quit") == "ok;"
            assert await second.ask("command") == "ok;"
            assert visit.service.client_ip == "127.0.10.3"
        assert await second.ask("robot mode ?") == "free;"  # the first one's leaving took nothing from it


async def test_the_other_protocol_s_client_keeps_text_out() -> None:
    visit = Visit()
    async with visit.running(), client(command=False) as program:
        visit.rover.claim(other := object())
        assert await program.ask("command") == "fail;"
        visit.rover.release(other)
        assert await program.ask("command") == "ok;"


async def test_garbage_ends_nothing() -> None:
    visit = Visit()
    async with visit.running(), client(command=False) as fool:
        fool.send(bytes(range(256)) * 4000)
        async with client() as program:
            program.send(b"\xff\0;" + b"a" * 100_000 + b";")
            assert await program.reply() == "command parse error;"
            assert await program.reply() == "command parse error;"
            assert await program.ask("robot mode ?") == "free;"


async def test_a_client_that_reads_no_replies_is_not_listened_to_until_it_does() -> None:
    visit = Visit()
    many = 40_000
    async with visit.running(), client() as lazy:
        lazy.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        lazy.send(b"chassis status ?;" * many)
        (control,) = visit.service._controls
        transport = control.transport
        assert transport is not None
        await visit.until(lambda: not transport.is_reading())
        assert transport.get_write_buffer_size() < 32_000
        async with client(command=False) as other:
            assert await other.ask("command") == "fail;"  # others are answered
        for _ in range(many):
            assert len((await lazy.reply()).split()) == 11
        assert await lazy.ask("robot mode ?") == "free;"


@pytest.mark.parametrize("port", [TEXT_PORT, TEXT_EVENT_PORT])
async def test_one_connection_too_many_is_turned_away(port: int) -> None:
    visit = Visit()
    async with visit.running(), contextlib.AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(client(command=False, port=port))
        extra = await stack.enter_async_context(client(command=False, port=port))
        assert await extra.end() == b""
        if port != TEXT_PORT:
            await stack.enter_async_context(client())


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((IP, TEXT_EVENT_PORT))
        holder.listen()
        with pytest.raises(LinkError, match=r"text events: cannot use 127\.0\.10\.1:40925"):
            await Visit().service.run()
    async with Visit().running(), client():  # nothing of it was left open
        pass


async def test_leaving_ends_video_and_sound_as_quit_does() -> None:
    visit = Visit()
    async with visit.running():
        async with client() as program:
            assert await program.ask("stream on") == "ok;"
            assert await program.ask("audio on") == "ok;"
            assert (visit.video.is_on, visit.audio.is_on) == (True, True)
        await visit.until(lambda: not visit.video.is_on and not visit.audio.is_on)
        await asyncio.sleep(0)
