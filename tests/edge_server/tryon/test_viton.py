"""The slot for a learned network, with networks of a few nodes that the test makes: the whole way of a picture."""

import copy
import gc
import hashlib
import logging
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from common.errors import ConfigError, ModelError
from edge_server.tryon.engines import tryon_engine
from edge_server.tryon.values import Area, CancelledTryOn, Kind, TryOnError
from edge_server.tryon.viton import VitonEngine
from edge_server.tryon.viton.areas import covered
from tests.edge_server.tryon.figure import figure
from tests.edge_server.tryon.onnx_by_hand import Node, network
from tests.edge_server.tryon.wardrobe import upper

WIDTH, HEIGHT = 96, 128
PERSON = figure("arms_down", (240, 320))
GARMENT = upper(bgr=(200, 40, 60))
PICTURE, MASK = ("float32", (1, 3, HEIGHT, WIDTH)), ("float32", (1, 1, HEIGHT, WIDTH))
RANGE = [0, 1]

# Two stages: the first cuts the garment out, the second lays it on the person.
WARP = network(
    {"cloth": PICTURE, "mask": MASK},
    [Node("Mul", ["cloth", "mask"], ["warped"]), Node("Identity", ["mask"], ["cover"])],
    {"warped": PICTURE, "cover": MASK},
)
ONE = np.ones((1,), np.float32)
GENERATOR = network(
    {"person": PICTURE, "cloth": PICTURE, "cover": MASK},
    [
        Node("Sub", ["one", "cover"], ["rest"]),
        Node("Mul", ["person", "rest"], ["behind"]),
        Node("Add", ["behind", "cloth"], ["rendered"]),
        Node("Identity", ["cover"], ["mask"]),
    ],
    {"rendered": PICTURE, "mask": MASK},
    {"one": ONE},
)
TWO_STAGES: dict[str, Any] = {
    "version": 1,
    "name": "tiny",
    "kinds": ["top", "jacket"],
    "size_px": [WIDTH, HEIGHT],
    "stages": [
        {
            "name": "warp",
            "file": "warp.onnx",
            "inputs": [
                {"name": "cloth", "parts": [{"step": "garment", "range": RANGE}]},
                {"name": "mask", "parts": [{"step": "garment_mask"}]},
            ],
            "outputs": [{"name": "warped", "channels": 3}, {"name": "cover", "channels": 1}],
        },
        {
            "name": "generator",
            "file": "generator.onnx",
            "inputs": [
                {"name": "person", "parts": [{"step": "agnostic", "range": RANGE}]},
                {"name": "cloth", "parts": [{"step": "output", "of": "warp.warped"}]},
                {"name": "cover", "parts": [{"step": "output", "of": "warp.cover"}]},
            ],
            "outputs": [{"name": "rendered", "channels": 3}, {"name": "mask", "channels": 1}],
        },
    ],
    "result": {"picture": "generator.rendered", "mask": "generator.mask", "range": RANGE},
}
FILES = {"warp.onnx": WARP, "generator.onnx": GENERATOR}


