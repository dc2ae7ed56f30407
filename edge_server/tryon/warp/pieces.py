"""Pieces of cloth with their targets on a body, and the polygons they are kept within."""

from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from edge_server.tryon.warp.pattern import Cloth, Side
from edge_server.tryon.warp.spline import Points

Role = Literal["trunk", "upper", "lower"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of cloth and where it goes."""

    role: Role
    side: Side | None
    cloth: Cloth
    sources: Points = field(repr=False)  # in the pattern's pixels
    targets: Points = field(repr=False)  # in the picture's
    region: Points = field(repr=False)  # a polygon of the picture outside of which it does not go
    core: Points = field(repr=False)  # the same without what lies beyond hem and cuff: where it may be made larger
    joint: tuple[float, float, float] | None = None  # x, y, radius of an elbow or a knee, which belongs to the region


@dataclass(frozen=True, slots=True)
class Fit:
    """A garment laid out on a body, lowest piece first."""

    pieces: tuple[Piece, ...]
    ends: dict[Side, float]  # where sleeves or legs end: 0..1 along the limb, to the wrist or ankle
    margin_px: float


class Pairs:
    """Grows: places on the garment and their targets."""

    def __init__(self) -> None:
        self.sources: list[Points] = []
        self.targets: list[Points] = []

    def add(self, source: Points, target: Points) -> None:
        self.sources.append(np.asarray(source, float))
        self.targets.append(np.asarray(target, float))

    def piece(
        self, role: Role, side: Side | None, cloth: Cloth, region: Points, core: Points,
        joint: tuple[float, float, float] | None = None,
    ) -> Piece:  # fmt: skip
        return Piece(role, side, cloth, np.stack(self.sources), np.stack(self.targets), region, core, joint)


def strip(outer: list[Points], inner: list[Points], margin_px: float, open_end: bool) -> Points:
    """The polygon of a limb, somewhat wider than its sections; longer at an open end, for cuffs that curve."""
    wide_outer, wide_inner = [], []
    for a, b in zip(outer, inner, strict=True):
        reach = (a - b) * 0.2
        length = max(float(np.hypot(*(a - b))), 1e-6)
        reach = reach + (a - b) / length * 1.5 * margin_px
        wide_outer.append(a + reach)
        wide_inner.append(b - reach)
    if open_end:
        on = (outer[-1] + inner[-1]) / 2 - (outer[-2] + inner[-2]) / 2
        on = on / max(float(np.hypot(*on)), 1e-6) * (0.4 * float(np.hypot(*(outer[-1] - inner[-1]))) + 2)
        wide_outer.append(wide_outer[-1] + on)
        wide_inner.append(wide_inner[-1] + on)
    return np.stack(wide_outer + wide_inner[::-1])


def hull(points: Points, grown_px: float) -> Points:
    return hull_of((points[:, None] + ring(grown_px)[None]).reshape(-1, 2))


def ring(radius_px: float) -> Points:
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius_px


def hull_of(points: Points) -> Points:
    middle = points.mean(axis=0)
    hull: Points = cv2.convexHull((points - middle).astype(np.float32))[:, 0].astype(float) + middle
    return hull
