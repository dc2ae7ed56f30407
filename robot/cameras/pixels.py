"""From libcamera's pixel formats to OpenCV's order of colours.

Their names read backwards: `RGB888` is the order in a little-endian word, so in memory, and in the array, it is B, G,
R.
"""

from typing import cast

import cv2
import numpy as np

from common.errors import DeviceError
from robot.values import BGR

CODES = {
    "BGR888": cv2.COLOR_RGB2BGR,
    "XRGB8888": cv2.COLOR_BGRA2BGR,
    "XBGR8888": cv2.COLOR_RGBA2BGR,
    "YUV420": cv2.COLOR_YUV2BGR_I420,
}


def to_bgr(pixels: np.ndarray, pixel_format: str, width_px: int, height_px: int) -> BGR:
    """`pixels` as picamera2's `make_array` gives them. Rows of YUV420 may be padded; the padding is cut off.

    Raises DeviceError for a format that is not among ours.
    """
    if pixel_format == "RGB888":
        return cast(BGR, pixels)
    if pixel_format not in CODES:
        raise DeviceError(f"camera: gives {pixel_format}, which is not read here. Set format to RGB888 or YUV420.")
    return cast(BGR, np.ascontiguousarray(cv2.cvtColor(pixels, CODES[pixel_format])[:height_px, :width_px]))
