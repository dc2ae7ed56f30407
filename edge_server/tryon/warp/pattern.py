"""A garment's picture cut into the pieces that are bent one by one: trunk and sleeves, or seat and legs."""

from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import TROUSER_LANDMARKS, UPPER_LANDMARKS, Garment, Kind, TryOnError
from edge_server.tryon.warp.spline import Points

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
OPAQUE = 128
_OVERLAP = 0.05  # of the garment's width: how far a sleeve reaches into the trunk, growing from nothing to opaque
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cloth:
    """One piece, in the pixels of the whole garment's picture."""

    bgr: Bits = field(repr=False)  # the garment's colours, carried on beyond its edge
    alpha: Bits = field(repr=False)
    spare: Bits = field(repr=False)  # 255 beyond the edge where the cloth may be made larger to cover what is worn
    neck: Bits = field(repr=False)  # 255 in the neck's opening, where skin is seen


@dataclass(frozen=True, slots=True)
class Limb:
    """The outline of a sleeve or a leg, from the body outwards: as many places on the outer edge as on the inner."""

    cloth: Cloth
    at: NDArray[np.float64] = field(repr=False)  # 0..1: how far along
    outer: Points = field(repr=False)
    inner: Points = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """All pieces of a garment, and its landmarks in their pixels."""

    kind: Kind
    points: dict[str, Points]
    trunk: Cloth
    limbs: dict[Side, Limb]  # empty: no sleeves
    edges: NDArray[np.float64] = field(repr=False)  # (height, 2): left and right end of the trunk in each row

    def across(self, name: str) -> float:
        """Distance between the left and the right one of a pair of landmarks."""
        return float(np.hypot(*(self.points[f"{name}_left"] - self.points[f"{name}_right"])))

    def middle(self, name: str) -> Points:
        return np.asarray((self.points[f"{name}_left"] + self.points[f"{name}_right"]) / 2)

    def edge(self, row: float, side: Side) -> float:
        """Column of the trunk's edge; the wearer's left is on the right of the picture."""
        found: float = self.edges[int(np.clip(round(row), 0, len(self.edges) - 1)), 1 if side == "left" else 0]
        return found


def cut(garment: Garment, scale: float) -> Pattern:
    """Make the pieces of a garment whose picture is resized by `scale`."""
    needed = TROUSER_LANDMARKS if garment.kind is Kind.TROUSERS else UPPER_LANDMARKS
    missing = [name for name in needed if name not in garment.landmarks]
    if missing:
        raise TryOnError(f"The garment {garment.garment_id} lacks its landmarks {', '.join(missing)}. Add it anew.")
    bgra = garment.bgra
    if bgra.ndim != 3 or bgra.shape[2] != 4 or not (bgra[..., 3] >= OPAQUE).any():
        raise TryOnError(f"The garment {garment.garment_id} has no picture with an alpha channel. Add it anew.")
    height, width = (max(round(size * scale), 8) for size in bgra.shape[:2])
    # Premultiplied while it is made smaller: what is transparent must not colour the edges.
    alpha = bgra[..., 3:].astype(np.float32) / 255
    small = cv2.resize(np.dstack([bgra[..., :3] * alpha, alpha]), (width, height), interpolation=cv2.INTER_AREA)
    size = np.array([width, height])
    holes = _holes(garment, small[..., 3])
    small *= 1 - holes.astype(np.float32)[..., None] / 255
    colours = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    bgr, alpha8 = np.clip(colours, 0, 255).astype(np.uint8), np.round(small[..., 3] * 255).astype(np.uint8)
    bgr = _carried_on(bgr, alpha8)
    points = {name: np.array(garment.landmarks[name], float) * size - 0.5 for name in needed}
    if garment.kind is Kind.TROUSERS:
        return _trousers(bgr, alpha8, points)
    return _upper(garment.kind, bgr, alpha8, points, holes)


def _holes(garment: Garment, alpha: NDArray[np.float32]) -> Bits:
    """255 where the garment shows what the body hides: its inside, and the thin rim that is left of its back."""
    height, width = alpha.shape
    holes = np.zeros((height, width), np.uint8)
    thin = max(round(0.03 * width), 2) | 1
    solid = (alpha > 0.05).astype(np.uint8)
    for hole in garment.inside:
        corners = np.array(hole) * [width, height] - 0.5
        fixed = np.round(corners * 16).astype(np.int32)
        cv2.fillPoly(holes, [fixed], (255,), cv2.LINE_AA, 4)
        # Its border is drawn as a seam, of which nothing is to stay.
        cv2.polylines(holes, [fixed], True, (255,), max(round(0.006 * width), 1) + 1, cv2.LINE_AA, 4)
    # Cut free, the rim is thin.
    open_ = (holes > 0).astype(np.uint8)
    rest = solid & (1 - open_)
    rim = rest & (1 - cv2.morphologyEx(rest, cv2.MORPH_OPEN, np.ones((thin, thin), np.uint8)))
    near = np.zeros_like(rim)
    for hole in garment.inside:
        x, y = (np.array(hole) * [width, height]).T
        shrunk = 0.1 * (x.max() - x.min())
        columns = slice(round(x.min() + shrunk), round(x.max() - shrunk))
        near[max(round(y.min()) - 2 * thin, 0) : round(y.max()), columns] = 1
    holes[(rim & near) > 0] = 255
    return holes


