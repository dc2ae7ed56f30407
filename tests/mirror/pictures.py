"""What people, and people who mean no good, upload."""

import struct
import zlib

import cv2
import numpy as np

from tests.mirror.fakes import jpeg, png, portrait


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claims_to_be(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header says how large it is."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def animated() -> bytes:
    still = png(portrait(64))
    return still[:33] + chunk(b"acTL", struct.pack(">II", 2, 0)) + still[33:]


def turned(orientation: int) -> bytes:
    """A JPEG that says how it is to be turned, as phones write it; it tells where it was taken, too."""
    rotate = {6: cv2.ROTATE_90_COUNTERCLOCKWISE, 3: cv2.ROTATE_180, 8: cv2.ROTATE_90_CLOCKWISE}[orientation]
    plain = jpeg(cv2.rotate(portrait(256)[:, 32:224], rotate))
    place = b"48.1374N 11.5755E\0"
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHH", 1, 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0" + place
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + plain[2:]


def deep() -> bytes:
    return png(portrait(256).astype(np.uint16) * 257)


def see_through() -> bytes:
    bgra = cv2.cvtColor(portrait(256), cv2.COLOR_BGR2BGRA)
    bgra[:, :64, 3] = 0
    return png(bgra)
