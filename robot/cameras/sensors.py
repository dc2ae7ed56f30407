"""What is known of the cameras for a Raspberry Pi: how wide they see, and which mode reads the whole sensor."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN_HFOV_DEG = 62.0
HFOV_DEG = {  # of the whole width of the sensor, with the lens it is sold with (Raspberry Pi's camera documentation)
    "ov5647": 53.5,  # camera 1
    "imx219": 62.2,  # camera 2
    "imx708": 66.0,  # camera 3
    "imx708_noir": 66.0,
    "imx708_wide": 102.0,  # bends straight lines at the edges: bearings there are a few degrees off
    "imx708_wide_noir": 102.0,
    "imx500": 66.0,  # AI camera
    "imx477": 63.0,  # HQ camera with the 6 mm lens; with another one set hfov_deg
}
AS_LARGE = 0.98  # a mode that reads so much of the largest area reads the whole sensor


def hfov_rad(model: str, sensor_width_px: int | None, crop_width_px: int | None) -> float:
    """Horizontal field of view of a picture that shows `crop_width_px` of the sensor's columns."""
    half_width = math.tan(math.radians(HFOV_DEG.get(model, UNKNOWN_HFOV_DEG)) / 2)
    share = min(1.0, crop_width_px / sensor_width_px) if sensor_width_px and crop_width_px else 1.0
    return 2 * math.atan(share * half_width)


def whole_sensor_mode(modes: Sequence[Mapping[str, Any]], fps: float) -> Mapping[str, Any] | None:
    """Of picamera2's `sensor_modes` the one that sees most and is fast enough, with the fewest pixels to move.

    None when nothing is known about them, as of a camera on USB.
    """
    known = [mode for mode in modes if {"size", "fps", "crop_limits", "bit_depth"} <= mode.keys()]
    if not known:
        return None
    largest = max(_area(mode["crop_limits"][2:]) for mode in known)
    whole = [mode for mode in known if _area(mode["crop_limits"][2:]) >= AS_LARGE * largest]
    fast = [mode for mode in whole if mode["fps"] >= fps]
    if not fast:
        return max(whole, key=lambda mode: mode["fps"])
    return min(fast, key=lambda mode: (_area(mode["size"]), -mode["bit_depth"]))


def _area(size: Sequence[int]) -> int:
    return size[0] * size[1]