def one_stage(step: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A network whose picture comes out as its only input went in."""
    entry = {"name": "x", "parts": [step]}
    stage = {"name": "only", "file": "only.onnx", "inputs": [entry], "outputs": [{"name": "y", "channels": 3}]}
    result = {"picture": "only.y", "range": RANGE}
    manifest = {"version": 1, "name": "one", "size_px": [WIDTH, HEIGHT], "stages": [stage], "result": result}
    return manifest | changes


def identity(dtype: str = "float32", shape: Any = (1, 3, HEIGHT, WIDTH)) -> bytes:
    return network({"x": (dtype, shape)}, [Node("Identity", ["x"], ["y"])], {"y": (dtype, shape)})


def put(folder: Path, manifest: dict[str, Any], files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def changed(manifest: dict[str, Any], change: Callable[[Any], None]) -> dict[str, Any]:
    other = copy.deepcopy(manifest)
    change(other)
    return other


def quiet(share: float, what: str) -> None:
    assert 0 <= share <= 1


def test_two_stages_dress_a_person_and_leave_the_rest_as_it_was(tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    engine = tryon_engine(f"viton:folder={put(tmp_path, TWO_STAGES, FILES)}")
    assert engine.name == "viton-tiny"
    assert "warp.onnx runs by ONNX Runtime, CPUExecutionProvider" in caplog.text
    told: list[tuple[float, str]] = []
    dressed = engine.try_on(PERSON, GARMENT, lambda share, what: told.append((share, what)))
    engine.close()
    assert dressed.shape == PERSON.bgr.shape
    assert dressed.dtype == np.uint8
    torso = np.argwhere(PERSON.parsing.labels == Area.TORSO).mean(axis=0).astype(int)
    np.testing.assert_allclose(dressed[tuple(torso)], GARMENT.bgra[240, 240, :3], atol=2)
    labels = PERSON.parsing.labels
    for area in (Area.FACE, Area.HAIR, Area.LEFT_HAND, Area.RIGHT_HAND, Area.NECK):
        np.testing.assert_array_equal(dressed[labels == area], PERSON.bgr[labels == area])
    outside = ~covered(labels, Kind.TOP, 0.02)
    assert outside.mean() > 0.3
    np.testing.assert_array_equal(dressed[outside], PERSON.bgr[outside])
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert {"network: warp", "network: generator"} <= {what for _, what in told}


def test_without_keep_outside_the_networks_picture_is_taken_whole(tmp_path) -> None:
    manifest = one_stage({"step": "garment", "range": RANGE}, keep_outside=False)
    engine = VitonEngine(put(tmp_path, manifest, {"only.onnx": identity()}))
    dressed = engine.try_on(PERSON, GARMENT, quiet)
    assert (dressed[:5, :5] == 255).all()  # white behind the garment


@pytest.mark.parametrize(
    ("entry", "output", "result", "shape"),
    [
        ({}, {}, {}, (1, 3, HEIGHT, WIDTH)),
        ({"layout": "NHWC"}, {"layout": "NHWC"}, {}, (1, HEIGHT, WIDTH, 3)),
        ({"dtype": "float16"}, {}, {}, (1, 3, "h", "w")),
        ({"dtype": "uint8", "scale": 255}, {}, {"range": [0, 255]}, None),
        ({"scale": (-1, 1)}, {}, {"range": [-1, 1]}, (1, 3, HEIGHT, WIDTH)),
        ({"colours": "bgr"}, {}, {"colours": "bgr"}, (1, 3, HEIGHT, WIDTH)),
        ({"size_px": [48, 64]}, {"size_px": [48, 64]}, {}, (1, 3, 64, 48)),
    ],
)
def test_layouts_types_ranges_colours_and_sizes_mean_the_same_picture(entry, output, result, shape, tmp_path) -> None:
    entry = dict(entry)
    scale = entry.pop("scale", 1)
    step = {"step": "person", "range": list(scale) if isinstance(scale, tuple) else [0, scale]}
    if "colours" in entry:
        step["colours"] = entry.pop("colours")
    manifest = one_stage(step, keep_outside=False)
    manifest["stages"][0]["inputs"][0] |= entry
    manifest["stages"][0]["outputs"][0] |= output
    manifest["result"] |= result
    engine = VitonEngine(put(tmp_path, manifest, {"only.onnx": identity(entry.get("dtype", "float32"), shape)}))
    dressed = engine.try_on(PERSON, GARMENT, quiet).astype(int)
    blurred = "size_px" in entry
    assert np.abs(dressed - PERSON.bgr).mean() < (8 if blurred else 5)  # 240x320 there and back by 96x128
    assert np.abs(dressed.mean(axis=(0, 1)) - PERSON.bgr.mean(axis=(0, 1))).max() < 1


def test_a_mask_chooses_between_picture_and_base(tmp_path) -> None:
    manifest = changed(TWO_STAGES, lambda m: m.update(keep_outside=False))
    manifest["result"] = {"picture": "warp.warped", "mask": "generator.mask", "base": "person", "range": RANGE}
    dressed = VitonEngine(put(tmp_path, manifest, FILES)).try_on(PERSON, GARMENT, quiet)
    assert np.abs(dressed[:20].astype(int) - PERSON.bgr[:20]).mean() < 5  # the garment's mask is empty there
    np.testing.assert_allclose(dressed[160, 120], GARMENT.bgra[240, 240, :3], atol=2)


def test_a_grid_of_one_network_samples_the_garment_for_the_next(tmp_path) -> None:
    size = {"h": HEIGHT, "w": WIDTH}
    x, y = np.meshgrid(np.linspace(1, -1, size["w"]), np.linspace(-1, 1, size["h"]))  # mirrored left to right
    grid = np.stack([x, y], axis=-1)[None].astype(np.float32)
    about = ("float32", (1, HEIGHT, WIDTH, 2))
    flip = network(
        {"x": PICTURE},
        [
            Node("ReduceMean", ["x"], ["m"], {"keepdims": 1}),
            Node("Mul", ["m", "zero"], ["z"]),
            Node("Add", ["z", "g"], ["grid"]),
        ],
        {"grid": about},
        {"g": grid, "zero": np.zeros(1, np.float32)},
    )
    manifest = one_stage({"step": "garment", "range": RANGE, "sample_by": "flip.grid"}, keep_outside=False)
    first = {
        "name": "flip",
        "file": "flip.onnx",
        "inputs": [{"name": "x", "parts": [{"step": "garment"}]}],
        "outputs": [{"name": "grid", "channels": 2, "layout": "NHWC"}],
    }
    manifest["stages"].insert(0, first)
    plain = put(
        tmp_path / "plain",
        one_stage({"step": "garment", "range": RANGE}, keep_outside=False),
        {"only.onnx": identity()},
    )
    mirrored = put(tmp_path / "mirrored", manifest, {"only.onnx": identity(), "flip.onnx": flip})
    lopsided = replace(GARMENT, bgra=np.where(np.arange(480)[None, :, None] < 200, np.uint8(9), GARMENT.bgra))
    as_it_is, turned = (VitonEngine(folder).try_on(PERSON, lopsided, quiet) for folder in (plain, mirrored))
    assert np.abs(turned[:, ::-1].astype(int) - as_it_is).max() <= 1


def test_the_view_of_the_person_shows_them_larger_and_is_put_back_in_its_place(tmp_path) -> None:
    wide = np.full((360, 640, 3), 90, np.uint8)
    wide[:320, 330:570] = PERSON.bgr
    mask, labels = np.zeros((360, 640), np.float32), np.zeros((360, 640), np.uint8)
    mask[:320, 330:570], labels[:320, 330:570] = PERSON.pose.mask, PERSON.parsing.labels
    person = replace(
        PERSON, bgr=wide, pose=replace(PERSON.pose, mask=mask), parsing=replace(PERSON.parsing, labels=labels)
    )
    errors = {}
    for view in ("whole", "person"):
        manifest = one_stage({"step": "person", "range": RANGE}, keep_outside=False, view=view)
        dressed = VitonEngine(put(tmp_path / view, manifest, {"only.onnx": identity()})).try_on(person, GARMENT, quiet)
        errors[view] = np.abs(dressed[:320, 330:570].astype(int) - PERSON.bgr).mean()
        if view == "person":
            np.testing.assert_array_equal(dressed[:, :250], wide[:, :250])  # not looked at
    assert errors["person"] < 0.7 * errors["whole"]


def test_somebody_who_loses_interest_stops_a_network_at_work(tmp_path) -> None:
    side = 700
    w = (np.eye(side) * 0.999).astype(np.float32)
    names = ["x", *(f"v{n}" for n in range(400))]
    nodes = [Node("MatMul", [a, "w"], [b]) for a, b in pairwise(names)]
    about = ("float32", (1, 3, side, side))
    slow = network({"x": about}, [*nodes, Node("Identity", [names[-1]], ["y"])], {"y": about}, {"w": w})
    manifest = one_stage({"step": "person"}, size_px=[side, side])
    engine = VitonEngine(put(tmp_path, manifest, {"only.onnx": slow}))
    at_work: list[float] = []

    def progress(share: float, what: str) -> None:
        if what == "network: only":
            at_work.append(time.monotonic())
            if len(at_work) > 3:
                raise CancelledTryOn("not wanted any more")

    with pytest.raises(CancelledTryOn):
        engine.try_on(PERSON, GARMENT, progress)
    assert len(at_work) == 4  # the whole run would take many seconds


def test_nothing_of_a_picture_stays_in_the_engine(tmp_path) -> None:
    engine = VitonEngine(put(tmp_path, TWO_STAGES, FILES))
    person = replace(PERSON, bgr=PERSON.bgr.copy())
    traces = [weakref.ref(person.bgr), weakref.ref(engine.try_on(person, GARMENT, quiet))]
    del person
    gc.collect()
    assert [trace() for trace in traces] == [None, None]


def test_what_a_network_was_not_trained_for_is_refused_in_words(tmp_path) -> None:
    engine = VitonEngine(put(tmp_path, TWO_STAGES, FILES))
    with pytest.raises(TryOnError, match=r"cannot put on dress\. It can: top, jacket"):
        engine.try_on(PERSON, upper(Kind.DRESS), quiet)
    nobody = replace(PERSON, parsing=replace(PERSON.parsing, labels=np.zeros((320, 240), np.uint8)))
    with pytest.raises(TryOnError, match="Nothing of the body"):
        engine.try_on(nobody, GARMENT, quiet)


def _first(manifest: Any) -> Any:
    return manifest["stages"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.update(version=2), "version"),
        (lambda m: m.update(nmae="x"), "did you mean 'name'"),
        (lambda m: m.update(size_px=[10**6, 10**6]), "less than or equal to 4096"),
        (lambda m: _first(m).update(file="../warp.onnx"), "file"),
        (lambda m: _first(m).update(file="/etc/passwd"), "file"),
        (lambda m: _first(m)["inputs"][0]["parts"][0].update(step="garmnt"), "garmnt"),
        (lambda m: _first(m)["inputs"][0]["parts"][0].update(spread=[1, 0, 1], mean=[0, 0, 0]), "spread must not be 0"),
        (lambda m: m["result"].update(picture="generator.mask"), "1 channels, but 3 are needed"),
        (lambda m: m["result"].update(picture="generator.nothing"), "no output of an earlier stage"),
        (lambda m: m["result"].update(range=[1, 1]), "have to differ"),
        (lambda m: m["stages"].reverse(), r"warp\.warped is no output of an earlier stage"),
        (lambda m: m.update(sha256={"warp.onnx": "12"}), "sha256"),
    ],
)
def test_a_wrong_manifest_names_the_key_and_what_is_allowed(change, expected, tmp_path) -> None:
    with pytest.raises(ConfigError, match=expected):
        VitonEngine(put(tmp_path, changed(TWO_STAGES, change), FILES))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: _first(m).update(file="gone.onnx"), r"gone\.onnx does not exist"),
        (lambda m: _first(m).update(file="warp.pb"), r"the suffix '\.pb' is not known"),
        (lambda m: _first(m).update(file="noise.onnx"), "not a network that ONNX Runtime can run"),
        (lambda m: _first(m)["inputs"][0].update(name="clothes"), "has no input 'clothes'|wants the input 'cloth'"),
        (lambda m: _first(m)["inputs"].pop(), "wants the input 'mask'"),
        (lambda m: _first(m)["outputs"].append({"name": "more", "channels": 1}), "has no output 'more'; it has warped"),
        (lambda m: m.update(size_px=[96, 160]), r"has the shape \[1, 3, 128, 96\], but by the manifest .* 160, 96\]"),
        (lambda m: _first(m)["inputs"][0].update(layout="NHWC"), "Correct size_px, layout"),
        (lambda m: _first(m)["inputs"][0].update(dtype="float16"), "is float32, but the manifest says float16"),
        (lambda m: _first(m)["inputs"][0].update(parts=[{"step": "garment_mask"}]), "'cloth' has the shape"),
        (
            lambda m: _first(m)["inputs"][0].update(
                size_px=[4096, 4096], parts=[{"step": "pose_heatmaps", "points": "mediapipe33"}]
            ),
            r"take 2\.2 GB; at most 1\.1 GB",
        ),
        (
            lambda m: _first(m)["inputs"][0].update(parts=[{"step": "pose_heatmaps", "points": ["noze"]}]),
            "no point noze",
        ),
        (
            lambda m: _first(m)["inputs"][0].update(parts=[{"step": "parsing", "groups": [["tail"]]}]),
            "no area 'TAIL'; there are: background, hair",
        ),
        (lambda m: m.update(sha256={"warp.onnx": "0" * 64}), "is not the file of the manifest"),
        (lambda m: m.update(sha256={"weights.bin": "0" * 64}), r"weights\.bin cannot be read"),
    ],
)
def test_files_that_are_not_what_the_manifest_says_stop_the_start(change, expected, tmp_path) -> None:
    files = {**FILES, "noise.onnx": b"this is no network", "warp.pb": b""}
    with pytest.raises(ModelError, match=expected):
        VitonEngine(put(tmp_path, changed(TWO_STAGES, change), files))


def test_hashes_that_are_right_are_fine_and_a_folder_without_a_manifest_is_named(tmp_path) -> None:
    right = {name: hashlib.sha256(data).hexdigest().upper() for name, data in FILES.items()}
    VitonEngine(put(tmp_path / "a", changed(TWO_STAGES, lambda m: m.update(sha256=right)), FILES))
    with pytest.raises(ConfigError, match=r"manifest\.yaml: cannot be read"):
        VitonEngine(tmp_path)
    with pytest.raises(ConfigError, match="device is 'gpu'"):
        VitonEngine(tmp_path / "a", device="gpu")


def test_a_device_that_is_not_there_is_named(tmp_path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(ConfigError, match="onnxruntime-gpu"):
        VitonEngine(put(tmp_path, TWO_STAGES, FILES), device="cuda")


def test_onnx_runtime_that_is_not_installed_is_named_with_what_installs_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"onnxruntime.*pip install 'tagalong\[edge\]'"):
        VitonEngine(put(tmp_path, TWO_STAGES, FILES))


ANY = ("float32", None)
OPEN = ("float32", ("n", 3, "h", "w"))  # so that ONNX Runtime finds no fault before it runs


@pytest.mark.parametrize(
    ("node", "weight", "expected"),
    [
        (Node("Add", ["x", "w"], ["y"]), np.full(1, np.nan, np.float32), "NaN or infinite"),
        (Node("Div", ["x", "w"], ["y"]), np.zeros(1, np.float32), "NaN or infinite"),
        (Node("Concat", ["x", "x"], ["y"], {"axis": 2}), None, r"the shape \[1, 3, 256, 96\], but by the manifest"),
        (Node("Concat", ["x", "x"], ["y"], {"axis": 0}), None, r"has the shape \[2, 3, 128, 96\]"),
        (Node("ReduceMean", ["x"], ["y"], {"keepdims": 0}), None, r"has the shape \[\]"),
        (Node("Gather", ["x", "w"], ["y"], {"axis": 2}), np.full(128, 9999, np.int64), r"only\.onnx failed"),
    ],
)
def test_what_a_network_puts_out_is_checked(node, weight, expected, tmp_path) -> None:
    bad = network({"x": OPEN}, [node], {"y": ANY}, {} if weight is None else {"w": weight})
    engine = VitonEngine(put(tmp_path, one_stage({"step": "person"}), {"only.onnx": bad}))
    with pytest.raises(ModelError, match=expected):
        engine.try_on(PERSON, GARMENT, quiet)
