"""The native service over a real connection: answers, outcomes, and clients that misbehave."""

import asyncio

import grpc
import pytest

from edge_server.services.track import TrackSession
from protos.messages import FrameReply, Outcome, ServerDescription, StreamOpen
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc
from tests.edge_server.support import (
    TWO_BOXES,
    Blobs,
    Track,
    address_of,
    channel_to,
    config_of,
    jpeg_of,
    picture_of,
    serving,
    track_to,
    until,
)


def frames(server, outcome: str) -> float:
    return server.metrics.registry.get_sample_value("tagalong_edge_frames_total", {"outcome": outcome})


def streams_ended(server, why: str) -> float:
    labels = {"why": why}
    return server.metrics.registry.get_sample_value("tagalong_edge_streams_closed_total", labels) or 0


async def test_a_frame_is_answered_with_boxes_times_and_load() -> None:
    async with serving(config_of(), Blobs()) as server, track_to(server) as track:
        opened = await track.open("person")
        assert (opened.server_id, list(opened.tasks)) == ("edge-under-test", ["person"])
        await track.send(7, TWO_BOXES)
        reply = FrameReply.from_pb(await track.result())
        assert (reply.number, reply.capture_ns, reply.outcome) == (7, 7000, Outcome.RESULT)
        larger, smaller = reply.detections
        assert larger.box.x == pytest.approx(0.1, abs=0.01)
        assert larger.box.h == pytest.approx(0.5, abs=0.02)
        assert larger.score > smaller.score
        assert min(larger.mean_rgb) > 240
        times = reply.timings
        assert 0 < times.decode_s < times.total_s
        assert 0 < times.inference_s < times.total_s
        assert (reply.load.streams, reply.load.capacity) == (1, 8)


async def test_two_tasks_come_in_one_answer_in_the_order_asked_with_limits_for_each() -> None:
    async with serving(config_of(), Blobs("person"), Blobs("face")) as server, track_to(server) as track:
        await track.open("face", "person", "gait", max_results=1)
        await track.send(1, TWO_BOXES)
        assert [box.label for box in (await track.result()).boxes] == ["face", "person"]


async def test_only_wanted_labels_are_sent() -> None:
    async with serving(config_of(), Blobs("person"), Blobs("face")) as server, track_to(server) as track:
        await track.open("face", "person", labels=["person"])
        await track.send(1, TWO_BOXES)
        assert {box.label for box in (await track.result()).boxes} == {"person"}


async def test_extra_tasks_are_served_where_offered_whatever_labels_are_wanted() -> None:
    async with serving(config_of(), Blobs("person"), Blobs("face")) as server, track_to(server) as track:
        opened = await track.open("person", extra_tasks=["gait", "face", "person"], labels=["dog", "person"])
        assert list(opened.tasks) == ["person", "face"]
        await track.send(1, TWO_BOXES)
        assert [box.label for box in (await track.result()).boxes] == ["person", "person", "face", "face"]


async def test_extra_tasks_are_no_reason_to_serve_anybody() -> None:
    async with serving(config_of(), Blobs("face")) as server, track_to(server) as track:
        with pytest.raises(grpc.aio.AioRpcError, match="'person' is not offered") as caught:
            await track.open("person", extra_tasks=["face"])
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_answer_with_nothing_but_extra_tasks_is_a_refusal() -> None:
    person, face = Blobs("person"), Blobs("face")
    async with serving(config_of(), person, face) as server, track_to(server) as track:
        await track.open("person", extra_tasks=["face"])
        person.error = ValueError("tensor has the wrong shape")
        await track.send(1, TWO_BOXES)
        failed = await track.result()
        assert (failed.outcome, list(failed.boxes)) == (pb.OUTCOME_REJECTED, [])
        assert "tensor has the wrong shape" in failed.message
        person.error, face.error = None, person.error
        await track.send(2, TWO_BOXES)
        result = await track.result()
        assert result.outcome == pb.OUTCOME_RESULT
        assert {box.label for box in result.boxes} == {"person"}


