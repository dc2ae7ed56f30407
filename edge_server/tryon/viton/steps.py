"""What networks are given, step by step: made when first asked for, at the size of the canvas."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from edge_server.tryon.values import KEY_POINTS, Area, Garment, Person, Progress
from edge_server.tryon.viton.areas import covered
from edge_server.tryon.viton.manifest import (
    Manifest,
    MaskStep,
    OutputStep,
    ParsingStep,
    Part,
    PictureStep,
    PoseStep,
)
from edge_server.tryon.viton.window import Window, whole

K = TypeVar("K")
T = TypeVar("T")
Floats = NDArray[np.float32]
Outputs = Mapping[str, Floats]  # `stage.output` -> (channels, height, width)

POINT_SETS: Mapping[str, tuple[str, ...]] = {
    "mediapipe33": KEY_POINTS,
    "openpose18": (
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
        "right_ear", "left_ear",
    ),
    "coco17": (
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
}  # fmt: skip


def channels_of(part: Part, outputs: Mapping[str, int]) -> int:
    """How many channels a part has. `outputs`: of earlier stages' outputs. Raises ModelError for unknown names."""
    match part:
        case PictureStep():
            return 3
        case MaskStep():
            return 1
        case PoseStep():
            return len(_points(part))
        case ParsingStep():
            return len(_groups(part))
        case OutputStep():
            return outputs[part.of]


class Steps:
    """Of one person and one garment."""

    def __init__(
        self, manifest: Manifest, person: Person, garment: Garment, window: Window, progress: Progress
    ) -> None:
        self._manifest, self._person, self._garment, self._window = manifest, person, garment, window
        self._progress = progress
        self._made: dict[tuple[str, object], Any] = {}  # goes with this object: nobody's picture is kept

    def part(self, part: Part, size_px: tuple[int, int], outputs: Outputs) -> Floats:
        """(channels, height, width) of the input's size."""
        match part:
            case PictureStep():
                bgr = self.garment(part.background) if part.step == "garment" else self.picture(part.step)
                if part.step == "warped_garment":
                    bgr = self._on(part.background)
                image = np.asarray(bgr.astype(np.float32) / 255, np.float32)
                image = image[:, :, ::-1] if part.colours == "rgb" else image
                if part.sample_by is not None:
                    image = _sampled(image, outputs[part.sample_by], part.background / 255)
                if part.mean is not None and part.spread is not None:
                    image = np.asarray((image - np.array(part.mean)) / np.array(part.spread), np.float32)
                else:
                    image = _ranged(image, part.range)
                return _fitted(image.transpose(2, 0, 1), size_px)
            case MaskStep():
                mask = self.mask(part.step)[:, :, None]
                if part.sample_by is not None:
                    mask = _sampled(mask, outputs[part.sample_by], 0.0)
                return _fitted(_ranged(mask, part.range).transpose(2, 0, 1), size_px)
            case PoseStep():
                return _ranged(self._heat_maps(part, size_px), part.range)
            case ParsingStep():
                labels = self.labels()
                if part.step == "agnostic_parsing":
                    labels = np.where(self.mask("agnostic_mask") > 0.5, np.uint8(Area.BACKGROUND), labels)
                labels = np.asarray(cv2.resize(labels, size_px, interpolation=cv2.INTER_NEAREST), np.uint8)
                one_hot = [np.isin(labels, [int(area) for area in group]) for group in _groups(part)]
                return _ranged(np.stack(one_hot).astype(np.float32), part.range)
            case OutputStep():
                return _fitted(outputs[part.of], size_px)

    def picture(self, step: str) -> NDArray[np.uint8]:
        """BGR of the canvas: `person`, `agnostic`, `warped_garment` (on white)."""
        return self._once("picture", step, self._picture)

    def mask(self, step: str) -> Floats:
        """0..1, of the canvas."""
        return self._once("mask", step, self._mask)

    def garment(self, background: int) -> NDArray[np.uint8]:
        """BGR of the canvas: as it lies flat."""
        return self._once("garment", background, self._flat)

    def labels(self) -> NDArray[np.uint8]:
        return self._once("labels", None, self._labels)

    def _once(self, what: str, of: K, make: Callable[[K], T]) -> T:
        if (what, of) not in self._made:
            self._made[what, of] = make(of)
        return cast(T, self._made[what, of])

    def _picture(self, step: str) -> NDArray[np.uint8]:
        if step == "agnostic":
            taken_out = self.mask("agnostic_mask")[:, :, None] > 0.5
            return np.where(taken_out, np.uint8(self._manifest.agnostic.grey), self.picture("person"))
        if step == "warped_garment":
            return self._on(255)
        return self._window.to_canvas(self._person.bgr, self._manifest.padding)

    def _mask(self, step: str) -> Floats:
        match step:
            case "agnostic_mask":
                spec = self._manifest.agnostic
                return covered(self.labels(), self._garment.kind, spec.grow, spec.neck).astype(np.float32)
            case "garment_mask":
                alpha = self._garment.bgra[:, :, 3].astype(np.float32) / 255
                return self._garment_window().to_canvas(alpha, 0.0)
            case "warped_garment_mask":
                return self._window.to_canvas(self._once("warped", None, self._warped)[1], 0.0)
            case _:
                return self._window.to_canvas(self._person.pose.mask, 0.0)

    def _flat(self, background: int) -> NDArray[np.uint8]:
        bgra = self._garment.bgra.astype(np.float32)
        alpha = bgra[:, :, 3:] / 255
        flat = np.rint(bgra[:, :, :3] * alpha + background * (1 - alpha)).astype(np.uint8)
        return self._garment_window().to_canvas(flat, background)

    def _labels(self, _: None) -> NDArray[np.uint8]:
        return self._window.to_canvas(self._person.parsing.labels, int(Area.BACKGROUND), nearest=True)

    def _garment_window(self) -> Window:
        height, width = self._garment.bgra.shape[:2]
        return whole(width, height, self._manifest.size_px)

    def _on(self, background: int) -> NDArray[np.uint8]:
        """The warped garment before a grey level."""
        bgr, cover = self._once("warped", None, self._warped)
        bgr, cover = self._window.to_canvas(bgr, background), self._window.to_canvas(cover, 0.0)[:, :, None]
        return np.rint(bgr * cover + background * (1 - cover)).astype(np.uint8)

    def _warped(self, _: None) -> tuple[NDArray[np.uint8], Floats]:
        """The garment bent onto the body by the embedded engine, and where it is; of the picture's size."""
        engine = importlib.import_module("edge_server.tryon.warp").WarpEngine()
        try:
            dressed = engine.dress(
                self._person, self._garment, lambda share, what: self._progress(0.02 + 0.1 * share, what)
            )
        finally:
            engine.close()
        return dressed.bgr, np.asarray(dressed.garment, np.float32)

    def _heat_maps(self, part: PoseStep, size_px: tuple[int, int]) -> Floats:
        names = _points(part)
        width, height = size_px
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        maps = np.zeros((len(names), height, width), np.float32)
        for heat, name in zip(maps, names, strict=True):
            place = self._place(name, part.min_confidence)
            if place is None:
                continue
            x, y = place[0] * width - 0.5, place[1] * height - 0.5
            if part.shape == "square":
                heat[:] = np.maximum(np.abs(columns - x), np.abs(rows - y)) <= part.radius_px
                continue
            squares = (columns - x) ** 2 + (rows - y) ** 2
            if part.shape == "disc":
                heat[:] = squares <= part.radius_px**2
            else:
                heat[:] = np.exp(-squares / (2 * part.radius_px**2))
        return maps

    def _place(self, name: str, min_confidence: float) -> tuple[float, float] | None:
        """Normalised to the canvas."""
        points = self._person.pose.points
        if name == "neck":
            both = [self._place(f"{side}_shoulder", min_confidence) for side in ("left", "right")]
            left, right = both
            return None if left is None or right is None else ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
        point = points.get(name)
        if point is None or point.confidence < min_confidence:
            return None
        height, width = self._person.bgr.shape[:2]
        return self._window.place(point.x, point.y, width, height)


