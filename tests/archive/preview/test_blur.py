"""What is hidden is hidden, and nothing else is touched."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from archive.preview.blur import ACROSS, MARGIN, hide, hide_all
from common.errors import ModelError
from edge_server.engines import registry
from edge_server.engines.base import Engine, Picture
from edge_server.models.store import ModelStore
from protos.messages import Box
from robot.values import BGR
from tests.archive.preview.watched import film, scenes

DETECTORS = [("haar", {}), ("blazeface", {}), ("blazeface", {"range": "short"})]
ATTACKS: dict[str, Callable[[BGR], BGR]] = {
    "as it is": lambda bgr: bgr,
    "out of focus": lambda bgr: np.asarray(cv2.GaussianBlur(bgr, (0, 0), 8), np.uint8),
    "small": lambda bgr: np.asarray(cv2.resize(bgr, (320, 240), interpolation=cv2.INTER_AREA), np.uint8),
    "more contrast": lambda bgr: np.asarray(cv2.convertScaleAbs(bgr, alpha=1.6, beta=-60), np.uint8),
}


def engine(name: str, options: dict[str, str]) -> Engine:
    try:
        return registry.create(name, ModelStore(), **options)
    except ModelError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "options"), DETECTORS)
def test_a_detector_finds_the_face_before_and_none_after(name: str, options: dict[str, str]) -> None:
    detector = engine(name, options)
    for bgr, (_, face) in zip(scenes(), film(), strict=True):
        found = detector.detect([Picture(bgr)])[0]
        assert max(each.box.iou(face) for each in found) > 0.4
        for attack, change in ATTACKS.items():
            after = detector.detect([Picture(change(hide(bgr, [face])))])[0]
            assert [each for each in after if each.box.iou(face) > 0.1] == [], attack
            assert after == [] or name == "blazeface"  # which takes the space suit for a face at times


def test_pixels_outside_stay_the_same_to_the_last_bit_and_all_inside_are_smooth() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    given = noise.copy()
    hidden = hide(noise, [Box(0.4, 0.3, 0.1, 0.2)])  # 64 x 96 px at (256, 144)
    margin = round(96 * MARGIN)
    inside = np.s_[144 - margin : 240 + margin, 256 - margin : 320 + margin]
    assert np.array_equal(noise, given)  # a copy
    outside = np.ones((480, 640), bool)
    outside[inside] = False
    assert np.array_equal(hidden[outside], noise[outside])
    steps = np.abs(np.diff(hidden[inside].astype(int), axis=1))
    assert steps.max() <= 255 * 3 / (96 / ACROSS)  # no edge of the picture before is left
    assert steps.max() < np.abs(np.diff(noise[inside].astype(int), axis=1)).mean() / 4


def test_two_people_who_differ_in_their_features_alone_look_the_same() -> None:
    """Areas of one mean, of which one is all eyes, nose and mouth: nothing of them is left."""
    plain = np.full((480, 640, 3), 128, np.uint8)
    features = plain.copy()
    area = 96 // ACROSS
    for y in range(96, 384, area):
        for x in range(160, 448, area):
            features[y : y + area, x : x + area // 2] = 40
            features[y : y + area, x + area // 2 : x + area] = 216
    face = Box(256 / 640, 192 / 480, 96 / 640, 96 / 480)
    margin = round(96 * MARGIN)
    inside = np.s_[192 - margin : 288 + margin, 256 - margin : 352 + margin]
    assert np.abs(features[inside].astype(int) - plain[inside]).min() == 88
    assert np.abs(hide(features, [face])[inside].astype(int) - hide(plain, [face])[inside]).max() <= 1


@pytest.mark.parametrize(
    "box", [Box(-0.1, -0.1, 0.3, 0.3), Box(0.9, 0.9, 0.5, 0.5), Box(0.5, 0.5, 0.03, 0.03), Box(0, 0, 1, 1)]
)
def test_a_face_at_the_edge_is_hidden_as_far_as_the_picture_goes(box: Box) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    hidden = hide(noise, [box])
    assert hidden.shape == noise.shape
    x, y = min(max(box.cx, 0), 0.99), min(max(box.cy, 0), 0.99)
    assert not np.array_equal(hidden[int(120 * y), int(160 * x)], noise[int(120 * y), int(160 * x)])


def test_a_face_that_is_not_in_the_picture_changes_nothing() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    assert np.array_equal(hide(noise, [Box(3, 3, 0.1, 0.1), Box(-2, 0, 0.1, 0.1)]), noise)


def test_a_box_that_makes_no_sense_hides_everything() -> None:
    for box in (Box(float("nan"), 0, 0.1, 0.1), Box(0, 0, float("inf"), 0.1)):
        assert np.array_equal(hide(scenes()[0], [box]), hide_all(scenes()[0]))


def test_of_a_picture_of_which_nothing_is_known_nothing_is_left() -> None:
    for name, options in DETECTORS:
        assert engine(name, options).detect([Picture(hide_all(scenes()[0]))])[0] == []
