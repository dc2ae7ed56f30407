"""How far a face looks into the camera: heads turned in space, drawn by their points."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.face_points import LEFT_EAR, LEFT_EYE, MOUTH, NOSE_TIP, RIGHT_EAR, RIGHT_EYE, frontality

Spot = tuple[float, float, float]  # millimetres: to the person's left, up, ahead


def head(eye: float, nose: tuple[float, float], mouth: tuple[float, float], ear: Spot) -> list[Spot]:
    """Six points around the middle between the eyes; `nose` and `mouth` down and ahead."""
    across, down, back = ear
    return [
        (-eye, 0.0, 0.0),
        (eye, 0.0, 0.0),
        (0.0, -nose[0], nose[1]),
        (0.0, -mouth[0], mouth[1]),
        (-across, -down, -back),
        (across, -down, -back),
    ]


MEAN = head(31.5, (37.6, 36.8), (68.3, 16.0), (76.6, 19.6, 62.4))  # MediaPipe's canonical face
HEADS = {
    "mean": MEAN,
    "child": head(27.0, (30.0, 26.0), (55.0, 12.0), (62.0, 12.0, 58.0)),
    "long nose": head(32.0, (43.0, 44.0), (72.0, 14.0), (75.0, 22.0, 68.0)),
    "ears forward": head(33.0, (36.0, 31.0), (66.0, 18.0), (74.0, 10.0, 50.0)),
}
CAMERA_MM = 1500.0


def turned(points: list[Spot], yaw: float, pitch: float = 0.0) -> list[Spot]:
    """Yaw to the person's left, then pitch up; degrees."""
    sin, cos = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
    points = [(cos * x + sin * z, y, -sin * x + cos * z) for x, y, z in points]
    sin, cos = math.sin(math.radians(pitch)), math.cos(math.radians(pitch))
    return [(x, cos * y + sin * z, -sin * y + cos * z) for x, y, z in points]


def seen(points: list[Spot], perspective: bool = False) -> list[tuple[float, float]]:
    """In a picture, y down."""
    sizes = [CAMERA_MM / (CAMERA_MM - z) if perspective else 1.0 for _, _, z in points]
    return [(x * size, -y * size) for (x, y, _), size in zip(points, sizes, strict=True)]


def of(points: list[tuple[float, float]]) -> float:
    value = frontality(points)
    assert value is not None
    return value


angles = st.floats(-75, 75)
pitches = st.floats(-45, 45)


@given(yaw=angles, pitch=pitches, count=st.sampled_from([4, 6]))
def test_of_the_mean_head_it_is_the_cosine_between_face_and_camera(yaw, pitch, count) -> None:
    cosine = math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))
    assert of(seen(turned(MEAN, yaw, pitch))[:count]) == pytest.approx(cosine, abs=0.01)


@pytest.mark.parametrize("count", [4, 6])
@pytest.mark.parametrize("points", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("side", [-1, 1])
def test_it_falls_while_any_head_turns_away(points, count, perspective, side) -> None:
    values = [of(seen(turned(points, side * yaw), perspective)[:count]) for yaw in range(0, 81, 5)]
    assert values[0] > 0.95
    assert all(later < earlier for earlier, later in itertools.pairwise(values))
    assert 0.1 < values[-1] < 0.3
    assert values[9] == pytest.approx(math.cos(math.radians(45)), abs=0.12)


@pytest.mark.parametrize("points", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("side", [-1, 1])
def test_it_falls_while_a_head_looks_up_or_down(points, side) -> None:
    values = [of(seen(turned(points, 0, side * pitch))) for pitch in range(20, 61, 5)]
    assert all(later < earlier for earlier, later in itertools.pairwise(values))
    assert values[0] > 0.85
    assert values[-1] < 0.65


@given(
    yaw=angles,
    pitch=pitches,
    count=st.sampled_from([4, 6]),
    roll=st.floats(-math.pi, math.pi),
    size=st.floats(1e-3, 1e3),
    right=st.floats(-10, 10),
    down=st.floats(-10, 10),
    aspect=st.floats(0.25, 4),
)
def test_place_size_roll_and_the_proportions_of_the_frame_do_not_matter(
    yaw, pitch, count, roll, size, right, down, aspect
) -> None:
    """Moved, scaled and rolled in pixels, then normalised to a frame of any shape."""
    points = seen(turned(MEAN, yaw, pitch))[:count]
    sin, cos = math.sin(roll) * size, math.cos(roll) * size
    moved = [(cos * x - sin * y + right * size, (sin * x + cos * y + down * size) * aspect) for x, y in points]
    assert of(moved) == pytest.approx(of(points), abs=1e-6)


@given(yaw=angles, pitch=pitches, count=st.sampled_from([4, 6]))
def test_the_mirror_image_looks_as_much_into_the_camera(yaw, pitch, count) -> None:
    points = seen(turned(HEADS["long nose"], yaw, pitch))[:count]
    flipped = [(-x, y) for x, y in points]
    swapped = [flipped[at] for at in (LEFT_EYE, RIGHT_EYE, NOSE_TIP, MOUTH, LEFT_EAR, RIGHT_EAR)[:count]]
    assert of(swapped) == pytest.approx(of(points), abs=1e-9)


@given(points=st.lists(st.tuples(st.floats(), st.floats()), max_size=8))
def test_whatever_the_points_are_the_answer_is_none_or_between_0_and_1(points) -> None:
    value = frontality(points)
    finite = all(math.isfinite(number) for point in points for number in point)
    assert (value is None) == (len(points) < 4 or not finite)
    assert value is None or 0 <= value <= 1


def test_without_points_there_is_no_answer() -> None:
    assert frontality(()) is None
    assert frontality(seen(MEAN)[:3]) is None


def test_all_points_in_one_place_are_no_face_from_the_front() -> None:
    assert frontality([(0.5, 0.5)] * 6) == 0.0


def test_five_points_are_used_as_four() -> None:
    """Ears count as a pair."""
    points = seen(turned(HEADS["child"], 30))
    assert frontality(points[:5]) == frontality(points[:4]) != frontality(points)
