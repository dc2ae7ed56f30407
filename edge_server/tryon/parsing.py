"""`derived`: areas of the body from key points, mask and colours, with no network of its own.

1. Each area covers the pixels near its bones, softly; those in front cover those behind (hands, lower arms, upper arms,
   face, hair, neck, torso, legs). Far from all bones the nearest area wins, whatever is worn.
2. From where an area surely is its colours are learnt, and weigh in where the place alone leaves doubt: bare arms
   before a shirt, hair on shoulders, an open collar, shirt and trousers. What an area may be made of is not fixed (a
   sleeve is part of its arm); only hands and neck ask for skin, as the face shows it.
3. The likelihoods are smoothed along the edges of the picture, then the likeliest area counts, within the mask.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError
from edge_server.tryon import body_shape as shape
from edge_server.tryon.body_colour import UNKNOWN, Colours
from edge_server.tryon.body_filter import GuidedFilter
from edge_server.tryon.body_head import Head, head
from edge_server.tryon.body_layers import covers, faces_us, seen_of
from edge_server.tryon.body_shape import Arm, Body, Floats
from edge_server.tryon.values import BGR, Area, BodyPose, NoPersonError, Parsing, TryOnError

WORK_PX = 320  # 200 takes half the time and costs little on a moving picture: areas 0.01 to 0.03 less exact
MIN_WINDOW_PX = 8
SURE = 0.75  # cover from which on colours are learnt
COLOUR_POWER = 0.8  # colours of neighbours depend on each other: each counts for a little less
FILTER_UNITS, FILTER_SMOOTHNESS = 0.05, 1e-3
SPECK_UNITS = 0.02  # square units: smaller islands of an area are mistakes
Bools = NDArray[np.bool_]


class DerivedParsing:
    """Implements `values.ParsingEngine`. `work_px`: longer side of the window in which areas are told apart."""

    name = "derived"

    def __init__(self, work_px: int = WORK_PX) -> None:
        if not 64 <= work_px <= 1024:
            raise ConfigError(f"engine derived: work_px is {work_px}, but has to be 64 to 1024, for example {WORK_PX}.")
        self._work_px = work_px

    def parse(self, bgr: BGR, pose: BodyPose, allowed: NDArray[np.uint16] | None = None) -> Parsing:
        """`allowed`: for every pixel the areas it can be, bit n for area n; 0: background. None: any."""
        height, width = bgr.shape[:2]
        if pose.mask.shape != (height, width):
            raise TryOnError(
                f"the mask of the pose is {pose.mask.shape[1]}x{pose.mask.shape[0]} pixels, the picture is "
                f"{width}x{height}. Send the pose of this picture."
            )
        labels = np.zeros((height, width), np.uint8)
        x0, y0, x1, y1 = _window(pose)
        inside = bgr[y0:y1, x0:x1]
        scale = min(1.0, self._work_px / max(x1 - x0, y1 - y0))
        small_w, small_h = max(round((x1 - x0) * scale), 2), max(round((y1 - y0) * scale), 2)
        small = cv2.resize(inside, (small_w, small_h), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(pose.mask[y0:y1, x0:x1], (small_w, small_h), interpolation=cv2.INTER_AREA)
        sx, sy = small_w / (x1 - x0), small_h / (y1 - y0)
        body = Body(
            pose.points, pose.facing, (width * sx, height * sy), np.array([x0 * sx, y0 * sy]), (small_w, small_h)
        )
        found = _without_specks(_areas(small, mask, body), mask, body.unit)
        part = None if allowed is None else allowed[y0:y1, x0:x1]
        labels[y0:y1, x0:x1] = _likeliest(found, (x1 - x0, y1 - y0), part)
        labels[pose.mask < 0.5] = Area.BACKGROUND
        return Parsing(labels)

    def close(self) -> None: ...


def _areas(bgr: BGR, mask: Floats, body: Body) -> dict[Area, Floats]:
    """How likely each pixel is of each area, 0..1."""
    top, trunk = head(body), shape.torso(body)
    arms = {side: arm for side in shape.SIDES if (arm := shape.arm(body, side, trunk)) is not None}
    colours, inside = Colours(bgr), mask > 0.9
    skin = colours.skin(_weight(inside & (top.cheeks > 0)) if top is not None and faces_us(body) else None)
    bare = _skin_share(colours, skin, trunk, arms, inside)
    seen = {side: seen_of(body, side, arm, bare) for side, arm in arms.items()}
    cover = covers(body, trunk, arms, seen, top)
    known = _learnt(colours, cover, inside, skin, top, faces_us(body))
    weighed = {
        area: share * np.power(colours.likelihood(known.get(area)), COLOUR_POWER) for area, share in cover.items()
    }
    total = np.maximum(sum(weighed.values()), 1e-9)
    guided = GuidedFilter(bgr, max(2, round(FILTER_UNITS * body.unit)), FILTER_SMOOTHNESS)
    return {area: guided.smooth(np.asarray(share / total, np.float32)) for area, share in weighed.items()}


def _skin_share(colours: Colours, skin: Floats, trunk: Floats, arms: Mapping[str, Arm], inside: Bools) -> Floats:
    """How surely each pixel is skin rather than what is worn on the trunk, 0..1."""
    apart = (trunk > 0.03) & inside
    for arm in arms.values():
        apart &= (arm.upper < 0) & (arm.lower < 0) & (arm.hand < 0)
    cloth = colours.likelihood(colours.learn(_weight(apart)))
    bare = colours.likelihood(skin)
    return np.asarray((bare - UNKNOWN) / (bare + cloth), np.float32)


def _learnt(
    colours: Colours, cover: Mapping[Area, Floats], inside: Bools, skin: Floats, top: Head | None, ahead: bool
) -> dict[Area, Floats | None]:
    """What each area's colours are in this picture."""
    total = np.maximum(sum(cover.values()), 1e-6)
    known = {area: colours.learn(_weight((share / total > SURE) & inside)) for area, share in cover.items()}
    known |= dict.fromkeys((Area.NECK, Area.LEFT_HAND, Area.RIGHT_HAND), skin)
    if top is not None:
        own = known.get(Area.FACE)
        known[Area.FACE] = skin if own is None or not ahead else np.asarray((own + skin) / 2, np.float32)
        known[Area.HAIR] = colours.learn(_weight((top.crown > 0) & inside))
    return known