def _points(part: PoseStep) -> tuple[str, ...]:
    names = POINT_SETS[part.points] if isinstance(part.points, str) else part.points
    unknown = sorted({*names} - {*KEY_POINTS, "neck"})
    if unknown or not names:
        raise ModelError(f"pose_heatmaps: there is no point {', '.join(unknown) or '(none given)'}")
    return names


def _groups(part: ParsingStep) -> list[tuple[Area, ...]]:
    if not part.groups:
        return [(area,) for area in Area]
    try:
        return [tuple(Area[name.upper()] for name in group) for group in part.groups]
    except KeyError as error:
        known = ", ".join(area.name.lower() for area in Area)
        raise ModelError(f"{part.step}: there is no area {error}; there are: {known}") from error


def _ranged(values: Floats, ends: tuple[float, float]) -> Floats:
    return np.asarray(values * np.float32(ends[1] - ends[0]) + np.float32(ends[0]), np.float32)


def _fitted(planes: Floats, size_px: tuple[int, int]) -> Floats:
    """Channels at another size."""
    if planes.shape[1:] == (size_px[1], size_px[0]):
        return np.ascontiguousarray(planes)
    shrinks = size_px[0] < planes.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([np.asarray(cv2.resize(plane, size_px, interpolation=how), np.float32) for plane in planes])


def _sampled(image: NDArray[Any], grid: Floats, outside: float) -> Floats:
    """As PyTorch's `grid_sample` with `align_corners=True`, and a colour of our own beyond the edges."""
    height, width = image.shape[:2]
    x, y = (grid[0] + 1) * (width - 1) / 2, (grid[1] + 1) * (height - 1) / 2
    flags = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_CONSTANT}
    found = cv2.remap(np.ascontiguousarray(image, np.float32), x, y, **flags, borderValue=(outside,) * 4)
    return np.asarray(found, np.float32).reshape(*grid.shape[1:], -1)
