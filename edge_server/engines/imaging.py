"""What every engine does with pixels: fit a picture into a network's square, and the mean colour of a box."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import BadImageError
from edge_server.engines.base import BGR
from protos.messages import RGB, Box, Detection, Points, sane_points

CENTRE_SHARE = 0.5
# Mean colour is taken from the central half of width and height: mostly the person's clothes, little background.
COLOUR_STRIDE_SAMPLES = 24
# Samples a side are enough for a mean: 24 x 24 = 576 pixels, 0.02 ms whatever the box's size.


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture lies in a square: `square = picture * scale + (left, top)`, in pixels."""

    scale: float
    left: int
    top: int


def check(bgr: BGR) -> tuple[int, int]:
    """Height and width. Raises BadImageError for anything but a colour picture with at least one pixel."""
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.shape[0] < 1 or bgr.shape[1] < 1 or bgr.dtype != np.uint8:
        raise BadImageError(f"a picture of shape {bgr.shape} and type {bgr.dtype} is not a BGR image of bytes")
    return int(bgr.shape[0]), int(bgr.shape[1])


def letterbox(bgr: BGR, side_px: int, fill: int = 0, centred: bool = True) -> tuple[BGR, Fit]:
    """The picture scaled into a square, proportions kept; the rest is `fill`, around it or right and below."""
    height, width = check(bgr)
    scale = side_px / max(height, width)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = ((side_px - inner_w) // 2, (side_px - inner_h) // 2) if centred else (0, 0)
    square = np.full((side_px, side_px, 3), fill, np.uint8)
    inner = square[top : top + inner_h, left : left + inner_w]
    cv2.resize(bgr, (inner_w, inner_h), dst=inner, interpolation=cv2.INTER_LINEAR)
    return square, Fit(scale, left, top)


def mean_rgb(bgr: BGR, box: Box) -> RGB:
    """Mean colour of the central half of a normalised box."""
    height, width = check(bgr)
    x0, x1 = _span(box.cx, box.w * CENTRE_SHARE, width)
    y0, y1 = _span(box.cy, box.h * CENTRE_SHARE, height)
    step_x, step_y = max(1, (x1 - x0) // COLOUR_STRIDE_SAMPLES), max(1, (y1 - y0) // COLOUR_STRIDE_SAMPLES)
    blue, green, red = bgr[y0:y1:step_y, x0:x1:step_x].reshape(-1, 3).mean(axis=0)
    return round(float(red)), round(float(green)), round(float(blue))


def detection(label: str, score: float, box: Box, bgr: BGR, points: Points = ()) -> Detection | None:
    """A detection clipped to the frame, with its colour; None when nothing of it lies inside.

    Its normalised points stay where they are, also outside the frame.
    """
    inside = box.clipped()
    if not inside.is_sane:
        return None
    return Detection(label, min(max(score, 0.0), 1.0), inside, mean_rgb(bgr, inside), sane_points(points))


def best_first(found: list[Detection | None]) -> list[Detection]:
    """Without the empty ones, best score first; the larger box first where scores are equal."""
    kept = [each for each in found if each is not None]
    return sorted(kept, key=lambda each: (each.score, each.box.area), reverse=True)


def suppress(boxes: NDArray[Any], scores: NDArray[Any], iou: float, classes: NDArray[Any] | None = None) -> list[int]:
    """Greedy non-maximum suppression, within each class when given. Boxes: x, y, w, h. Returns indices, best first."""
    if not len(boxes):
        return []
    if classes is None:
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, iou)
    else:
        kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), 0.0, iou)
    return sorted((int(i) for i in np.asarray(kept).reshape(-1)), key=lambda i: -float(scores[i]))


def _span(centre: float, size: float, length_px: int) -> tuple[int, int]:
    start = min(max(int((centre - size / 2) * length_px), 0), length_px - 1)
    end = min(max(round((centre + size / 2) * length_px), start + 1), length_px)
    return start, end
