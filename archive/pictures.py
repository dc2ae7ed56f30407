"""The published picture: a PNG or JPEG file with the face's fields inside, and its way to the PNG that is kept.

Pillow and not OpenCV: it reads and writes the text of both formats, looks at the header before it unpacks anything, and
needs a tenth of the memory in the programs that only pass pictures on.
"""

import io
import json
import warnings
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from common.errors import BadImageError

if TYPE_CHECKING:
    from robot.values import BGR

KEYWORD = "tagalong"  # of the PNG's text chunk; in a JPEG the comment holds the same JSON
PNG_LEVEL = 3  # zlib; 6 takes twice as long for 3 % fewer bytes
MAX_TEXT = 4096  # of a picture's own fields
# The limit is ours to check. Once and for all: `catch_warnings` in two threads leaves the filters of either behind.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class Format(StrEnum):
    PNG = "png"
    JPEG = "jpeg"


def encode(bgr: "BGR", fields: Mapping[str, str], format: Format, quality: int = 90) -> bytes:
    """`bgr`: (height, width, 3). `quality` is for JPEG only."""
    image = Image.fromarray(bgr[:, :, ::-1].copy(), "RGB")
    return _write(image, fields, format, quality)


def content_type_of(payload: bytes) -> str:
    """By its first bytes."""
    return "image/jpeg" if payload[:2] == b"\xff\xd8" else "image/png"


def fields_in(payload: bytes) -> dict[str, str]:
    """What the picture says of itself; empty where it says nothing. Nothing is unpacked. Raises BadImageError."""
    with _opened(payload) as image:
        text = image.info.get(KEYWORD) or image.info.get("comment") or ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        found = json.loads(text) if len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def to_png(payload: bytes, fields: Mapping[str, str], max_px: int) -> bytes:
    """The same pixels as PNG, unpacked once to be sure that they are all there.

    A PNG stays as it is, to the last byte; anything else is written anew with `fields` in it. Raises BadImageError.
    """
    with _opened(payload) as image:
        if image.width * image.height > max_px:
            raise BadImageError(f"a picture of {image.width}x{image.height} is larger than {max_px} pixels")
        try:
            image.load()
        except Exception as error:  # decoders raise whatever they trip over
            raise BadImageError(f"the {image.format} cannot be unpacked: {error}") from error
        if image.format == "PNG":
            return payload
        return _write(image.convert("RGB") if image.mode not in ("RGB", "L") else image, fields, Format.PNG)


def _write(image: Image.Image, fields: Mapping[str, str], format: Format, quality: int = 90) -> bytes:
    text = json.dumps(dict(fields), ensure_ascii=True, separators=(",", ":"))
    out = io.BytesIO()
    if format is Format.JPEG:
        image.save(out, "JPEG", quality=quality, comment=text.encode())
    else:
        info = PngImagePlugin.PngInfo()
        info.add_text(KEYWORD, text)
        image.save(out, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return out.getvalue()


def _opened(payload: bytes) -> Image.Image:
    """Reads the header only."""
    try:
        return Image.open(io.BytesIO(payload), formats=("PNG", "JPEG"))
    except UnidentifiedImageError as error:
        start = payload[:8].hex(" ")
        raise BadImageError(f"{len(payload)} bytes that are neither PNG nor JPEG (they begin with {start})") from error
    except Exception as error:  # whatever a parser trips over, it is the sender's picture
        raise BadImageError(f"a picture of {len(payload)} bytes cannot be read: {error}") from error
