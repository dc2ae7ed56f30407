"""The mirror's way to its nodes: found, chosen, left for another one. Real nodes on 127.0.0.1."""

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_server.server import EdgeServer
from edge_server.tryon.stages import TryOnEngines
from handover.config import HandoverConfig
from handover.node_order import LEFT_ALONE_S, Failures, in_order
from handover.nodes import (
    BadImageError,
    BusyError,
    CannotDressError,
    NewsKind,
    Nodes,
    NoNodeError,
    Prepared,
    ProgressNews,
    TooLateError,
    TryOnRequest,
)
from handover.values import Server, ServerView
from protos.messages import Load
from tests.edge_server.support import Blobs, address_of, config_of, serving, until
from tests.edge_server.test_server import free_port
from tests.edge_server.tryon.nodes import (
    Hooks,
    Outline,
    Paint,
    Process,
    Thirds,
    engines,
    jpeg,
    node_config,
    person,
    process_of,
    running,
    shirt,
    shirt_data,
)

SLOW_S = 60.0


class News:
    def __init__(self) -> None:
        self.all: list[ProgressNews] = []

    def __call__(self, news: ProgressNews) -> None:
        self.all.append(news)

    async def until_working(self) -> ProgressNews:
        def working() -> list[ProgressNews]:
            return [news for news in self.all if news.kind is NewsKind.WORKING and news.text == "sewing"]

        await until(lambda: bool(working()))
        return working()[-1]


def handover(*nodes: str | EdgeServer | Process, **changes: object) -> HandoverConfig:
    addresses = [
        node if isinstance(node, str) else node.address if isinstance(node, Process) else address_of(node)
        for node in nodes
    ]
    servers = [{"address": address} for address in addresses]
    return HandoverConfig.model_validate({"zeroconf": False, "servers": servers, **changes})


@contextlib.asynccontextmanager
async def nodes_of(config: HandoverConfig, usable: int = -1) -> AsyncIterator[Nodes]:
    """Running; with `usable`, once so many are known by name and one is active."""
    nodes = Nodes(config, "mirror-under-test")
    task = asyncio.create_task(nodes.run())
    try:
        wanted = len(config.servers) if usable < 0 else usable
        if wanted:
            await until(lambda: any(view.is_active for view in nodes.views()))
            await until(lambda: sum(not math.isinf(view.cost_s) for view in nodes.views()) >= wanted)
        yield nodes
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def ask(prepared: Prepared | None = None, **fields: object) -> TryOnRequest:
    known = {"pose": prepared.pose, "parsing": prepared.parsing} if prepared else {}
    return TryOnRequest(**{"image": jpeg(person()), "garment": "red-shirt", **known, **fields})  # type: ignore[arg-type]


async def test_a_picture_is_prepared_once_and_dressed_again_and_again() -> None:
    pose = Outline()
    async with running(node_config(), engines(pose=pose)) as node, nodes_of(handover(node)) as nodes:
        prepared = await nodes.prepare(jpeg(person()), user="a")
        assert (prepared.width_px, prepared.height_px, prepared.node) == (240, 320, "node")
        assert prepared.image == jpeg(person())
        calls = pose.calls
        for garment in ("red-shirt", shirt_data()):
            news = News()
            result = await nodes.try_on(ask(prepared, garment=garment), news)
            assert (result.node, result.engine, result.tries, result.width_px) == ("node", "paint", 1, 240)
            assert {each.node for each in news.all} == {"node"}
        assert pose.calls == calls
        (view,) = nodes.views()
        assert view.is_active
        assert view.usable
        assert set(view.server.tasks) == {"pose", "parsing", "tryon"}


async def test_a_mirror_without_any_node_says_so_at_once() -> None:
    began_s = time.monotonic()
    async with nodes_of(handover()) as nodes:
        with pytest.raises(NoNodeError, match=r"no node that puts garments on.*tagalong edge --task tryon"):
            await nodes.try_on(ask(), News())
        with pytest.raises(NoNodeError, match="no node that finds people"):
            await nodes.prepare(jpeg(person()))
        assert nodes.views() == []
    dead = f"127.0.0.1:{free_port()}"
    async with nodes_of(handover(dead), usable=0) as nodes:
        with pytest.raises(NoNodeError, match=f"now: {dead} is gone: nobody listens there"):
            await nodes.try_on(ask(), News())
    assert time.monotonic() - began_s < 10
    with pytest.raises(NoNodeError, match="does not run"):
        await nodes.try_on(ask(), News())


