"""Where trousers go on a body."""

import numpy as np

from edge_server.tryon.warp.body import Body, Bones
from edge_server.tryon.warp.limbs import limb_pieces
from edge_server.tryon.warp.pattern import SIDES, Pattern, Side
from edge_server.tryon.warp.pieces import Fit, Pairs, hull
from edge_server.tryon.warp.spline import Points

_KNEE = 0.5  # of a leg, from the hip; the pattern has its knees there too


class Trousers:
    """On hips, knees and ankles."""

    def __init__(self, pattern: Pattern, body: Body, margin_px: float) -> None:
        self._pattern, self._body, self._margin = pattern, body, margin_px
        self._hip = 1.04  # along the trunk: the widest place, just below the joints
        wide = body.half(self._hip, "left") + body.half(self._hip, "right") + 2 * margin_px
        self._scale = wide / pattern.across("hip")
        self._tall = self._scale * body.size / body.unit

    def fit(self) -> Fit:
        pattern, body, pairs = self._pattern, self._body, Pairs()
        points = pattern.points
        unit = self._tall / body.trunk_length
        hip_row = float(pattern.middle("hip")[1])
        waist = max(self._hip - (hip_row - float(pattern.middle("waist")[1])) * unit, 0.7)
        crotch_along = self._hip + float(np.clip((points["crotch"][1] - hip_row) * unit, 0.04, 0.24))
        crotch = (
            body.middle(crotch_along) + (body.legs["left"].joints[0] + body.legs["right"].joints[0]) / 2 - body.hips
        )
        hips: dict[Side, Points] = {}
        for side in SIDES:
            hip, top = points[f"hip_{side}"], points[f"waist_{side}"]
            hips[side] = body.place(self._hip, side, body.half(self._hip, side) + self._margin)
            for share in (0.0, 0.33, 0.67):
                row = float(top[1] + (hip[1] - top[1]) * share)
                along = waist + (self._hip - waist) * share
                pairs.add(
                    np.array([pattern.edge(row, side), row]) if share else top,
                    body.place(along, side, body.half(along, side) + self._margin),
                )
            for share in (0.0, 0.33, 0.67):
                pairs.add(hip + (points["crotch"] - hip) * share, hips[side] + (crotch - hips[side]) * share)
        pairs.add(points["crotch"], crotch)
        pairs.add(pattern.middle("waist"), body.middle(waist))
        around = hull(np.stack(pairs.targets), 0.15 * body.unit)
        pieces = [pairs.piece("trunk", None, pattern.trunk, around, around)]
        ends: dict[Side, float] = {}
        for side, limb in pattern.limbs.items():
            leg = body.legs[side]
            begin = float((crotch - leg.joints[0]) @ leg.direction(0)) / max(leg.length(0), 1e-6)
            begin = float(np.clip(begin, 0.05, 0.5)) * _KNEE
            inseam = float(np.hypot(*(limb.inner[-1] - limb.inner[0]))) * self._tall
            whole = leg.length(0) + leg.length(1)
            end = begin + inseam / max(whole, 1e-6)
            end = 0.99 if end > 0.8 else max(end, begin + 0.08)  # long ones end at the ankle, whatever the leg's length
            ends[side] = end
            leg = self._apart(side)
            pieces += limb_pieces(
                side, limb, leg, (hips[side], crotch), begin, end, _KNEE, self._scale, self._margin, knee=True
            )
        return Fit(tuple(pieces), ends, self._margin)

    def _apart(self, side: Side) -> Bones:
        """Legs that touch have one area; each ends in the middle between both."""
        leg, other = self._body.legs[side], self._body.legs["right" if side == "left" else "left"]
        halves = leg.half_px.copy()
        for bone in (0, 1):
            for index, share in enumerate(np.linspace(0, 1, halves.shape[1])):
                gap = (leg.joints[bone] - other.joints[bone]) * (1 - share)
                gap = gap + (leg.joints[bone + 1] - other.joints[bone + 1]) * share
                halves[bone, index, 1] = min(halves[bone, index, 1], max(0.5 * float(np.hypot(*gap)), 2.0))
        return Bones(leg.joints, leg.outwards, halves)
