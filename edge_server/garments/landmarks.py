"""Where a garment's shoulders, armpits, cuffs and hems are, by its outline. Proportions stand in where a place leaves
no mark on it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.record import GarmentError
from edge_server.garments.silhouette import LOOK, Bits, Points, Silhouette, runs
from edge_server.tryon.values import BGRA, XY, Kind

SIDES = (("left", 1.0), ("right", -1.0))  # the wearer's left is on the picture's right
# Shares that tailors keep to, taken from the built-in garments:
SHOULDER_OF_ARMPIT = 0.91  # the armhole's upper end lies a little further in than its lower one
NECK_OF_SHOULDER = 0.375
WAIST_OF_CHEST = 0.39  # how far below the armpits the waist is, of the width there
FRONT_OF_SHOULDER = 0.33  # how deep a neckline is, of half the shoulders' width
HIP_OF_RISE = 0.7  # from waist to crotch
KNEE_OF_LEG = 0.415  # from crotch to hem
DRESS_LENGTH = 1.9  # of the width at the armpits: longer is a dress
SHORT_JACKET = 1.24  # of the same: a collar and long sleeves at this length is a jacket
DEEP_FRONT = 0.3  # of its length: a neckline as deep as that is an open front
UNLIKE = 2.4  # in CIELAB: the inside of a back, dim as it is, beside the front
ARMPIT_DEG = 24.0  # turns at least so much
COLLAR_STAND = 0.14  # of its length: up to there the inside of a back begins
HOOD = 0.075  # of its length: this much above the shoulders is a hood, not a collar


@dataclass(frozen=True, slots=True)
class Marks:
    """What was found; places in pixels."""

    kind: Kind
    places: Mapping[str, XY]
    inside: tuple[Points, ...] = field(default=(), repr=False)


def find(shape: Silhouette, bgra: BGRA, kind: Kind | None = None) -> Marks:
    """Raises GarmentError where the outline is none of that kind."""
    legs = _crotch(shape)
    if kind is Kind.TROUSERS or (kind is None and legs is not None):
        if legs is None:
            raise GarmentError(
                "no two legs are to be seen, so these are no trousers. Lay the legs apart, or give another --kind."
            )
        return Marks(Kind.TROUSERS, _trousers(shape, legs))
    return _upper(shape, bgra, kind)


# trousers


def _crotch(shape: Silhouette) -> tuple[float, float] | None:
    """The upper end of the gap between two legs; None where there is none."""
    for row in range(int(shape.top + 0.12 * shape.height), int(shape.top + 0.75 * shape.height)):
        if _parted(shape, row) and all(_parted(shape, below) for below in _rows_below(shape, row)):
            left, right = _gap(shape, row)
            return (left + right) / 2, float(row)
    return None


def _rows_below(shape: Silhouette, row: int) -> list[int]:
    return [int(row + share * (shape.bottom - row)) for share in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)]


def _parted(shape: Silhouette, row: int) -> bool:
    """Two stretches of about the same width, one on either side of the axis, and nothing else."""
    stretches = [run for run in runs(shape.mask[row]) if run[1] - run[0] > 0.03 * shape.width]
    if len(stretches) != 2:
        return False
    (a, b), (c, d) = stretches
    off = 0.12 * shape.width
    return b < shape.axis + off and c > shape.axis - off and 0.5 < (b - a) / max(1, d - c) < 2


def _gap(shape: Silhouette, row: int) -> tuple[float, float]:
    stretches = sorted(runs(shape.mask[row]), key=lambda run: run[0] - run[1])[:2]
    (_, b), (c, _) = sorted(stretches)
    return b + 1.0, float(c)


def _trousers(shape: Silhouette, crotch: tuple[float, float]) -> dict[str, XY]:
    x, y = shape.outline.T
    places: dict[str, XY] = {"crotch": crotch}
    rise = crotch[1] - shape.top
    hip = shape.top + HIP_OF_RISE * rise
    ends = dict(zip(("right", "left"), shape.edges(hip), strict=True))
    for name, sign in SIDES:
        own = (x - shape.axis) * sign > 0.35 * shape.half_width(hip)
        places[f"waist_{name}"] = _at(shape, own & (y < shape.top + 0.25 * rise))
        places[f"hip_{name}"] = (ends[name], hip)
        lowest = float(y[(x - crotch[0]) * sign > 0].max())
        knee = crotch[1] + KNEE_OF_LEG * (lowest - crotch[1])
        stretches = [run for run in runs(shape.mask[int(knee)]) if (sum(run) / 2 - crotch[0]) * sign > 0]
        if not stretches:
            raise GarmentError("a leg is not to be seen whole. Lay both legs flat and apart.")
        run = max(stretches, key=lambda each: each[1] - each[0])
        inner, outer = (run[0], run[1] + 1) if sign > 0 else (run[1] + 1, run[0])
        places[f"knee_inner_{name}"], places[f"knee_outer_{name}"] = (inner, knee), (outer, knee)
        low = (y > lowest - 0.06 * shape.height) & ((x - crotch[0]) * sign > 0)
        middle = (x[low].min() + x[low].max()) / 2
        places[f"hem_outer_{name}"] = _at(shape, low & ((x - middle) * sign > 0))
        places[f"hem_inner_{name}"] = _at(shape, low & ((x - middle) * sign < 0))
    return places


# tops, jackets, dresses


def _upper(shape: Silhouette, bgra: BGRA, kind: Kind | None) -> Marks:
    armpits = _armpits(shape)
    long_sleeves, sleeves = {}, {}
    places: dict[str, XY] = {}
    for name, sign in SIDES:
        ax, ay = places[f"armpit_{name}"] = armpits[name][:2]
        has_sleeve = armpits[name][2]
        sleeves[name] = has_sleeve
        reach = (ax - shape.axis) * sign
        shoulder = _shoulder(shape, sign, reach, ay) if has_sleeve else None
        if shoulder is None:
            shoulder = _strap(shape, sign, ax, ay)
        places[f"shoulder_{name}"] = shoulder
        if has_sleeve:
            outer, inner = _cuff(shape, sign, shoulder, (ax, ay))
        else:
            outer, inner = shoulder, (ax, ay)
        places[f"sleeve_outer_{name}"], places[f"sleeve_inner_{name}"] = outer, inner
        long_sleeves[name] = has_sleeve and outer[1] - shoulder[1] > 0.45 * shape.height
    places |= _hem(shape, places)
    chest = places["armpit_left"][0] - places["armpit_right"][0]
    places |= _neck(shape, places, all(sleeves.values()))
    neck_y = (places["neck_left"][1] + places["neck_right"][1]) / 2
    length = (places["hem_left"][1] + places["hem_right"][1]) / 2 - neck_y
    guessed_dress = length > DRESS_LENGTH * chest
    places |= _waist(shape, places, guessed_dress or kind is Kind.DRESS, chest)
    collar = neck_y - shape.top_at(shape.axis)  # positive: it stands up behind
    front, seen = _front(shape, bgra, places)
    places["neck_front"] = front
    if kind is None:
        has_collar = 0.012 * length < collar < HOOD * length
        open_front = seen and front[1] - neck_y > DEEP_FRONT * length
        short = length < SHORT_JACKET * chest
        jacket = all(long_sleeves.values()) and has_collar and (open_front or short)
        kind = Kind.DRESS if guessed_dress else Kind.JACKET if jacket else Kind.TOP
    inside = (_opening(shape, places),) if seen else ()
    return Marks(kind, places, inside)


def _armpits(shape: Silhouette) -> dict[str, tuple[float, float, bool]]:
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


def _shoulder(shape: Silhouette, sign: float, reach: float, armpit_y: float) -> XY:
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


def _strap(shape: Silhouette, sign: float, armpit_x: float, armpit_y: float) -> XY:
    """Without sleeves: the outer end of what lies on the shoulder."""
    x, y = shape.outline.T
    own = ((x - shape.axis) * sign > 0) & (y < armpit_y)
    if not own.any():
        return armpit_x, armpit_y
    top = float(y[own].min())
    high = own & (y < top + 0.025 * shape.height)
    index = int(np.argmax(np.where(high, (x - shape.axis) * sign, -1e9)))
    return float(x[index]), float(y[index])


def _cuff(shape: Silhouette, sign: float, shoulder: XY, armpit: XY) -> tuple[XY, XY]:
    """The two corners at a sleeve's end."""
    path = _walk(shape, shoulder, armpit, sign)
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


