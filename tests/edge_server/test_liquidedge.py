"""The three LIQUID EDGE services, asked by a client made from LIQUIDEDGE.md's numbers alone, not from our stubs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from edge_server.server import EdgeServer
from tests.edge_server.support import TWO_BOXES, Blobs, channel_to, config_of, serving, until

# name = number, type; "*": repeated. Copied from the table of the demonstrator's contract.
TABLE = {
    "VideoFrame": "number=1 int32, timestamp=2 int64, img=3 bytes",
    "YoloDetectionRequest": "frame=1 VideoFrame, max_results=2 int32",
    "FaceDetectionRequest": "frame=1 VideoFrame, max_results=2 int32",
    "ObjectDetectionRequest": "user_id=1 int32, frame=2 VideoFrame, wantface=3 int32, wantyolo=4 int32, "
    "max_results=5 int32",
    "DetectedYolo": "name=1 string, confidence=2 float, x=3 int32, y=4 int32, w=5 int32, h=6 int32, "
    "r=7 uint32, g=8 uint32, b=9 uint32",
    "DetectedFace": "confidence=1 float, x=2 int32, y=3 int32, w=4 int32, h=5 int32, "
    "r=6 uint32, g=7 uint32, b=8 uint32",
    "DetectedObject": "name=1 string, eng=2 int32, confidence=3 float, x=4 int32, y=5 int32, w=6 int32, h=7 int32, "
    "r=8 uint32, g=9 uint32, b=10 uint32",  # an enum is an int32 on the wire: FACE=0, YOLO=1
    "YoloDetectionResponse": "number=1 int32, timestamp=2 int64, yolos=3 *DetectedYolo",
    "FaceDetectionResponse": "number=1 int32, timestamp=2 int64, faces=3 *DetectedFace",
    "ObjectDetectionResponse": "number=1 int32, timestamp=2 int64, objects=3 *DetectedObject, ipv4=4 fixed32, "
    "name=5 string",
}
FACE, YOLO = 0, 1


def messages() -> dict[str, Any]:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="from_the_table.proto", syntax="proto3")
    for message, fields in TABLE.items():
        made = file.message_type.add(name=message)
        for text in fields.split(", "):
            name, _, rest = text.partition("=")
            number, _, kind = rest.partition(" ")
            field = made.field.add(name=name, number=int(number), label=kinds.LABEL_OPTIONAL)
            if kind.startswith("*"):
                field.label = kinds.LABEL_REPEATED
            kind = kind.lstrip("*")
            if kind in TABLE:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in TABLE}


M = messages()


def frame_of(image: bytes = TWO_BOXES, number: int = 41, timestamp: int = -(2**40)) -> Any:
    return M["VideoFrame"](number=number, timestamp=timestamp, img=image)


async def ask(channel: grpc.aio.Channel, service: str, request: Any, timeout_s: float = 5.0) -> Any:
    name = service.removesuffix("Detection")
    call = channel.unary_unary(
        f"/{service}/{name}Detect",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=M[f"{service}Response"].FromString,
    )
    return await call(request, timeout=timeout_s)


def object_request(**fields: Any) -> Any:
    return M["ObjectDetectionRequest"](**{"user_id": 3, "frame": frame_of(), "wantface": 1, "wantyolo": 1, **fields})


@contextlib.asynccontextmanager
async def port_of(server: EdgeServer, which: str) -> AsyncIterator[grpc.aio.Channel]:
    port = getattr(server.ports, which)
    assert port
    async with channel_to(f"127.0.0.1:{port}") as channel:
        yield channel


async def test_faces_are_answered_in_pixels_of_the_sent_image_with_number_and_timestamp_echoed() -> None:
    async with serving(config_of(), Blobs("face")) as server, port_of(server, "face_port") as channel:
        reply = await ask(channel, "FaceDetection", M["FaceDetectionRequest"](frame=frame_of(), max_results=10))
        assert (reply.number, reply.timestamp) == (41, -(2**40))
        larger, smaller = reply.faces
        assert (larger.x, larger.y) == (pytest.approx(32, abs=2), pytest.approx(24, abs=2))
        assert (larger.w, larger.h) == (pytest.approx(80, abs=3), pytest.approx(120, abs=3))
        assert 0 < smaller.confidence < larger.confidence <= 1
        assert min(larger.r, larger.g, larger.b) > 240


async def test_yolo_answers_with_names() -> None:
    engines = (Blobs("coco"), Blobs("person"))
    engines[0].labels = ("dog",)
    async with serving(config_of(), *engines) as server, port_of(server, "yolo_port") as channel:
        reply = await ask(channel, "YoloDetection", M["YoloDetectionRequest"](frame=frame_of(), max_results=1))
        (dog,) = reply.yolos
        assert (dog.name, dog.w) == ("dog", pytest.approx(80, abs=3))
        assert (reply.number, reply.timestamp) == (41, -(2**40))


async def test_without_an_engine_for_coco_yolo_answers_with_persons() -> None:
    async with serving(config_of(), Blobs("person")) as server, port_of(server, "yolo_port") as channel:
        reply = await ask(channel, "YoloDetection", M["YoloDetectionRequest"](frame=frame_of(), max_results=5))
        assert [each.name for each in reply.yolos] == ["person", "person"]


async def test_the_aggregator_gives_faces_first_and_says_who_it_is() -> None:
    async with (
        serving(config_of(), Blobs("face"), Blobs("person")) as server,
        port_of(server, "object_port") as channel,
    ):
        reply = await ask(channel, "ObjectDetection", object_request(max_results=10))
        assert [(each.name, each.eng) for each in reply.objects] == [("face", FACE)] * 2 + [("person", YOLO)] * 2
        assert (reply.number, reply.timestamp) == (41, -(2**40))
        assert reply.ipv4 == 0x7F000001
        assert reply.name == socket.gethostname()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"wantface": 1, "wantyolo": 0, "max_results": 9}, ["face", "face"]),
        ({"wantface": 0, "wantyolo": 1, "max_results": 9}, ["person", "person"]),
        ({"wantface": 0, "wantyolo": 0, "max_results": 9}, []),
        ({"max_results": 1}, ["face", "person"]),
        ({"max_results": 0}, ["face", "face", "person", "person"]),
    ],
)
async def test_the_aggregator_asks_for_what_is_wanted_and_limits_each_list(
    fields: dict[str, int], expected: list[str]
) -> None:
    async with (
        serving(config_of(), Blobs("face"), Blobs("person")) as server,
        port_of(server, "object_port") as channel,
    ):
        reply = await ask(channel, "ObjectDetection", object_request(**fields))
        assert [each.name for each in reply.objects] == expected


@pytest.mark.parametrize("user_id", [-1, 6, 2**31 - 1])
async def test_an_unknown_user_is_not_found(user_id: int) -> None:
    async with serving(config_of(), Blobs("face")) as server, port_of(server, "object_port") as channel:
        with pytest.raises(grpc.aio.AioRpcError, match=f"user_id {user_id} is not known") as caught:
            await ask(channel, "ObjectDetection", object_request(user_id=user_id))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("image", "says"), [(b"", "empty"), (TWO_BOXES[:100], "cut off"), (b"hello, world", "neither JPEG nor PNG")]
)
async def test_bad_images_are_an_invalid_argument_with_a_clear_message(image: bytes, says: str) -> None:
    requests = {
        "FaceDetection": M["FaceDetectionRequest"](frame=frame_of(image)),
        "YoloDetection": M["YoloDetectionRequest"](frame=frame_of(image)),
        "ObjectDetection": object_request(frame=frame_of(image)),
    }
    async with (
        serving(config_of(), Blobs("face"), Blobs("person")) as server,
        port_of(server, "object_port") as channel,
    ):
        for service, request in requests.items():
            with pytest.raises(grpc.aio.AioRpcError, match=says) as caught:
                await ask(channel, service, request)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "Traceback" not in caught.value.details()


async def test_negative_limits_and_messages_too_big_are_refused_and_the_server_lives() -> None:
    async with serving(config_of(), Blobs("face")) as server, port_of(server, "face_port") as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="max_results is -5") as caught:
            await ask(channel, "FaceDetection", M["FaceDetectionRequest"](frame=frame_of(), max_results=-5))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(channel, "FaceDetection", M["FaceDetectionRequest"](frame=frame_of(b"\xff" * 20_000_000)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len((await ask(channel, "FaceDetection", M["FaceDetectionRequest"](frame=frame_of()))).faces) == 2


async def test_services_can_be_turned_off_one_by_one() -> None:
    config = config_of(liquidedge={"object_port": 0, "yolo": False, "face": False})
    async with serving(config, Blobs("face"), Blobs("person")) as server, port_of(server, "object_port") as channel:
        assert (server.ports.face_port, server.ports.yolo_port) == (None, None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(channel, "FaceDetection", M["FaceDetectionRequest"](frame=frame_of()))
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert len((await ask(channel, "ObjectDetection", object_request())).objects) == 4


def aggregator_config(face: str | None = None, yolo: str | None = None, **more: Any) -> Any:
    liquidedge = {"object_port": 0, "face_port": 0, "yolo_port": 0, "face_host": face, "yolo_host": yolo, **more}
    return config_of(id="aggregator", liquidedge=liquidedge)


async def test_an_aggregator_over_two_other_servers_gives_the_same_answer() -> None:
    async with serving(config_of(), Blobs("face"), Blobs("person")) as worker:
        config = aggregator_config(
            f"127.0.0.1:{worker.ports.face_port}", f"127.0.0.1:{worker.ports.yolo_port}", worker_deadline_s=5.0
        )
        async with serving(config) as server, port_of(server, "object_port") as channel:
            assert server.ports.face_port is None  # the worker offers it
            reply = await ask(channel, "ObjectDetection", object_request(max_results=1))
        async with port_of(worker, "object_port") as channel:
            direct = await ask(channel, "ObjectDetection", object_request(max_results=1))
        assert reply == direct


def objects_are(channel: grpc.aio.Channel, count: int) -> Callable[[], Awaitable[bool]]:
    async def are() -> bool:
        return len((await ask(channel, "ObjectDetection", object_request())).objects) == count

    return are


async def test_a_dead_worker_loses_only_its_part_and_is_used_again_when_it_is_back() -> None:
    face = Blobs("face")
    async with contextlib.AsyncExitStack() as stack:
        worker = await stack.enter_async_context(serving(config_of(), face))
        port = worker.ports.face_port
        config = aggregator_config(face=f"127.0.0.1:{port}", worker_deadline_s=5.0)
        async with serving(config, Blobs("person")) as server, port_of(server, "object_port") as channel:
            assert len((await ask(channel, "ObjectDetection", object_request())).objects) == 4
            await stack.aclose()
            for _ in range(5):
                reply = await ask(channel, "ObjectDetection", object_request())
                assert [each.name for each in reply.objects] == ["person", "person"]
            lost = server.metrics.registry.get_sample_value("tagalong_edge_parts_lost_total", {"part": "face"})
            assert lost == 5
            again = config_of(liquidedge={"face_port": port, "object_port": 0, "yolo_port": 0})
            async with serving(again, Blobs("face")):
                await until(objects_are(channel, 4))


async def test_a_hung_worker_loses_only_its_part_and_does_not_hold_up_the_aggregator() -> None:
    hung = Blobs("face")
    async with serving(config_of(), hung) as worker:
        hung.gate.clear()
        config = aggregator_config(f"127.0.0.1:{worker.ports.face_port}", worker_deadline_s=0.1)
        async with serving(config, Blobs("person")) as server, port_of(server, "object_port") as channel:
            replies = await asyncio.gather(*(ask(channel, "ObjectDetection", object_request()) for _ in range(30)))
            assert all([each.name for each in reply.objects] == ["person", "person"] for reply in replies)
            calls = len(replies)
            lost = server.metrics.registry.get_sample_value("tagalong_edge_parts_lost_total", {"part": "face"})
            assert lost == calls
        hung.gate.set()


async def test_without_any_worker_the_call_fails_with_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{unused.getsockname()[1]}"
        async with serving(aggregator_config(nowhere, nowhere)) as server, port_of(server, "object_port") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(channel, "ObjectDetection", object_request())
            assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_a_crowd_of_calls_is_served_or_told_when_to_come_back() -> None:
    engine = Blobs("face")
    config = config_of(scheduler={"max_calls": 4})
    async with serving(config, engine) as server, port_of(server, "face_port") as channel:
        engine.gate.clear()
        request = M["FaceDetectionRequest"](frame=frame_of())
        calls = [asyncio.create_task(ask(channel, "FaceDetection", request)) for _ in range(20)]
        await until(lambda: sum(call.done() for call in calls) == 16)
        engine.gate.set()
        replies = await asyncio.gather(*calls, return_exceptions=True)
        refused = [reply for reply in replies if isinstance(reply, grpc.aio.AioRpcError)]
        assert len(refused) == 16
        for error in refused:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert int(dict(error.trailing_metadata())["retry-after-ms"]) >= 200
