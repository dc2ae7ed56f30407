"""Where a garment's shoulders, armpits, cuffs and hems are, by its outline. Proportions stand in where a place leaves
no mark on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_server.garments.legs import crotch_of, trousers_places
from edge_server.garments.neckline import front_of, neck_places, opening_of
from edge_server.garments.record import GarmentError
from edge_server.garments.silhouette import SIDES, Points, Silhouette
from edge_server.garments.sleeves import armpits_of, cuff_of, shoulder_of, strap_end, walk
from edge_server.tryon.values import BGRA, XY, Kind

# Shares that tailors keep to, taken from the built-in garments:
WAIST_OF_CHEST = 0.39  # how far below the armpits the waist is, of the width there
DRESS_LENGTH = 1.9  # of the width at the armpits: longer is a dress
SHORT_JACKET = 1.24  # of the same: a collar and long sleeves at this length is a jacket
DEEP_FRONT = 0.3  # of its length: a neckline as deep as that is an open front
HOOD = 0.075  # of its length: this much above the shoulders is a hood, not a collar


@dataclass(frozen=True, slots=True)
class Marks:
    """What was found; places in pixels."""

    kind: Kind
    places: Mapping[str, XY]
    inside: tuple[Points, ...] = field(default=(), repr=False)


def find(shape: Silhouette, bgra: BGRA, kind: Kind | None = None) -> Marks:
    """Raises GarmentError where the outline is none of that kind."""
    legs = crotch_of(shape)
    if kind is Kind.TROUSERS or (kind is None and legs is not None):
        if legs is None:
            raise GarmentError(
                "no two legs are to be seen, so these are no trousers. Lay the legs apart, or give another --kind."
            )
        return Marks(Kind.TROUSERS, trousers_places(shape, legs))
    return _upper(shape, bgra, kind)


def _upper(shape: Silhouette, bgra: BGRA, kind: Kind | None) -> Marks:
    armpits = armpits_of(shape)
    long_sleeves, sleeves = {}, {}
    places: dict[str, XY] = {}
    for name, sign in SIDES:
        ax, ay = places[f"armpit_{name}"] = armpits[name][:2]
        has_sleeve = armpits[name][2]
        sleeves[name] = has_sleeve
        reach = (ax - shape.axis) * sign
        shoulder = shoulder_of(shape, sign, reach, ay) if has_sleeve else None
        if shoulder is None:
            shoulder = strap_end(shape, sign, ax, ay)
        places[f"shoulder_{name}"] = shoulder
        if has_sleeve:
            outer, inner = cuff_of(shape, sign, shoulder, (ax, ay))
        else:
            outer, inner = shoulder, (ax, ay)
        places[f"sleeve_outer_{name}"], places[f"sleeve_inner_{name}"] = outer, inner
        long_sleeves[name] = has_sleeve and outer[1] - shoulder[1] > 0.45 * shape.height
    places |= _hem(shape, places)
    chest = places["armpit_left"][0] - places["armpit_right"][0]
    places |= neck_places(shape, places, all(sleeves.values()))
    neck_y = (places["neck_left"][1] + places["neck_right"][1]) / 2
    length = (places["hem_left"][1] + places["hem_right"][1]) / 2 - neck_y
    guessed_dress = length > DRESS_LENGTH * chest
    places |= _waist(shape, places, guessed_dress or kind is Kind.DRESS, chest)
    collar = neck_y - shape.top_at(shape.axis)  # positive: it stands up behind
    front, seen = front_of(shape, bgra, places)
    places["neck_front"] = front
    if kind is None:
        has_collar = 0.012 * length < collar < HOOD * length
        open_front = seen and front[1] - neck_y > DEEP_FRONT * length
        short = length < SHORT_JACKET * chest
        jacket = all(long_sleeves.values()) and has_collar and (open_front or short)
        kind = Kind.DRESS if guessed_dress else Kind.JACKET if jacket else Kind.TOP
    inside = (opening_of(shape, places),) if seen else ()
    return Marks(kind, places, inside)


def _hem(shape: Silhouette, places: Mapping[str, XY]) -> dict[str, XY]:
    x, y = shape.outline.T
    found = {}
    for name, sign in SIDES:
        ax, ay = places[f"armpit_{name}"]
        path = walk(shape, (ax, ay), (shape.axis, shape.bottom_at(shape.axis)), sign)
        low = np.zeros(len(x), bool)
        low[path] = True
        low &= y > shape.bottom_at(shape.axis) - 0.16 * shape.height
        low &= (x - shape.axis) * sign > 0.25 * (ax - shape.axis) * sign
        if not low.any():
            raise GarmentError(
                "no hem is to be seen below the armpits, so this is no top, jacket or dress. "
                "Lay the garment flat and upright, or give its --kind."
            )
        found[f"hem_{name}"] = shape.at(low)
    return found


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
