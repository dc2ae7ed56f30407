"""Two nodes: one talks to the user, another one does a step of the work; and what happens when that one dies."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.tls import TlsConfig
from edge_server.config import EdgeConfig
from edge_server.tryon.stages import TryOnEngines
from edge_server.tryon.values import NoPersonError, TryOnError
from protos.tryon import BodyRequest, ImageFormat, Queued, Working
from protos.tryon_client import NodeClient
from protos.tryon_errors import BusyError, NodeGoneError, TooLateError, UnknownGarmentError
from tests.edge_server.support import until
from tests.edge_server.test_server import certificate, free_port
from tests.edge_server.tryon.nodes import (
    Heard,
    Hooks,
    Outline,
    Paint,
    Thirds,
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
    shirt,
    shirt_data,
)
from tests.edge_server.tryon.test_service import request, soon

__all__ = ["certificate"]  # a fixture
ONLY_TRYON = {"pose": "none", "parsing": "none"}
SLOW_S = 60.0


def front(back: str, **stages: str) -> EdgeConfig:
    """Node 1: pose and parsing here, try-on at `back`."""
    return node_config(id="node-1", tasks=(), tryon={"tryon": f"grpc://{back}", **stages})


def back_config(**changes: object) -> EdgeConfig:
    return node_config(id="node-2", tryon={**ONLY_TRYON, **changes})


HERE = TryOnEngines(Outline(), Thirds())


async def test_node_1_finds_the_body_and_node_2_puts_the_garment_on() -> None:
    tryon = TryOnEngines(tryon=Paint(), wardrobe=Hooks(shirt()))
    async with running(back_config(), tryon) as node_2, client_of(node_2) as direct:
        with pytest.raises(NodeGoneError, match="node-2 does no pose itself"):
            await direct.try_on(request(), soon(), Heard())
        own = TryOnEngines(Outline(), Thirds(), wardrobe=Hooks(shirt("own-shirt", (200, 10, 10))))
        async with running(front(f"127.0.0.1:{node_2.ports.port}"), own) as node_1, client_of(node_1) as client:
            heard = Heard()
            asked = request(image=png(person()), format=ImageFormat.PNG, want_body=True)
            done = await client.try_on(asked, soon(), heard)
            assert tuple(pixels(done.image)[130, 120]) == (20, 30, 200)
            assert (done.node, done.engine) == ("node-2", "paint")
            assert done.pose is not None
            steps = [news.step for news in heard.all if isinstance(news, Working)]
            shares = [news.share for news in heard.all if isinstance(news, Working)]
            assert shares == sorted(shares)
            assert steps
            parsed = await client.parse(BodyRequest(png(person())), soon())
            known = {"pose": parsed.pose, "parsing": parsed.parsing}
            for garment, colour in (("own-shirt", (200, 10, 10)), ("red-shirt", (20, 30, 200)), (shirt_data(), None)):
                asked = request(garment, image=png(person()), format=ImageFormat.PNG, **known)
                done = await client.try_on(asked, soon(), heard)
                assert colour is None or tuple(pixels(done.image)[130, 120]) == colour


async def test_errors_of_node_2_arrive_as_what_they_are() -> None:
    paint = Paint()
    tryon = TryOnEngines(tryon=paint, wardrobe=Hooks(shirt()))
    async with (
        running(back_config(max_waiting=1), tryon) as node_2,
        running(front(f"127.0.0.1:{node_2.ports.port}"), HERE) as node_1,
        client_of(node_1) as client,
    ):
        with pytest.raises(UnknownGarmentError, match="'blue-shirt'"):
            await client.try_on(request("blue-shirt"), soon(), Heard())
        with pytest.raises(NoPersonError):
            await client.pose(BodyRequest(jpeg(person(colour=(200, 200, 200))[:30].repeat(4, 0))), soon())
        paint.error = TryOnError("Stand a little further away.")
        with pytest.raises(TryOnError, match="further away"):
            await client.try_on(request(), soon(), Heard())
        paint.error = None
        paint.gate.clear()
        heard = Heard()
        async with asyncio.TaskGroup() as group:
            group.create_task(client.try_on(request(), soon(60), heard))
            await until(lambda: paint.begun == 2)
            group.create_task(client.try_on(request(), soon(60), heard))
            await heard.until(lambda news: isinstance(news, Queued) and news.place == 1)
            with pytest.raises(BusyError, match="wait already"):
                await client.try_on(request(user="other"), soon(60), Heard())
            paint.gate.set()
        paint.gate.clear()
        with pytest.raises(TooLateError):
            await client.try_on(request(), soon(0.5), Heard())
        paint.gate.set()


async def test_all_three_steps_may_be_elsewhere_and_cancelling_reaches_them() -> None:
    paint = Paint()
    paint.gate.clear()
    async with running(node_config(id="node-2"), engines(paint)) as node_2:
        there = f"grpc://127.0.0.1:{node_2.ports.port}"
        config = node_config(id="node-1", tryon={"pose": there, "parsing": there, "tryon": there})
        async with running(config, TryOnEngines()) as node_1, client_of(node_1) as client:
            working = asyncio.create_task(client.try_on(request(), soon(60), Heard()))
            await until(lambda: paint.begun == 1)
            working.cancel()
            await until(lambda: paint.stopped == 1)
            paint.gate.set()
            assert (await client.try_on(request(), soon(), Heard())).image
            with pytest.raises(asyncio.CancelledError):
                await working


async def test_node_2_killed_in_the_middle_is_named_at_once_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    config = back_config().model_copy(update={"port": port})
    async with (
        process_of(tmp_path / "2", config, SLOW_S) as node_2,
        running(front(node_2.address), HERE) as node_1,
        client_of(node_1) as client,
    ):
        heard = Heard()
        working = asyncio.create_task(client.try_on(request(), soon(60), heard))
        await heard.until(lambda news: isinstance(news, Working) and news.step == "sewing")
        node_2.kill()
        began_s = time.monotonic()
        gone = rf"the try-on node \({node_2.address}\) is gone"
        with pytest.raises(NodeGoneError, match=gone):
            await working
        with pytest.raises(NodeGoneError, match=gone):
            await client.try_on(request(), soon(60), Heard())
        assert time.monotonic() - began_s < 4  # the promise itself: never a stuck request
        async with raw_channel(node_1) as channel:
            health = health_pb2_grpc.HealthStub(channel)

            async def is_(state: int) -> bool:
                reply = await health.Check(health_pb2.HealthCheckRequest(service="tagalong.v1.TryOn"))
                return bool(reply.status == state)

            await until(lambda: is_(health_pb2.HealthCheckResponse.NOT_SERVING))
            assert node_1.tryon.expected_s(("tryon",)) >= 60  # mirrors go elsewhere
            parsed = await client.parse(BodyRequest(jpeg(person())), soon())  # the rest of node 1 lives
            assert parsed.parsing is not None
            async with process_of(tmp_path / "again", config):
                await until(lambda: is_(health_pb2.HealthCheckResponse.SERVING))
                assert (await client.try_on(request(), soon(), Heard())).node == "node-2"


async def test_node_2_stopped_without_a_word_is_left_by_its_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protos.tryon_client.SILENT_S", 2.5)
    async with (
        process_of(tmp_path / "2", back_config(), SLOW_S) as node_2,
        running(front(node_2.address), HERE) as node_1,
        client_of(node_1) as client,
    ):
        heard = Heard()
        working = asyncio.create_task(client.try_on(request(), soon(60), heard))
        await heard.until(lambda news: isinstance(news, Working) and news.step == "sewing")
        node_2.kill(signal.SIGSTOP)
        began_s = time.monotonic()
        with pytest.raises(NodeGoneError, match="is gone"):
            await working
        assert time.monotonic() - began_s < 15


async def test_node_2_that_was_never_there_is_named_at_once() -> None:
    back = f"127.0.0.1:{free_port()}"
    async with running(front(back), HERE) as node_1, client_of(node_1) as client:
        began_s = time.monotonic()
        with pytest.raises(NodeGoneError, match=f"{back}.* is gone: nobody listens there"):
            await client.try_on(request(), soon(60), Heard())
        assert time.monotonic() - began_s < 4


async def test_tls_holds_between_the_nodes_too(certificate: tuple[Path, Path]) -> None:
    file, key = certificate
    tls = {"certificate": file, "key": key, "authority": file, "server_name": "edge"}
    tryon = TryOnEngines(tryon=Paint(), wardrobe=Hooks(shirt()))
    async with running(node_config(id="node-2", tryon=ONLY_TRYON, tls=tls), tryon) as node_2:
        back = f"127.0.0.1:{node_2.ports.port}"
        config = node_config(id="node-1", tasks=(), tryon={"tryon": f"grpc://{back}"}, tls=tls)
        async with running(config, HERE) as node_1:
            client = NodeClient("node-1", f"127.0.0.1:{node_1.ports.port}", TlsConfig.model_validate(tls))
            assert (await client.try_on(request(), soon(), Heard())).node == "node-2"
            await client.close()


async def edge(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tagalong", "edge", *arguments, stdout=pipe, stderr=pipe
    )


async def test_the_command_offers_try_on_by_its_flags_and_names_a_wrong_one(tmp_path: Path) -> None:
    flags = ("--task", "tryon", "--pose", "none", "--parsing", "none", "--tryon", "warp", "--no-announce")
    ready = tmp_path / "ready"
    process = await edge(*flags, "--host", "127.0.0.1", "--port", "0", "--ready-file", str(ready))
    assert process.stdout is not None
    try:
        assert b"(tryon by warp)" in await asyncio.wait_for(process.stdout.readline(), 30)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    wrong = await edge("--task", "tryon", "--tryon", "grpc://node2")
    _, errors = await asyncio.wait_for(wrong.communicate(), 30)
    assert wrong.returncode == 2
    assert b"grpc://HOST:PORT" in errors
