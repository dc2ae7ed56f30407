"""A picture file as a camera: the same picture again and again."""

from pathlib import Path

import cv2

from robot.values import BGR

SUFFIXES = frozenset((".avif", ".bmp", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
# Not all that OpenCV reads as a picture: a .gif may be a film, and a stream of JPEGs begins as a photo does.


class Still:
    """What OpenCV's captures have, as far as it is used here; never comes to an end."""

    def __init__(self, bgr: BGR) -> None:
        self._bgr = bgr
        self._bgr.flags.writeable = False  # all of its frames share it

    def isOpened(self) -> bool:  # noqa: N802  # OpenCV's name
        return True

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, BGR]:
        return True, self._bgr

    def get(self, which: int) -> float:
        height_px, width_px = self._bgr.shape[:2]
        return {cv2.CAP_PROP_FRAME_WIDTH: float(width_px), cv2.CAP_PROP_FRAME_HEIGHT: float(height_px)}.get(which, 0.0)

    def release(self) -> None: ...


def still_of(file: Path) -> Still | None:
    """None where this is no picture by its name, or none that OpenCV can read."""
    if file.suffix.lower() not in SUFFIXES:
        return None
    bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
    return None if bgr is None else Still(bgr)
