"""Parcels between processes: the same promises over every way, whoever dies."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from common.errors import BadMessageError, ConfigError, LinkError, TagalongError
from edge_server.tryon.transport import CallRefused, Emit, Parcel, Serving, Stopped, connect, serve
from edge_server.tryon.values import TryOnError

PEER = Path(__file__).with_name("transport_peer.py")
ROOT = Path(__file__).parents[3]
WAYS = [
    "grpc",
    "unix",
    "shm",
    pytest.param(
        "ucx",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("ucxx") is None, reason="ucxx is not installed: pip install ucxx-cu12"
        ),
    ),
]


@pytest.fixture(params=WAYS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "grpc": "grpc://127.0.90.1:0",
        "unix": f"unix://{tmp_path}/s",
        "shm": f"shm://{tmp_path}/s",
        "ucx": "ucx://0.0.0.0:0",
    }[request.param]


def double(parcel: Parcel, emit: Emit) -> Parcel:
    return Parcel(parcel.head, tuple(tensor * tensor.dtype.type(2) for tensor in parcel.tensors))


@contextlib.contextmanager
def serving(
    address: str,
    handler: Callable[[Parcel, Emit], Parcel] = double,
    max_bytes: int = 64 << 20,
    max_connections: int = 8,
) -> Iterator[Serving]:
    server = serve(address, handler, max_bytes=max_bytes, max_connections=max_connections)
    try:
        yield server
    finally:
        server.close()
        assert server.connections == 0


def called(server: Serving) -> str:
    return server.address.replace("0.0.0.0", "127.0.0.1")


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, "did not become true in time"
        time.sleep(0.005)


@contextlib.contextmanager
def process(role: str, address: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A peer in a process of its own, and the first line it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(PEER), role, address]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


def shared_memories() -> set[Path]:
    return set(Path("/dev/shm").iterdir())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - iterdir would open one more while it counts


def test_tensors_of_every_type_and_shape_come_back(address) -> None:
    rng = np.random.default_rng(1)
    some = rng.integers(0, 100, (37, 20, 3))
    tensors = [some.astype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")]
    tensors += [some.astype(np.uint8)[::2, ::-1], some.astype(np.float32).T, np.zeros((0, 3), np.uint8)]
    with serving(address) as server, contextlib.closing(connect(called(server))) as caller:
        for count in (14, 0, 1, 14):
            answer = caller.call(Parcel(b"head" * 2000, tuple(tensors[:count])), 5.0)
            assert answer.head == b"head" * 2000
            assert len(answer.tensors) == count
            for got, sent in zip(answer.tensors, tensors[:count], strict=True):
                assert got.dtype == sent.dtype
                np.testing.assert_array_equal(got, sent * sent.dtype.type(2))


def test_answers_stay_what_they_are_when_more_come_larger_and_smaller(address) -> None:
    with serving(address) as server, contextlib.closing(connect(called(server))) as caller:
        sizes = (10, 3_000_000, 100, 9_000_000, 1)
        answers = [caller.call(Parcel(b"", (np.full(n, i, np.uint8),)), 5.0) for i, n in enumerate(sizes)]
    for i, (n, answer) in enumerate(zip(sizes, answers, strict=True)):
        np.testing.assert_array_equal(answer.tensors[0], np.full(n, 2 * i, np.uint8))


def test_progress_is_told_in_order(address) -> None:
    def work(parcel: Parcel, emit: Emit) -> Parcel:
        for share in range(5):
            emit(b"%d" % share)
        return parcel

    told: list[bytes] = []
    with serving(address, work) as server, contextlib.closing(connect(called(server))) as caller:
        caller.call(Parcel(b"x", (np.ones(4),)), 5.0, told.append)
    assert told == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (TryOnError("Nobody is to be seen."), "TryOnError", "Nobody is to be seen."),
        (ZeroDivisionError("secret"), "InternalError", "the server failed"),
    ],
)
def test_what_a_handler_raises_is_told_and_the_connection_lives(address, error, kind, message) -> None:
    def fail_once(parcel: Parcel, emit: Emit) -> Parcel:
        if parcel.head == b"fail":
            raise error
        return parcel

    with serving(address, fail_once) as server, contextlib.closing(connect(called(server))) as caller:
        with pytest.raises(CallRefused, match=message) as told:
            caller.call(Parcel(b"fail"), 5.0)
        assert told.value.kind == kind
        assert "secret" not in str(told.value)
        assert caller.call(Parcel(b"fine"), 5.0).head == b"fine"
        assert server.connections == 1


def test_a_parcel_too_large_is_refused_on_either_side(address) -> None:
    def grow(parcel: Parcel, emit: Emit) -> Parcel:
        return Parcel(b"", (np.zeros(int(parcel.head), np.uint8),))

    with serving(address, grow, max_bytes=1 << 21) as server:
        with contextlib.closing(connect(called(server), max_bytes=1 << 21)) as caller:
            with pytest.raises(BadMessageError, match=r"larger than the 2\.1 MB"):
                caller.call(Parcel(b"1", (np.zeros(3 << 20, np.uint8),)), 5.0)
            with pytest.raises(CallRefused, match=r"larger than the 2\.1 MB"):
                caller.call(Parcel(b"3000000"), 5.0)
            assert caller.call(Parcel(b"5"), 5.0).tensors[0].size == 5
        with contextlib.closing(connect(called(server))) as careless, pytest.raises(LinkError):
            careless.call(Parcel(b"1", (np.zeros(3 << 20, np.uint8),)), 5.0)  # its own limit is higher
        with contextlib.closing(connect(called(server))) as caller:
            assert caller.call(Parcel(b"5"), 5.0).tensors[0].size == 5


@pytest.mark.parametrize(
    "tensor", [np.array(["text"]), np.zeros((1, 1, 1, 1, 1)), np.array(1.0), np.array([1j]), np.array([None])]
)
def test_what_is_no_tensor_of_numbers_is_refused(tmp_path, tensor) -> None:
    with serving(f"shm://{tmp_path}/s") as server, contextlib.closing(connect(server.address)) as caller:  # noqa: SIM117
        with pytest.raises(BadMessageError, match="cannot be sent"):
            caller.call(Parcel(b"", (tensor,)), 5.0)


def stoppable(seen: list[TagalongError], begun: threading.Event) -> Callable[[Parcel, Emit], Parcel]:
    def work(parcel: Parcel, emit: Emit) -> Parcel:
        if parcel.head != b"slow":
            return parcel
        begun.set()
        try:
            for _ in range(2000):
                time.sleep(0.005)
                emit(b"")
        except Stopped as error:
            seen.append(error)
            raise
        return parcel

    return work


def test_a_deadline_ends_the_call_and_the_work(address) -> None:
    seen: list[TagalongError] = []
    work = stoppable(seen, threading.Event())
    with serving(address, work) as server, contextlib.closing(connect(called(server))) as caller:
        assert caller.call(Parcel(b"first"), 5.0).head == b"first"  # the connection is there
        with pytest.raises(LinkError, match=r"no answer in 1\.00 s"):
            caller.call(Parcel(b"slow"), 1.0)
        wait_until(lambda: len(seen) == 1)
        assert caller.call(Parcel(b"next"), 5.0).head == b"next"


def test_a_caller_that_has_lost_interest_stops_the_work(address) -> None:
    seen: list[TagalongError] = []
    begun = threading.Event()

    def check(event: bytes = b"") -> None:
        if begun.is_set():
            raise TryOnError("not wanted any more")

    with serving(address, stoppable(seen, begun)) as server, contextlib.closing(connect(called(server))) as caller:
        with pytest.raises(TryOnError, match="not wanted"):
            caller.call(Parcel(b"slow"), 30.0, check, check)
        wait_until(lambda: len(seen) == 1)
        assert caller.call(Parcel(b"next"), 5.0).head == b"next"


def test_a_server_that_ends_stops_its_work_and_tells_its_caller(address) -> None:
    seen: list[TagalongError] = []
    begun = threading.Event()
    server = serve(address, stoppable(seen, begun))
    with contextlib.closing(connect(called(server))) as caller:

        def close() -> None:
            begun.wait(10)
            server.close()

        closing = threading.Thread(target=close)
        closing.start()
        with pytest.raises((LinkError, CallRefused)):
            caller.call(Parcel(b"slow"), 30.0)
        closing.join()
        assert len(seen) == 1
        with pytest.raises(LinkError, match=r"nobody|gone"):
            caller.call(Parcel(b"next"), 0.5)


def test_closing_a_caller_ends_the_call_of_another_thread(address) -> None:
    begun = threading.Event()
    ended: list[str] = []
    with serving(address, stoppable([], begun)) as server:
        caller = connect(called(server))

        def ask() -> None:
            with pytest.raises(LinkError):
                caller.call(Parcel(b"slow"), 30.0)
            ended.append("ended")

        asking = threading.Thread(target=ask)
        asking.start()
        assert begun.wait(10)
        caller.close()
        asking.join(10)
        assert ended == ["ended"]
        with pytest.raises(LinkError, match="closed on this side"):
            caller.call(Parcel(b""), 1.0)


def test_callers_beyond_the_limit_are_told_and_find_room_later(address) -> None:
    with serving(address, max_connections=1) as server:
        with contextlib.closing(connect(called(server))) as first:
            first.call(Parcel(b"one"), 5.0)
            with contextlib.closing(connect(called(server))) as second, pytest.raises((CallRefused, LinkError)):
                second.call(Parcel(b"two"), 2.0)
            assert first.call(Parcel(b"one"), 5.0).head == b"one"
        wait_until(lambda: server.connections == 0)
        with contextlib.closing(connect(called(server))) as third:
            assert third.call(Parcel(b"three"), 5.0).head == b"three"


def test_a_server_killed_in_the_middle_is_an_error_at_once_and_its_successor_is_used(address) -> None:
    before = shared_memories()
    with process("serve", address) as (first, at), contextlib.closing(connect(at)) as caller:
        told: list[bytes] = []

        def kill(event: bytes) -> None:
            told.append(event)
            first.kill()

        with pytest.raises(LinkError):
            caller.call(Parcel(b"slow", (np.zeros(1_000_000, np.uint8),)), 20.0, kill)
        assert told[0] == b"begun"
        first.wait()
        with pytest.raises(LinkError, match="nobody"):
            caller.call(Parcel(b"next"), 0.5)
        with process("serve", at.replace("ucx://127.0.0.1", "ucx://0.0.0.0")) as (_, again):
            assert again == at
            assert caller.call(Parcel(b"next"), 10.0).head == b"next"
    wait_until(lambda: shared_memories() <= before)


def test_a_caller_killed_in_the_middle_stops_the_work_and_leaves_nothing(address) -> None:
    seen: list[TagalongError] = []
    before = shared_memories()
    with serving(address, stoppable(seen, threading.Event())) as server:
        with process("call", called(server)) as (peer, line):
            assert line == "called"
            assert peer.stdout is not None
            assert peer.stdout.readline() == "begun\n"
            peer.kill()
            wait_until(lambda: len(seen) == 1 and server.connections == 0)
        with contextlib.closing(connect(called(server))) as caller:
            assert caller.call(Parcel(b"next"), 5.0).head == b"next"
    wait_until(lambda: shared_memories() <= before)


def test_many_connections_leave_no_descriptor_behind(address) -> None:
    with serving(address) as server:

        def once() -> None:
            with contextlib.closing(connect(called(server))) as caller:
                caller.call(Parcel(b"", (np.zeros(2_000_000, np.uint8),)), 5.0)

        once()
        wait_until(lambda: server.connections == 0)
        before = descriptors()
        for _ in range(15):
            once()
        wait_until(lambda: server.connections == 0)
        wait_until(lambda: descriptors() <= before + 3)  # libraries keep a few


def test_callers_in_many_threads_get_their_own_answers(address) -> None:
    with serving(address) as server, contextlib.closing(connect(called(server))) as shared:
        own = [connect(called(server)) for _ in range(3)]
        wrong: list[int] = []

        def ask(number: int) -> None:
            caller = own[number] if number < 3 else shared
            for _ in range(20):
                answer = caller.call(Parcel(b"", (np.full(100_000, number, np.uint8),)), 20.0)
                if not (answer.tensors[0] == 2 * number).all():
                    wrong.append(number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for caller in own:
            caller.close()
        assert wrong == []


@pytest.mark.parametrize(
    "text", ["", "grpc://", "grpc://host", "grpc://host:99999", "shm://relative", "tcp://h:1", "grpc://h:1/x", "shm://"]
)
def test_an_address_that_is_none_says_how_to_write_one(text) -> None:
    with pytest.raises(ConfigError, match="Write grpc://HOST:PORT"):
        connect(text)


def test_an_address_in_use_is_told(tmp_path) -> None:
    for address in ("grpc://127.0.90.2:0", f"shm://{tmp_path}/s"):
        with serving(address) as server, pytest.raises(ConfigError, match="in use"):
            serve(server.address, double)


def test_ucx_says_what_to_install(monkeypatch) -> None:
    from edge_server.tryon.transport import ucx

    monkeypatch.setattr(ucx._Library, "_only", None)
    monkeypatch.setitem(sys.modules, "ucxx._lib.libucxx", None)
    with pytest.raises(ConfigError, match="pip install ucxx-cu12"):
        serve("ucx://0.0.0.0:0", double)
    with pytest.raises(ConfigError, match="pip install ucxx-cu12"):
        connect("ucx://127.0.0.1:1").call(Parcel(), 1.0)