def _weight(chosen: Bools) -> Floats:
    return chosen.astype(np.float32)


def _without_specks(found: dict[Area, Floats], mask: Floats, unit: float) -> dict[Area, Floats]:
    """Small islands of an area are left to the areas around them."""
    areas = list(found)
    best = np.argmax(np.stack([found[area] for area in areas]), axis=0)
    least = max(SPECK_UNITS * unit * unit, 4.0)
    for index, area in enumerate(areas):
        count, islands, stats, _ = cv2.connectedComponentsWithStats(((best == index) & (mask > 0.3)).astype(np.uint8))
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < least)
        small = small[small > 0]
        if count > 1 and len(small):
            found[area] = np.where(np.isin(islands, small), 0, found[area])
    return found


def _likeliest(
    found: dict[Area, Floats], size: tuple[int, int], allowed: NDArray[np.uint16] | None
) -> NDArray[np.uint8]:
    best = np.full((size[1], size[0]), -np.inf, np.float32)
    labels = np.zeros((size[1], size[0]), np.uint8)
    if allowed is not None:  # it may know areas that the key points do not show
        nowhere = np.zeros_like(found[Area.TORSO])
        found = {area: found.get(area, nowhere) for area in Area if area is not Area.BACKGROUND}
    for area, share in found.items():
        here = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)
        if allowed is not None:
            here[allowed >> int(area) & 1 == 0] = -np.inf
        labels[here > best] = area
        np.maximum(best, here, out=best)
    return labels


def _window(pose: BodyPose) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the picture: what the mask covers. Raises NoPersonError."""
    columns = np.flatnonzero((pose.mask > 0.3).any(axis=0))
    rows = np.flatnonzero((pose.mask > 0.3).any(axis=1))
    if not shape.is_enough(pose.points) or len(columns) < MIN_WINDOW_PX or len(rows) < MIN_WINDOW_PX:
        raise NoPersonError("Too little of you is to be seen. Step back so that your shoulders are in view.")
    height, width = pose.mask.shape
    x0, x1, y0, y1 = int(columns[0]) - 4, int(columns[-1]) + 5, int(rows[0]) - 4, int(rows[-1]) + 5
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
