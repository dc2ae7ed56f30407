"""YOLO in ONNX Runtime and OpenCV DNN, on real files where they are and on small ones made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, ModelError
from edge_server.engines.base import Picture
from edge_server.engines.coco import COCO
from edge_server.engines.imaging import suppress
from edge_server.engines.yolo import YoloEngine
from edge_server.models.store import ModelStore

# Of the Darknet project's sample pictures, by eye: label -> (centre x, centre y).
PERSON_JPG = {"person": (0.36, 0.56), "dog": (0.21, 0.72)}
DOG_JPG = {"dog": (0.29, 0.66), "bicycle": (0.43, 0.5), "car": (0.75, 0.21)}


def photo(file: Path) -> Picture:
    bgr = cv2.imread(str(file))
    assert bgr is not None
    return Picture(bgr.astype(np.uint8))


@pytest.fixture(scope="module", params=["yolox-nano", "yolo-fastest"])
def engine(request, shared_models) -> YoloEngine:
    return YoloEngine(ModelStore([shared_models]), request.param)


@pytest.mark.parametrize(("file", "expected"), [("person.jpg", PERSON_JPG), ("dog.jpg", DOG_JPG)])
def test_real_pictures(engine, file, expected, shared_media) -> None:
    found = engine.detect([photo(shared_media / file)])[0]
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for label, centre in expected.items():
        (one,) = [each for each in found if each.label == label]
        assert (one.box.cx, one.box.cy) == pytest.approx(centre, abs=0.07)


def test_only_persons_are_answered_for_the_task_person(shared_models, shared_media) -> None:
    engine = YoloEngine(ModelStore([shared_models]), task="person")
    assert engine.labels == ("person",)
    (person,) = engine.detect([photo(shared_media / "person.jpg")])[0]
    assert person.label == "person"


def test_a_higher_confidence_answers_less(shared_models, shared_media) -> None:
    picture = photo(shared_media / "person.jpg")
    store = ModelStore([shared_models])
    few, many = (len(YoloEngine(store, confidence=limit).detect([picture])[0]) for limit in (0.995, 0.1))
    assert few < 3 <= many


def test_names_beside_the_model_count_and_have_to_fit(shared_models, tmp_path) -> None:
    model = tmp_path / "mine.onnx"
    model.symlink_to(shared_models / "yolox_nano.onnx")
    (tmp_path / "mine.names").write_text("\n".join(f"thing {n}" for n in range(80)))
    assert YoloEngine(ModelStore([]), model).labels[7] == "thing 7"
    with pytest.raises(ConfigError, match="no class 'person'"):
        YoloEngine(ModelStore([]), model, task="person")
    (tmp_path / "mine.names").write_text("one\ntwo\n")
    with pytest.raises(ModelError, match=r"2 names, but .* has 80 classes"):
        YoloEngine(ModelStore([]), model)


def test_built_in_names_are_those_of_coco() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert (COCO[0], COCO[17], COCO[79]) == ("person", "horse", "toothbrush")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.onnx", b"this is no network", "ONNX Runtime"),
        ("model.weights", b"", "needs model.cfg"),
        ("model.pt", b"", "suffix '.pt' is not known"),
    ],
)
def test_a_file_that_is_no_network_is_named(name, content, expected, tmp_path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=expected):
        YoloEngine(ModelStore([]), tmp_path / name)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.onnx does not exist"):
        YoloEngine(ModelStore([]), tmp_path / "nowhere.onnx")
    with pytest.raises(ModelError, match="put yolox_nano"):
        YoloEngine(ModelStore([tmp_path]))


def test_an_onnx_file_with_other_heads_is_refused(tmp_path) -> None:
    file = Path(tmp_path / "other.onnx")
    file.write_bytes(_identity_network())
    with pytest.raises(ModelError, match="is no YOLOX network"):
        YoloEngine(ModelStore([]), file)


def test_a_picture_full_of_noise_costs_a_bounded_number_of_boxes() -> None:
    rng = np.random.default_rng(1)
    boxes, scores = rng.random((300, 4)), rng.random(300)
    assert len(suppress(boxes, scores, 0.45, np.zeros(300, np.int64))) <= 300


def _identity_network() -> bytes:
    """A tiny ONNX model, 1x4 in and out, written by hand in protobuf's wire format: no library here makes one."""

    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    def number(key: int, value: int) -> bytes:
        return bytes([key << 3, value])

    shape = b"".join(field(1, number(1, size)) for size in (1, 4))
    kind = field(1, number(1, 1) + field(2, shape))  # tensor of float32
    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = (
        field(1, node) + field(2, b"g") + field(11, field(1, b"x") + field(2, kind))
        + field(12, field(1, b"y") + field(2, kind))
    )  # fmt: skip
    return number(1, 8) + field(7, graph) + field(8, number(2, 13))
