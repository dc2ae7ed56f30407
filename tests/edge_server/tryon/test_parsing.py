"""Areas of the body: drawn figures of which the truth is known, and real people."""

import cv2
import numpy as np
import pytest
import skimage.data

from common.errors import ModelError
from edge_server.models.store import ModelStore
from edge_server.tryon.parsing import DerivedParsing
from edge_server.tryon.pose import BlazePose
from edge_server.tryon.values import Area, BodyPose, Facing, KeyPoint, NoPersonError, Person, TryOnError
from tests.edge_server.tryon.figure import POSES, figure, random_joints

LEAST = {Area.LEFT_LOWER_ARM: 0.8, Area.RIGHT_LOWER_ARM: 0.8, Area.LEFT_HAND: 0.75, Area.RIGHT_HAND: 0.75}
SIZE = (240, 320)
MIN_PX = 250  # areas cut off by the picture's edge say little


def parse(person: Person) -> np.ndarray:
    return DerivedParsing().parse(person.bgr, person.pose).labels


def overlap(labels: np.ndarray, truth: np.ndarray, area: Area) -> float:
    both, any_ = (labels == area) & (truth == area), (labels == area) | (truth == area)
    return float(both.sum()) / max(float(any_.sum()), 1.0)


def check(person: Person, least: float = 0.84) -> None:
    labels, truth = parse(person), person.parsing.labels
    for area in Area:
        if (truth == area).sum() >= MIN_PX:
            found = overlap(labels, truth, area)
            assert found >= min(least, LEAST.get(area, 1.0)), area.name


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("long_sleeves", [True, False])
def test_every_area_of_a_drawn_figure_is_found(pose, long_sleeves) -> None:
    check(figure(pose, SIZE, long_sleeves=long_sleeves))


@pytest.mark.parametrize(("pose", "facing"), [("arm_across", Facing.FRONT), ("arms_down", Facing.BACK)])
def test_a_whole_figure_has_legs(pose, facing) -> None:
    check(figure(pose, (384, 512), whole=True, facing=facing), 0.8)


@pytest.mark.parametrize("shirt", [(40, 40, 45), (245, 245, 245), (60, 60, 200), (150, 180, 205)])
def test_shirts_of_any_colour_are_no_skin(shirt) -> None:
    check(figure("arm_across", SIZE, shirt=shirt), 0.75)


@pytest.mark.parametrize("size", [(160, 200), (640, 480)])
def test_labels_have_the_size_of_the_picture(size) -> None:
    person = figure("arms_down", size)
    labels = parse(person)
    assert labels.shape == (size[1], size[0])
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= set(Area)
    assert overlap(labels, person.parsing.labels, Area.TORSO) > 0.9


