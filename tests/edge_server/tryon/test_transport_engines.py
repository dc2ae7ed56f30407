"""Engines in a process of their own: what comes back is what they gave, over every way."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from common.errors import ConfigError, LinkError
from edge_server.tryon.engines import tryon_engine
from edge_server.tryon.transport import Parcel, connect, serve
from edge_server.tryon.transport.engines import EngineHost, RemoteParsing, RemotePose, RemoteTryOn
from edge_server.tryon.values import (
    BGR,
    Area,
    BodyPose,
    CancelledTryOn,
    Garment,
    NoPersonError,
    Parsing,
    Person,
    Progress,
    TryOnError,
)
from protos.tryon_errors import EngineFailedError
from tests.edge_server.tryon.figure import figure
from tests.edge_server.tryon.wardrobe import trousers, upper

ROOT = Path(__file__).parents[3]
PERSON = figure("arms_down", (180, 240))
GARMENT = upper()


class Known:
    """All three engines: gives what is known of the drawn person, and keeps what it was given."""

    name = "known"

    def __init__(self) -> None:
        self.given: list[Person] = []
        self.garments: list[Garment] = []
        self.answer: Callable[[Progress], None] = lambda progress: progress(0.5, "half")
        self.closed = 0

    def pose(self, bgr: BGR) -> BodyPose:
        if not bgr.any():
            raise NoPersonError("Nobody is to be seen.")
        return PERSON.pose

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        return Parsing(np.where(pose.mask > 0.5, PERSON.parsing.labels, np.uint8(0)))

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        self.given.append(person)
        self.garments.append(garment)
        self.answer(progress)
        return np.ascontiguousarray(person.bgr[:, ::-1])

    def close(self) -> None:
        self.closed += 1


@contextmanager
def hosted(address: str) -> Iterator[tuple[Known, str]]:
    known = Known()
    host = EngineHost(known, known, known)
    serving = serve(address, host)
    try:
        yield known, serving.address
    finally:
        serving.close()
        host.close()
    assert known.closed == 3


@pytest.fixture(params=["shm", "unix", "grpc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "grpc://127.0.92.1:0" if request.param == "grpc" else f"{request.param}://{tmp_path}/s"


def quiet(share: float, what: str) -> None: ...


def test_pose_parsing_and_picture_come_back_as_the_engines_gave_them(address) -> None:
    with hosted(address) as (known, at):
        with closing(RemotePose(at)) as pose_of, closing(RemoteParsing(at)) as parse, closing(RemoteTryOn(at)) as dress:
            pose = pose_of.pose(PERSON.bgr)
            np.testing.assert_array_equal(pose.mask, PERSON.pose.mask)
            assert pose.facing is PERSON.pose.facing
            for name, point in PERSON.pose.points.items():
                assert pose.points[name] == pytest.approx(point, abs=1e-6)
            parsing = parse.parse(PERSON.bgr, pose)
            np.testing.assert_array_equal(parsing.labels, np.where(pose.mask > 0.5, PERSON.parsing.labels, 0))
            told: list[tuple[float, str]] = []
            dressed = dress.try_on(PERSON, GARMENT, lambda share, what: told.append((share, what)))
            dress.try_on(PERSON, trousers(), quiet)
        np.testing.assert_array_equal(dressed, PERSON.bgr[:, ::-1])
        assert told == [(0.0, "sending the picture"), (0.5, "half")]
        (given, _), (garment, other) = known.given, known.garments
        np.testing.assert_array_equal(given.bgr, PERSON.bgr)
        np.testing.assert_array_equal(given.parsing.labels, PERSON.parsing.labels)
        np.testing.assert_array_equal(garment.bgra, GARMENT.bgra)
        assert (garment.garment_id, garment.kind, other.kind) == (GARMENT.garment_id, GARMENT.kind, trousers().kind)
        assert garment.landmarks.keys() == GARMENT.landmarks.keys()
        assert given.bgr.flags.owndata  # not in memory that the next call is written to


def test_what_engines_raise_arrives_as_what_it_was(address) -> None:
    def refuse(progress: Progress) -> None:
        raise TryOnError("Turn to the camera.")

    def break_down(progress: Progress) -> None:
        raise ZeroDivisionError

    with hosted(address) as (known, at), closing(RemoteTryOn(at)) as dress:
        with closing(RemotePose(at)) as pose_of, pytest.raises(NoPersonError, match=r"^Nobody is to be seen\.$"):
            pose_of.pose(np.zeros((20, 20, 3), np.uint8))
        known.answer = refuse
        with pytest.raises(TryOnError, match=r"^Turn to the camera\.$"):
            dress.try_on(PERSON, GARMENT, quiet)
        known.answer = break_down
        with pytest.raises(EngineFailedError, match="the server failed"):
            dress.try_on(PERSON, GARMENT, quiet)


def test_who_does_not_want_the_answer_stops_the_engine(address) -> None:
    stopped = threading.Event()

    def work(progress: Progress) -> None:
        try:
            for _ in range(1000):
                time.sleep(0.01)
                progress(0.3, "at it")
        except CancelledTryOn:
            stopped.set()
            raise

    told: list[str] = []

    def progress(share: float, what: str) -> None:
        told.append(what)
        if told.count("at it") > 2:
            raise CancelledTryOn("not wanted any more")

    with hosted(address) as (known, at), closing(RemoteTryOn(at)) as dress:
        known.answer = work
        with pytest.raises(CancelledTryOn):
            dress.try_on(PERSON, GARMENT, progress)
        assert stopped.wait(5)


def test_calls_that_make_no_sense_are_refused_and_others_go_on(tmp_path) -> None:
    bgr, mask, labels = PERSON.bgr, PERSON.pose.mask, PERSON.parsing.labels
    with hosted(f"shm://{tmp_path}/s") as (known, at), closing(connect(at)) as caller:
        for head, tensors in (
            (b"", ()),
            (b"X", (bgr,)),
            (b"P", ()),
            (b"P", (bgr[:, :, 0],)),
            (b"P", (bgr.astype(np.float32),)),
            (b"P", (bgr[:0],)),
            (b"A", (bgr, mask[:5])),
            (b"A\xff\xff", (bgr, mask)),
            (b"T\xff\xff", (bgr, mask, labels, GARMENT.bgra)),
            (b"T", (bgr, mask, labels, GARMENT.bgra)),
            (b"T", (bgr, mask, np.full_like(labels, 200), GARMENT.bgra)),
        ):
            with pytest.raises(Exception, match=r".") as told:
                caller.call(Parcel(head, tensors), 5.0)
            assert getattr(told.value, "kind", "") == "BadMessageError", (head, told.value)
        assert known.given == []
    nothing = serve(f"shm://{tmp_path}/none", EngineHost())
    with closing(RemotePose(nothing.address)) as pose_of, pytest.raises(EngineFailedError, match="does not do pose"):
        pose_of.pose(bgr)
    nothing.close()


def test_an_engine_in_a_process_of_its_own_is_killed_and_started_again(tmp_path) -> None:
    address = f"shm://{tmp_path}/engines"
    command = [sys.executable, "-m", "edge_server.tryon.transport", address, "--tryon", "warp"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    own = tryon_engine("warp").try_on(PERSON, GARMENT, quiet)
    with closing(tryon_engine(f"remote:address={address}")) as dress:
        with pytest.raises(LinkError, match="nobody listens"):
            dress.try_on(PERSON, GARMENT, quiet)
        for how in (signal.SIGKILL, signal.SIGTERM):
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline().strip() == address
                    dressed = dress.try_on(PERSON, GARMENT, quiet)
                    assert np.abs(dressed.astype(int) - own).max() <= 4  # key points went as float32
                    assert (dressed == own).mean() > 0.999
                finally:
                    process.send_signal(how)
                assert process.wait(10) == (0 if how is signal.SIGTERM else -9)
    assert not Path(f"{tmp_path}/engines").exists()
    assert (own != PERSON.bgr).any(axis=2)[PERSON.parsing.labels == Area.TORSO].mean() > 0.5


@pytest.mark.parametrize(
    ("options", "expected"),
    [("address=nowhere", "Write grpc://"), ("address=shm:///a,timeout_s=0", "timeout"), ("", "needs the option")],
)
def test_wrong_options_are_named(options, expected) -> None:
    with pytest.raises(ConfigError, match=expected):
        tryon_engine(f"remote:{options}" if options else "remote")


def test_a_process_that_cannot_start_says_why(tmp_path, capsys) -> None:
    from edge_server.tryon.transport.__main__ import main

    assert main([f"shm://{tmp_path}/s", "--tryon", "wrap"]) == 2
    assert "Did you mean 'warp'" in capsys.readouterr().err
