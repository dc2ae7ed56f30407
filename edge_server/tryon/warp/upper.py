"""Where tops, jackets and dresses go on a body."""

import numpy as np

from edge_server.tryon.values import Area, Kind
from edge_server.tryon.warp.body import UPPER_ARM_SHARE, Body
from edge_server.tryon.warp.limbs import limb_pieces
from edge_server.tryon.warp.pattern import OPAQUE, SIDES, Limb, Pattern, Side
from edge_server.tryon.warp.pieces import Fit, Pairs, Piece, hull_of, ring
from edge_server.tryon.warp.spline import Points

_ARM_OF_SHOULDERS = 1.42  # an arm's length in widths of a garment from shoulder seam to shoulder seam
_WAIST, _HIPS, _SHORT = 0.7, 1.08, 0.6  # along the trunk: a dress's waist, where tops end, what is cropped


class Upper:
    """Tops, jackets and dresses."""

    def __init__(self, pattern: Pattern, body: Body, margin_px: float) -> None:
        self._pattern, self._body, self._margin = pattern, body, margin_px
        chest = body.half(0.3, "left") + body.half(0.3, "right")
        self._tips = {side: self._tip(side) for side in SIDES}
        tips = float(np.hypot(*(self._tips["left"] - self._tips["right"])))
        by_chest, by_tips = chest / pattern.across("armpit"), tips / pattern.across("shoulder")
        self._scale = 0.5 * (by_chest + by_tips) if pattern.limbs else by_chest
        # Somebody who has turned is narrower, not shorter.
        self._tall = self._scale * body.size / body.unit
        self._necks = {side: self._neck(side) for side in SIDES}
        self._shoulders = {side: self._shoulder(side) for side in SIDES}
        self._rows = self._heights()
        self._armpits = {side: self._side_place(pattern.points[f"armpit_{side}"][1], side) for side in SIDES}

    def fit(self) -> Fit:
        pieces = [self._trunk()]
        ends: dict[Side, float] = {}
        for side, limb in self._pattern.limbs.items():
            sleeve, ends[side] = self._sleeve(side, limb)
            pieces.extend(sleeve)
        return Fit(tuple(pieces), ends, self._margin)

    def _tip(self, side: Side) -> Points:
        """Of the shoulder, on the outline: half upwards, half out of the arm's side, however the arm is held."""
        body, arm = self._body, self._body.arms[side]
        direction = arm.normal(0) - 0.75 * body.down
        length = float(np.hypot(*direction))
        direction = direction / length if length > 0.3 else -body.down
        found = body.march(arm.joints[0], direction, 0.5 * body.unit)
        reach = 0.2 * body.unit
        if found is not None and found[1] == Area.BACKGROUND:
            reach = float(np.clip(found[0], 0.08 * body.unit, 0.42 * body.unit))
        return np.asarray(arm.joints[0] + direction * (reach + 0.4 * self._margin))

    def _on_shoulder(self, straight: Points) -> Points:
        """Up to the outline above the shoulder, if that is near where it is expected."""
        body = self._body
        start = straight + body.down * 0.25 * body.unit
        found = body.march(start, -body.down, 0.5 * body.unit)
        if found is None or found[1] != Area.BACKGROUND:
            return straight
        lift = np.clip(found[0] - 0.25 * body.unit, -0.1 * body.unit, 0.12 * body.unit)
        return np.asarray(straight - body.down * (lift + 0.4 * self._margin))

    def _neck(self, side: Side) -> Points:
        body = self._body
        mouth = [body.point(f"mouth_{each}") for each in SIDES]
        rise = 0.15 * body.unit
        if mouth[0] is not None and mouth[1] is not None:
            height = float((body.shoulders - (mouth[0] + mouth[1]) / 2) @ body.down)
            rise = float(np.clip(0.32 * height, 0.06 * body.unit, 0.24 * body.unit))
        sign = 1.0 if side == "left" else -1.0
        tip_out = abs(float((self._tips[side] - body.shoulders) @ body.across(0)))
        out = float(np.clip(self._scale * self._pattern.across("neck") / 2, 0.14 * body.unit, 0.72 * tip_out))
        # The line from the neck's root to the shoulder's tip, at the garment's own width of neck.
        root_out = min(0.2 * body.unit, 0.5 * tip_out)
        root = body.shoulders - body.down * rise + body.across(0) * sign * root_out
        share = (out - root_out) / max(tip_out - root_out, 1e-6)
        return np.asarray(self._on_shoulder(root + (self._tips[side] - root) * share))

    def _shoulder(self, side: Side) -> Points:
        if self._pattern.limbs:
            return self._tips[side]
        own = self._pattern.across("shoulder") / max(self._pattern.across("neck"), 1e-6)
        neck, tip = self._necks[side], self._tips[side]
        out = float(np.hypot(*(neck - tip)))
        middle = (self._necks["left"] + self._necks["right"]) / 2
        wanted = float(np.hypot(*(neck - middle))) * max(own - 1, 0.1)
        return np.asarray(neck + (tip - neck) * min(wanted / max(out, 1e-6), 1.0))

    def _heights(self) -> tuple[list[float], list[float]]:
        """Rows of the garment and where along the trunk they lie."""
        pattern, body = self._pattern, self._body
        shoulder, armpit, waist, hem = (
            float(pattern.middle(name)[1]) for name in ("shoulder", "armpit", "waist", "hem")
        )
        top = float(((self._shoulders["left"] + self._shoulders["right"]) / 2 - body.shoulders) @ body.down)
        unit = self._tall / body.trunk_length
        along = [top / body.trunk_length]
        if pattern.kind is Kind.DRESS:  # its waist is the body's, and so its length
            unit = 0.5 * unit + 0.5 * (_WAIST - along[0]) / max(waist - shoulder, 1e-6)
        along.append(float(np.clip(along[0] + (armpit - shoulder) * unit, 0.14, 0.36)))
        end = along[1] + (hem - armpit) * unit
        ankle = min(float((body.legs[side].joints[2] - body.shoulders) @ body.down) for side in SIDES)
        longest = {Kind.TOP: 1.28, Kind.JACKET: 1.4}.get(pattern.kind, min(ankle / body.trunk_length, 2.75) - 0.04)
        # What would nearly reach the hips reaches over them: a strip of what is worn below it looks wrong, and a wide
        # garment says little about its wearer's height. Shorter ones are meant to be short.
        end = _HIPS if _SHORT < end < _HIPS else min(end, longest)
        end = max(end, along[1] + 0.2)
        if pattern.kind is Kind.DRESS:
            along.append(max(_WAIST, along[1] + 0.1))
            end = max(end, along[2] + 0.1)
        else:
            along.append(along[1] + (end - along[1]) * (waist - armpit) / max(hem - armpit, 1e-6))
        return [shoulder, armpit, waist, max(hem, waist + 1)], [*along, end]

    def _along(self, row: float) -> float:
        rows, along = self._rows
        if row < rows[0]:
            return along[0] + (row - rows[0]) * self._tall / self._body.trunk_length
        return float(np.interp(row, rows, along))

    def _side_place(self, row: float, side: Side) -> Points:
        """On the body's outline, or on the garment's own where that is looser."""
        body, pattern = self._body, self._pattern
        along = self._along(row)
        half = body.half(along, side)
        middle = float(pattern.middle("waist")[0])
        own = abs(pattern.edge(row, side) - middle) * self._scale
        if pattern.kind is Kind.DRESS and along > 0.8:  # a skirt hangs as it is cut
            own = max(own, half + self._margin)
            share = min((along - 0.8) / 0.3, 1.0)
            out = (1 - share) * min(own, 1.1 * half) + share * own
        else:
            out = min(own, (1.12 if pattern.kind is Kind.JACKET else 1.06) * half)
        return body.place(along, side, max(out, half + self._margin))

    def _trunk(self) -> Piece:
        pattern, body, pairs = self._pattern, self._body, Pairs()
        for side in SIDES:
            points = pattern.points
            neck, shoulder, armpit = (points[f"{name}_{side}"] for name in ("neck", "shoulder", "armpit"))
            pairs.add(neck, self._necks[side])
            for share in (0.33, 0.67) if pattern.limbs else ():
                straight = self._necks[side] + (self._shoulders[side] - self._necks[side]) * share
                pairs.add(self._top_edge(neck + (shoulder - neck) * share), self._on_shoulder(straight))
            pairs.add(shoulder, self._shoulders[side])
            if pattern.limbs:
                for share in (0.25, 0.5, 0.75):
                    pairs.add(
                        shoulder + (armpit - shoulder) * share,
                        self._shoulders[side] + (self._armpits[side] - self._shoulders[side]) * share,
                    )
            pairs.add(armpit, self._armpits[side])
            hem = float(points[f"hem_{side}"][1])
            for row in np.linspace(armpit[1], hem, 9 if pattern.kind is Kind.DRESS else 7)[1:-1]:
                pairs.add(np.array([pattern.edge(row, side), row]), self._side_place(row, side))
            pairs.add(points[f"hem_{side}"], self._side_place(hem, side))
        self._hem(pairs)
        necks = (self._necks["left"] + self._necks["right"]) / 2
        drop = (pattern.points["neck_front"] - pattern.middle("neck")) * np.array([self._scale, self._tall])
        if body.shows_back:  # a back's neckline is high
            drop = drop * 0.3
        pairs.add(pattern.points["neck_front"], necks + body.across(0) * body.handed * drop[0] + body.down * drop[1])
        below = [self._hem_target(share) for share in (-0.4, 0.0, 0.25, 0.5, 0.75, 1.0, 1.4)]
        top = [self._shoulders["right"], self._necks["right"], self._necks["left"], self._shoulders["left"]]
        out = (self._shoulders["left"] - self._shoulders["right"]) * 0.4
        above = [top[0] - out, top[1], top[2], top[3] + out]
        core = np.stack([*(place - body.down * 0.2 * body.unit for place in above), *below])
        return pairs.piece("trunk", None, pattern.trunk, self._region(np.stack(pairs.targets)), core)

    def _region(self, targets: Points) -> Points:
        """Around all of them, upwards only as far as the garment's collar reaches."""
        pattern, body = self._pattern, self._body
        rows = np.flatnonzero((pattern.trunk.alpha >= OPAQUE).any(axis=1))
        collar = (
            max(float(pattern.middle("neck")[1] - rows[0]), 0.0) * self._tall
            + (0.06 if pattern.limbs else 0.02) * body.unit
        )
        around = ring(0.4 * body.unit)
        rise = -(around @ body.down)
        around = around + np.outer(np.maximum(rise - collar, 0.0), body.down)
        return hull_of((targets[:, None] + around[None]).reshape(-1, 2))

    def _hem(self, pairs: Pairs) -> None:
        for share in (0.25, 0.5, 0.75):
            pairs.add(self._hem_source(share), self._hem_target(share))

    def _hem_source(self, share: float) -> Points:
        """On the hem's curve, from the left (0) to the right (1): the lowest cloth of a column."""
        pattern = self._pattern
        left, right = pattern.points["hem_left"], pattern.points["hem_right"]
        straight = left + (right - left) * share
        if not 0 < share < 1:
            return np.asarray(straight)
        column = pattern.trunk.alpha[:, int(np.clip(round(straight[0]), 0, pattern.trunk.alpha.shape[1] - 1))]
        low = np.flatnonzero(column >= OPAQUE)
        below = float(low[-1] - straight[1]) if len(low) else 0.0
        if abs(below) > 0.2 * pattern.across("hem"):
            below = 0.0  # an open front, not a curve
        return np.asarray(straight + np.array([0, below]))

    def _hem_target(self, share: float) -> Points:
        points = self._pattern.points
        left = self._side_place(float(points["hem_left"][1]), "left")
        right = self._side_place(float(points["hem_right"][1]), "right")
        straight = points["hem_left"] + (points["hem_right"] - points["hem_left"]) * share
        below = float((self._hem_source(share) - straight)[1])
        return np.asarray(left + (right - left) * share + self._body.down * below * self._tall)

    def _top_edge(self, near: Points) -> Points:
        """The shoulder seam's own curve: the highest cloth near a place between neck and shoulder."""
        alpha = self._pattern.trunk.alpha
        column = alpha[:, int(np.clip(round(near[0]), 0, alpha.shape[1] - 1))]
        window = 0.08 * self._pattern.across("armpit")
        rows = np.flatnonzero(column >= OPAQUE)
        rows = rows[np.abs(rows - near[1]) < window]
        return np.array([near[0], float(rows[0])]) if len(rows) else near

    def _sleeve(self, side: Side, limb: Limb) -> tuple[list[Piece], float]:
        pattern, body = self._pattern, self._body
        arm = body.arms[side]
        length = float(np.hypot(*(limb.outer[-1] - limb.outer[0])))
        end = max(length / (_ARM_OF_SHOULDERS * pattern.across("shoulder")), 0.12)
        end = 1.0 if end > 0.75 else end  # long sleeves end at the wrist, whatever the arm's length
        start = (self._shoulders[side], self._armpits[side])
        begin = float((start[1] - arm.joints[0]) @ arm.direction(0)) / max(arm.length(0), 1e-6)
        begin = float(np.clip(begin, 0.08, 0.5)) * UPPER_ARM_SHARE
        return (
            limb_pieces(side, limb, arm, start, begin, end, UPPER_ARM_SHARE, self._scale, self._margin),
            end,
        )
