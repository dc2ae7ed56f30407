"""The session in real time, over real gRPC on 127.0.0.1."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from handover.config import HandoverConfig, StaticServer
from handover.discovery.zeroconf_browser import SERVICE
from handover.session import OffloadSession
from handover.values import Deliver, MoveCompleted, Moved, Reason, ServerKind
from protos.liquidedge import detection_pb2 as liquidedge_pb
from protos.liquidedge import detection_pb2_grpc as liquidedge_rpc
from protos.messages import EncodedFrame, Outcome
from protos.tagalong.v1 import offload_pb2 as pb
from tests.handover.edge_double import EdgeDouble, serving

LONG_S = 15.0  # a test that waits for this long has failed; nothing is measured against it
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Robot:
    """A session with a camera of 20 frames/s."""

    session: OffloadSession
    delivered: list[Deliver] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    completed: list[MoveCompleted] = field(default_factory=list)
    offered: int = 0
    image: bytes = b"x" * 20_000

    def event(self, event: Moved | MoveCompleted) -> None:
        (self.moved if isinstance(event, Moved) else self.completed).append(event)  # type: ignore[arg-type]

    @property
    def active_id(self) -> str | None:
        return self.session.active.server_id if self.session.active else None

    def offer(self) -> None:
        self.offered += 1
        self.session.offer(EncodedFrame(self.offered, time.monotonic_ns(), self.image, 640, 480))

    async def film(self) -> None:
        while True:
            self.offer()
            await asyncio.sleep(0.05)

    async def results_from(self, server_id: str, count: int = 5) -> None:
        have = sum(each.server_id == server_id for each in self.delivered)
        await until(lambda: sum(each.server_id == server_id for each in self.delivered) >= have + count)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def robot(
    config: HandoverConfig,
    filming: bool = True,
    extra_tasks: tuple[str, ...] = (),
    tasks: tuple[str, ...] = ("person",),
    labels: tuple[str, ...] = (),
) -> AsyncIterator[Robot]:
    """A running robot; when it ends, every frame has to have its outcome."""
    made: list[Robot] = []
    session = OffloadSession(
        config,
        "rover",
        tasks,
        lambda deliver: made[0].delivered.append(deliver),
        lambda event: made[0].event(event),
        labels,
        extra_tasks=extra_tasks,
    )
    made.append(Robot(session))
    running = asyncio.create_task(session.run())
    camera = asyncio.create_task(made[0].film()) if filming else None
    try:
        yield made[0]
    finally:
        if camera is not None:
            camera.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    counts = session.counts()
    assert counts.pending == 0
    assert counts.unaccounted == 0
    assert counts.sent + counts.unsent == made[0].offered


def static(*ports: int, **more: object) -> HandoverConfig:
    servers = tuple(StaticServer(address=f"127.0.0.1:{port}") for port in ports)
    return HandoverConfig.model_validate({"zeroconf": False, "servers": servers} | more)


@contextmanager
def process(server_id: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An edge double in a process of its own, to be killed and stopped."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.handover.edge_double", server_id], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        yield child, int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


async def test_frames_come_back_as_results_of_a_server_that_says_its_own_name() -> None:
    double = EdgeDouble("kitchen")
    async with serving(double) as port, robot(static(port)) as rover:
        await rover.results_from("kitchen")
        assert rover.active_id == "kitchen"
        assert rover.session.active is not None
        assert rover.session.active.colour_rgb == (0x10, 0x20, 0x30)
        assert rover.delivered[0].reply.detections[0].label == "person"
        assert 0 < rover.delivered[0].rtt_s < LONG_S
        assert double.hello is not None
        assert (double.hello.robot_id, list(double.hello.tasks)) == ("rover", ["person"])
    await until(lambda: double.streams == 0)


async def test_extra_tasks_are_asked_for_besides_and_decide_nothing() -> None:
    only_faces, only_persons = EdgeDouble("faces", took_s=0.0), EdgeDouble("persons", took_s=0.05)
    only_faces.offers = ("face",)
    async with (
        serving(only_faces) as port_a,
        serving(only_persons) as port_b,
        robot(static(port_a, port_b), extra_tasks=("face", "person", "face")) as rover,
    ):
        await rover.results_from("persons")
        await until(lambda: any(view.server.tasks == ("face",) for view in rover.session.views()))
        await rover.results_from("persons", 20)
        assert only_persons.hello is not None
        assert (list(only_persons.hello.tasks), list(only_persons.hello.extra_tasks)) == (["person"], ["face"])
        assert only_faces.hello is None  # no stream there: it would find nobody to follow


async def test_the_standby_is_connected_and_kept_warm_and_gets_no_frames() -> None:
    a, b = EdgeDouble("a"), EdgeDouble("b", took_s=0.06)
    async with serving(a) as port_a, serving(b) as port_b, robot(static(port_a, port_b)) as rover:
        await rover.results_from("a")
        await until(lambda: b.warm >= 1)
        views = {view.server.server_id: view for view in rover.session.views()}
        assert views["b"].is_standby
        assert a.streams == b.streams == 1


async def test_a_killed_server_process_is_left_and_the_other_one_serves() -> None:
    with process("a") as (child_a, port_a), process("b") as (child_b, port_b):
        async with robot(static(port_a, port_b)) as rover:
            await until(lambda: len(rover.delivered) > 20 and any(view.is_standby for view in rover.session.views()))
            active = rover.active_id
            (child_a if active == "a" else child_b).kill()
            await until(lambda: rover.active_id not in (active, None))
            assert rover.moved[-1].reason is Reason.LINK_LOST
            await rover.results_from("b" if active == "a" else "a")
            assert rover.completed[-1].moved == rover.moved[-1]


async def test_a_stopped_server_process_is_left_and_used_again_after_it_goes_on() -> None:
    with process("a") as (child_a, port_a), process("b") as (child_b, port_b):
        children = {"a": child_a, "b": child_b}
        async with robot(static(port_a, port_b)) as rover:
            await until(lambda: len(rover.delivered) > 20 and any(view.is_standby for view in rover.session.views()))
            first = rover.active_id
            assert first is not None
            second = "b" if first == "a" else "a"
            os.kill(children[first].pid, signal.SIGSTOP)
            await until(lambda: rover.active_id == second)
            assert rover.moved[-1].reason is Reason.SILENT
            await rover.results_from(second)
            os.kill(children[first].pid, signal.SIGCONT)
            await until(lambda: any(view.server.server_id == first and view.usable for view in rover.session.views()))
            children[second].kill()
            await rover.results_from(first)


async def test_the_only_server_stopped_and_gone_on_is_lost_and_found_again() -> None:
    with process("only") as (child, port):
        async with robot(static(port)) as rover:
            await rover.results_from("only")
            os.kill(child.pid, signal.SIGSTOP)
            await until(lambda: rover.active_id is None)
            os.kill(child.pid, signal.SIGCONT)
            await rover.results_from("only")


async def test_a_server_that_never_says_who_it_is_is_passed_over() -> None:
    silent, good = EdgeDouble("silent"), EdgeDouble("good", took_s=0.05)
    silent.describes = False
    config = {"connect_timeout_s": 0.3}
    async with serving(silent) as port_a, serving(good) as port_b, robot(static(port_a, port_b, **config)) as rover:
        await rover.results_from("good", 20)
        assert silent.frames == []


async def test_a_server_that_stops_reading_holds_up_nothing() -> None:
    deaf = EdgeDouble("deaf")
    deaf.reads = False
    async with serving(deaf) as port, robot(static(port, suspicion={"offline_s": 60.0})) as rover:
        rover.image = b"x" * 1_000_000  # more than HTTP/2 lets a sender have under way
        await until(lambda: rover.active_id == "deaf")
        # gRPC takes a few megabytes; from then on newer frames take the place of those that wait.
        await until(lambda: rover.session.counts().outcomes[Outcome.SUPERSEDED] > 0)
        offered = rover.offered
        await until(lambda: rover.offered > offered + 10)  # the camera goes on
        assert rover.session.counts().outcomes[Outcome.RESULT] == 0


async def test_a_server_that_stops_reading_is_left_for_one_that_reads() -> None:
    deaf, good = EdgeDouble("deaf"), EdgeDouble("good", took_s=0.05)
    deaf.reads = False
    async with serving(deaf) as port_a, serving(good) as port_b, robot(static(port_a, port_b)) as rover:
        rover.image = b"x" * 300_000
        await rover.results_from("good", 20)


@pytest.mark.parametrize(
    "garbage",
    [
        pb.TrackReply(result=pb.FrameResult(number=1 << 40, outcome=pb.OUTCOME_RESULT)),
        pb.TrackReply(result=pb.FrameResult(number=1, outcome=77)),  # type: ignore[arg-type]
        pb.TrackReply(),
        pb.TrackReply(opened=pb.Opened(server_id="again")),
    ],
    ids=["a frame it never got", "an unknown outcome", "an empty message", "opened twice"],
)
async def test_a_server_that_answers_garbage_is_left(garbage: pb.TrackReply, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = EdgeDouble("bad", took_s=0.001), EdgeDouble("good", took_s=0.05)
    bad.garbage = garbage
    with caplog.at_level(logging.WARNING, "handover.session"):
        async with serving(bad) as port_a, robot(static(port_a)) as rover:
            await until(lambda: "is left, because it answers wrongly" in caplog.text)
        async with serving(bad) as port_a, serving(good) as port_b, robot(static(port_a, port_b)) as rover:
            await rover.results_from("good", 20)


async def test_something_that_is_no_grpc_server_and_an_empty_port_are_passed_over() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 this is something else\r\n")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    other = await asyncio.start_server(chatter, "127.0.0.1", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ports = (other.sockets[0].getsockname()[1], unused.getsockname()[1])
        async with serving(EdgeDouble("good")) as port, robot(static(*ports, port)) as rover:
            await rover.results_from("good", 20)
    other.close()
    await other.wait_closed()


async def test_a_server_that_says_it_goes_away_is_left_while_it_still_answers() -> None:
    doubles = {"a": EdgeDouble("a"), "b": EdgeDouble("b")}
    async with serving(doubles["a"]) as port_a, serving(doubles["b"]) as port_b, robot(static(port_a, port_b)) as rover:
        await until(lambda: len(rover.delivered) > 20 and any(view.is_standby for view in rover.session.views()))
        first = rover.active_id
        assert first is not None
        doubles[first].go_away.set()
        await rover.results_from("b" if first == "a" else "a")
        assert rover.moved[-1].reason is Reason.GOING_AWAY
        assert rover.session.counts().outcomes[Outcome.LOST] == 0


async def test_a_callback_may_offer_the_next_frame_itself() -> None:
    numbers = itertools.count(1)
    enough = asyncio.Event()
    seen: list[int] = []

    def offer() -> None:
        session.offer(EncodedFrame(next(numbers), time.monotonic_ns(), b"jpeg", 640, 480))

    def on_deliver(deliver: Deliver) -> None:
        seen.append(deliver.reply.number)
        if len(seen) >= 30:
            enough.set()
        else:
            offer()

    async with serving(EdgeDouble("a", took_s=0.0)) as port:
        session = OffloadSession(static(port), "rover", ("person",), on_deliver, lambda _: None)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(LONG_S):
            await session.wait_room()
            offer()
            await enough.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert seen == list(range(1, 31))


async def test_waiting_for_room_ends_when_an_answer_makes_some() -> None:
    async with serving(EdgeDouble("slow", took_s=0.05)) as port, robot(static(port, window=1), filming=False) as rover:
        async with asyncio.timeout(LONG_S):
            for _ in range(5):
                await rover.session.wait_room()
                rover.offer()
        assert rover.session.counts().unsent == 0


async def test_without_a_session_running_frames_are_counted_as_unsent() -> None:
    session = OffloadSession(static(), "rover", ("person",), lambda _: None, lambda _: None)
    session.offer(EncodedFrame(1, 0, b"jpeg", 640, 480))
    assert session.counts().unsent == 1
    assert session.active is None


@pytest.mark.parametrize("wait_s", [0.0, 0.001, 0.01, 0.05])
async def test_a_session_can_be_cancelled_at_any_moment(wait_s: float) -> None:
    silent = EdgeDouble("silent")
    silent.describes = False
    async with serving(silent) as port_a, serving(EdgeDouble("good")) as port_b, robot(static(port_a, port_b)):
        await asyncio.sleep(wait_s)


async def test_announced_servers_are_found_and_a_withdrawn_one_is_forgotten_when_its_link_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGALONG_INTERFACES", "127.0.0.1")
    name = f"found-{os.getpid()}"
    async with serving(EdgeDouble(name)) as port:
        zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"])
        info = ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=port,
            parsed_addresses=["127.0.0.1"],
            properties={"id": name, "tasks": "person,face", "colour": "#a0b0c0", "zone": "hall", "capacity": "3"},
        )
        try:
            await (await zeroconf.async_register_service(info))
            async with robot(HandoverConfig()) as rover:
                await rover.results_from(name)
                assert rover.session.active is not None
                assert rover.session.active.zone == "hall"
                await (await zeroconf.async_unregister_service(info))
                await rover.results_from(name, 10)  # discovery is a hint: the link lives
        finally:
            await zeroconf.async_close()


class Demonstrator(liquidedge_rpc.ObjectDetectionServicer):
    """What an unmodified aggregator does, as LIQUIDEDGE.md describes it."""

    def __init__(self) -> None:
        self.wanted: list[tuple[int, int]] = []

    async def ObjectDetect(
        self, request: liquidedge_pb.ObjectDetectionRequest, context: grpc.aio.ServicerContext
    ) -> liquidedge_pb.ObjectDetectionResponse:
        if not 0 <= request.user_id <= 5:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such user")
        self.wanted.append((request.wantface, request.wantyolo))
        objects = []
        if request.wantface:
            face = liquidedge_pb.DetectedObject.FACE
            objects.append(liquidedge_pb.DetectedObject(name="face", eng=face, confidence=0.7, x=96, y=48, w=32, h=40))
        if request.wantyolo:
            for label, x in (("person", 64), ("dog", 320), ("person", 600)):
                objects.append(
                    liquidedge_pb.DetectedObject(
                        name=label, eng=liquidedge_pb.DetectedObject.YOLO, confidence=0.8, x=x, y=48, w=128, h=240, r=10
                    )
                )
        return liquidedge_pb.ObjectDetectionResponse(
            number=request.frame.number, timestamp=request.frame.timestamp, objects=objects, name="old"
        )


@asynccontextmanager
async def demonstrating(demonstrator: Demonstrator) -> AsyncIterator[tuple[grpc.aio.Server, HandoverConfig]]:
    server = grpc.aio.server()
    liquidedge_rpc.add_ObjectDetectionServicer_to_server(demonstrator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    entry = StaticServer(address=f"127.0.0.1:{port}", id="old", kind=ServerKind.LIQUIDEDGE)
    try:
        yield server, HandoverConfig(zeroconf=False, servers=(entry,))
    finally:
        await server.stop(grace=None)


async def test_a_server_of_the_liquid_edge_demonstrator_serves_persons() -> None:
    demonstrator = Demonstrator()
    async with demonstrating(demonstrator) as (server, config), robot(config) as rover:
        await rover.results_from("old")
        detections = rover.delivered[-1].reply.detections
        assert [each.label for each in detections] == ["person", "person"]  # no dog was asked for
        box = detections[0].box
        assert (box.x, box.y, box.w, box.h) == pytest.approx((0.1, 0.1, 0.2, 0.5))
        assert detections[1].box.x + detections[1].box.w == pytest.approx(1.0)  # it stuck out
        assert (0, 1) in demonstrator.wanted
        await server.stop(grace=None)
        await until(lambda: rover.active_id is None)


async def test_a_server_of_the_liquid_edge_demonstrator_finds_extra_faces_whatever_labels_are_wanted() -> None:
    demonstrator = Demonstrator()
    async with (
        demonstrating(demonstrator) as (_, config),
        robot(config, tasks=("coco",), labels=("dog",), extra_tasks=("face",)) as rover,
    ):
        await rover.results_from("old")
        assert [each.label for each in rover.delivered[-1].reply.detections] == ["face", "dog"]
        assert (1, 1) in demonstrator.wanted
