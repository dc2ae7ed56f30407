"""JPEG files for the preview's page, in a thread: nothing leaves here sharp that is to be hidden."""

import cv2
import numpy as np

from archive.preview.blur import ACROSS, hide, hide_all
from archive.preview.hiding import Cover, Scene
from robot.values import BGR

JPEG_QUALITY = 80
CROP_PX = 256  # of the longer side, in the strip


def draw(scene: Scene) -> bytes:
    """The picture as it may be shown; empty where there is none."""
    if scene.cover is Cover.NOTHING or not scene.jpeg:
        return scene.jpeg
    bgr = _unpacked(scene.jpeg)
    if bgr is None:
        return b""
    return _packed(hide(bgr, scene.hidden) if scene.cover is Cover.FACES else hide_all(bgr))


def draw_crop(image: bytes, is_hidden: bool) -> bytes:
    """A published picture, small, without what is written in it; empty where it cannot be read."""
    bgr = _unpacked(image)
    if bgr is None:
        return b""
    scale = CROP_PX / max(bgr.shape[:2])
    if scale < 1:
        size = max(1, round(scale * bgr.shape[1])), max(1, round(scale * bgr.shape[0]))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _packed(hide_all(bgr, ACROSS) if is_hidden else bgr)


def _unpacked(image: bytes) -> BGR | None:
    try:
        bgr = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # empty, or larger than OpenCV takes
        return None
    return None if bgr is None else np.asarray(bgr, np.uint8)


def _packed(bgr: BGR) -> bytes:
    _, jpeg = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return bytes(jpeg.tobytes())
