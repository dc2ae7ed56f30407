"""From bytes of a stranger to pixels: the header is read and judged before anything is unpacked.

A file of 1 MB can unpack to 30000x30000 (2.7 GB), so width and height come from the JPEG or PNG header, and too large
an image is refused with memory unmoved. Grey images become BGR; turning marks in EXIF are ignored (boxes belong to the
image as sent).
"""

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from common.errors import BadImageError
from edge_server.engines.base import BGR
from protos.messages import Encoding

MAX_IMAGE_PX = 16_000_000
# A 12 MP camera module (4608x2592) passes; decoded at full size this is 48 MB.
MIN_REDUCED_PX = 1280
# Detectors look at 192 to 416 px; an image is unpacked at 1/2, 1/4 or 1/8 while its longer side stays above this, so
# that far people keep their pixels and one large picture does not hold up the others.
MAX_SCANS = 64
# A progressive JPEG has about ten scans. Thousands of them keep libjpeg busy for minutes on a file of a few kB.

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # ITU T.81 table B.1: start of frame, all ways of coding
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
REDUCED = {  # OpenCV's ways to unpack an image at one part of its size
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    encoding: Encoding
    width_px: int
    height_px: int


def check_image(data: bytes, max_px: int = MAX_IMAGE_PX) -> ImageHeader:
    """Read and judge the header; takes microseconds, so it may run where frames arrive.

    Raises BadImageError that says what is wrong and what is accepted.
    """
    if not data:
        raise BadImageError("the image is empty (0 bytes). Send a JPEG or PNG file.")
    if data.startswith(_PNG):
        header = _png_header(data)
    elif data.startswith(_JPEG):
        header = _jpeg_header(data)
    else:
        raise BadImageError(f"the image ({len(data)} bytes, starts with {data[:8]!r}) is neither JPEG nor PNG.")
    if header.width_px == 0 or header.height_px == 0:
        raise BadImageError(
            f"the image says it is {header.width_px}x{header.height_px} pixels. Send one that has some."
        )
    if header.width_px * header.height_px > max_px:
        raise BadImageError(
            f"the image is {header.width_px}x{header.height_px} pixels; this server takes up to {max_px} of them "
            f"in one image. Send it smaller: 640x480 is plenty."
        )
    return header


def decode_image(data: bytes, header: ImageHeader) -> BGR:
    """Pixels of an image that passed `check_image`, perhaps reduced. Raises BadImageError."""
    longer_px = max(header.width_px, header.height_px)
    factor = next(factor for factor in (8, 4, 2, 1) if factor == 1 or longer_px // factor >= MIN_REDUCED_PX)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise BadImageError(f"the {header.encoding} image cannot be decoded: {error.err}") from error
    if pixels is None:
        raise BadImageError(
            f"the {header.encoding} image ({len(data)} bytes, {header.width_px}x{header.height_px}) cannot be decoded: "
            "its data is damaged."
        )
    return np.asarray(pixels, np.uint8)


def _png_header(data: bytes) -> ImageHeader:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise BadImageError(f"the PNG image is cut off after {len(data)} bytes, inside its header.")
    if b"IEND" not in data[-64:]:
        raise BadImageError(f"the PNG image is cut off after {len(data)} bytes: its end mark is missing.")
    width_px, height_px = struct.unpack(">II", data[16:24])
    return ImageHeader(Encoding.PNG, width_px, height_px)


def _jpeg_header(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise BadImageError(f"the JPEG image is damaged at byte {at}: no marker where one must be.")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SOF and at + 9 <= len(data):
            size = int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        elif marker == 0xDA and size:  # start of scan: pixels follow, to the end mark
            _check_scans(data, at)
            return ImageHeader(Encoding.JPEG, *size)
        elif marker in (0xD9, 0xDA) or length < 2:
            raise BadImageError(f"the JPEG image is damaged at byte {at}: no size before its pixels.")
        at += 2 + length
    raise BadImageError(f"the JPEG image is cut off after {len(data)} bytes, inside its header.")


def _check_scans(data: bytes, at: int) -> None:
    """Inside pixels every 0xFF is followed by 0 or a restart mark, so these two are real marks."""
    if data.count(b"\xff\xda", at) > MAX_SCANS:
        raise BadImageError(f"the JPEG image has more than {MAX_SCANS} scans. Send it as baseline JPEG.")
    if data.rfind(b"\xff\xd9", at) < 0:
        raise BadImageError(f"the JPEG image is cut off after {len(data)} bytes: its end mark is missing.")
