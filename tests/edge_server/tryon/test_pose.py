"""The pose of real people: scikit-image's portrait, and a photograph of somebody seen from behind."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from common.errors import BadImageError, ModelError
from edge_server.engines.pose_landmarks import Crop
from edge_server.models.store import ModelStore
from edge_server.tryon.pose import BlazePose, facing
from edge_server.tryon.values import BGR, KEY_POINTS, Facing, NoPersonError

# Of the portrait, by eye: normalised places.
PLACES = {
    "nose": (0.44, 0.25), "left_eye": (0.48, 0.20), "right_eye": (0.39, 0.20), "mouth_left": (0.465, 0.285),
    "left_shoulder": (0.59, 0.46), "right_shoulder": (0.23, 0.44),
}  # fmt: skip
HELMET = (0.78, 0.85)


@pytest.fixture(scope="module")
def portrait() -> BGR:
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def engine() -> BlazePose:
    try:
        return BlazePose(ModelStore())
    except ModelError as error:
        pytest.skip(str(error))


def wall(*people: tuple[BGR, int, int]) -> BGR:
    """A grey picture of 640x480 with pictures in it: (picture, its width, where it starts); all stand at the bottom."""
    scene = np.full((480, 640, 3), 150, np.uint8)
    for picture, width, left in people:
        small = cv2.resize(picture, (width, width), interpolation=cv2.INTER_AREA)
        scene[480 - width :, left : left + width] = small
    return scene


def outline_of(portrait_px: int) -> np.ndarray:
    """The person in the portrait, without her helmet."""
    from sim.portrait import _PHOTO_OUTLINE, _PHOTO_OUTLINE_RIGHT

    cover = np.zeros((512, 512), np.uint8)
    cv2.fillPoly(cover, [np.array(_PHOTO_OUTLINE + _PHOTO_OUTLINE_RIGHT, np.int32)], (1,))
    return cv2.resize(cover, (portrait_px, portrait_px), interpolation=cv2.INTER_NEAREST) > 0


def test_key_points_of_a_half_length_portrait_are_where_they_are(engine, portrait) -> None:
    pose = engine.pose(portrait)
    assert tuple(pose.points) == KEY_POINTS
    assert len(KEY_POINTS) == 33
    for name, place in PLACES.items():
        assert pose.points[name][:2] == pytest.approx(place, abs=0.045), name
        assert pose.points[name].confidence > 0.9
    assert pose.facing is Facing.FRONT
    assert pose.people == 1


def test_what_is_out_of_the_picture_is_told_with_low_confidence(engine, portrait) -> None:
    points = engine.pose(portrait).points
    outside = [point for point in points.values() if not (0 <= point.x < 1 and 0 <= point.y < 1)]
    assert points["left_knee"] in outside
    assert points["left_knee"].y > 1.2
    assert all(point.confidence <= 0.3 for point in outside)
    assert all(0 <= point.confidence <= 1 for point in points.values())


@pytest.mark.parametrize("size_px", [256, 512, 1100])
def test_the_mask_follows_the_outline_at_the_size_of_the_picture(size_px, engine, portrait) -> None:
    picture = cv2.resize(portrait, (size_px, size_px), interpolation=cv2.INTER_AREA)
    mask = engine.pose(picture).mask
    truth = outline_of(size_px)
    assert mask.shape == (size_px, size_px)
    assert mask.dtype == np.float32
    assert float(mask.min()) >= 0
    assert float(mask.max()) <= 1
    assert ((mask > 0.5) & truth).sum() / ((mask > 0.5) | truth).sum() > 0.86
    assert mask[round(0.1 * size_px), round(0.43 * size_px)] > 0.9  # hair
    assert mask[round(0.1 * size_px), round(0.75 * size_px)] < 0.05  # the space shuttle
    assert mask[round(HELMET[1] * size_px), round(HELMET[0] * size_px)] < 0.3  # what she holds is not she


def test_points_and_mask_go_with_the_person_in_a_picture_that_is_not_square(engine, portrait) -> None:
    pose = engine.pose(wall((portrait, 360, 230)))
    nose = pose.points["nose"]
    assert (nose.x * 640, nose.y * 480) == pytest.approx((230 + 0.44 * 360, 120 + 0.25 * 360), abs=14)
    columns = np.flatnonzero((pose.mask > 0.5).any(axis=0))
    assert columns.min() >= 230
    assert columns.max() < 230 + 0.8 * 360


def test_the_larger_of_two_people_is_taken_and_both_are_counted(engine, portrait) -> None:
    pose = engine.pose(wall((portrait, 340, 0), (np.ascontiguousarray(portrait[:, ::-1]), 300, 340)))
    assert pose.people == 2
    assert pose.points["nose"].x * 640 == pytest.approx(0.44 * 340, abs=20)
    assert float(pose.mask[:, 400:].max()) < 0.3


def test_a_person_from_behind(engine, shared_media) -> None:
    picture = cv2.imread(str(shared_media / "person.jpg"))
    assert picture is not None
    pose = engine.pose(picture.astype(np.uint8))
    assert pose.facing is Facing.BACK
    assert pose.points["left_shoulder"].x < pose.points["right_shoulder"].x
    rows, columns = np.nonzero(pose.mask > 0.5)
    by_eye = (192, 100, 274, 374)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx(by_eye, abs=6)


@pytest.mark.parametrize("turned", [False, True])
def test_a_mirrored_person_has_left_and_right_changed(turned, engine, portrait) -> None:
    pose = engine.pose(np.ascontiguousarray(portrait[:, ::-1]) if turned else portrait)
    assert pose.points["left_shoulder"].x > pose.points["right_shoulder"].x  # still seen from the front
    assert pose.points["nose"].x == pytest.approx(0.56 if turned else 0.44, abs=0.03)


def test_the_same_person_is_followed_without_looking_for_them_again(engine, portrait, monkeypatch) -> None:
    before = engine.pose(wall((portrait, 360, 100)))
    monkeypatch.setattr(engine._detector, "find", None)
    after = engine.pose(wall((portrait, 360, 120)), before)
    for name in ("nose", "left_shoulder", "right_shoulder"):
        assert (after.points[name].x - before.points[name].x) * 640 == pytest.approx(20, abs=14)


def test_who_is_gone_is_looked_for_anew(engine, portrait) -> None:
    before = engine.pose(wall((portrait, 300, 0)))
    after = engine.pose(wall((portrait, 300, 340)), before)
    assert after.points["nose"].x * 640 == pytest.approx(340 + 0.44 * 300, abs=14)
    with pytest.raises(NoPersonError):
        engine.pose(wall(), before)


def test_nobody_and_too_little_of_somebody_are_told_with_what_to_do(engine, portrait) -> None:
    with pytest.raises(NoPersonError, match="Step in front of the camera"):
        engine.pose(wall())
    with pytest.raises(NoPersonError, match="Step back so that your shoulders are in view"):
        engine.pose(np.ascontiguousarray(portrait[20:215, 120:320]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (2000, 3), (480, 640)])
def test_pictures_of_odd_shapes_hold_nobody(shape, engine) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)
    with pytest.raises(NoPersonError):
        engine.pose(noise)


def test_a_grey_picture_is_refused(engine) -> None:
    with pytest.raises(BadImageError):
        engine.pose(np.zeros((48, 64), np.uint8))


def test_without_the_segmentation_network_there_is_still_a_mask(engine, portrait, tmp_path: Path, caplog) -> None:
    store = ModelStore()
    for name in ("blazepose", "blazepose-landmarks"):
        (tmp_path / store.model(name).file).symlink_to(store.path(name))
    coarse = BlazePose(ModelStore([tmp_path]), twice=False).pose(portrait)
    assert "selfie_segmentation.tflite" in caplog.text
    truth = outline_of(512)
    assert ((coarse.mask > 0.5) & truth).sum() / ((coarse.mask > 0.5) | truth).sum() > 0.75


def test_facing_is_told_by_shoulders_and_hips() -> None:
    def seen(half_shoulders: float, half_hips: float) -> Facing:
        points = np.zeros((35, 2))
        for name, x, y in (("shoulder", half_shoulders, 0.0), ("hip", half_hips, 10.0)):
            points[KEY_POINTS.index(f"left_{name}")], points[KEY_POINTS.index(f"right_{name}")] = (x, y), (-x, y)
        return facing(points)

    assert seen(3.5, 2.0) is Facing.FRONT
    assert seen(-3.5, -2.0) is Facing.BACK
    assert seen(1.0, 0.5) is Facing.SIDE
    assert seen(0.0, 0.0) is Facing.SIDE


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_has_its_middle_where_it_was_asked_for(mirrored) -> None:
    matrix = Crop((30.0, 40.0), 100.0, 0.3).to_picture(256, mirrored)
    assert matrix @ np.array([128, 128, 1]) == pytest.approx([30.0, 40.0])
    assert abs(np.linalg.det(matrix[:, :2])) == pytest.approx((100 / 256) ** 2)
