"""From a stranger's file to an upright picture of working size: one way for every service of try-on.

Pixels are counted in the header before anything is unpacked. Turning marks (EXIF) are obeyed, 16 bit become 8, grey
becomes colour, what shows through is laid on white. Error messages never quote what is in the file.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import BadImageError
from edge_server.images import REDUCED, ImageHeader, check_image
from edge_server.tryon.values import BGR
from protos.messages import Encoding
from protos.tryon import ImageFormat

SMALLEST_PX = 48  # of the shorter side: less shows nobody
JPEG_QUALITY = 95  # of pictures that are made anew: they are looked at again by engines and by people
LIVE_JPEG_QUALITY = 80

_FORMATS = (  # what people send besides, by how such a file starts
    (b"GIF8", "a GIF picture"),
    (b"RIFF", "a WebP picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%PDF", "a PDF document"),
    (b"<", "text"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright, of working size."""

    bgr: BGR = field(repr=False)
    file: bytes = field(repr=False)  # that shows exactly this: the one that was sent, where it does
    is_as_sent: bool

    @property
    def width_px(self) -> int:
        return int(self.bgr.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.bgr.shape[0])


def check_picture(data: bytes, max_px: int) -> ImageHeader:
    """Judge the file without unpacking it. Raises BadImageError."""
    if not data:
        raise BadImageError("the picture is empty (0 bytes). Send a JPEG or PNG file.")
    if not data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8")):
        kind = next((name for start, name in _FORMATS if data.startswith(start)), "neither a JPEG nor a PNG file")
        kind = "a HEIC or AVIF picture" if data[4:8] == b"ftyp" else kind
        raise BadImageError(f"this is {kind}. Send a JPEG or PNG picture.")
    header = check_image(data, max_px)
    if min(header.width_px, header.height_px) < SMALLEST_PX:
        raise BadImageError(
            f"the picture is {header.width_px}x{header.height_px} pixels, too small to see somebody. "
            f"Send one of at least {SMALLEST_PX} pixels each way; 640x480 is plenty."
        )
    if header.encoding is Encoding.PNG and 0 < data.find(b"acTL") < data.find(b"IDAT"):
        raise BadImageError("the picture is animated. Send a still one.")
    return header


def working_px(header: ImageHeader, longest_px: int) -> int:
    """How many pixels it has once it is of working size."""
    share = min(1.0, longest_px / max(header.width_px, header.height_px))
    return max(1, round(header.width_px * share)) * max(1, round(header.height_px * share))


def read_picture(data: bytes, longest_px: int, max_px: int) -> Picture:
    """Takes a while: for a worker thread. Raises BadImageError."""
    header = check_picture(data, max_px)
    is_jpeg = header.encoding is Encoding.JPEG
    raw = _decode(data, _reduction(header, longest_px) if is_jpeg else cv2.IMREAD_UNCHANGED)
    bgr = _opaque(_eight_bit(raw))
    is_as_sent = raw.dtype == np.uint8 and not (raw.ndim == 3 and raw.shape[2] == 4)
    is_as_sent &= bgr.shape[:2] == (header.height_px, header.width_px)
    if is_jpeg and b"Exif\0\0" in data[:65_536]:
        is_as_sent = False  # it may have been turned; and where it was taken is nobody's business
    longer_px = max(bgr.shape[:2])
    if longer_px > longest_px:
        share = longest_px / longer_px
        size = (max(1, round(bgr.shape[1] * share)), max(1, round(bgr.shape[0] * share)))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        is_as_sent = False
    return Picture(bgr, data if is_as_sent else write_picture(bgr, ImageFormat.JPEG), is_as_sent)


def write_picture(bgr: BGR, format: ImageFormat, quality: int = JPEG_QUALITY) -> bytes:
    if format is ImageFormat.PNG:
        return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def read_layer(png: bytes, what: str, max_px: int) -> NDArray[np.uint8]:
    """A PNG of ours (mask, labels, garment) as it is, 8 bit. Raises BadImageError that names `what`."""
    try:
        if not png.startswith(b"\x89PNG"):
            raise BadImageError("it is no PNG file")
        check_image(png, max_px)
        return _eight_bit(_decode(png, cv2.IMREAD_UNCHANGED))
    except BadImageError as error:
        raise BadImageError(f"{what}: {error}") from None


def _reduction(header: ImageHeader, longest_px: int) -> int:
    longer_px = max(header.width_px, header.height_px)
    return REDUCED[next(factor for factor in (8, 4, 2, 1) if factor == 1 or longer_px // factor >= longest_px)]


def _decode(data: bytes, flags: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadImageError("the picture cannot be unpacked: its data is damaged.") from error
    if pixels is None:
        raise BadImageError("the picture cannot be unpacked: its data is damaged.")
    return pixels


def _eight_bit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)


def _opaque(pixels: NDArray[np.uint8]) -> BGR:
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint16)
    on_white = (pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return on_white.astype(np.uint8)