def _walk(shape: Silhouette, start: XY, end: XY, sign: float) -> NDArray[np.intp]:
    """Indices of the outline from one place to another, by the picture's right (sign > 0) or left."""
    a, b = (int(np.argmin(np.hypot(*(shape.outline - place).T))) for place in (start, end))
    count = len(shape.outline)
    step = 1 if sign > 0 else -1
    length = (b - a) * step % count
    return (a + step * np.arange(length + 1)) % count


def _hem(shape: Silhouette, places: Mapping[str, XY]) -> dict[str, XY]:
    x, y = shape.outline.T
    found = {}
    for name, sign in SIDES:
        ax, ay = places[f"armpit_{name}"]
        path = _walk(shape, (ax, ay), (shape.axis, shape.bottom_at(shape.axis)), sign)
        low = np.zeros(len(x), bool)
        low[path] = True
        low &= y > shape.bottom_at(shape.axis) - 0.16 * shape.height
        low &= (x - shape.axis) * sign > 0.25 * (ax - shape.axis) * sign
        if not low.any():
            raise GarmentError(
                "no hem is to be seen below the armpits, so this is no top, jacket or dress. "
                "Lay the garment flat and upright, or give its --kind."
            )
        found[f"hem_{name}"] = _at(shape, low)
    return found


