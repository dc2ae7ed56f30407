"""Which part of a picture the network sees, and the way back. Proportions are kept; what is beside it is padding."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PERSON_MARGIN = 0.06  # of the person's larger side, all around


@dataclass(frozen=True, slots=True)
class Window:
    """A box of the picture, and where it lies on the network's canvas; all in whole pixels."""

    picture: tuple[int, int, int, int]  # x, y, width, height
    canvas: tuple[int, int, int, int]
    size_px: tuple[int, int]  # of the canvas: width, height

    def to_canvas(self, image: NDArray[Any], padding: float, nearest: bool = False) -> NDArray[Any]:
        """`image` is of the picture's size."""
        x, y, width, height = self.picture
        left, top, inner_w, inner_h = self.canvas
        shape = (self.size_px[1], self.size_px[0], *image.shape[2:])
        canvas = np.full(shape, padding, image.dtype)
        canvas[top : top + inner_h, left : left + inner_w] = _resized(
            image[y : y + height, x : x + width], (inner_w, inner_h), nearest
        )
        return canvas

    def back(self, canvas: NDArray[Any]) -> NDArray[Any]:
        """What the canvas holds, at the size of the box in the picture."""
        left, top, inner_w, inner_h = self.canvas
        return _resized(canvas[top : top + inner_h, left : left + inner_w], self.picture[2:], False)

    def place(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """From a place normalised to a picture of that size to one normalised to the canvas."""
        box_x, box_y, box_w, box_h = self.picture
        left, top, inner_w, inner_h = self.canvas
        across = left + (x * width - box_x) / box_w * inner_w
        down = top + (y * height - box_y) / box_h * inner_h
        return across / self.size_px[0], down / self.size_px[1]


def whole(width: int, height: int, size_px: tuple[int, int]) -> Window:
    """All of a picture, in the middle of the canvas."""
    return _window((0, 0, width, height), size_px)


def around(mask: NDArray[np.float32], size_px: tuple[int, int]) -> Window:
    """The person with a margin, and as much beside them as the canvas has room for. Nobody there: the whole picture."""
    height, width = mask.shape
    rows, columns = (np.flatnonzero((mask > 0.5).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return whole(width, height, size_px)
    margin = PERSON_MARGIN * max(np.ptp(rows), np.ptp(columns))
    y0, y1, x0, x1 = rows[0] - margin, rows[-1] + 1 + margin, columns[0] - margin, columns[-1] + 1 + margin
    ratio = size_px[0] / size_px[1]
    wide, high = max(x1 - x0, (y1 - y0) * ratio), max(y1 - y0, (x1 - x0) / ratio)
    left, top = _slid((x0 + x1) / 2, wide, width), _slid((y0 + y1) / 2, high, height)
    x, y = max(0, round(left)), max(0, round(top))
    box = (x, y, max(1, min(width, round(left + wide)) - x), max(1, min(height, round(top + high)) - y))
    return _window(box, size_px)


def _slid(middle: float, length: float, most: float) -> float:
    """Where a span begins: around its middle, but inside the picture where it fits in."""
    start = middle - length / 2
    return min(max(start, 0.0), most - length) if length <= most else start


def _window(box: tuple[int, int, int, int], size_px: tuple[int, int]) -> Window:
    scale = min(size_px[0] / box[2], size_px[1] / box[3])
    inner_w, inner_h = (max(1, min(most, round(each * scale))) for each, most in zip(box[2:], size_px, strict=True))
    return Window(box, ((size_px[0] - inner_w) // 2, (size_px[1] - inner_h) // 2, inner_w, inner_h), size_px)


def _resized(image: NDArray[Any], size: tuple[int, int], nearest: bool) -> NDArray[Any]:
    if (image.shape[1], image.shape[0]) == tuple(size):
        return image
    shrinks = size[0] < image.shape[1]
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), image.dtype)
