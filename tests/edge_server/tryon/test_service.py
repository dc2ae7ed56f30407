"""Pose, Parsing and TryOn over gRPC on 127.0.0.1."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import generate_latest

from common.errors import BadImageError, ConfigError
from edge_server.config import EdgeConfig
from edge_server.server import EdgeServer
from edge_server.tryon.stages import TryOnEngines
from edge_server.tryon.values import NoPersonError, TryOnError
from protos.tagalong.v1 import offload_pb2, offload_pb2_grpc, tryon_pb2, tryon_pb2_grpc
from protos.tryon import BodyRequest, GarmentData, ImageFormat, Quality, Queued, TryOnRequest, Working
from protos.tryon_errors import (
    BusyError,
    EngineFailedError,
    NodeGoneError,
    TooLateError,
    UnknownGarmentError,
)
from tests.edge_server.support import Blobs, Track, config_of, jpeg_of, serving, until
from tests.edge_server.tryon.nodes import (
    Heard,
    Outline,
    Paint,
    client_of,
    engines,
    jpeg,
    node_config,
    person,
    pixels,
    png,
    process_of,
    raw_channel,
    running,
    shirt_data,
)

ALL = ("pose", "parsing", "tryon")


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


def request(garment: str | GarmentData = "red-shirt", **fields: object) -> TryOnRequest:
    return TryOnRequest(**{"image": jpeg(person()), "garment": garment, **fields})  # type: ignore[arg-type]


async def test_pose_and_areas_then_a_garment_and_the_next_one_without_asking_for_them_again() -> None:
    pose = Outline()
    tryon = engines(pose=pose)
    async with running(node_config(), tryon) as server, client_of(server) as client:
        found = await client.pose(BodyRequest(png(person())), soon())
        assert found.pose.points["nose"].x == pytest.approx(0.5, abs=0.02)
        assert found.parsing is None
        assert (found.upright.width_px, found.upright.height_px, found.upright.image) == (240, 320, b"")
        parsed = await client.parse(BodyRequest(png(person()), pose=found.pose), soon())
        assert parsed.engine == "thirds"
        assert parsed.timings.total_s > 0
        calls = pose.calls
        heard = Heard()
        asked = request(image=png(person()), pose=parsed.pose, parsing=parsed.parsing, format=ImageFormat.PNG)
        done = await client.try_on(asked, soon(), heard)
        assert pose.calls == calls
        assert (done.engine, done.node, done.width_px, done.height_px) == ("paint", "node", 240, 320)
        dressed = pixels(done.image)
        assert tuple(dressed[130, 120]) == (20, 30, 200)
        changed = (dressed != person()).any(axis=2)
        assert 0 < changed.sum() < 0.3 * changed.size  # all else is as it was, to the last bit
        shares = [news.share for news in heard.all if isinstance(news, Working)]
        assert shares == sorted(shares)
        blue = await client.try_on(request(shirt_data(), pose=parsed.pose, parsing=parsed.parsing), soon(), heard)
        assert blue.image.startswith(b"\xff\xd8")


async def test_a_node_finds_pose_and_areas_itself_and_gives_them_back_where_wanted() -> None:
    async with running(node_config(), engines()) as server, client_of(server) as client:
        heard = Heard()
        done = await client.try_on(request(want_body=True), soon(), heard)
        assert done.pose is not None
        assert done.parsing is not None
        assert done.timings.pose_s > 0
        assert done.timings.try_on_s > 0
        plain = await client.try_on(request(), soon(), heard)
        assert plain.pose is None
        parsed = await client.parse(BodyRequest(jpeg(person())), soon())
        assert parsed.pose.points
        live = await client.try_on(
            request(image=jpeg(cv2.resize(person(), (960, 1280))), quality=Quality.LIVE), soon(), heard
        )
        assert max(live.width_px, live.height_px) == 512


async def test_a_turned_phone_picture_comes_back_upright_once_and_is_used_from_then_on() -> None:
    from tests.edge_server.tryon.test_service_pictures import with_orientation

    lying = with_orientation(jpeg(cv2.rotate(person(), cv2.ROTATE_90_COUNTERCLOCKWISE)), 6)
    async with running(node_config(), engines()) as server, client_of(server) as client:
        found = await client.parse(BodyRequest(lying), soon())
        assert (found.upright.width_px, found.upright.height_px) == (240, 320)
        assert found.upright.image
        again = request(image=found.upright.image, pose=found.pose, parsing=found.parsing)
        assert (await client.try_on(again, soon(), Heard())).height_px == 320


async def test_bad_requests_get_a_clear_message_and_the_server_lives() -> None:
    async with running(node_config(), engines()) as server, client_of(server) as client:
        wall = jpeg(np.full((320, 240, 3), 200, np.uint8))
        landmarks = dict.fromkeys(["crotch", *shirt_data().landmarks], (0.5, 0.5))
        no_alpha = shirt_data(image_png=png(np.zeros((64, 64, 3), np.uint8)))
        trousers = shirt_data(kind="trousers", landmarks={**landmarks, **dict.fromkeys(TROUSERS, (0.5, 0.5))})
        huge = cv2.imencode(".png", np.zeros((7100, 7100), np.uint8))[1].tobytes()  # 50 MP
        for asked, kind, says in (
            (request(image=b"text"), BadImageError, "neither a JPEG nor a PNG"),
            (request(image=huge), BadImageError, "7100x7100"),
            (request(image=jpeg(person())[:3000]), BadImageError, "cut off"),
            (request(image=wall), NoPersonError, "Nobody"),
            (request(no_alpha), BadImageError, "no transparent background"),
            (request("blue-shirt"), UnknownGarmentError, "'blue-shirt'"),
            (request("../../etc/passwd"), BadImageError, "small letters"),
            (request(shirt_data(landmarks={"neck_left": (float("nan"), 0.5)})), BadImageError, "no place in a picture"),
            (request(trousers), TryOnError, "Your legs are not to be seen"),
            (request(image=bytes(9 * 1024 * 1024)), BadImageError, "too large"),
        ):
            with pytest.raises(kind, match=says):
                await client.try_on(asked, soon(), Heard())
        async with raw_channel(server) as channel:
            call = tryon_pb2_grpc.TryOnStub(channel).TryOn(tryon_pb2.TryOnRequest(image=jpeg(person())))
            with pytest.raises(grpc.aio.AioRpcError, match="no garment"):
                await call.read()
        assert (await client.try_on(request(), soon(), Heard())).image


TROUSERS = (
    "waist_left", "waist_right", "hip_left", "hip_right", "crotch", "knee_outer_left", "knee_outer_right",
    "knee_inner_left", "knee_inner_right", "hem_outer_left", "hem_outer_right", "hem_inner_left", "hem_inner_right",
)  # fmt: skip


async def test_grey_sixteen_bit_and_see_through_pictures_are_dressed() -> None:
    async with running(node_config(), engines()) as server, client_of(server) as client:
        grey = cv2.cvtColor(person(), cv2.COLOR_BGR2GRAY)
        alpha = np.dstack([person(), np.full(person().shape[:2], 255, np.uint8)])
        for picture in (jpeg(grey), png(grey), png(person().astype(np.uint16) * 257), png(alpha)):
            assert (await client.try_on(request(image=picture), soon(), Heard())).width_px == 240


async def test_an_engine_that_breaks_ends_one_request_and_says_nothing_of_the_picture(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paint = Paint()
    caplog.set_level(logging.DEBUG)
    async with running(node_config(), engines(paint)) as server, client_of(server) as client:
        paint.error = ValueError("pixels: SECRET-OF-A-PICTURE")
        with pytest.raises(EngineFailedError, match="engine paint for tryon failed"):
            await client.try_on(request(user="SECRET-NAME"), soon(), Heard())
        paint.error = None
        await client.try_on(request(user="SECRET-NAME"), soon(), Heard())
        done = 'tagalong_edge_tryon_requests_total{outcome="done",service="tryon"} 1.0'
        # the answer may be here before the server has counted its call
        await until(lambda: done in generate_latest(server.metrics.registry).decode())
        metrics = generate_latest(server.metrics.registry).decode()
    assert "SECRET" not in caplog.text
    assert "SECRET" not in metrics
    assert "ValueError at" in caplog.text
    assert 'tagalong_edge_tryon_requests_total{outcome="internal",service="tryon"} 1.0' in metrics
    assert 'tagalong_edge_tryon_seconds_count{step="pose"} 1.0' in metrics
    assert "tagalong_edge_tryon_held_bytes 0.0" in metrics
    assert 'tagalong_edge_tryon_waiting{task="tryon"} 0.0' in metrics


async def test_twenty_users_at_once_are_all_served_one_at_a_time_each_first_before_any_second() -> None:
    paint = Paint()
    paint.gate.clear()
    async with running(node_config(), engines(paint)) as server, client_of(server) as client:
        found = await client.parse(BodyRequest(jpeg(person())), soon())
        order: list[tuple[str, int]] = []
        news = {user: Heard() for user in range(20)}

        async def ask(user: int, number: int) -> None:
            asked = request(pose=found.pose, parsing=found.parsing, user=f"user-{user}")
            done = await client.try_on(asked, soon(60), news[user])
            assert done.image
            order.append((f"user-{user}", number))

        async with asyncio.TaskGroup() as group:
            for number in range(2):
                for user in range(20):
                    group.create_task(ask(user, number))
            await until(lambda: server.tryon.load(("tryon",)).streams == 40)
            waiting = [
                max((each.length for each in news[user].all if isinstance(each, Queued)), default=0)
                for user in range(20)
            ]
            await until(lambda: any(isinstance(each, Queued) and each.length == 39 for each in news[19].all))
            assert max(waiting) <= 39
            assert server.tryon.load(("tryon",)).streams == 40
            paint.gate.set()
        assert len(order) == 40
        assert {user for user, _ in order[:20]} == {f"user-{user}" for user in range(20)}
        assert paint.together == 1


async def test_a_full_queue_and_a_greedy_user_are_told_when_to_come_back() -> None:
    paint = Paint()
    paint.gate.clear()
    config = node_config(tryon={"max_waiting": 3, "max_per_user": 1})
    async with running(config, engines(paint)) as server, client_of(server) as client:
        found = await client.parse(BodyRequest(jpeg(person())), soon())

        async def ask(user: str) -> None:
            await client.try_on(request(pose=found.pose, parsing=found.parsing, user=user), soon(60), Heard())

        async with asyncio.TaskGroup() as group:
            group.create_task(ask("a"))
            await until(lambda: paint.begun == 1)  # so that the others wait
            for user in "bcd":
                group.create_task(ask(user))
            await until(lambda: server.tryon.load(("tryon",)).streams == 4)
            for user, says in (("e", "3 requests wait"), ("d", "you have 1")):
                with pytest.raises(BusyError, match=says) as caught:
                    await ask(user)
                assert caught.value.retry_after_s > 0
            paint.gate.set()


async def test_what_would_not_fit_into_memory_is_refused_before_it_is_unpacked() -> None:
    paint = Paint()
    paint.gate.clear()
    config = node_config(tryon={"max_held_bytes": 5_000_000})  # a picture of 240x320 counts about 1.9 MB
    async with running(config, engines(paint)) as server, client_of(server) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(client.try_on(request(), soon(60), Heard()))
            await until(lambda: server.tryon.load(("tryon",)).streams == 2)
            with pytest.raises(BusyError, match="too many pictures"):
                await client.try_on(request(), soon(), Heard())
            paint.gate.set()
        assert (await client.try_on(request(), soon(), Heard())).image


async def test_a_call_that_finds_no_place_is_refused_before_its_picture_is_read() -> None:
    config = node_config(tryon={"max_calls": 1})
    async with running(config, engines()) as server, raw_channel(server) as channel, client_of(server) as client:
        # A call that never sends its request holds the only place.
        method = channel.stream_stream("/tagalong.v1.TryOn/TryOn", tryon_pb2.TryOnRequest.SerializeToString)
        silent = method()
        await silent.wait_for_connection()
        await until(lambda: b"tagalong_edge_tryon_calls 1.0" in generate_latest(server.metrics.registry))
        with pytest.raises(BusyError, match="1 requests are open"):
            await client.try_on(request(), soon(), Heard())
        silent.cancel()
        await until(lambda: b"tagalong_edge_tryon_calls 0.0" in generate_latest(server.metrics.registry))
        assert (await client.try_on(request(), soon(), Heard())).image


async def test_an_upload_that_stops_in_the_middle_ends_with_its_time() -> None:
    config = node_config(tryon={"upload_s": 0.2})
    async with running(config, engines()) as server, raw_channel(server) as channel:
        method = channel.stream_stream("/tagalong.v1.TryOn/TryOn", tryon_pb2.TryOnRequest.SerializeToString)
        silent = method()
        with pytest.raises(grpc.aio.AioRpcError, match="did not arrive"):
            await silent.read()


async def test_who_cancels_leaves_the_queue_or_stops_the_work_and_the_next_one_is_served() -> None:
    paint = Paint()
    paint.gate.clear()
    async with running(node_config(), engines(paint)) as server, client_of(server) as client:
        working, queued = Heard(), Heard()
        first = asyncio.create_task(client.try_on(request(user="a"), soon(60), working))
        await until(lambda: paint.begun == 1)
        second = asyncio.create_task(client.try_on(request(user="b"), soon(60), queued))
        third = asyncio.create_task(client.try_on(request(user="c"), soon(60), Heard()))
        await until(lambda: server.tryon.load(("tryon",)).streams == 3)
        second.cancel()
        await until(lambda: server.tryon.load(("tryon",)).streams == 2)
        first.cancel()
        await until(lambda: paint.stopped == 1)  # in the middle of its work
        paint.gate.set()
        assert (await third).image
        assert paint.begun == 2
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_deadline_that_passes_in_the_queue_or_in_the_work_is_told_also_by_a_deaf_engine() -> None:
    paint = Paint()
    paint.gate.clear()
    paint.deaf = True
    async with running(node_config(), engines(paint)) as server, client_of(server) as client:
        found = await client.parse(BodyRequest(jpeg(person())), soon())
        asked = request(pose=found.pose, parsing=found.parsing)
        for _ in range(2):  # the first is worked on, the second waits behind it
            with pytest.raises(TooLateError):
                await client.try_on(asked, soon(0.5), Heard())
        async with raw_channel(server) as channel:  # the budget holds without a deadline of the call
            message = asked.to_pb()
            message.budget_ms = 300
            call = tryon_pb2_grpc.TryOnStub(channel).TryOn(message)
            with pytest.raises(grpc.aio.AioRpcError, match="in the queue") as caught:
                await until_end(call)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert paint.begun == 1
        paint.gate.set()
        assert (await client.try_on(asked, soon(), Heard())).image


async def until_end(call: grpc.aio.UnaryStreamCall) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def is_health(channel: grpc.aio.Channel, service: str, state: int) -> bool:
    reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    return bool(reply.status == state)


async def test_a_hung_engine_is_noticed_its_requests_are_refused_and_it_may_come_back() -> None:
    paint = Paint()
    paint.gate.clear()
    paint.deaf = True
    config = node_config(tryon={"hung_s": 0.5})
    states = health_pb2.HealthCheckResponse
    async with running(config, engines(paint)) as server, client_of(server) as client, raw_channel(server) as channel:
        assert await is_health(channel, "tagalong.v1.TryOn", states.SERVING)
        waiting = asyncio.create_task(client.try_on(request(user="b"), soon(60), Heard()))
        for asked in (client.try_on(request(), soon(60), Heard()), waiting):
            with pytest.raises(NodeGoneError, match="engine paint for tryon hangs"):
                await asked
        with pytest.raises(NodeGoneError, match="hangs"):
            await client.try_on(request(), soon(60), Heard())
        await until(lambda: is_health(channel, "tagalong.v1.TryOn", states.NOT_SERVING))
        assert await is_health(channel, "tagalong.v1.Pose", states.SERVING)
        paint.gate.set()
        await until(lambda: is_health(channel, "tagalong.v1.TryOn", states.SERVING))
        assert (await client.try_on(request(), soon(), Heard())).image


async def test_signs_of_life_come_while_the_engine_says_nothing() -> None:
    paint = Paint()
    paint.gate.clear()
    paint.deaf = True
    async with running(node_config(), engines(paint)) as server, raw_channel(server) as channel:
        call = tryon_pb2_grpc.TryOnStub(channel).TryOn(request().to_pb())
        await until(lambda: paint.begun == 1)
        for _ in range(3):
            assert await asyncio.wait_for(call.read(), 5) is not grpc.aio.EOF
        paint.gate.set()
        call.cancel()


# ---- as part of an edge server ----


@contextlib.asynccontextmanager
async def described(server: EdgeServer) -> AsyncIterator[tuple[offload_pb2_grpc.OffloadStub, list[str]]]:
    async with raw_channel(server) as channel:
        stub = offload_pb2_grpc.OffloadStub(channel)
        yield stub, [task.name for task in (await stub.Describe(offload_pb2.DescribeRequest())).tasks]


async def test_try_on_is_not_offered_unless_asked() -> None:
    async with serving(config_of(), Blobs()) as server, described(server) as (_, tasks), client_of(server) as client:
        assert tasks == ["person"]
        with pytest.raises(NodeGoneError, match="does not offer this"):
            await client.try_on(request(), soon(), Heard())


@pytest.mark.parametrize(
    ("settings", "tasks"),
    [
        ({"tasks": ["tryon"]}, ALL),
        ({"tasks": ["parsing"]}, ("pose", "parsing")),
        ({"tasks": ["pose"]}, ("pose",)),
        ({"tasks": ["tryon"], "tryon": {"pose": "none", "parsing": "none"}}, ("tryon",)),
        ({"tryon": {"tryon": "grpc://node2:50050"}}, ALL),
        ({"tasks": ["person"], "tryon": {"pose": "blazepose"}}, ("pose",)),
        ({"tasks": ["person"]}, ()),
        ({}, ()),
    ],
    ids=str,
)
def test_what_is_asked_for_brings_what_it_needs(settings: dict[str, object], tasks: tuple[str, ...]) -> None:
    assert tuple(EdgeConfig.model_validate(settings).tryon_stages) == tasks


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tryon": {"tryon": "grpc://node2"}}, "grpc://HOST:PORT"),
        ({"tryon": {"pose": "../x"}}, "write local, none"),
        ({"tasks": ["tryon"], "tryon": {"tryon": "none"}}, "is none"),
        ({"engines": {"tryon": "warp"}}, "'person', 'face' or 'coco'"),
    ],
    ids=str,
)
def test_a_wrong_stage_stops_the_start(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        EdgeConfig.model_validate(settings)


async def test_a_node_that_has_no_engine_for_what_was_asked_does_not_start() -> None:
    with pytest.raises(ConfigError, match="no engine"):
        EdgeServer(node_config(), {}, TryOnEngines())


async def test_detectors_and_try_on_live_side_by_side_and_each_is_probed_for_itself() -> None:
    paint = Paint()
    paint.gate.clear()
    config = config_of(tasks=["person", "tryon"])
    server = EdgeServer(config, {"person": Blobs()}, engines(paint))
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), 20)
    async with described(server) as (stub, tasks), client_of(server) as client, raw_channel(server) as channel:
        assert tasks == ["person", *ALL]
        working = asyncio.create_task(client.try_on(request(), soon(60), Heard()))
        await until(lambda: paint.begun == 1)
        for asked, streams in ((["tryon"], 1), (["person"], 0), ([], 0)):
            reply = await stub.Probe(offload_pb2.ProbeRequest(tasks=asked))
            assert reply.load.streams == streams
        track = Track(channel)
        opened = await track.open("tryon", "person", "cats")
        assert list(opened.tasks) == ["tryon", "person"]
        await track.send(1, jpeg_of(np.zeros((240, 320, 3), np.uint8)))
        assert (await track.result()).outcome == offload_pb2.OUTCOME_RESULT
        paint.gate.set()
        assert (await working).image
        track.call.cancel()
    server.stop()
    await task


async def test_a_stream_for_try_on_only_stays_open_and_its_frames_are_rejected_in_words() -> None:
    async with running(node_config(), engines()) as server, raw_channel(server) as channel:
        track = Track(channel)
        assert list((await track.open("tryon")).tasks) == ["tryon"]
        await track.send(1, jpeg(person()))
        result = await track.result()
        assert result.outcome == offload_pb2.OUTCOME_REJECTED
        assert "service of its own" in result.message
        track.call.cancel()


async def test_memory_stays_bounded_with_twenty_users_and_large_pictures(tmp_path: Path) -> None:
    large = jpeg(cv2.resize(person(), (3000, 4000)), 98)  # 12 MP: 36 MB unpacked
    async with process_of(tmp_path / "node", node_config()) as node, client_of(node.address) as client:
        await client.try_on(request(image=large), soon(60), Heard())
        before = node.memory()["VmHWM"]
        async with asyncio.TaskGroup() as group:
            for user in range(20):
                group.create_task(client.try_on(request(image=large, user=f"user-{user}"), soon(60), Heard()))
        grown = node.memory()["VmHWM"] - before
        print(f"12 MP from 20 users: {before / 1e6:.0f} MB, grown by {grown / 1e6:.0f} MB at most")
        assert grown < 400e6
