"""Engines on an inference server, against a real one over gRPC that does arithmetic."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: pip install 'tagalong[triton]'")

from common.errors import ConfigError, LinkError, ModelError
from edge_server.tryon.engines import parsing_engine, pose_engine, tryon_engine
from edge_server.tryon.triton import TritonParsing, TritonPose, TritonTryOn
from edge_server.tryon.values import Area, CancelledTryOn, Kind, NoPersonError, Person, TryOnError
from protos.tryon_errors import EngineFailedError, NodeGoneError, TooLateError
from tests.edge_server.tryon.figure import figure
from tests.edge_server.tryon.inference_server import (
    Arrays,
    Model,
    Service,
    bright_middle,
    inference_server,
    models,
)
from tests.edge_server.tryon.wardrobe import trousers, upper

BRIGHT = np.zeros((120, 160, 3), np.uint8)
BRIGHT[30:100, 40:120] = (200, 100, 50)
PERSON = figure("arms_down", (160, 200))
GARMENT = upper(bgr=(10, 20, 250))


@pytest.fixture
def server() -> Iterator[tuple[Service, str]]:
    with inference_server(models()) as running:
        yield running


def quiet(share: float, what: str) -> None:
    assert 0 <= share <= 1


def test_a_picture_goes_through_all_three_models(server) -> None:
    _, address = server
    pose_of, parse = pose_engine(f"triton:address={address}"), parsing_engine(f"triton:address={address}")
    dresser = tryon_engine(f"triton:address={address},timeout_s=10")
    with closing(pose_of), closing(parse), closing(dresser):
        assert (pose_of.name, parse.name, dresser.name) == ("triton-pose", "triton-parsing", "triton-tryon")
        pose = pose_of.pose(BRIGHT)
        assert (pose.points["nose"].x, pose.points["nose"].y) == pytest.approx((0.497, 0.5375), abs=0.001)
        assert pose.points["left_shoulder"].x == pytest.approx(0.597, abs=0.001)
        assert pose.mask.sum() == 70 * 80
        parsing = parse.parse(BRIGHT, pose)
        assert (parsing.labels == Area.TORSO).sum() == 70 * 80
        told: list[float] = []
        dressed = dresser.try_on(Person(BRIGHT, pose, parsing), GARMENT, lambda share, what: told.append(share))
        assert dressed.shape == BRIGHT.shape
        assert tuple(dressed[80, 80]) == (10, 20, 250)  # BGR there and back
        np.testing.assert_array_equal(dressed[:30], BRIGHT[:30])
        assert told[0] == 0.0
        assert told[-1] == 1.0


def test_the_server_gets_what_the_layout_says(server) -> None:
    service, address = server
    got: list[Arrays] = []

    def look(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
        got.append(arrays)
        return {"dressed": arrays["image"]}

    service.models["tryon"].run = look
    with closing(TritonTryOn(address)) as engine:
        engine.try_on(PERSON, GARMENT, quiet)
        engine.try_on(PERSON, trousers(), quiet)
    arrays = got[0]
    np.testing.assert_array_equal(arrays["image"], PERSON.bgr[:, :, ::-1])
    np.testing.assert_array_equal(arrays["labels"], PERSON.parsing.labels)
    np.testing.assert_array_equal(arrays["mask"], PERSON.pose.mask)
    nose = PERSON.pose.points["nose"]
    np.testing.assert_allclose(arrays["points"][0], nose, rtol=1e-6)
    np.testing.assert_array_equal(arrays["garment"][:, :, 0], GARMENT.bgra[:, :, 2])
    np.testing.assert_allclose(arrays["landmarks"][-1], GARMENT.landmarks["neck_front"], rtol=1e-6)
    assert (int(arrays["kind"][0]), arrays["landmarks"].shape) == (0, (15, 2))
    assert (int(got[1]["kind"][0]), got[1]["landmarks"].shape) == (3, (13, 2))


def test_nobody_in_the_picture_is_told(server) -> None:
    with closing(TritonPose(server[1])) as engine, pytest.raises(NoPersonError, match="Nobody"):
        engine.pose(np.zeros((50, 40, 3), np.uint8))


def test_models_with_a_batch_dimension_are_given_one(server) -> None:
    service, address = server

    def batch(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
        found = bright_middle(arrays, wanted)
        return {name: found[name][None] for name in ("points", "mask")}

    service.models["pose"] = Model(
        {"image": ("UINT8", (-1, -1, -1, 3))}, {"points": ("FP32", (-1, 33, 3)), "mask": ("FP32", (1, -1, -1))}, batch
    )
    with closing(TritonPose(address)) as engine:
        pose = engine.pose(BRIGHT)
    assert pose.mask.shape == (120, 160)
    assert pose.people == 1


def test_a_server_that_is_not_there_is_told_and_found_once_it_is(server) -> None:
    with inference_server(models(), "127.0.91.2:0") as (_, address):
        engine = TritonPose(address)
        engine.pose(BRIGHT)
    with closing(engine):
        with pytest.raises(NodeGoneError, match=r"127\.0\.91\.2:\d+ is gone: nobody answers there"):
            engine.pose(BRIGHT)
        with inference_server(models(), address):
            until = threading.Event()
            for _ in range(100):
                try:
                    engine.pose(BRIGHT)
                    break
                except NodeGoneError:
                    until.wait(0.05)
            else:
                pytest.fail("not found again")


def test_a_server_or_a_model_that_is_not_ready_is_told(server) -> None:
    service, address = server
    with closing(TritonPose(address)) as engine:
        service.ready = False
        with pytest.raises(NodeGoneError, match="not ready yet"):
            engine.pose(BRIGHT)
        service.ready, service.models["pose"].ready = True, False
        with pytest.raises(NodeGoneError, match="no model 'pose' that is ready"):
            engine.pose(BRIGHT)
        service.models["pose"].ready = True
        engine.pose(BRIGHT)
        del service.models["pose"]
        with pytest.raises(NodeGoneError, match="no model 'pose'"):
            engine.pose(BRIGHT)


def test_a_deadline_is_kept_and_the_server_is_told(server) -> None:
    service, address = server
    with closing(TritonTryOn(address, model="slow", timeout_s=2.0)) as engine:
        with pytest.raises(TooLateError, match=r"model slow of .* gave no answer in 2\.0 s"):
            engine.try_on(PERSON, GARMENT, quiet)
        assert service.models["slow"].cancelled.wait(5)


def begins(model: Model) -> threading.Event:
    """Set once the model is at work."""
    begun, work = threading.Event(), model.run

    def tell(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
        begun.set()
        return work(arrays, wanted)

    model.run = tell
    return begun


def test_who_does_not_want_the_answer_any_more_cancels_the_call(server) -> None:
    service, address = server
    begun, asked = begins(service.models["slow"]), list[str]()

    def progress(share: float, what: str) -> None:
        asked.append(what)
        if len(asked) > 3 and begun.is_set():
            raise CancelledTryOn("not wanted any more")

    with closing(TritonTryOn(address, model="slow")) as engine, pytest.raises(CancelledTryOn):
        engine.try_on(PERSON, GARMENT, progress)
    assert service.models["slow"].cancelled.wait(5)
    assert asked[1] == "network: slow"


def test_a_server_that_dies_in_the_middle_is_an_error_at_once() -> None:
    served = models()
    begun = begins(served["slow"])
    failed: list[LinkError] = []
    with inference_server(served) as (_, address):
        engine = TritonTryOn(address, model="slow")

        def ask() -> None:
            with pytest.raises(LinkError) as told:
                engine.try_on(PERSON, GARMENT, quiet)
            failed.append(told.value)

        asking = threading.Thread(target=ask)
        asking.start()
        assert begun.wait(10)
    asking.join(10)
    engine.close()
    assert len(failed) == 1


def test_what_a_model_says_about_a_picture_is_for_the_person_and_a_failure_is_not(server) -> None:
    _, address = server
    with closing(TritonTryOn(address, model="refusing")) as engine, pytest.raises(TryOnError, match=r"^Turn to the"):
        engine.try_on(PERSON, GARMENT, quiet)
    told = r"model failing of .* failed \(internal: CUDA error\)"
    with closing(TritonTryOn(address, model="failing")) as engine, pytest.raises(EngineFailedError, match=told):
        engine.try_on(PERSON, GARMENT, quiet)
    broken = replace(GARMENT, landmarks={})
    with closing(TritonTryOn(address)) as engine, pytest.raises(TryOnError, match="lacks its landmark"):
        engine.try_on(PERSON, broken, quiet)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"inputs": {"picture": ("UINT8", (-1, -1, 3))}}, "wants the input 'picture', which is none of: image"),
        ({"inputs": {"image": ("FP32", (-1, -1, 3))}}, r"'image' is FP32 \[-1, -1, 3\]; needed is UINT8"),
        ({"inputs": {"image": ("UINT8", (3, 480, 640))}}, r"'image' is UINT8 \[3, 480, 640\]"),
        ({"inputs": {"image": ("UINT8", (8, -1, -1, 3))}}, "with or without a batch of 1"),
        ({"outputs": {"points": ("FP32", (33, 3))}}, "has no output mask"),
        ({"outputs": {"points": ("FP32", (17, 3)), "mask": ("FP32", (-1, -1))}}, r"output 'points' is FP32 \[17, 3\]"),
    ],
)
def test_a_model_that_is_not_what_is_expected_is_told_before_a_picture_is_sent(change, expected, server) -> None:
    service, address = server
    service.models["pose"] = replace(service.models["pose"], **change, run=lambda a, w: pytest.fail("was sent"))
    with closing(TritonPose(address)) as engine, pytest.raises(ModelError, match=expected):
        engine.pose(BRIGHT)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"points": np.full((33, 3), np.nan, np.float32)}, "holds NaN"),
        ({"points": np.full((33, 3), 300, np.float32)}, "points that are no places"),
        ({"points": np.zeros((33, 3), np.int32)}, "is int32"),
        ({"mask": np.zeros((10, 10), np.float32)}, r"mask of \[10, 10\]"),
        ({"mask": np.zeros(10, np.float32)}, r"'mask' is float32 \[10\]"),
        ({"people": np.zeros(2, np.int32)}, "'people' is int32"),
    ],
)
def test_what_a_pose_model_answers_is_checked(wrong, expected, server) -> None:
    service, address = server
    service.models["pose"].run = lambda arrays, wanted: {**bright_middle(arrays, wanted), **wrong}
    with closing(TritonPose(address)) as engine, pytest.raises(EngineFailedError, match=expected):
        engine.pose(BRIGHT)


def test_what_the_other_models_answer_is_checked(server) -> None:
    service, address = server
    service.models["parsing"].run = lambda arrays, wanted: {"labels": np.full((200, 160), 12, np.uint8)}
    with closing(TritonParsing(address)) as engine, pytest.raises(EngineFailedError, match="up to 12"):
        engine.parse(PERSON.bgr, PERSON.pose)
    service.models["tryon"].run = lambda arrays, wanted: {"dressed": np.zeros((5, 5, 3), np.uint8)}
    with closing(TritonTryOn(address)) as engine, pytest.raises(EngineFailedError, match=r"needed is \[200, 160, 3\]"):
        engine.try_on(PERSON, GARMENT, quiet)
    service.models["tryon"].run = lambda arrays, wanted: {}
    with closing(TritonTryOn(address)) as engine, pytest.raises(EngineFailedError, match="left out its output"):
        engine.try_on(PERSON, GARMENT, quiet)


@pytest.mark.parametrize("address", ["nowhere", "http://a:1", "grpc://a:1"])
def test_a_wrong_address_is_named(address) -> None:
    with pytest.raises(ConfigError, match="Give host:port"):
        TritonPose(address)


def test_a_missing_library_or_authority_is_named(monkeypatch, tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        TritonPose("127.0.0.1:1", authority=str(tmp_path / "none.pem"))
    monkeypatch.setitem(sys.modules, "tritonclient.grpc", None)
    with pytest.raises(ConfigError, match=r"pip install 'tagalong\[triton\]'"):
        tryon_engine("triton:address=127.0.0.1:1")


def test_every_kind_of_garment_has_a_number() -> None:
    from edge_server.tryon.triton_layout import KINDS

    assert set(KINDS) == set(Kind)
