"""Pieces of cloth bent into place, before anything is laid over them or blended."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.warp.pattern import Side
from edge_server.tryon.warp.pieces import Piece, Role
from edge_server.tryon.warp.spline import Box, Points, Spline

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """A bent piece, in a box of the picture."""

    role: Role
    side: Side | None
    box: Box
    bgr: Floats = field(repr=False)
    alpha: Floats = field(repr=False)  # 0..1
    spare: Floats = field(repr=False)  # 0..1: where its colours may be used beyond its edge
    neck: Floats = field(repr=False)  # 0..1: the neck's opening


def bend(piece: Piece, width: int, height: int, fine: int, step_px: int) -> Layer | None:
    """None: nothing of the piece lies in the picture. `fine` is how many samples a pixel is made of, each way."""
    box = _box(piece, width, height)
    if box is None:
        return None
    maps = Spline(piece.targets, piece.sources).dense(box, step_px, fine)
    cloth = piece.cloth
    bgr = cv2.remap(cloth.bgr, maps.x, maps.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(cloth.alpha, maps.x, maps.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    both = np.dstack([cloth.spare, cloth.neck])
    both = cv2.remap(both, maps.x, maps.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover: NDArray[np.uint8] = np.dstack([alpha, both])
    size = (box.width, box.height)
    if fine > 1:
        bgr, cover = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (bgr, cover))
    region, core = (_drawn(polygon, piece, box) for polygon in (piece.region, piece.core))
    region, core = region * maps.sound, core * maps.sound
    alpha, spare, neck = (cover[..., channel].astype(np.float32) / np.float32(255) for channel in range(3))
    return Layer(piece.role, piece.side, box, bgr.astype(np.float32), alpha * region, spare * core, neck * region)


def _box(piece: Piece, width: int, height: int) -> Box | None:
    corners = piece.region
    if piece.joint is not None:
        x, y, radius = piece.joint
        corners = np.concatenate([corners, [[x - radius, y - radius], [x + radius, y + radius]]])
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 2, [width, height])
    if (high - low < 2).any():
        return None
    return Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _drawn(polygon: Points, piece: Piece, box: Box) -> Floats:
    drawn = np.zeros((box.height, box.width), np.uint8)
    cv2.fillPoly(drawn, [_fixed(polygon, box)], (255,), cv2.LINE_AA, 4)
    if piece.joint is not None:
        x, y, radius = piece.joint
        centre = _fixed(np.array([[x, y]]), box)[0]
        cv2.circle(drawn, (int(centre[0]), int(centre[1])), round(radius * 16), (255,), -1, cv2.LINE_AA, 4)
    return np.asarray(drawn, np.float32) / np.float32(255)


def _fixed(points: Points, box: Box) -> NDArray[np.int32]:
    """Sixteenths of a pixel of the box, as OpenCV draws them."""
    clipped = np.clip(np.asarray(points) - [box.x, box.y], -4000, 4000)
    return np.round(clipped * 16).astype(np.int32)
