"""Between what crosses the wire (files and names) and what engines work on (pixels)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import BadImageError, BadMessageError
from edge_server.tryon.service_pictures import read_layer
from edge_server.tryon.values import (
    TROUSER_LANDMARKS,
    UPPER_LANDMARKS,
    Area,
    BodyPose,
    Facing,
    Garment,
    KeyPoint,
    Kind,
    Parsing,
)
from protos.tryon import GarmentData, ParsingData, Point, PoseData

LARGEST_GARMENT_PX = 1536  # of the longer side; larger ones are made smaller: no person in a picture is larger
ASPECT_SLACK_PX = 2  # two ways of rounding


def pose_to_data(pose: BodyPose) -> PoseData:
    points = {name: Point(*point) for name, point in pose.points.items()}
    mask = np.rint(np.clip(np.nan_to_num(pose.mask), 0, 1) * 255).astype(np.uint8)
    return PoseData(points, _png(mask), pose.people, str(pose.facing))


def pose_from_data(data: PoseData, width_px: int, height_px: int, max_px: int) -> BodyPose:
    """Raises BadImageError for a mask that does not belong to a picture of this size."""
    mask = _layer(data.mask_png, "pose: mask", width_px, height_px, max_px, cv2.INTER_LINEAR)
    points = {name: KeyPoint(*point) for name, point in data.points.items()}
    return BodyPose(points, mask.astype(np.float32) / np.float32(255), data.people, Facing(data.facing))


def parsing_to_data(parsing: Parsing) -> ParsingData:
    return ParsingData(_png(parsing.labels))


def parsing_from_data(data: ParsingData, width_px: int, height_px: int, max_px: int) -> Parsing:
    """Raises BadImageError, BadMessageError."""
    labels = _layer(data.labels_png, "parsing: labels", width_px, height_px, max_px, cv2.INTER_NEAREST)
    if labels.max() > max(Area):
        raise BadMessageError(f"parsing: label {labels.max()} is no area of the body; the highest is {max(Area)}")
    return Parsing(labels)


def garment_to_data(garment: Garment) -> GarmentData:
    return GarmentData(garment.garment_id, garment.name, str(garment.kind), _png(garment.bgra), dict(garment.landmarks))


def garment_from_data(data: GarmentData, max_px: int) -> Garment:
    """Raises BadImageError (no alpha, nothing on it) or BadMessageError (landmarks)."""
    what = f"garment {data.garment_id}"
    bgra = read_layer(data.image_png, what, max_px)
    if bgra.ndim != 3 or bgra.shape[2] != 4 or bgra[:, :, 3].min() == 255:
        raise BadImageError(
            f"{what}: its picture has no transparent background. Cut it out first: tagalong garments add PHOTO"
        )
    if bgra[:, :, 3].max() == 0:
        raise BadImageError(f"{what}: its picture is transparent all over, so there is nothing to put on.")
    kind = Kind(data.kind)
    needed = TROUSER_LANDMARKS if kind is Kind.TROUSERS else UPPER_LANDMARKS
    missing = [name for name in needed if name not in data.landmarks]
    if missing:
        raise BadMessageError(f"{what}: {len(missing)} landmarks of a {kind} are missing: {', '.join(missing[:4])}")
    landmarks = {name: data.landmarks[name] for name in needed}
    inside = tuple(outline for outline in data.inside if len(outline) >= 3)
    return Garment(data.garment_id, data.name, kind, _smaller(bgra), landmarks, inside)


def _layer(png: bytes, what: str, width_px: int, height_px: int, max_px: int, interpolation: int) -> NDArray[np.uint8]:
    layer = read_layer(png, what, max_px)
    if layer.ndim != 2:
        raise BadImageError(f"{what}: it has {layer.shape[2]} channels, expected one")
    height, width = layer.shape
    if (width, height) == (width_px, height_px):
        return layer
    if abs(width * height_px / height - width_px) > max(ASPECT_SLACK_PX, 0.01 * width_px):
        raise BadImageError(f"{what}: it is {width}x{height} and belongs to no picture of {width_px}x{height_px}")
    return np.asarray(cv2.resize(layer, (width_px, height_px), interpolation=interpolation), np.uint8)


def _smaller(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = LARGEST_GARMENT_PX / max(bgra.shape[:2])
    if share >= 1:
        return bgra
    size = (max(1, round(bgra.shape[1] * share)), max(1, round(bgra.shape[0] * share)))
    # Colours weighed by their alpha: else those of the transparent ground would bleed into the edge.
    weighed = bgra.astype(np.float32)
    weighed[:, :, :3] *= weighed[:, :, 3:] / 255
    weighed = cv2.resize(weighed, size, interpolation=cv2.INTER_AREA)
    weighed[:, :, :3] *= 255 / np.maximum(weighed[:, :, 3:], 1)
    return np.clip(np.rint(weighed), 0, 255).astype(np.uint8)


def _png(layer: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", layer, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