def test_nothing_outside_the_mask_is_body_and_everything_inside_is() -> None:
    person = figure("hands_on_hips", SIZE)
    labels = parse(person)
    assert np.array_equal(labels > 0, person.pose.mask >= 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_any_pose_is_parsed_and_most_of_it_rightly(seed) -> None:
    from random import Random

    person = figure(random_joints(Random(seed)), SIZE)
    labels, truth = parse(person), person.parsing.labels
    assert float((labels == truth)[truth > 0].mean()) > 0.75


def test_an_arm_behind_the_back_takes_nothing_from_the_torso() -> None:
    person = figure("arm_across", SIZE)
    hidden = dict(person.pose.points)
    for name in ("right_elbow", "right_wrist", "right_index"):
        hidden[name] = hidden[name]._replace(confidence=0.1)
    bare = figure("arms_down", SIZE)
    labels = DerivedParsing().parse(bare.bgr, BodyPose(hidden, bare.pose.mask)).labels
    assert overlap(labels, bare.parsing.labels, Area.TORSO) > 0.85
    assert (labels == Area.RIGHT_HAND).sum() < MIN_PX


def test_a_guessed_hand_without_skin_is_no_hand() -> None:
    """The network is sure of a wrist on the chest, but there is only cloth."""
    seen, guessed = figure("arms_down", SIZE), figure("arm_across", SIZE)
    labels = DerivedParsing().parse(seen.bgr, BodyPose(guessed.pose.points, seen.pose.mask)).labels
    chest = seen.parsing.labels == Area.TORSO
    assert (labels[chest] == Area.RIGHT_HAND).sum() < 0.01 * chest.sum()


def test_a_pose_without_face_or_arms_still_has_a_torso() -> None:
    person = figure("arms_down", SIZE)
    few = {name: point for name, point in person.pose.points.items() if "shoulder" in name or "hip" in name}
    labels = DerivedParsing().parse(person.bgr, BodyPose(few, person.pose.mask)).labels
    torso = person.parsing.labels == Area.TORSO
    assert (labels[torso] == Area.TORSO).mean() > 0.95


def test_only_allowed_areas_are_given() -> None:
    person = figure("arms_down", SIZE)
    allowed = np.full(person.pose.mask.shape, 1 << Area.LEGS, np.uint16)
    allowed[:60] = 0
    labels = DerivedParsing().parse(person.bgr, person.pose, allowed).labels
    assert set(np.unique(labels[:60])) == {Area.BACKGROUND}
    assert set(np.unique(labels[60:])) == {Area.BACKGROUND, Area.LEGS}


def test_too_little_of_a_body_is_told_with_what_to_do() -> None:
    person = figure("arms_down", SIZE)
    without = {name: point for name, point in person.pose.points.items() if name != "left_hip"}
    mad = {**person.pose.points, "left_shoulder": KeyPoint(float("nan"), 1e30, 1.0)}
    empty = np.zeros_like(person.pose.mask)
    for pose in (BodyPose(without, person.pose.mask), BodyPose(mad, person.pose.mask), BodyPose({}, empty)):
        with pytest.raises(NoPersonError, match="Step back"):
            DerivedParsing().parse(person.bgr, pose)
    with pytest.raises(TryOnError, match="mask of the pose is 10x20"):
        DerivedParsing().parse(person.bgr, BodyPose(person.pose.points, np.zeros((20, 10), np.float32)))


@pytest.mark.parametrize("place", [(0.5, 0.5), (-19.0, 19.0), (0.0, 0.0)])
def test_points_that_make_no_body_do_no_harm(place) -> None:
    person = figure("arms_down", (160, 200))
    heap = {name: KeyPoint(place[0], place[1], 0.9) for name in person.pose.points}
    labels = DerivedParsing().parse(person.bgr, BodyPose(heap, person.pose.mask)).labels
    assert labels.shape == (200, 160)


@pytest.fixture(scope="module")
def pose_engine() -> BlazePose:
    try:
        return BlazePose(ModelStore())
    except ModelError as error:
        pytest.skip(str(error))


def test_the_portrait_has_its_areas_where_the_eye_sees_them(pose_engine) -> None:
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    labels = DerivedParsing().parse(picture, pose_engine.pose(picture)).labels
    seen = {
        Area.HAIR: [(170, 70), (225, 35), (285, 80)],
        Area.FACE: [(195, 110), (245, 105), (222, 145), (222, 172)],
        Area.TORSO: [(170, 330), (230, 260), (262, 310), (200, 420), (225, 215), (255, 410)],
        Area.RIGHT_UPPER_ARM: [(70, 280), (60, 330)],
        Area.LEFT_UPPER_ARM: [(315, 270), (330, 320)],
        Area.BACKGROUND: [(40, 60), (420, 150), (420, 440), (330, 60)],
    }
    for area, places in seen.items():
        for x, y in places:
            assert Area(labels[y, x]) is area, (area.name, x, y)
    assert (labels == Area.LEFT_HAND).sum() + (labels == Area.RIGHT_HAND).sum() < 200  # gloves and straps are no hands


def test_a_person_from_behind_has_no_face(pose_engine, shared_media) -> None:
    picture = cv2.imread(str(shared_media / "person.jpg"))
    assert picture is not None
    labels = DerivedParsing().parse(picture.astype(np.uint8), pose_engine.pose(picture.astype(np.uint8))).labels
    assert (labels == Area.FACE).sum() < 100
    for area, (x, y) in {
        Area.HAIR: (234, 110), Area.TORSO: (225, 200), Area.LEGS: (230, 300), Area.LEFT_UPPER_ARM: (197, 180),
        Area.RIGHT_UPPER_ARM: (252, 190), Area.RIGHT_LOWER_ARM: (259, 222), Area.BACKGROUND: (150, 300),
    }.items():  # fmt: skip
        assert Area(labels[y, x]) is area, area.name
