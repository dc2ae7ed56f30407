"""The neck: beside it the outline, in front of it the colours down the middle."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.silhouette import SIDES, Bits, Points, Silhouette, runs
from edge_server.tryon.values import BGRA, XY

# Shares that tailors keep to, taken from the built-in garments:
NECK_OF_SHOULDER = 0.375
FRONT_OF_SHOULDER = 0.33  # how deep a neckline is, of half the shoulders' width
COLLAR_STAND = 0.14  # of its length: up to there the inside of a back begins
UNLIKE = 2.4  # in CIELAB: the inside of a back, dim as it is, beside the front


def neck_places(shape: Silhouette, places: Mapping[str, XY], sleeves: bool) -> dict[str, XY]:
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


def front_of(shape: Silhouette, bgra: BGRA, places: Mapping[str, XY]) -> tuple[XY, bool]:
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


def opening_of(shape: Silhouette, places: Mapping[str, XY]) -> Points:
    """What is seen of the back through the neck: between the upper edge and the neckline."""
    (lx, ly), (rx, ry), (fx, fy) = (places[name] for name in ("neck_left", "neck_right", "neck_front"))
    angles = np.linspace(0, np.pi / 2, 12)
    left = np.stack([fx + (lx - fx) * np.cos(angles), ly + (fy - ly) * np.sin(angles)], axis=1)
    right = np.stack([fx + (rx - fx) * np.cos(angles[::-1]), ry + (fy - ry) * np.sin(angles[::-1])], axis=1)
    columns = np.linspace(rx, lx, 16)[1:-1]
    upper = np.array([[column, shape.top_at(column)] for column in columns])
    return np.vstack([left, right, upper])
