"""Pixels, anchors and suppression: plain arithmetic, no models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadImageError
from edge_server.engines import ssd
from edge_server.engines.imaging import Fit, detection, letterbox, mean_rgb, suppress
from protos.messages import Box

unit = st.floats(-0.5, 1.5)
PLAIN = np.full((48, 64, 3), 7, np.uint8)


@given(height=st.integers(1, 300), width=st.integers(1, 300), centred=st.booleans())
def test_a_picture_of_any_shape_fits_its_square_and_its_middle_stays_its_middle(height, width, centred) -> None:
    square, fit = letterbox(np.full((height, width, 3), 200, np.uint8), 96, fill=114, centred=centred)
    assert square.shape == (96, 96, 3)
    x, y = fit.left + width * fit.scale / 2, fit.top + height * fit.scale / 2
    if centred:
        assert (x, y) == pytest.approx((48, 48), abs=1)
    else:
        assert (fit.left, fit.top) == (0, 0)
    assert (square[int(min(y, 95)), int(min(x, 95))] == 200).all()
    assert fit.scale * max(height, width) == pytest.approx(96)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (5, 5), (5, 5, 1), (5, 5, 4)])
def test_what_is_no_colour_picture_is_refused(shape) -> None:
    with pytest.raises(BadImageError, match="is not a BGR image"):
        letterbox(np.zeros(shape, np.uint8), 32)


def test_colour_is_of_the_central_half_and_in_rgb_order() -> None:
    bgr = np.zeros((100, 100, 3), np.uint8)
    bgr[25:75, 25:75] = (10, 20, 30)
    assert mean_rgb(bgr, Box(0, 0, 1, 1)) == (30, 20, 10)
    assert mean_rgb(bgr, Box(0.9, 0.9, 0.1, 0.1)) == (0, 0, 0)


@given(x=unit, y=unit, w=st.floats(1e-6, 2), h=st.floats(1e-6, 2), score=st.floats(-1, 2))
def test_whatever_a_network_says_a_detection_lies_in_the_frame(x, y, w, h, score) -> None:
    found = detection("face", score, Box(x, y, w, h), PLAIN)
    if found is not None:
        assert found.box.is_sane
        assert 0 <= found.score <= 1
        assert found.mean_rgb == (7, 7, 7)


def test_a_detection_that_is_clipped_keeps_its_points_and_points_that_make_no_sense_are_left_out() -> None:
    points = ((-0.1, 0.2), (0.1, 0.2))
    cut = detection("face", 1, Box(-0.2, 0.1, 0.4, 0.3), PLAIN, points)
    assert cut is not None
    assert (cut.box.x, cut.points) == (0, points)
    for garbage in ((*points, (0.5, float("nan"))), points * 9):
        face = detection("face", 1, Box(0.1, 0.1, 0.4, 0.3), PLAIN, garbage)
        assert face is not None
        assert face.points == ()


def test_a_box_outside_the_frame_or_not_a_number_is_no_detection() -> None:
    assert detection("face", 1, Box(1.2, 0.1, 0.3, 0.3), PLAIN) is None
    assert detection("face", 1, Box(float("nan"), 0.1, 0.3, 0.3), PLAIN) is None


def test_suppression_keeps_overlapping_boxes_of_different_classes() -> None:
    boxes = np.array([[0.1, 0.1, 0.4, 0.4], [0.11, 0.1, 0.4, 0.4], [0.6, 0.6, 0.2, 0.2]])
    scores = np.array([0.7, 0.9, 0.8])
    assert suppress(boxes, scores, 0.5) == [1, 2]
    assert suppress(boxes, scores, 0.5, np.array([0, 1, 0])) == [1, 2, 0]
    assert suppress(boxes[:0], scores[:0], 0.5) == []


@pytest.mark.parametrize(
    ("side", "strides", "per_layer", "count"),
    [(224, (8, 16, 32, 32, 32), 2, 2254), (192, (4,), 1, 2304), (128, (8, 16, 16, 16), 2, 896)],
)
def test_anchors_are_as_many_as_the_networks_answer_and_lie_on_cell_centres(side, strides, per_layer, count) -> None:
    anchors = ssd.anchors(side, strides, per_layer)
    assert anchors.shape == (count, 2)
    assert tuple(anchors[0]) == (strides[0] / 2, strides[0] / 2)
    assert tuple(anchors[-1]) == (side - strides[-1] / 2, side - strides[-1] / 2)


def test_overlapping_answers_are_averaged_by_their_scores() -> None:
    centres = np.array([[50.0, 50.0], [54.0, 50.0], [150.0, 150.0]], np.float32)
    raw = np.zeros((3, 6), np.float32)
    raw[:, 2:4] = 20
    raw[:, 4:6] = (0, -30)  # a point 30 px above the centre
    logits = np.array([0.0, 0.0, 3.0], np.float32)
    best, second = ssd.decode(raw, logits, centres, Fit(0.5, 10, 0), min_score=0.4, iou=0.3)
    assert best.score == pytest.approx(0.9526, abs=1e-3)
    assert (second.x, second.y, second.w, second.h) == pytest.approx((64, 80, 40, 40))
    assert second.points[0] == pytest.approx((84, 40))


def test_answers_that_are_not_numbers_are_dropped() -> None:
    raw = np.full((2, 6), np.nan, np.float32)
    logits = np.array([5.0, np.nan], np.float32)
    assert ssd.decode(raw, logits, np.zeros((2, 2), np.float32), Fit(1, 0, 0), 0.5, 0.3) == []