async def test_describe_and_probe() -> None:
    config = config_of(colour="#102030", zone="hall", scheduler={"capacity": 3})
    async with serving(config, Blobs()) as server, channel_to(address_of(server)) as channel:
        stub = offload_pb2_grpc.OffloadStub(channel)
        about = ServerDescription.from_pb(await stub.Describe(pb.DescribeRequest()))
        assert (about.server_id, about.colour_rgb, about.zone) == ("edge-under-test", (16, 32, 48), "hall")
        assert [(task.name, task.engine, task.labels) for task in about.tasks] == [("person", "blobs", ("person",))]
        assert about.load.capacity == 3
        probe = await stub.Probe(pb.ProbeRequest(sent_ns=5, padding=b"x" * 100))
        assert probe.sent_ns == 5
        assert probe.expected_service_us > 0  # known from the warm-up, before the first frame


async def test_a_newer_frame_supersedes_and_an_old_one_expires() -> None:
    engine = Blobs()
    async with serving(config_of(), engine) as server, track_to(server) as track:
        await track.open("person")
        engine.gate.clear()
        await track.send(1, TWO_BOXES)
        await until(lambda: server.dispatcher.load().busy > 0)
        await track.send(2, TWO_BOXES)
        await track.send(3, TWO_BOXES, budget_ms=30)
        superseded, expired = await track.result(), await track.result()
        assert (superseded.number, superseded.outcome) == (2, pb.OUTCOME_SUPERSEDED)
        assert (expired.number, expired.outcome) == (3, pb.OUTCOME_EXPIRED)
        engine.gate.set()
        served = await track.result()
        assert (served.number, served.outcome) == (1, pb.OUTCOME_RESULT)
        assert [frames(server, name) for name in ("result", "superseded", "expired", "lost")] == [1, 1, 1, 0]


async def test_a_robot_too_many_is_rejected_with_a_time_and_served_once_there_is_a_place() -> None:
    config = config_of(scheduler={"capacity": 1}, limits={"idle_s": 1.0})
    async with serving(config, Blobs()) as server, track_to(server) as first, track_to(server) as second:
        await first.open("person")
        await second.open("person")  # being connected takes no place: a warm standby costs nobody anything
        await first.send(1, TWO_BOXES)
        await first.result()
        await second.send(1, TWO_BOXES)
        rejected = await second.result()
        assert rejected.outcome == pb.OUTCOME_REJECTED
        assert rejected.retry_after_ms >= 200
        assert "full" in rejected.message
        await until(lambda: server.dispatcher.load().streams == 0)  # the first one sends nothing any more
        await second.send(2, TWO_BOXES)
        assert (await second.result()).outcome == pb.OUTCOME_RESULT


async def test_an_unknown_task_is_refused_by_name_with_what_is_offered() -> None:
    async with serving(config_of(), Blobs("person"), Blobs("face")) as server, track_to(server) as track:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await track.open("gait")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "'gait'" in caught.value.details()
        assert "person, face" in caught.value.details()
        await until(lambda: streams_ended(server, "invalid") == 1)


async def test_a_frame_before_open_ends_the_stream() -> None:
    async with serving(config_of(), Blobs()) as server, track_to(server) as track:
        await track.send(1, TWO_BOXES)
        with pytest.raises(grpc.aio.AioRpcError, match="must be `open`"):
            await track.reply()


async def test_a_stream_cut_in_the_middle_is_cleaned_up_and_counted() -> None:
    engine = Blobs()
    async with serving(config_of(), engine) as server:
        async with channel_to(address_of(server)) as channel:
            track = Track(channel)
            await track.open("person")
            engine.gate.clear()
            await track.send(1, TWO_BOXES)
            await until(lambda: server.dispatcher.load().busy > 0)
            await track.send(2, TWO_BOXES)
            await until(lambda: server.dispatcher.load().streams == 1)
        await until(lambda: server.dispatcher.load().streams == 0)
        engine.gate.set()
        await until(lambda: streams_ended(server, "cut") == 1)
        assert frames(server, "lost") >= 1
        async with track_to(server) as track:  # and the next one is served
            await track.open("person")
            await track.send(1, TWO_BOXES)
            assert (await track.result()).outcome == pb.OUTCOME_RESULT


