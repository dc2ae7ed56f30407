"""Armpits, shoulders and cuffs, by an outline's hollows and corners."""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.silhouette import LOOK, SIDES, Bits, Silhouette
from edge_server.tryon.values import XY

SHOULDER_OF_ARMPIT = 0.91  # the armhole's upper end lies a little further in than its lower one
ARMPIT_DEG = 24.0  # turns at least so much


def armpits_of(shape: Silhouette) -> dict[str, tuple[float, float, bool]]:
    """Place of each, and whether there is a sleeve above it."""
    found = {}
    x, y = shape.outline.T
    for name, sign in SIDES:
        gap = _gap_top(shape, sign)
        out = (x - shape.axis) * sign
        own = out > 0.1 * shape.width
        band = own & (y > shape.top + 0.06 * shape.height) & (y < shape.top + 0.6 * shape.height)
        if gap is not None:
            found[name] = (*gap, True)
            continue
        index = _sleeve_root(shape, out, band, sign)
        if index is not None:
            found[name] = (float(x[index]), float(y[index]), True)
            continue
        # no sleeve: the corner that sticks out where armhole and side meet, else the widest place of the upper third
        upper = band & (y < shape.top + 0.36 * shape.height)
        index, turn = shape.corner(upper)
        if turn < 20:
            index = int(np.argmax(np.where(upper, out, -1e9)))
        found[name] = (float(x[index]), float(y[index]), False)
    return found


def _sleeve_root(shape: Silhouette, out: NDArray[np.float64], band: Bits, sign: float) -> int | None:
    """The uppermost hollow from which the outline runs outwards into a sleeve, where no air shows beneath it."""
    y = shape.outline[:, 1]
    slack = 0.03 * shape.width
    for index in sorted(np.flatnonzero(band & (shape.turns < -ARMPIT_DEG)), key=lambda each: y[each]):
        near = np.arange(index - LOOK // 2, index + LOOK // 2 + 1) % len(out)
        if shape.turns[index] > shape.turns[near].min():
            continue  # not the sharpest place of this hollow
        up = (index - int(sign) * 2 * LOOK) % len(out)
        below = band & (np.abs(y - y[index] - 0.03 * shape.height) < 0.012 * shape.height)
        sleeve = out[up] - out[index] > 0.5 * (y[index] - y[up])  # a waist's hollow runs upwards much more than out
        wide = out[band & (y < y[index])].max(initial=0.0) > out[index] + slack
        if sleeve and wide and out[below].max(initial=0.0) < out[index] + slack:
            return int(index)
    return None


def _gap_top(shape: Silhouette, sign: float) -> XY | None:
    """The upper end of the air between a sleeve and the body."""
    mask = shape.mask if sign > 0 else shape.mask[:, ::-1]
    axis = shape.axis if sign > 0 else mask.shape[1] - 1 - shape.axis
    half = mask[:, max(0, round(axis)) :]
    beyond = np.cumsum(half[:, ::-1], axis=1)[:, ::-1] > 0  # garment further out in this row
    before = np.cumsum(half, axis=1) > 0
    air = (~half & beyond & before).astype(np.uint8)
    air[: int(shape.top + 0.04 * shape.height)] = 0  # the neck's hollow is none
    count, _, stats, _ = cv2.connectedComponentsWithStats(air, connectivity=4)
    best: tuple[int, int] | None = None
    for label in range(1, count):
        left, top, wide, high, area = (int(value) for value in stats[label])
        far = left + wide / 2 > 0.12 * shape.width and top > shape.top + 0.1 * shape.height
        large = high > 0.03 * shape.height and area > 0.0004 * shape.width * shape.height
        if far and large and (best is None or area > best[1]):
            best = label, area
    if best is None:
        return None
    _, labels = cv2.connectedComponents(air, connectivity=4)
    rows, columns = np.nonzero(labels == best[0])
    row = int(rows.min())
    column = float(columns[rows <= row + 1].mean()) + max(0, round(axis))
    return (column if sign > 0 else mask.shape[1] - 1 - column), float(row)


def shoulder_of(shape: Silhouette, sign: float, reach: float, armpit_y: float) -> XY:
    """Where the upper edge turns down into the sleeve; by proportion where it turns nowhere."""
    x, y = shape.outline.T
    out = (x - shape.axis) * sign
    where = (out > 0.76 * reach) & (out < 1.06 * reach) & (y < armpit_y - 0.04 * shape.height)
    index, turn = shape.corner(where)
    wanted = SHOULDER_OF_ARMPIT * reach
    if turn > 15:
        share = min(1.0, (turn - 15) / 20)
        wanted += share * (float(out[index]) - wanted)
    column = shape.axis + sign * wanted
    return column, shape.top_at(column)


def strap_end(shape: Silhouette, sign: float, armpit_x: float, armpit_y: float) -> XY:
    """Without sleeves: the outer end of what lies on the shoulder."""
    x, y = shape.outline.T
    own = ((x - shape.axis) * sign > 0) & (y < armpit_y)
    if not own.any():
        return armpit_x, armpit_y
    top = float(y[own].min())
    high = own & (y < top + 0.025 * shape.height)
    index = int(np.argmax(np.where(high, (x - shape.axis) * sign, -1e9)))
    return float(x[index]), float(y[index])


def cuff_of(shape: Silhouette, sign: float, shoulder: XY, armpit: XY) -> tuple[XY, XY]:
    """The two corners at a sleeve's end."""
    path = walk(shape, shoulder, armpit, sign)
    points, turns = shape.outline[path], shape.close_turns[path]
    root = (np.array(shoulder) + armpit) / 2
    away = np.hypot(*(points - root).T)
    share = away / away.max()
    peaks = [
        index
        for index in np.argsort(-turns)
        if index > 0.25 * len(path)
        and share[index] > 0.6
        and turns[index] == turns[max(0, index - 4) : index + 5].max()
    ][:8]
    best, pair = -1e9, (int(np.argmax(away)), len(path) - 1)
    for first, second in itertools.combinations(sorted(peaks), 2):
        apart = float(np.hypot(*(points[first] - points[second]))) / away.max()
        if not 0.1 < apart < 0.75:
            continue
        score = turns[first] + turns[second] + 90 * (share[first] + share[second])
        if score > best:
            best, pair = score, (first, second)
    (ox, oy), (ix, iy) = (points[index] for index in pair)
    return (float(ox), float(oy)), (float(ix), float(iy))


def walk(shape: Silhouette, start: XY, end: XY, sign: float) -> NDArray[np.intp]:
    """Indices of the outline from one place to another, by the picture's right (sign > 0) or left."""
    a, b = (int(np.argmin(np.hypot(*(shape.outline - place).T))) for place in (start, end))
    count = len(shape.outline)
    step = 1 if sign > 0 else -1
    length = (b - a) * step % count
    return (a + step * np.arange(length + 1)) % count