def _carried_on(bgr: Bits, alpha: Bits) -> Bits:
    """Each pixel that is not garment takes the colour of the nearest one that is."""
    solid = alpha > 250
    if not solid.any():
        solid = alpha >= OPAQUE
    solid = cv2.erode(solid.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 if solid.sum() > 400 else solid
    _, nearest = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    # A mirror at the edge carries a pattern on; where that leads out of the cloth again, the edge's own colour.
    here = np.moveaxis(np.indices(alpha.shape), 0, -1)
    place: NDArray[np.int64] = np.zeros((int(nearest.max()) + 1, 2), np.int64)
    place[nearest[solid]] = here[solid]
    edge: NDArray[np.int64] = place[nearest]
    mirrored: NDArray[np.int64] = np.clip(2 * edge - here, 0, np.array(alpha.shape) - 1)
    good = solid[mirrored[..., 0], mirrored[..., 1]][..., None]
    source = np.where(good, mirrored, edge)
    return np.where((alpha < 250)[..., None], bgr[source[..., 0], source[..., 1]], bgr)


def _upper(kind: Kind, bgr: Bits, alpha: Bits, points: dict[str, Points], holes: Bits) -> Pattern:
    columns, rows = np.meshgrid(np.arange(alpha.shape[1], dtype=float), np.arange(alpha.shape[0], dtype=float))
    overlap = _OVERLAP * float(np.hypot(*(points["armpit_left"] - points["armpit_right"])))
    trunk = alpha.copy()
    limbs: dict[Side, Limb] = {}
    for side in SIDES:
        outwards = 1.0 if side == "left" else -1.0
        shoulder, armpit = points[f"shoulder_{side}"], points[f"armpit_{side}"]
        outer, inner = points[f"sleeve_outer_{side}"], points[f"sleeve_inner_{side}"]
        length = np.hypot(*((outer + inner) / 2 - (shoulder + armpit) / 2))
        if length < 1.5 * overlap:
            continue
        # Distances from the cut through the armhole and from the line just below the sleeve's inner seam, in pixels.
        beyond = _beside(columns, rows, shoulder, armpit) * outwards
        along = inner - armpit
        seam = armpit + 0.02 * along + np.array([-outwards, 1.0]) * 0.25 * overlap
        above = _beside(columns, rows, seam, seam + along) * outwards
        # Above the armpit the armhole is the border, below it the seam.
        own = (beyond > 0) & ((above > 0) | (rows < armpit[1]))
        trunk[own] = 0
        grown = np.clip(1 + beyond / overlap, 0, 1) * ((above > 0) | (rows < armpit[1] - 0.5 * overlap))
        sleeve = (alpha * np.where(own, 1.0, grown)).astype(np.uint8)
        limbs[side] = _limb(bgr, sleeve, (shoulder, armpit), (outer, inner))
    edges = _row_ends(trunk)
    spare = np.zeros_like(alpha)
    for side, end in (("right", edges[:, 0]), ("left", edges[:, 1])):
        outwards = 1.0 if side == "left" else -1.0
        beyond = ((columns - end[:, None]) * outwards > -1) & ((columns - points[f"neck_{side}"][0]) * outwards > 0)
        first = points[f"neck_{side}"] if limbs else points[f"armpit_{side}"]
        spare[beyond & (rows > first[1]) & (rows <= points[f"hem_{side}"][1])] = 255
    return Pattern(kind, points, Cloth(bgr, trunk, spare, _opening(alpha, points, holes)), limbs, edges)


def _opening(alpha: Bits, points: dict[str, Points], holes: Bits) -> Bits:
    """Above the neckline, between both sides of the neck."""
    rows = np.arange(alpha.shape[0])[:, None]
    columns = np.arange(alpha.shape[1])
    solid = alpha >= OPAQUE
    # A raised collar: where it is cut away, its own front edge counts.
    clear = np.where(solid.any(axis=0), solid.argmax(axis=0), 0)
    left, right, front = points["neck_left"], points["neck_right"], points["neck_front"]
    between = (columns > right[0]) & (columns < left[0])
    low = np.minimum(clear, front[1] + 0.3 * abs(left[0] - right[0]))
    high = min(left[1], right[1]) - 0.25 * abs(left[0] - right[0])
    above = (rows < low) & (rows > high) & between
    above |= (holes > 0) & (rows < (points["armpit_left"][1] + points["armpit_right"][1]) / 2)
    return np.where(above & ~solid, 255, 0).astype(np.uint8)


def _trousers(bgr: Bits, alpha: Bits, points: dict[str, Points]) -> Pattern:
    columns, rows = np.meshgrid(np.arange(alpha.shape[1], dtype=float), np.arange(alpha.shape[0], dtype=float))
    overlap = _OVERLAP * float(np.hypot(*(points["hip_left"] - points["hip_right"])))
    limbs: dict[Side, Limb] = {}
    trunk = alpha.copy()
    for side in SIDES:
        outwards = 1.0 if side == "left" else -1.0
        hip, crotch = points[f"hip_{side}"], points["crotch"]
        below = _beside(columns, rows, hip, crotch) * outwards
        half = (columns - crotch[0]) * outwards > -0.5
        trunk[(below > overlap) & half] = 0  # the seat reaches under the legs, which grow over it
        leg = (alpha * np.clip(1 + below / overlap, 0, 1) * half).astype(np.uint8)
        knee = (points[f"knee_outer_{side}"], points[f"knee_inner_{side}"])
        hem = (points[f"hem_outer_{side}"], points[f"hem_inner_{side}"])
        limbs[side] = _limb(bgr, leg, (hip, crotch), hem, knee)
    spare = np.zeros_like(alpha)
    edges = _row_ends(alpha)
    inside = (columns >= edges[:, :1]) & (columns <= edges[:, 1:])
    spare[~inside & (rows >= points["waist_left"][1])] = 255
    return Pattern(Kind.TROUSERS, points, Cloth(bgr, trunk, spare, np.zeros_like(alpha)), limbs, edges)


def _limb(
    bgr: Bits,
    alpha: Bits,
    start: tuple[Points, Points],
    end: tuple[Points, Points],
    joint: tuple[Points, Points] | None = None,
    sections: int = 9,
) -> Limb:
    """Follow the outline from the body to the end. With a `joint`, half of the sections lie on either side of it."""
    at = np.linspace(0, 1, sections)
    knots = [start, joint, end] if joint is not None else [start, end]
    places = np.linspace(0, 1, len(knots))
    outer, inner = (
        np.stack([np.interp(at, places, [knot[k][axis] for knot in knots]) for axis in (0, 1)], axis=1) for k in (0, 1)
    )
    middle = (outer + inner) / 2
    for edge in (outer, inner):
        for index in range(1, sections - 1):
            reach = edge[index] - middle[index]
            length = max(float(np.hypot(*reach)), 1e-6)
            steps = np.arange(0.35, 3.0, 1 / max(length, 2.0))
            ray = np.round(middle[index] + steps[:, None] * reach).astype(int)
            inside = (ray >= 0).all(1) & (ray[:, 0] < alpha.shape[1]) & (ray[:, 1] < alpha.shape[0])
            seen = np.zeros(len(ray), bool)
            seen[inside] = alpha[ray[inside, 1], ray[inside, 0]] >= OPAQUE
            if seen[0] and not seen.all():  # the first way out; else the landmarks' own straight line stays
                edge[index] = middle[index] + steps[int(np.argmin(seen))] * reach
    hems = np.stack([end[0] - middle[-1], end[1] - middle[-1]])
    columns, rows = np.meshgrid(np.arange(alpha.shape[1], dtype=float), np.arange(alpha.shape[0], dtype=float))
    axis = middle[-1] - middle[0]
    along = ((columns - middle[0][0]) * axis[0] + (rows - middle[0][1]) * axis[1]) / max(float(axis @ axis), 1e-9)
    last = 1.0 - 0.5 * float(np.abs(hems @ axis).max()) / max(float(axis @ axis), 1e-9)  # a slanting hem stays as it is
    spare = np.where((alpha < 250) & (along > 0.02) & (along < min(last, 0.985)), 255, 0).astype(np.uint8)
    return Limb(Cloth(bgr, alpha, spare, np.zeros_like(alpha)), at, outer, inner)


def _beside(x: NDArray[np.float64], y: NDArray[np.float64], a: Points, b: Points) -> NDArray[np.float64]:
    """Distance from the line a-b; positive on the picture's right when b is below a."""
    along = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    return np.asarray((x - a[0]) * along[1] - (y - a[1]) * along[0])


def _row_ends(alpha: Bits) -> NDArray[np.float64]:
    """First and last opaque column of each row; rows without any take their neighbour's."""
    solid = alpha >= OPAQUE
    full = solid.any(axis=1)
    if not full.any():
        raise TryOnError("The garment's landmarks do not lie on its picture. Add it anew.")
    first = solid.argmax(axis=1).astype(float)
    last = alpha.shape[1] - 1.0 - solid[:, ::-1].argmax(axis=1)
    rows = np.arange(len(alpha))
    return np.stack([np.interp(rows, rows[full], ends[full]) for ends in (first, last)], axis=1)