def _neck(shape: Silhouette, places: Mapping[str, XY], sleeves: bool) -> dict[str, XY]:
    """Beside a hollow: its two rims. Below a collar or hood: by proportion, on the shoulders' line carried on."""
    found = {}
    half = {name: (places[f"shoulder_{name}"][0] - shape.axis) * sign for name, sign in SIDES}
    if not sleeves and all(_is_strap(shape, places[f"shoulder_{name}"], sign) for name, sign in SIDES):
        for name, sign in SIDES:
            found[f"neck_{name}"] = _inner_end(shape, places[f"shoulder_{name}"], sign)
        return found
    middle = shape.top_at(shape.axis)
    for name, sign in SIDES:
        columns = shape.axis + sign * np.linspace(0.12, 0.85, 80) * half[name]
        tops = np.array([shape.top_at(column) for column in columns])
        rim = int(np.argmin(tops))
        if middle - tops[rim] > 0.008 * shape.height:
            found[f"neck_{name}"] = (float(columns[rim]), float(tops[rim]))
            continue
        column = shape.axis + sign * NECK_OF_SHOULDER * half[name]
        out = shape.axis + sign * np.linspace(0.68, 0.97, 24) * half[name]
        slope, start = np.polyfit(out, [shape.top_at(each) for each in out], 1)
        row = max(start + slope * column, shape.top_at(column))
        found[f"neck_{name}"] = (column, float(row))
    return found


def _is_strap(shape: Silhouette, shoulder: XY, sign: float) -> bool:
    inner = _inner_end(shape, shoulder, sign)
    return abs(shoulder[0] - inner[0]) < 0.35 * abs(shoulder[0] - shape.axis)


def _inner_end(shape: Silhouette, shoulder: XY, sign: float) -> XY:
    row = int(np.clip(shoulder[1] + 0.012 * shape.height, 0, len(shape.mask) - 1))
    stretches = [run for run in runs(shape.mask[row]) if (run[1] - shape.axis) * sign > 0]
    if not stretches:
        return shoulder
    run = min(stretches, key=lambda each: min(abs(each[0] - shoulder[0]), abs(each[1] - shoulder[0])))
    inner = run[0] if sign > 0 else run[1] + 1
    return (float(inner) if (inner - shape.axis) * sign > 0 else shape.axis, float(shoulder[1]))


def _waist(shape: Silhouette, places: Mapping[str, XY], dress: bool, chest: float) -> dict[str, XY]:
    armpit = (places["armpit_left"][1] + places["armpit_right"][1]) / 2
    hem = (places["hem_left"][1] + places["hem_right"][1]) / 2
    row = armpit + min(WAIST_OF_CHEST * chest, 0.6 * (hem - armpit))
    if dress:  # its narrowest place
        rows = np.arange(armpit + 0.25 * chest, armpit + min(0.9 * chest, 0.5 * (hem - armpit)), 1.0)
        if len(rows):
            widths = [end - start for start, end in (shape.edges(each) for each in rows)]
            row = float(rows[int(np.argmin(widths))])
    start, end = shape.edges(row)
    return {"waist_left": (end, row), "waist_right": (start, row)}


