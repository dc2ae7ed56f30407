"""What a network is given: each step by what is known of a drawn person. And the window on the picture, and PyTorch."""

import importlib.util
import sys
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigError
from edge_server.tryon.values import Area, Kind
from edge_server.tryon.viton import VitonEngine
from edge_server.tryon.viton.manifest import Manifest, MaskStep, OutputStep, ParsingStep, PictureStep, PoseStep
from edge_server.tryon.viton.steps import POINT_SETS, Steps
from edge_server.tryon.viton.window import Window, around, whole
from tests.edge_server.tryon.figure import figure, random_joints
from tests.edge_server.tryon.test_viton import FILES, GARMENT, PERSON, TWO_STAGES, changed, put, quiet

SIZE = (96, 128)
LABELS = PERSON.parsing.labels


@pytest.fixture(scope="module")
def steps() -> Steps:
    manifest = Manifest.model_validate(TWO_STAGES | {"size_px": (240, 320)})
    return Steps(manifest, PERSON, GARMENT, whole(240, 320, (240, 320)), quiet)


def test_pictures_have_the_colours_and_the_range_that_were_asked_for(steps) -> None:
    rgb = steps.part(PictureStep(step="person", range=(0, 255)), (240, 320), {})
    np.testing.assert_array_equal(rgb.transpose(1, 2, 0)[:, :, ::-1].round(), PERSON.bgr)
    usual = PictureStep(step="person", colours="bgr", mean=(0.5, 0.25, 0.0), spread=(0.5, 1.0, 2.0))
    bgr = steps.part(usual, (240, 320), {})
    expected = (PERSON.bgr / 255 - (0.5, 0.25, 0.0)) / (0.5, 1.0, 2.0)
    np.testing.assert_allclose(bgr.transpose(1, 2, 0), expected, atol=1e-5)
    assert steps.part(usual, SIZE, {}).shape == (3, 128, 96)


def test_the_agnostic_person_has_no_torso_and_no_arms_but_hands_face_and_legs(steps) -> None:
    agnostic = steps.picture("agnostic")
    for area in (Area.TORSO, Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM):
        assert (agnostic[area == LABELS] == 128).all()
    for area in (Area.FACE, Area.HAIR, Area.NECK, Area.LEFT_HAND, Area.RIGHT_HAND):
        np.testing.assert_array_equal(agnostic[area == LABELS], PERSON.bgr[area == LABELS])
    mask = steps.part(MaskStep(step="agnostic_mask", range=(-1, 1)), (240, 320), {})
    assert set(np.unique(mask)) == {-1.0, 1.0}
    np.testing.assert_array_equal(mask[0] > 0, (agnostic == 128).all(axis=2) & (mask[0] > 0))


@pytest.mark.parametrize("shape", ["gauss", "disc", "square"])
@pytest.mark.parametrize("points", sorted(POINT_SETS))
def test_heat_maps_have_their_peaks_at_the_key_points(steps, shape, points) -> None:
    maps = steps.part(PoseStep(step="pose_heatmaps", points=points, shape=shape, radius_px=2.5), SIZE, {})
    assert maps.shape == (len(POINT_SETS[points]), 128, 96)
    seen = 0
    for heat, name in zip(maps, POINT_SETS[points], strict=True):
        point = PERSON.pose.points.get(name)
        if name == "neck" or point is None or point.confidence < 0.3:
            continue
        if not (0.05 < point.x < 0.95 and 0.05 < point.y < 0.95):
            continue
        y, x = np.argwhere(heat > 0.5 * heat.max()).mean(axis=0)
        assert (x + 0.5, y + 0.5) == pytest.approx((point.x * 96, point.y * 128), abs=1.0)
        seen += 1
    assert seen >= 8


def test_parsing_is_one_hot_and_the_agnostic_one_has_nobody_where_the_garment_goes(steps) -> None:
    planes = steps.part(ParsingStep(step="parsing"), (240, 320), {})
    np.testing.assert_array_equal(planes.sum(axis=0), 1)
    np.testing.assert_array_equal(planes.argmax(axis=0), LABELS)
    groups = (("torso", "left_upper_arm"), ("hair",), ("background",))
    grouped = steps.part(ParsingStep(step="agnostic_parsing", groups=groups, range=(-1, 1)), (240, 320), {})
    assert (grouped[0] == -1).all()
    np.testing.assert_array_equal(grouped[1] > 0, LABELS == Area.HAIR)
    assert (grouped[2][LABELS == Area.TORSO] == 1).all()


def test_the_garment_lies_in_the_middle_on_its_background(steps) -> None:
    flat = steps.part(PictureStep(step="garment", range=(0, 255), background=200), (240, 320), {})
    mask = steps.part(MaskStep(step="garment_mask"), (240, 320), {})[0]
    assert (flat[:, :10] == 200).all()
    np.testing.assert_array_equal(flat[:, 160, 120], GARMENT.bgra[240, 240, 2::-1])
    rows, columns = np.nonzero(mask > 0.5)
    assert abs((columns.min() + columns.max()) / 2 - 119.5) < 2
    assert 0 < mask.mean() < 0.6
    assert rows.min() > 40


