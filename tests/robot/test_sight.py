"""Direction and distance from a box, also one that the picture's edge cuts."""

import math

import pytest

from protos.messages import Box, Detection
from robot.sight import Ranger, Usual
from robot.values import CameraModel

CAMERA = CameraModel()
HEIGHT_M, WIDTH_M = 0.9, 0.5


def box(bearing_deg: float, depth_m: float, up: float = 0.0) -> Box:
    """Of an object of 0.5 x 0.9 m, cut by the picture's edges."""
    half = CAMERA.half_width * depth_m
    w, h = WIDTH_M / (2 * half), HEIGHT_M / (2 * half * CAMERA.height_px / CAMERA.width_px)
    return Box(CAMERA.column(math.radians(bearing_deg)) - w / 2, 0.5 - h / 2 - up, w, h).clipped()


@pytest.mark.parametrize("bearing_deg", [-20, 0, 10])
@pytest.mark.parametrize("depth_m", [1.2, 2.0, 5.0])
def test_a_whole_box_tells_direction_and_distance(bearing_deg: float, depth_m: float) -> None:
    look = Ranger(CAMERA).look(box(bearing_deg, depth_m), HEIGHT_M)
    assert math.degrees(look.bearing_rad) == pytest.approx(bearing_deg)
    assert look.distance_m == pytest.approx(depth_m / math.cos(math.radians(bearing_deg)))


@pytest.mark.parametrize(
    ("bearing_deg", "depth_m", "up"), [(36, 2.0, 0.0), (-36, 2.0, 0.0), (0, 0.7, 0.0), (5, 1.5, 0.25), (0, 1.5, -0.25)]
)
def test_a_cut_box_is_completed_from_the_shape_it_had_before(bearing_deg: float, depth_m: float, up: float) -> None:
    ranger = Ranger(CAMERA)
    ranger.look(box(0, 2.5), HEIGHT_M)
    cut = box(bearing_deg, depth_m, up)
    assert cut.h < 0.99 * HEIGHT_M / (2 * CAMERA.half_width * 0.75 * depth_m) or abs(bearing_deg) > 30
    look = ranger.look(cut, HEIGHT_M)
    assert math.degrees(look.bearing_rad) == pytest.approx(bearing_deg, abs=0.5)
    assert look.distance_m == pytest.approx(depth_m / math.cos(math.radians(bearing_deg)), rel=0.03)


def test_a_box_cut_on_two_sides_still_tells_the_direction() -> None:
    ranger = Ranger(CAMERA)
    ranger.look(box(0, 2.5), HEIGHT_M)
    look = ranger.look(box(33, 0.6), HEIGHT_M)
    assert look.distance_m is None
    assert look.bearing_rad > 0.3


def _whole(step: int) -> Detection:
    """Of somebody who walks to and fro, with a detector's noise."""
    h = 0.4 + 0.1 * math.sin(step / 10)
    k = 0.25 + 0.02 * math.sin(step * 2.4)
    return Detection("person", 0.9, Box(0.4, 0.5 - k * h - h / 2, 0.6 * h, h), (140 + step % 5, 90, 70))


def test_a_smaller_higher_box_of_another_colour_is_a_part_for_a_second_and_then_the_truth() -> None:
    usual = Usual()
    assert all(usual.is_whole(step * 0.05, _whole(step)) for step in range(100))
    half = Detection("person", 0.9, Box(0.45, 0.10, 0.2, 0.35), (112, 87, 74))
    assert [usual.is_whole(5 + step * 0.05, half) for step in range(21)] == [False] * 21
    assert usual.is_whole(5 + 21 * 0.05, half)


def test_a_box_at_the_pictures_edge_is_not_judged_and_a_new_target_not_by_the_old_one() -> None:
    usual = Usual()
    for step in range(100):
        usual.is_whole(step * 0.05, _whole(step))
    strange = (40, 60, 180)
    assert usual.is_whole(5.0, Detection("person", 0.9, Box(0.0, 0.2, 0.2, 0.4), strange))
    assert not usual.is_whole(5.05, Detection("person", 0.9, Box(0.4, 0.2, 0.2, 0.4), strange))
    usual.forget()
    assert usual.is_whole(5.1, Detection("person", 0.9, Box(0.4, 0.2, 0.2, 0.4), strange))