async def test_a_node_killed_in_the_middle_is_told_and_another_one_does_it(tmp_path: Path) -> None:
    async with (
        process_of(tmp_path / "2", node_config(id="node-2"), SLOW_S) as node_2,
        running(node_config(id="node-1"), engines()) as node_1,
        nodes_of(handover(node_2, node_1)) as nodes,
    ):
        nodes._sessions["tryon"].move_to("node-2")
        await until(lambda: any(view.is_active and view.server.server_id == "node-2" for view in nodes.views()))
        news = News()
        working = asyncio.create_task(nodes.try_on(ask(), news))
        assert (await news.until_working()).node == "node-2"
        node_2.kill()
        result = await working
        assert (result.node, result.tries) == ("node-1", 2)
        (retry,) = [each for each in news.all if each.kind is NewsKind.RETRYING]
        assert retry.text == f"node-2 ({node_2.address}) is gone: the connection broke; trying node-1"
        news = News()
        assert (await nodes.try_on(ask(), news)).tries == 1  # it is not asked again for a while
        assert {each.node for each in news.all} == {"node-1"}


async def test_node_2_behind_node_1_killed_in_the_middle_the_third_node_does_it(tmp_path: Path) -> None:
    only = {"pose": "none", "parsing": "none"}
    async with process_of(tmp_path / "2", node_config(id="node-2", tryon=only), SLOW_S) as node_2:
        here = TryOnEngines(Outline(), Thirds(), None, Hooks(shirt()))
        config = node_config(id="node-1", tasks=(), tryon={"tryon": f"grpc://{node_2.address}"})
        async with (
            running(config, here) as node_1,
            running(node_config(id="node-3"), engines()) as node_3,
            nodes_of(handover(node_1, node_3)) as nodes,
        ):
            nodes._sessions["tryon"].move_to("node-1")
            await until(lambda: any(view.is_active and view.server.server_id == "node-1" for view in nodes.views()))
            prepared = await nodes.prepare(jpeg(person()))
            news = News()
            working = asyncio.create_task(nodes.try_on(ask(prepared), news))
            await news.until_working()
            node_2.kill()
            assert (await working).node == "node-3"
            (retry,) = [each for each in news.all if each.kind is NewsKind.RETRYING]
            assert f"the try-on node ({node_2.address}) is gone" in retry.text
            assert retry.text.endswith("trying node-3")
            # and the handover moves there, because node-1 says that it cannot
            await until(lambda: nodes.views()[0].server.server_id == "node-3" and nodes.views()[0].is_active)


async def test_a_node_stopped_without_a_word_is_left_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protos.tryon_client.SILENT_S", 2.5)
    async with (
        process_of(tmp_path / "2", node_config(id="node-2"), SLOW_S) as node_2,
        running(node_config(id="node-1"), engines()) as node_1,
        nodes_of(handover(node_2, node_1)) as nodes,
    ):
        nodes._sessions["tryon"].move_to("node-2")
        await until(lambda: any(view.is_active and view.server.server_id == "node-2" for view in nodes.views()))
        news = News()
        working = asyncio.create_task(nodes.try_on(ask(), news))
        await news.until_working()
        node_2.kill(signal.SIGSTOP)
        assert (await working).node == "node-1"
        assert any("said nothing" in each.text for each in news.all)


async def test_the_only_node_killed_in_the_middle_ends_the_request_with_its_name_and_is_used_when_back(
    tmp_path: Path,
) -> None:
    port = free_port()
    config = node_config(id="node-2").model_copy(update={"port": port})
    async with process_of(tmp_path / "2", config, SLOW_S) as node_2, nodes_of(handover(node_2)) as nodes:
        news = News()
        working = asyncio.create_task(nodes.try_on(ask(), news))
        await news.until_working()
        node_2.kill()
        began_s = time.monotonic()
        with pytest.raises(NoNodeError, match=r"node-2 \(127.0.0.1:\d+\) is gone"):
            await working
        assert time.monotonic() - began_s < 4
        async with process_of(tmp_path / "again", config):
            assert (await nodes.try_on(ask(), news)).node == "node-2"


async def test_what_is_the_pictures_fault_is_not_tried_elsewhere() -> None:
    paints = Paint(), Paint()
    async with (
        running(node_config(id="node-1"), engines(paints[0])) as one,
        running(node_config(id="node-2"), engines(paints[1])) as two,
        nodes_of(handover(one, two)) as nodes,
    ):
        news = News()
        with pytest.raises(BadImageError, match="neither a JPEG nor a PNG"):
            await nodes.prepare(b"text")
        with pytest.raises(CannotDressError, match="Nobody is to be seen"):
            await nodes.try_on(ask(image=jpeg(person(colour=(200, 200, 200))[:30].repeat(4, 0))), news)
        assert NewsKind.RETRYING not in {each.kind for each in news.all}
        with pytest.raises(CannotDressError, match="'blue-shirt'"):  # the other node might have had it
            await nodes.try_on(ask(garment="blue-shirt"), news)
        assert [each.kind for each in news.all].count(NewsKind.RETRYING) == 1


