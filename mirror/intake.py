"""A stranger's bytes become the picture that is dressed: judged by their header, turned upright, made small.

It is read as nodes read it. What goes on is encoded anew: place, time and camera that a phone writes into its pictures
stay behind.
"""

from dataclasses import dataclass, field

from common.errors import BadImageError
from edge_server.images import check_image
from edge_server.tryon.service_pictures import check_picture, read_picture, write_picture
from mirror.config import LimitsConfig
from mirror.memory import wipe
from mirror.problems import NOT_AN_IMAGE, NOT_UNDERSTOOD, TOO_LARGE, ProblemError
from protos.tryon import ImageFormat

MAX_FRAME_PX = 1_000_000  # of the live mode
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8")


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as it goes to the nodes."""

    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int


def photo_of(data: bytes | bytearray, limits: LimitsConfig) -> Photo:
    """Takes up to 0.3 s: for a worker thread. Raises ProblemError that says what to send instead."""
    raw = bytes(data)
    _check(raw, limits.max_image_px)
    try:
        picture = read_picture(raw, limits.picture_px, limits.max_image_px)
    except BadImageError as error:
        raise ProblemError(NOT_UNDERSTOOD, _sentence(error)) from None
    jpeg = write_picture(picture.bgr, ImageFormat.JPEG) if picture.is_as_sent else picture.file
    photo = Photo(jpeg, picture.width_px, picture.height_px)
    wipe(picture.bgr)
    return photo


def check_frame(jpeg: bytes) -> None:
    """A picture of the live mode goes on as it came. Raises ProblemError."""
    _check(jpeg, MAX_FRAME_PX)


def _check(raw: bytes, max_px: int) -> None:
    """By the header alone, before anything is unpacked."""
    try:
        check_picture(raw, max_px)
    except BadImageError as error:
        if (raw and not raw.startswith(_STARTS)) or "animated" in str(error):
            raise ProblemError(NOT_AN_IMAGE, _sentence(error)) from None
        if _is_too_large(raw, max_px):
            raise ProblemError(
                TOO_LARGE,
                f"The picture has more than {max_px / 1e6:.0f} million pixels. Send a smaller one: "
                "1000 pixels a side are plenty.",
            ) from None
        if "damaged" in str(error) or "cut off" in str(error):
            raise ProblemError(
                NOT_UNDERSTOOD, "The picture is damaged or did not arrive whole. Send it again, or another one."
            ) from None
        raise ProblemError(NOT_UNDERSTOOD, _sentence(error)) from None


def _is_too_large(raw: bytes, max_px: int) -> bool:
    try:
        header = check_image(raw, 2**63)
    except BadImageError:
        return False
    return header.width_px * header.height_px > max_px


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
