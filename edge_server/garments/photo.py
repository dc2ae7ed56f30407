"""A garment's photo from a file: judged by its header first, then upright, 8 bit, of working size."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import BadImageError
from edge_server.garments.record import GarmentError
from edge_server.tryon.service_pictures import read_layer, read_picture
from edge_server.tryon.values import BGR

MAX_FILE_BYTES = 40 * 1024 * 1024
MAX_PHOTO_PX = 50_000_000  # phones take 48 megapixels
WORKING_PX = 1024  # of the longer side
CUT_OUT_SHARE = 0.03  # this much of a picture transparent: somebody has cut the garment out already


@dataclass(frozen=True, slots=True)
class Photo:
    """What the camera saw, and what a cut-out that came with the file says."""

    bgr: BGR = field(repr=False)
    alpha: NDArray[np.float32] | None = field(default=None, repr=False)  # 0..1; None: the background is still there


def read_photo(file: Path) -> Photo:
    """Raises GarmentError that names the file and what is wrong with it."""
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            raise GarmentError(f"{file}: has {size / 1e6:.0f} MB; up to {MAX_FILE_BYTES / 1e6:.0f} are read.")
        data = file.read_bytes()
    except OSError as error:
        raise GarmentError(f"{file}: cannot be read ({error.strerror}). Give the path of a JPEG or PNG.") from error
    try:
        alpha = _alpha(data)
        bgr = read_picture(data, WORKING_PX, MAX_PHOTO_PX).bgr
    except BadImageError as error:
        raise GarmentError(f"{file}: {error}") from error
    if alpha is None:
        return Photo(bgr)
    height, width = bgr.shape[:2]
    return Photo(bgr, np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA), np.float32))


def _alpha(data: bytes) -> NDArray[np.float32] | None:
    if not data.startswith(b"\x89PNG") or len(data) < 33 or data[25] not in (4, 6):  # colour types with alpha
        return None
    layer = read_layer(data, "the picture", MAX_PHOTO_PX)
    if layer.ndim != 3 or layer.shape[2] != 4:
        return None
    alpha = layer[..., 3].astype(np.float32) / np.float32(255)
    return alpha if float((alpha < 0.1).mean()) > CUT_OUT_SHARE else None