def _front(shape: Silhouette, bgra: BGRA, places: Mapping[str, XY]) -> tuple[XY, bool]:
    """The neckline's lowest place: where, down the middle, the inside of the back gives way to the front.

    Whether it was seen is the second value; by proportion where it was not.
    """
    neck = (places["neck_left"][1] + places["neck_right"][1]) / 2
    half = (places["shoulder_left"][0] - places["shoulder_right"][0]) / 2
    top = shape.top_at(shape.axis)
    expected = neck + FRONT_OF_SHOULDER * half
    hem = (places["hem_left"][1] + places["hem_right"][1]) / 2
    low = min(hem, neck + 0.72 * (hem - neck))
    lab = cv2.cvtColor(bgra[..., :3].astype(np.float32) / np.float32(255), cv2.COLOR_BGR2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), max(0.8, 0.003 * shape.height))
    wide = max(1, round(0.02 * half))
    centre = np.median(lab[:, round(shape.axis) - wide : round(shape.axis) + wide + 1], axis=1)
    rows = np.arange(int(max(top + 0.012 * shape.height, neck + 0.05 * half)), int(low))
    if len(rows) < 10:
        return (shape.axis, max(top, expected)), False
    unlike = np.array([_unlike(lab, centre, shape, int(row), half) for row in rows]) > UNLIKE
    long = max(4, round(0.045 * shape.height))  # a label on the back may look like the front, but not for that long
    end = _opening_end(unlike, long, round(COLLAR_STAND * shape.height))
    if end is None:
        return (shape.axis, max(top, expected)), False
    row = int(rows[end])
    near = slice(max(0, row - long // 3), row + long // 3)
    change = np.linalg.norm(np.gradient(centre[near], axis=0), axis=1)
    return (shape.axis, float(near.start + int(np.argmax(change)))), True


def _opening_end(unlike: Bits, long: int, stand: int) -> int | None:
    """Where what looks like the inside of the back, down the middle, gives way to what looks like the front.

    A collar's stand, as high as `stand`, may lie above it; what begins lower is a print.
    """
    start = 0
    while start < min(stand, len(unlike) - long):
        alike = next((at for at in range(start, len(unlike)) if unlike[at : at + long].mean() < 0.3), None)
        if alike is None:
            return None
        if alike - start >= 3 and unlike[start:alike].mean() >= 0.4:
            return alike
        start = next((at for at in range(alike + 1, len(unlike)) if unlike[at : at + long].mean() > 0.7), len(unlike))
    return None


def _unlike(lab: NDArray[np.float32], centre: NDArray[np.float32], shape: Silhouette, row: int, half: float) -> float:
    """How far the colour in the middle is from all colours at this height well away from the middle."""
    shares = (0.42, 0.48, 0.54, 0.6, 0.66)
    columns = [round(shape.axis + sign * share * half) for sign in (1, -1) for share in shares]
    reach = max(2, round(0.02 * shape.height))
    rows = np.clip(np.arange(row - reach, row + reach + 1, max(1, reach // 4)), 0, len(lab) - 1)
    there = lab[np.ix_(rows, np.array(columns))].reshape(-1, 3)
    pattern = float(np.linalg.norm(there.std(axis=0)))  # among flowers the middle may well have a colour of its own
    return float(np.linalg.norm(there - centre[row], axis=1).min()) - 0.2 * pattern


def _opening(shape: Silhouette, places: Mapping[str, XY]) -> Points:
    """What is seen of the back through the neck: between the upper edge and the neckline."""
    (lx, ly), (rx, ry), (fx, fy) = (places[name] for name in ("neck_left", "neck_right", "neck_front"))
    angles = np.linspace(0, np.pi / 2, 12)
    left = np.stack([fx + (lx - fx) * np.cos(angles), ly + (fy - ly) * np.sin(angles)], axis=1)
    right = np.stack([fx + (rx - fx) * np.cos(angles[::-1]), ry + (fy - ry) * np.sin(angles[::-1])], axis=1)
    columns = np.linspace(rx, lx, 16)[1:-1]
    upper = np.array([[column, shape.top_at(column)] for column in columns])
    return np.vstack([left, right, upper])


def _at(shape: Silhouette, where: Bits) -> XY:
    """The sharpest corner among these points of the outline."""
    index, _ = shape.corner(where)
    return float(shape.outline[index][0]), float(shape.outline[index][1])
