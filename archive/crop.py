"""A face cut out of its picture."""

import cv2
import numpy as np

from archive.camera_config import CropConfig
from protos.messages import Box
from robot.values import BGR


def pixels(bgr: BGR, box: Box, margin: float = 0.0) -> BGR:
    """The box with a margin on each side, as a share of its size, as far as the picture goes. A view, not a copy."""
    rows, columns = bgr.shape[:2]
    x0, x1 = _span(box.x - margin * box.w, box.x + (1 + margin) * box.w, columns)
    y0, y1 = _span(box.y - margin * box.h, box.y + (1 + margin) * box.h, rows)
    return bgr[y0:y1, x0:x1]


def cut(bgr: BGR, box: Box, config: CropConfig) -> BGR:
    """A copy that is not larger than the settings allow."""
    crop = pixels(bgr, box, config.margin)
    longest = max(crop.shape[:2])
    if longest > config.max_side_px:
        scale = config.max_side_px / longest
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return crop.copy()


def _span(start: float, end: float, length_px: int) -> tuple[int, int]:
    first = min(max(int(np.floor(start * length_px)), 0), length_px - 1)
    return first, min(max(int(np.ceil(end * length_px)), first + 1), length_px)