async def test_a_full_node_sends_to_the_next_and_full_ones_say_when_to_come_back() -> None:
    paints = Paint(), Paint()
    small = {"max_calls": 1}
    for paint in paints:
        paint.gate.clear()
    async with (
        running(node_config(id="node-1", tryon=small), engines(paints[0])) as one,
        running(node_config(id="node-2", tryon=small), engines(paints[1])) as two,
        nodes_of(handover(one, two)) as nodes,
    ):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(nodes.try_on(ask(), News())) for _ in range(2)]
            await until(lambda: paints[0].begun == paints[1].begun == 1)
            with pytest.raises(BusyError, match="requests are open") as caught:
                await nodes.try_on(ask(), News())
            assert caught.value.retry_after_s > 0
            for paint in paints:
                paint.gate.set()
        assert {task.result().node for task in tasks} == {"node-1", "node-2"}


async def test_deadline_over_all_and_cancelling_stop_the_work_there() -> None:
    paint = Paint()
    paint.gate.clear()
    async with running(node_config(), engines(paint)) as node, nodes_of(handover(node)) as nodes:
        late = asyncio.create_task(nodes.try_on(ask(budget_s=2.0), News()))
        await until(lambda: paint.begun == 1)
        with pytest.raises(TooLateError):
            await late
        await until(lambda: paint.stopped == 1)
        queued = News()
        working = asyncio.create_task(nodes.try_on(ask(user="a"), News()))
        await until(lambda: paint.begun == 2)
        waiting = asyncio.create_task(nodes.try_on(ask(user="b"), queued))
        await until(lambda: any(each.queue_place == 1 and each.text == "you are next" for each in queued.all))
        working.cancel()
        await until(lambda: paint.stopped == 2 and paint.begun == 3)
        paint.gate.set()
        assert (await waiting).image
        with pytest.raises(asyncio.CancelledError):
            await working


async def test_an_announced_node_is_found_and_a_robots_server_is_not_taken_for_one() -> None:
    announce = {"enabled": True, "interfaces": ["127.0.0.1"], "group": "mirror-test"}
    robots = {**announce, "group": "mirror-test"}
    async with (
        serving(config_of(id="robots-only", announce=robots), Blobs()),
        running(node_config(id="announced", announce=announce), engines()),
        nodes_of(HandoverConfig(interfaces=("127.0.0.1",), group="mirror-test"), usable=1) as nodes,
    ):
        assert (await nodes.try_on(ask(), News())).node == "announced"
        assert [view.server.server_id for view in nodes.views()] == ["announced"]


def view(name: str, cost_s: float = 0.1, **fields: object) -> ServerView:
    server = Server(name, f"{name}:1", tuple(fields.pop("tasks", ("tryon",))), zone=str(fields.pop("zone", "")))  # type: ignore[arg-type]
    usual: dict[str, object] = {
        "connected": True,
        "usable": True,
        "is_active": False,
        "is_standby": False,
        "cost_s": cost_s,
    }
    usual |= {"rtt_p50_s": 0.0, "loss": 0.0, "level_dbm": math.nan, "quality": math.nan, "load": Load()}
    return ServerView(server, **{**usual, "penalty_until_s": 0.0, **fields})  # type: ignore[arg-type]


def test_the_active_node_is_asked_first_then_the_quickest_and_dead_ones_last() -> None:
    views = [
        view("dead", math.inf, usable=False),
        view("slow", 0.9),
        view("own", 0.01, zone="onboard"),
        view("robots", tasks=("person",)),
        view("quick", 0.2),
        view("unknown", math.nan, tasks=(), usable=False),
        view("active", 0.5, is_active=True),
    ]
    names = [each.server.server_id for each in in_order(views, ("tryon",))]
    assert names == ["active", "quick", "slow", "own", "dead", "unknown"]


def test_a_node_that_failed_is_asked_last_for_a_while() -> None:
    failures, views = Failures(), [view("a"), view("b"), view("c")]

    def order(now_s: float) -> str:
        return "".join(each.server.server_id for each in failures.sorted(now_s, views))

    failures.add(100.0, "a")
    assert order(100.0) == "bca"
    failures.add(101.0, "b")
    assert order(101.0) == "cab"
    failures.forgive("a")
    assert order(102.0) == "acb"
    assert order(101.0 + LEFT_ALONE_S) == "abc"


async def test_a_node_that_is_stopped_hands_what_it_cannot_finish_to_another_one() -> None:
    paint = Paint()
    paint.gate.clear()
    async with contextlib.AsyncExitStack() as stack:
        node_1 = await stack.enter_async_context(running(node_config(id="node-1"), engines()))
        leaving = contextlib.AsyncExitStack()
        node_2 = await leaving.enter_async_context(running(node_config(id="node-2"), engines(paint)))
        nodes = await stack.enter_async_context(nodes_of(handover(node_2, node_1)))
        nodes._sessions["tryon"].move_to("node-2")
        await until(lambda: any(view.is_active and view.server.server_id == "node-2" for view in nodes.views()))
        news = News()
        working = asyncio.create_task(nodes.try_on(ask(), news))
        await news.until_working()
        await leaving.aclose()
        assert (await working).node == "node-1"
        assert paint.stopped == 1