def test_the_warped_garment_lies_on_the_torso(steps) -> None:
    mask = steps.part(MaskStep(step="warped_garment_mask"), (240, 320), {})[0] > 0.5
    torso = LABELS == Area.TORSO
    assert (mask & torso).sum() > 0.8 * torso.sum()
    warped = steps.part(PictureStep(step="warped_garment", range=(0, 255)), (240, 320), {})
    assert (warped[:, ~(steps.mask("warped_garment_mask") > 0)] == 255).all()
    bgr = warped[::-1, mask & torso].mean(axis=1)
    assert bgr.argmax() == GARMENT.bgra[240, 240, :3].argmax()


def test_outputs_of_earlier_stages_are_passed_on_at_another_size(steps) -> None:
    planes = np.random.default_rng(1).random((5, 128, 96)).astype(np.float32)
    part = OutputStep(step="output", of="a.b")
    np.testing.assert_array_equal(steps.part(part, SIZE, {"a.b": planes}), planes)
    half = steps.part(part, (48, 64), {"a.b": planes})
    np.testing.assert_allclose(half, planes.reshape(5, 64, 2, 48, 2).mean(axis=(2, 4)), atol=1e-5)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 200), st.integers(8, 200))
def test_a_window_keeps_proportions_and_finds_back(width: int, height: int, canvas_w: int, canvas_h: int) -> None:
    window = whole(width, height, (canvas_w, canvas_h))
    image = np.full((height, width, 3), 77, np.uint8)
    canvas = window.to_canvas(image, 5)
    assert canvas.shape == (canvas_h, canvas_w, 3)
    assert (window.back(canvas) == 77).all()
    _, _, inner_w, inner_h = window.canvas
    assert inner_w in (canvas_w, round(width * canvas_h / height), 1)
    assert inner_h in (canvas_h, round(height * canvas_w / width), 1)
    left, top = window.place(0, 0, width, height)
    right, bottom = window.place(1, 1, width, height)
    assert ((right - left) * canvas_w, (bottom - top) * canvas_h) == pytest.approx((inner_w, inner_h))


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([(96, 128), (128, 96), (64, 64), (16, 200)]))
def test_a_window_around_somebody_shows_all_of_them_and_lies_in_the_picture(seed: int, size: tuple[int, int]) -> None:
    mask = figure(random_joints(Random(seed)), (160, 120)).pose.mask
    window: Window = around(mask, size)
    x, y, width, height = window.picture
    assert x >= 0
    assert y >= 0
    assert x + width <= 160
    assert y + height <= 120
    assert (mask[y : y + height, x : x + width] > 0.5).sum() == (mask > 0.5).sum()


def test_a_window_around_nobody_is_the_whole_picture() -> None:
    assert around(np.zeros((30, 40), np.float32), (96, 128)) == whole(40, 30, (96, 128))


# ---- PyTorch, where it is installed


def torch_manifest() -> dict[str, Any]:
    def use(manifest: Any) -> None:
        manifest["stages"][1]["file"] = "generator.pt"

    return changed(TWO_STAGES, use)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit, while it lasts
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed: pip install torch")
def test_a_torchscript_stage_does_what_the_onnx_one_does(tmp_path) -> None:
    import torch

    class Generator(torch.nn.Module):
        def forward(
            self, person: torch.Tensor, cloth: torch.Tensor, cover: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return person * (1 - cover) + cloth, cover

    class Broken(torch.nn.Module):
        def forward(self, person: torch.Tensor, cloth: torch.Tensor, cover: torch.Tensor) -> torch.Tensor:
            return torch.cat([person, cover.expand(7, 1, 3, 3)])

    folder = put(tmp_path / "torch", torch_manifest(), FILES)
    torch.jit.script(Generator()).save(str(folder / "generator.pt"))
    by_torch = VitonEngine(folder).try_on(PERSON, GARMENT, quiet)
    by_onnx = VitonEngine(put(tmp_path / "onnx", TWO_STAGES, FILES)).try_on(PERSON, GARMENT, quiet)
    assert np.abs(by_torch.astype(int) - by_onnx).max() <= 1
    torch.jit.script(Broken()).save(str(folder / "generator.pt"))
    with pytest.raises(Exception, match=r"generator\.pt failed"):
        VitonEngine(folder).try_on(PERSON, GARMENT, quiet)
    (folder / "generator.pt").write_bytes(b"noise")
    with pytest.raises(Exception, match="not a network that PyTorch can run"):
        VitonEngine(folder)
    torch.jit.script(torch.nn.Identity()).save(str(folder / "generator.pt"))
    with pytest.raises(Exception, match="Use its names"):
        VitonEngine(folder)


def test_torch_that_is_not_installed_is_named_with_what_installs_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    folder = put(tmp_path, torch_manifest(), {**FILES, "generator.pt": b""})
    with pytest.raises(ConfigError, match="pip install torch"):
        VitonEngine(folder)


def test_dresses_cover_the_legs_too_and_trousers_nothing_else() -> None:
    from edge_server.tryon.viton.areas import covered

    standing = figure("arms_down", (240, 320), whole=True).parsing.labels
    for kind, torso, legs in ((Kind.TOP, True, False), (Kind.DRESS, True, True), (Kind.TROUSERS, False, True)):
        mask = covered(standing, kind, 0.0)
        assert mask[standing == Area.TORSO].all() == torso
        assert mask[standing == Area.LEGS].all() == legs
        assert not mask[standing == Area.FACE].any()
