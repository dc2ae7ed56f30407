"""What a stranger may write into a frame, and into shared memory's socket: the server lives."""

import array
import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadMessageError, ConfigError
from edge_server.tryon.transport import Emit, Parcel, Serving, connect, serve
from edge_server.tryon.transport.grpc_way import _from_bytes, _to_bytes
from edge_server.tryon.transport.parcel import Frame, Kind, describe, read
from edge_server.tryon.transport.shm import SEALS

FRAME = Frame(Kind.CALL, Parcel(b"head", (np.arange(12, dtype=np.float32).reshape(3, 4), np.ones(5, np.uint8))), 1.5)


def test_an_envelope_says_what_was_sent() -> None:
    data, slots, size = describe(FRAME)
    envelope = read(data)
    assert (envelope.kind, envelope.head, envelope.timeout_s) == (Kind.CALL, b"head", 1.5)
    assert envelope.slots == slots
    assert [slot.offset for slot in slots] == [0, 64]
    assert envelope.size == size == 69


@given(st.binary(max_size=200))
def test_noise_is_no_envelope(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        read(data)
    with pytest.raises(BadMessageError):
        _from_bytes(data, 1000)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_wrong_byte_is_noticed_or_harmless(place: int, value: int) -> None:
    message = bytearray(_to_bytes(FRAME, 1000))
    message[place % len(message)] = value
    with contextlib.suppress(BadMessageError):
        frame = _from_bytes(bytes(message), 1000)
        assert sum(tensor.nbytes for tensor in frame.parcel.tensors) <= 1000


@given(st.integers(0, 200))
def test_a_frame_cut_short_is_noticed(length: int) -> None:
    message = _to_bytes(FRAME, 1000)
    with pytest.raises(BadMessageError):
        _from_bytes(message[: min(length, len(message) - 1)], 1000)


def test_a_huge_claim_is_refused_before_anything_is_allocated() -> None:
    data = bytearray(describe(Frame(Kind.CALL, Parcel(b"", (np.zeros((1, 1, 1, 1), np.float64),))))[0])
    data[-16:] = b"\xff" * 16
    with pytest.raises(BadMessageError, match="larger than"):
        read(bytes(data))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    def answer(parcel: Parcel, emit: Emit) -> Parcel:
        return Parcel(parcel.head, tuple(tensor.copy() for tensor in parcel.tensors))

    running = serve(f"shm://{tmp_path}/s", answer, max_bytes=1 << 20)
    yield running
    with contextlib.closing(connect(running.address)) as caller:  # whatever came before, it answers
        assert caller.call(Parcel(b"alive"), 5.0).head == b"alive"
    running.close()


def stranger(server: Serving) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(5.0)
    sock.connect(server.address.removeprefix("shm://"))
    return sock


def memory(size: int, seals: int) -> int:
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def passing(*given: int) -> list[tuple[int, int, "array.array[int]"]]:
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))]


ENVELOPE = describe(Frame(Kind.CALL, Parcel(b"x", (np.zeros(1000, np.uint8),)), 1.0))[0]


@pytest.mark.parametrize("data", [b"hello", b"\0" * 40, ENVELOPE, ENVELOPE[:-1], b"x" * 60_000])
def test_nonsense_on_the_socket_is_hung_up_on(server, data) -> None:
    with stranger(server) as sock:
        sock.send(data)
        assert sock.recv(100) == b""


@pytest.mark.parametrize(
    ("size", "seals", "answered"),
    [(4096, SEALS, True), (4096, 0, False), (100, SEALS, False), (2 << 20, SEALS, False), (0, SEALS, False)],
)
def test_memory_has_to_be_sealed_and_of_a_fitting_size(server, size, seals, answered) -> None:
    descriptor = memory(size, seals)
    with stranger(server) as sock:
        sock.sendmsg([ENVELOPE], passing(descriptor))
        os.close(descriptor)
        assert (sock.recv(1000) != b"") is answered


def test_descriptors_that_are_no_memory_or_too_many_are_closed(server) -> None:
    reader, writer = os.pipe()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for given_away in ((reader,), (reader, writer, reader)):
        with stranger(server) as sock:
            sock.sendmsg([ENVELOPE], passing(*given_away))
            assert sock.recv(100) == b""
    until_s = time.monotonic() + 10.0
    while len(os.listdir("/proc/self/fd")) > before:  # noqa: PTH208 - the last connection's thread is about to end
        assert time.monotonic() < until_s
        time.sleep(0.005)
    os.close(reader)
    os.close(writer)


def test_a_socket_left_behind_by_a_killed_process_is_replaced_and_a_file_is_not(tmp_path) -> None:
    path = tmp_path / "left"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
        left.bind(str(path))
    server = serve(f"shm://{path}", lambda parcel, emit: parcel)
    assert path.stat().st_mode & 0o777 == 0o600
    server.close()
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is no socket"):
        serve(f"shm://{path}", lambda parcel, emit: parcel)
    assert path.read_text() == "mine"


def test_a_path_too_long_for_a_socket_is_named() -> None:
    with pytest.raises(ConfigError, match="at most 107 bytes"):
        serve("shm:///" + "x" * 120, lambda parcel, emit: parcel)