async def test_a_client_that_closes_its_half_gets_the_answers_it_waits_for() -> None:
    engine = Blobs()
    async with serving(config_of(), engine) as server, track_to(server) as track:
        await track.open("person")
        engine.gate.clear()
        await track.send(1, TWO_BOXES)
        await track.call.done_writing()
        await asyncio.sleep(0.05)
        engine.gate.set()
        assert (await track.result()).outcome == pb.OUTCOME_RESULT
        assert await track.call.read() is grpc.aio.EOF
        assert await track.call.code() is grpc.StatusCode.OK
        await until(lambda: streams_ended(server, "finished") == 1)


async def test_a_client_that_never_reads_loses_its_stream_and_a_robot_beside_it_does_not_notice() -> None:
    # windows of the smallest size, so that a few hundred answers fill them
    small = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1024))
    config = config_of(limits={"outbox": 8, "unread_s": 1.0})
    async with serving(config, Blobs()) as server, track_to(server) as robot:
        async with channel_to(address_of(server), *small) as channel:
            await robot.open("person", robot="reader")
            deaf = Track(channel)
            await deaf.call.write(pb.TrackRequest(open=pb.StreamOpen(robot_id="deaf", tasks=["person"])))

            async def shout() -> None:
                for number in range(1_000_000):  # bad frames: each is answered at once, with a long message
                    await deaf.send(number, b"not an image " * 8)

            shouting = asyncio.create_task(shout())
            while not streams_ended(server, "unread"):
                await robot.send(1, TWO_BOXES)
                assert (await robot.result()).outcome == pb.OUTCOME_RESULT
            await robot.send(2, TWO_BOXES)
            assert (await robot.result()).number == 2
            deaf.call.cancel()
            with pytest.raises((asyncio.InvalidStateError, asyncio.CancelledError, grpc.aio.AioRpcError)):
                await shouting
        assert server._offload.open_streams == 1


