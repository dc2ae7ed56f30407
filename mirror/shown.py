"""What the page is told and shown of pictures, bodies and results."""

import asyncio
import time
from typing import Any

import cv2
import numpy as np

from edge_server.tryon.values import Area
from handover.nodes import Prepared
from mirror.store import Picture, Result
from mirror.studio import Dressed, Studio

AREA_COLOURS = {  # RGB; also the legend's
    Area.HAIR: (163, 116, 73),
    Area.FACE: (247, 208, 112),
    Area.NECK: (240, 163, 94),
    Area.TORSO: (93, 142, 240),
    Area.LEFT_UPPER_ARM: (127, 214, 160),
    Area.RIGHT_UPPER_ARM: (86, 190, 190),
    Area.LEFT_LOWER_ARM: (178, 228, 120),
    Area.RIGHT_LOWER_ARM: (110, 208, 226),
    Area.LEFT_HAND: (229, 110, 130),
    Area.RIGHT_HAND: (229, 130, 200),
    Area.LEGS: (160, 130, 240),
}
AREA_ALPHA = 165


async def state_json(studio: Studio, session: str) -> dict[str, Any]:
    """All that the page needs when it opens."""
    return {
        "garments": [
            {"id": each.garment_id, "name": each.name, "kind": each.kind} for each in await studio.wardrobe.look()
        ],
        "pictures": [
            picture_json(picture) | {"results": [_result(result) for result in picture.results.values()]}
            for picture in studio.store.of(session, time.monotonic())
        ],
        "keep_minutes": round(studio.config.limits.keep_s / 60, 1),
        "max_upload_bytes": studio.config.limits.max_upload_bytes,
        "max_image_px": studio.config.limits.max_image_px,
        "picture_px": studio.config.limits.picture_px,
        "nodes": [
            {"id": view.server.server_id, "usable": view.usable, "active": view.is_active}
            for view in studio.nodes.views()
        ],
        "areas": [
            {"name": area.name.lower().replace("_", " "), "colour": "#{:02x}{:02x}{:02x}".format(*colour)}
            for area, colour in AREA_COLOURS.items()
        ],
    }


def picture_json(picture: Picture) -> dict[str, Any]:
    return {
        "picture": picture.picture_id,
        "width": picture.width_px,
        "height": picture.height_px,
        "left_s": round(max(0.0, picture.until_s - time.monotonic()), 1),
    }


def result_json(dressed: Dressed) -> dict[str, Any]:
    return _result(dressed.result) | {
        "node": dressed.node,
        "engine": dressed.engine,
        "took_s": round(dressed.took_s, 3),
        "tries": dressed.tries,
    }


def body_json(found: Prepared) -> dict[str, Any]:
    """Key points by MediaPipe's names: x, y (0..1 of the picture), confidence."""
    return {
        "points": {
            name: [round(point.x, 4), round(point.y, 4), round(point.confidence, 3)]
            for name, point in found.pose.points.items()
        },
        "people": found.pose.people,
        "facing": found.pose.facing,
    }


async def labels_png(found: Prepared) -> bytes:
    """Body areas in colours, see-through."""
    return await asyncio.to_thread(_labels_png, found.parsing.labels_png)


async def result_as_png(result: Result) -> bytes:
    return await asyncio.to_thread(_as_png, bytes(result.jpeg))


def _result(result: Result) -> dict[str, Any]:
    return {"result": result.result_id, "garment": result.garment_id}


def _labels_png(labels_png: bytes) -> bytes:
    labels = cv2.imdecode(np.frombuffer(labels_png, np.uint8), cv2.IMREAD_GRAYSCALE)
    table = np.zeros((256, 4), np.uint8)
    for area, (red, green, blue) in AREA_COLOURS.items():
        table[area] = (blue, green, red, AREA_ALPHA)
    return _png(table[labels])


def _as_png(jpeg: bytes) -> bytes:
    return _png(np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8))


def _png(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    done, data = cv2.imencode(".png", pixels, (cv2.IMWRITE_PNG_COMPRESSION, 3))
    assert done
    return data.tobytes()
