"""The slot for a learned parser, with a network of one layer that the test makes."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from common.errors import ConfigError, ModelError
from edge_server.tryon.parser_onnx import OnnxParsing
from edge_server.tryon.values import Area
from tests.edge_server.tryon.figure import figure

SIZE = (240, 320)
PERSON = figure("arms_down", SIZE, shirt=(40, 200, 40))

# Scores by colour alone: clothes are green in the drawing, everything else is the first label.
WEIGHTS = np.array([[0, 0, 0], [-4, 8, -4]], np.float32)  # red, green, blue of 0..1
MANIFEST = {
    "file": "tiny.onnx",
    "input": {"name": "image", "width": 120, "height": 160},
    "output": "scores",
    "labels": ["legs", ["torso", "left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm"]],
}
CLOTHES = [Area.TORSO, Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM]


def tiny_network(width: int = 120, height: int = 160) -> bytes:
    """scores = Conv(image) with `WEIGHTS` as 1x1 kernels, in protobuf's wire format: no library here writes ONNX."""

    def varint(value: int) -> bytes:
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    def field(number: int, payload: bytes) -> bytes:
        return varint(number << 3 | 2) + varint(len(payload)) + payload

    def number(key: int, value: int) -> bytes:
        return varint(key << 3) + varint(value)

    def value_info(name: bytes, shape: tuple[int, ...]) -> bytes:
        dims = b"".join(field(1, number(1, size)) for size in shape)
        return field(1, name) + field(2, field(1, number(1, 1) + field(2, dims)))

    labels = len(WEIGHTS)
    dims = b"".join(number(1, size) for size in (labels, 3, 1, 1))
    weights = dims + number(2, 1) + field(8, b"w") + field(9, WEIGHTS.tobytes())
    node = field(1, b"image") + field(1, b"w") + field(2, b"scores") + field(4, b"Conv")
    graph = (
        field(1, node) + field(2, b"tiny") + field(5, weights)
        + field(11, value_info(b"image", (1, 3, height, width)))
        + field(12, value_info(b"scores", (1, labels, height, width)))
    )  # fmt: skip
    return number(1, 8) + field(7, graph) + field(8, number(2, 13))


def folder(tmp_path: Path, **changes) -> Path:
    (tmp_path / "tiny.onnx").write_bytes(tiny_network())
    (tmp_path / "parser.yaml").write_text(yaml.safe_dump({**MANIFEST, **changes}))
    return tmp_path


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_labels_of_a_network_become_areas_and_wide_ones_are_split(fit, tmp_path) -> None:
    engine = OnnxParsing(folder(tmp_path, input={**MANIFEST["input"], "fit": fit}))  # type: ignore[dict-item]
    labels = engine.parse(PERSON.bgr, PERSON.pose).labels
    truth = PERSON.parsing.labels
    assert labels.shape == truth.shape
    assert set(np.unique(labels)) == {Area.BACKGROUND, Area.LEGS, *CLOTHES}
    for area in CLOTHES:
        both, any_ = (labels == area) & (truth == area), (labels == area) | (truth == area)
        assert both.sum() / any_.sum() > 0.75, area.name
    assert (labels[truth == Area.FACE] == Area.LEGS).mean() > 0.9  # this network knows no better
    assert np.array_equal(labels > 0, PERSON.pose.mask >= 0.5)


def test_the_picture_lies_in_the_middle_of_a_letterbox(tmp_path) -> None:
    wide = figure("arms_down", (320, 240), shirt=(40, 200, 40))
    engine = OnnxParsing(folder(tmp_path, input={**MANIFEST["input"], "fit": "letterbox"}))  # type: ignore[dict-item]
    labels, truth = engine.parse(wide.bgr, wide.pose).labels, wide.parsing.labels
    clothes, found = np.isin(truth, CLOTHES), np.isin(labels, CLOTHES)
    assert (clothes & found).sum() / (clothes | found).sum() > 0.85


def test_background_of_the_network_is_background_inside_the_mask_too(tmp_path) -> None:
    labels = OnnxParsing(folder(tmp_path, labels=["background", "torso"])).parse(PERSON.bgr, PERSON.pose).labels
    assert set(np.unique(labels)) == {Area.BACKGROUND, Area.TORSO}
    assert (labels[PERSON.parsing.labels == Area.FACE] == Area.BACKGROUND).mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": ["background", "trousers"]}, "labels"),
        ({"labels": ["background"]}, "labels"),
        ({"input": {"name": "image", "width": 4, "height": 160}}, "input.width"),
        ({"colour": "rgb"}, "colour"),
    ],
)
def test_a_wrong_manifest_is_named_with_its_key(changes, expected, tmp_path) -> None:
    with pytest.raises(ConfigError, match=rf"parser\.yaml: .*{expected}"):
        OnnxParsing(folder(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input": {**MANIFEST["input"], "name": "x"}}, "has no input 'x'; it has image"),  # type: ignore[dict-item]
        ({"output": "y"}, "has no output 'y'; it has scores"),
        ({"file": "other.onnx"}, r"other\.onnx does not exist"),
    ],
)
def test_a_network_that_does_not_fit_its_manifest_stops_the_start(changes, expected, tmp_path) -> None:
    with pytest.raises(ModelError, match=expected):
        OnnxParsing(folder(tmp_path, **changes))


def test_a_file_that_is_no_network_is_named(tmp_path) -> None:
    folder(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"this is no network")
    with pytest.raises(ModelError, match=r"tiny\.onnx is not a network"):
        OnnxParsing(tmp_path / "parser.yaml")


def test_shapes_that_do_not_fit_are_told_when_it_runs(tmp_path) -> None:
    three = OnnxParsing(folder(tmp_path, labels=["background", "torso", "legs"]))
    with pytest.raises(ModelError, match=r"shape \(1, 2, 160, 120\), its manifest names 3 labels"):
        three.parse(PERSON.bgr, PERSON.pose)
    small = OnnxParsing(folder(tmp_path, input={**MANIFEST["input"], "width": 60}))  # type: ignore[dict-item]
    with pytest.raises(ModelError, match="cannot be run on 60x160 pixels"):
        small.parse(PERSON.bgr, PERSON.pose)