async def test_more_streams_than_allowed_are_refused_at_once_with_a_time_to_come_back() -> None:
    async with serving(config_of(limits={"max_streams": 2}), Blobs()) as server, track_to(server) as a:
        await a.open("person")
        async with track_to(server) as b:
            await b.open("person")
            c = Track(b.channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await c.open("person")
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert int(dict(caught.value.trailing_metadata())["retry-after-ms"]) >= 200
            assert "edge-under-test" in caught.value.details()


async def test_five_hundred_connections_leave_the_server_alive_and_its_robot_served() -> None:
    config = config_of(limits={"max_streams": 64})
    async with serving(config, Blobs()) as server, track_to(server) as robot:
        await robot.open("person")

        async def connect() -> grpc.StatusCode | None:
            async with channel_to(address_of(server)) as channel:
                track = Track(channel)
                try:
                    await track.open("person")
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    return await track.call.code()
                await until(lambda: held.is_set())
                track.call.cancel()
                return None

        held = asyncio.Event()
        crowd = [asyncio.create_task(connect()) for _ in range(500)]
        await until(lambda: sum(task.done() for task in crowd) >= 500 - 63)
        await robot.send(1, TWO_BOXES)
        assert (await robot.result()).outcome == pb.OUTCOME_RESULT
        held.set()
        codes = await asyncio.gather(*crowd)
        assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 500 - 63
        assert codes.count(None) == 63


async def test_a_message_over_the_limit_is_refused_by_the_transport_and_the_server_lives() -> None:
    async with serving(config_of(), Blobs()) as server, track_to(server) as big, track_to(server) as robot:
        await big.open("person")
        await big.send(1, b"\xff" * 20_000_000)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await big.reply()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await robot.open("person")
        await robot.send(1, TWO_BOXES)
        assert (await robot.result()).outcome == pb.OUTCOME_RESULT


async def test_an_engine_that_fails_costs_its_frame_and_says_so() -> None:
    engine = Blobs()
    async with serving(config_of(), engine) as server, track_to(server) as track:
        await track.open("person")
        engine.error = ValueError("tensor has the wrong shape")
        await track.send(1, TWO_BOXES)
        failed = await track.result()
        assert failed.outcome == pb.OUTCOME_REJECTED
        assert "blobs" in failed.message
        assert "tensor has the wrong shape" in failed.message
        engine.error = None
        await track.send(2, TWO_BOXES)
        assert (await track.result()).outcome == pb.OUTCOME_RESULT


async def test_a_hung_engine_loses_only_its_task_until_it_comes_back() -> None:
    person, face = Blobs("person"), Blobs("face")
    async with serving(config_of(limits={"hung_s": 1.0}), person, face) as server, track_to(server) as track:
        await track.open("person", "face")
        face.gate.clear()
        for number in (1, 2):
            await track.send(number, TWO_BOXES)
            result = await track.result()
            assert result.outcome == pb.OUTCOME_RESULT
            assert {box.label for box in result.boxes} == {"person"}
        assert server.dispatcher.hung == {"face"}
        face.gate.set()
        await until(lambda: not server.dispatcher.hung)
        await track.send(3, TWO_BOXES)
        assert {box.label for box in (await track.result()).boxes} == {"person", "face"}


async def test_a_greedy_robot_takes_no_more_than_its_turn() -> None:
    engine = Blobs()
    async with serving(config_of(), engine) as server, track_to(server) as modest:
        await modest.open("person", robot="modest")
        async with track_to(server) as one, track_to(server) as two, track_to(server) as three:
            greedy = (one, two, three)
            for track in greedy:
                await track.open("person", robot="greedy")
            engine.gate.clear()
            for number in range(5):
                for track in greedy:
                    await track.send(number, TWO_BOXES, budget_ms=15_000)
            await until(lambda: frames(server, "superseded") == 3 * 5 - 3 - 1)
            wider = jpeg_of(picture_of((10, 10, 50, 50), width=400))
            await modest.send(1, wider)  # without a deadline: by deadlines alone it would come last
            await until(lambda: server.dispatcher.load().streams == 4)
            engine.widths_px.clear()
            engine.gate.set()
            await modest.result()
            assert engine.widths_px[:2] == [320, 400]  # right after the one that was in service


async def test_open_streams_are_told_to_go_and_still_served_meanwhile() -> None:
    async with serving(config_of(), Blobs()) as server, track_to(server) as track:
        await track.open("person")
        server.stop()
        reply = await track.reply()
        assert reply.WhichOneof("kind") == "go_away"
        assert reply.go_away.reason == "the server stops"
        assert reply.go_away.grace_ms == 1500
        await track.send(1, TWO_BOXES)
        assert (await track.result()).outcome == pb.OUTCOME_RESULT
        await track.call.done_writing()
        assert await track.call.read() is grpc.aio.EOF


async def test_a_stream_that_is_open_while_the_server_stops_ends_without_an_error() -> None:
    async with serving(config_of(), Blobs()) as server:

        async def requests():
            yield pb.TrackRequest(open=StreamOpen("rover", ("person",)).to_pb())
            raise grpc.aio.BaseError("Server already stopped.")  # gRPC's own way, seen on a busy machine

        sent: list[pb.TrackReply] = []

        async def write(reply: pb.TrackReply) -> None:
            sent.append(reply)

        session = TrackSession("a-stream", server.config, server.dispatcher, server.tasks)
        try:
            await session.run(requests(), write)
        finally:
            session.close()
        assert [reply.WhichOneof("kind") for reply in sent] == ["opened"]
