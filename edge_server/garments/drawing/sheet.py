"""The sheet a garment is drawn on: layers of cloth, each with a colour and a height, lit by one lamp.

Shapes are cut at four times the size of the picture, cloth is worked at twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.drawing.curves import XY, Path, lengths, resampled
from edge_server.tryon.values import BGRA

Field = NDArray[np.float32]  # (height, width) of the sheet

WORK = 2  # pixels of the sheet a pixel of the picture
CUT = 2  # pixels of a shape while it is cut, a pixel of the sheet
LAMP = np.array([-0.42, -0.46, 1.0]) / np.linalg.norm([-0.42, -0.46, 1.0])
AMBIENT = 0.38
WARP_CELL_CM, WARP_CM = 22.0, 0.45
# Nothing sewn is symmetric: the whole drawing is bent by this much at the end, and its landmarks with it.
FAR_CM = 1e3
COLOUR_STEP = 4
# Colours are rounded to this, or the grain of the cloth would make every PNG three times as large.


@dataclass(frozen=True, slots=True)
class Drawing:
    """A garment as it goes into the catalogue; places are normalised to the picture."""

    bgra: BGRA
    landmarks: Mapping[str, XY]
    inside: tuple[tuple[XY, ...], ...]


@dataclass(frozen=True, slots=True)
class Track:
    """What lies along a line: how far along it (cm), and how far beside it (cm, positive to its right)."""

    rows: slice
    columns: slice
    along: Field
    beside: Field
    length: float


class Sheet:
    """`box` is left, top, right, bottom in centimetres; its longer side becomes `long_px` pixels of the picture."""

    def __init__(self, box: tuple[float, float, float, float], seed: int, long_px: int = 512) -> None:
        left, top, right, bottom = box
        self.origin = np.array([left, top])
        self.scale = long_px / max(right - left, bottom - top) * WORK  # sheet pixels a centimetre
        self.size = tuple(round((high - low) * self.scale / WORK) for low, high in ((left, right), (top, bottom)))
        self.shape = (self.size[1] * WORK, self.size[0] * WORK)
        self.rng = np.random.default_rng(seed)
        self.colour = np.zeros((*self.shape, 3), np.float32)  # premultiplied
        self.alpha = np.zeros(self.shape, np.float32)
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        self.x = (columns + 0.5) / np.float32(self.scale) + np.float32(left)
        self.y = (rows + 0.5) / np.float32(self.scale) + np.float32(top)

    # shapes

    def area(self, *outlines: Path) -> Field:
        """What the outlines enclose, 0..1; several are united."""
        window = self._around(np.vstack(outlines), 0.5)
        big, places = self._cutting(window, outlines)
        for points in places:
            cv2.fillPoly(big, [points], 255, cv2.LINE_8, 4)
        return self._cut(window, big)

    def stroke(self, path: Path, width_cm: float) -> Field:
        """A line of some width, with round ends."""
        window = self._around(path, width_cm + 0.5)
        big, places = self._cutting(window, [path])
        cv2.polylines(big, places, False, 255, max(1, round(width_cm * self.scale * CUT)), cv2.LINE_8, 4)
        return self._cut(window, big)

    def _cutting(
        self, window: tuple[slice, slice], paths: Sequence[Path]
    ) -> tuple[NDArray[np.uint8], list[NDArray[np.int32]]]:
        rows, columns = window
        big = np.zeros(((rows.stop - rows.start) * CUT, (columns.stop - columns.start) * CUT), np.uint8)
        start = np.array([columns.start, rows.start])
        places = [((path - self.origin) * self.scale - start) * CUT - 0.5 for path in paths]
        return big, [np.round(each * 16).astype(np.int32) for each in places]

    def _cut(self, window: tuple[slice, slice], big: NDArray[np.uint8]) -> Field:
        field = self.zeros()
        if big.size:
            small = cv2.resize(big, None, fx=1 / CUT, fy=1 / CUT, interpolation=cv2.INTER_AREA)
            field[window] = cv2.GaussianBlur(small, (0, 0), 0.7).astype(np.float32) / np.float32(255)
        return field

    def track(self, path: Path, margin_cm: float) -> Track:
        """Distances along and beside a line, in the rectangle around it; beyond the margin, far away."""
        rows, columns = self._around(path, margin_cm)
        x, y = self.x[rows, columns], self.y[rows, columns]
        best = np.full(x.shape, FAR_CM * FAR_CM, np.float32)
        along, beside = np.zeros_like(x), np.full_like(x, FAR_CM)
        reached = lengths(path)
        for start, end, before in zip(path[:-1], path[1:], reached[:-1], strict=True):
            run = end - start
            length = float(np.hypot(*run))
            if length < 1e-9:
                continue
            down, right = self._around(np.stack([start, end]), margin_cm)
            near = (
                slice(down.start - rows.start, down.stop - rows.start),
                slice(right.start - columns.start, right.stop - columns.start),
            )
            dx, dy = np.float32(run[0] / length), np.float32(run[1] / length)
            across, below = x[near] - np.float32(start[0]), y[near] - np.float32(start[1])
            t = np.clip(across * dx + below * dy, 0, np.float32(length))
            away = (across - t * dx) ** 2 + (below - t * dy) ** 2
            nearer = away < best[near]
            np.copyto(best[near], away, where=nearer)
            np.copyto(along[near], t + np.float32(before), where=nearer)
            np.copyto(beside[near], np.copysign(np.sqrt(away), below * dx - across * dy), where=nearer)
        return Track(rows, columns, along, beside, float(reached[-1]))

    def _around(self, path: Path, margin_cm: float) -> tuple[slice, slice]:
        """Rows and columns of the rectangle around a line."""
        low = np.floor((path.min(axis=0) - margin_cm - self.origin) * self.scale).astype(int)
        high = np.ceil((path.max(axis=0) + margin_cm - self.origin) * self.scale).astype(int)
        size = np.array(self.shape[::-1])
        low, high = np.clip(low, 0, size), np.clip(high, 0, size)
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    # fields

    def zeros(self) -> Field:
        return np.zeros(self.shape, np.float32)

    def blur(self, field: Field, sigma_cm: float) -> Field:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), max(0.3, sigma_cm * self.scale)), np.float32)

    def noise(self, cell_cm: float, octaves: int = 1, stretch: float = 1.0) -> Field:
        """Smooth chance, about -1..1; `stretch` makes it longer downwards."""
        total, weight = self.zeros(), 1.0
        for octave in range(octaves):
            cell_px = max(1.0, cell_cm * self.scale / 2**octave)
            small = (int(self.shape[0] / (cell_px * stretch)) + 3, int(self.shape[1] / cell_px) + 3)
            grid = self.rng.standard_normal(small).astype(np.float32)
            total += np.float32(weight) * cv2.resize(grid, self.shape[::-1], interpolation=cv2.INTER_CUBIC)
            weight /= 2
        return total * np.float32(0.6)

    def puff(self, mask: Field, radius_cm: float, height_cm: float) -> Field:
        """Cloth rises from the edge of its panel and lies flat further in."""
        inside = (mask > 0.5).astype(np.uint8)
        padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1] / self.scale
        t = np.clip(distance / radius_cm, 0, 1)
        return self.blur((t * (2 - t) * height_cm).astype(np.float32), radius_cm * 0.12)

    # layers

    def lit(self, height: Field) -> tuple[Field, Field]:
        """How bright cloth of this shape is (1: flat), and how much of the lamp it mirrors (0..1)."""
        slope_y, slope_x = np.gradient(height * np.float32(self.scale))
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        facing = 1 / length
        diffuse = np.clip((-slope_x * LAMP[0] - slope_y * LAMP[1] + LAMP[2]) * facing, 0, None) / LAMP[2]
        hollow = np.clip(self.blur(height, 0.8) - height, 0, 0.5)
        shade = (AMBIENT + (1 - AMBIENT) * diffuse) * facing**0.7 * (1 - 0.55 * hollow)
        half = LAMP + np.array([0.0, 0.0, 1.0])
        half = half / np.linalg.norm(half)
        mirror = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) * facing, 0, 1)
        return shade.astype(np.float32), mirror.astype(np.float32)

    def lay(
        self,
        mask: Field,
        cloth: NDArray[np.float32],
        height: Field,
        gloss: float = 0.04,
        shine: float = 14.0,
        shadow: float = 0.3,
        shadow_cm: float = 0.5,
    ) -> None:
        """Put a layer on top of what is there; it throws a soft shadow on that."""
        window = self._window(mask, 3 * shadow_cm + 2.4)
        mask, cloth, height = mask[window], cloth[window], height[window]
        colour, alpha = self.colour[window], self.alpha[window]
        if shadow:
            move = np.array([[1, 0, 0.25 * shadow_cm * self.scale], [0, 1, 0.6 * shadow_cm * self.scale]], np.float32)
            moved = cv2.warpAffine(mask, move, mask.shape[::-1])
            colour *= (1 - shadow * self.blur(moved, shadow_cm))[..., None]
        shade, mirror = self.lit(height)
        # shadows of cloth keep more of its colour than grey would: red stays red
        lit = cloth * np.dstack([shade, shade, shade ** np.float32(0.94)])
        lit += (255 * gloss * mirror**shine - 255 * gloss * 0.35)[..., None]
        colour += mask[..., None] * (np.clip(lit, 0, 255) - colour)
        alpha += mask * (1 - alpha)

    def ink(self, mask: Field, bgr: tuple[float, float, float], strength: float = 1.0) -> None:
        """Colour what is there already; nothing where there is nothing."""
        window = self._window(mask, 0)
        self.ink_at(window, mask[window], bgr, strength)

    def ink_at(
        self, window: tuple[slice, slice], mask: Field, bgr: tuple[float, float, float], strength: float = 1.0
    ) -> None:
        """The same for a rectangle alone."""
        colour = self.colour[window]
        wanted = np.array(bgr, np.float32) * self.alpha[window][..., None]
        colour += (mask * np.float32(strength))[..., None] * (wanted - colour)

    def shade(self, field: Field) -> None:
        """Make what is there darker (below 1) or lighter (above)."""
        window = self._window(np.abs(field - 1), 0)
        self.shade_at(window, field[window])

    def shade_at(self, window: tuple[slice, slice], field: Field) -> None:
        """The same for a rectangle alone."""
        self.colour[window] = np.clip(self.colour[window] * field[..., None], 0, 255)

    def _window(self, mask: Field, margin_cm: float) -> tuple[slice, slice]:
        """The rectangle that holds all of a mask, and a margin."""
        margin = int(margin_cm * self.scale) + 1
        found = []
        for axis, size in ((1, self.shape[0]), (0, self.shape[1])):
            used = np.flatnonzero(mask.max(axis=axis) > 1e-4)
            low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
            found.append(slice(max(0, low - margin), min(size, high + margin)))
        return found[0], found[1]

    # the picture

    def finished(self, landmarks: Mapping[str, XY], inside: Sequence[Path] = ()) -> Drawing:
        """Bent a little, at the size of the picture, straight alpha."""
        bend = [self.noise(WARP_CELL_CM) * np.float32(WARP_CM * 0.6 * self.scale) for _ in range(2)]
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        layers = np.dstack([self.colour, self.alpha * 255])
        bent = cv2.remap(layers, columns + bend[0], rows + bend[1], cv2.INTER_CUBIC, borderValue=(0, 0, 0, 0))
        small = cv2.resize(bent, self.size, interpolation=cv2.INTER_AREA)
        return Drawing(
            _straight(np.clip(small, 0, 255)),
            {name: self._bent(point, bend) for name, point in landmarks.items()},
            tuple(tuple(self._bent((float(x), float(y)), bend) for x, y in resampled(each, 48)) for each in inside),
        )

    def _bent(self, point: XY, bend: Sequence[Field]) -> XY:
        """Where a place of the drawing came to lie, normalised."""
        wanted = (np.array(point) - self.origin) * self.scale
        place = wanted.copy()
        for _ in range(8):
            column = int(np.clip(place[0], 0, self.shape[1] - 1))
            row = int(np.clip(place[1], 0, self.shape[0] - 1))
            place = wanted - (float(bend[0][row, column]), float(bend[1][row, column]))
        return (
            round(float(np.clip(place[0] / self.shape[1], 0, 1)), 4),
            round(float(np.clip(place[1] / self.shape[0], 0, 1)), 4),
        )


def _straight(premultiplied: NDArray[np.float32]) -> BGRA:
    """Straight alpha; colours run on a little beyond the edge, so that a picture that is scaled gets no dark rim."""
    alpha = premultiplied[..., 3]
    alpha = np.where(alpha < 3, 0, np.where(alpha > 252, 255, alpha))
    colour, weight = premultiplied[..., :3].copy(), premultiplied[..., 3] / 255
    wide = cv2.GaussianBlur(np.dstack([colour, weight]), (0, 0), 1.6)
    run_on = wide[..., :3] / np.maximum(wide[..., 3:], 1e-3)
    own = colour / np.maximum(weight, 1e-3)[..., None]
    colour = np.where((weight > 0.3)[..., None], own, np.where((wide[..., 3] > 0.02)[..., None], run_on, 0))
    colour = np.clip(np.round(colour / COLOUR_STEP) * COLOUR_STEP, 0, 255)
    return np.dstack([colour, np.round(alpha / COLOUR_STEP) * COLOUR_STEP]).clip(0, 255).astype(np.uint8)
