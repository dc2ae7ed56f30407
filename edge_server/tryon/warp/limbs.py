"""Sleeves and trouser legs: along the bones, bent at elbow and knee."""

import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.warp.body import Bones
from edge_server.tryon.warp.pattern import Limb, Side
from edge_server.tryon.warp.pieces import Pairs, Piece, strip
from edge_server.tryon.warp.spline import Points

_LOOSE = 1.18  # a sleeve may be that much wider than what is worn


def limb_pieces(
    side: Side, limb: Limb, bones: Bones, start: tuple[Points, Points], begin: float, end: float,
    joint: float, scale: float, margin_px: float, knee: bool = False,
) -> list[Piece]:  # fmt: skip
    """A sleeve or a trouser leg: one spline along each bone, both through the same places at the joint.

    `begin` is where the inner seam starts (an armpit, the crotch), `end` where both end, `joint` where elbow or knee
    is: all 0..1 along the whole limb.
    """

    def section(at: float) -> tuple[tuple[Points, Points], tuple[Points, Points]]:
        """Outer and inner place, on the garment and on the body."""
        bone, share = (0, at / joint) if at <= joint else (1, (at - joint) / (1 - joint))
        of_outer, of_inner = at / end, (at - begin) / max(end - begin, 1e-6)
        if knee and end > joint:
            of_inner = float(np.interp(at, [begin, joint, end], [0.0, joint / end, 1.0]))
        source = _between(limb.at, limb.outer, of_outer), _between(limb.at, limb.inner, of_inner)
        own = 0.5 * scale * float(np.hypot(*(source[0] - source[1])))
        place = bones.joints[bone] + share * (bones.joints[bone + 1] - bones.joints[bone])
        normal = bones.normal(bone)
        if abs(at - joint) < 1e-6:
            both = bones.normal(0) + bones.normal(1)
            length = float(np.hypot(*both))
            normal = both / length * min(2 / length, 1.25) if length > 0.5 else normal
        thick = bones.half(bone, share)
        looser = float(np.clip(2 * own / max(sum(thick), 1e-6), 1.0, _LOOSE))
        outer, inner = (max(half * looser, half + margin_px) for half in thick)
        return source, (place + normal * outer, place - normal * inner)

    first = max(begin + 0.18, 0.24)
    stops = [at for at in (first, first + 0.12) if at < min(joint, end) - 0.04]
    low_stops = [joint + (1 - joint) * share for share in (0.3, 0.65)]
    upper, outer_side, inner_side = Pairs(), [start[0]], [start[1]]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        upper.add(limb.outer[0] + (limb.inner[0] - limb.outer[0]) * share, start[0] + (start[1] - start[0]) * share)
    for at in [*stops, min(joint, end)]:
        _add_section(upper, section(at), outer_side, inner_side)
    elbow: tuple[float, float, float] | None = None
    # A limb that points at the camera is too short to show its lower half.
    if end > joint + 0.02 and bones.length(1) > 0.35 * bones.length(0):
        radius = sum(bones.half(0, 1.0)) / 2 * 1.08 + margin_px
        elbow = (float(bones.joints[1][0]), float(bones.joints[1][1]), radius)
    region = strip(outer_side, inner_side, margin_px, open_end=elbow is None)
    core = strip(outer_side, inner_side, margin_px, open_end=False)
    pieces = [upper.piece("upper", side, limb.cloth, region, core, elbow)]
    if elbow is not None:
        lower, outer_side, inner_side = Pairs(), [], []
        for at in [joint, *(at for at in low_stops if at < end - 0.04), end]:
            _add_section(lower, section(at), outer_side, inner_side)
        region = strip(outer_side, inner_side, margin_px, open_end=True)
        core = strip(outer_side, inner_side, margin_px, open_end=False)
        pieces.append(lower.piece("lower", side, limb.cloth, region, core))
    return pieces


def _add_section(
    pairs: Pairs,
    section: tuple[tuple[Points, Points], tuple[Points, Points]],
    outer: list[Points],
    inner: list[Points],
) -> None:
    (source_outer, source_inner), (target_outer, target_inner) = section
    pairs.add(source_outer, target_outer)
    pairs.add((source_outer + source_inner) / 2, (target_outer + target_inner) / 2)
    pairs.add(source_inner, target_inner)
    outer.append(target_outer)
    inner.append(target_inner)


def _between(at: NDArray[np.float64], places: Points, wanted: float) -> Points:
    return np.array([np.interp(wanted, at, places[:, 0]), np.interp(wanted, at, places[:, 1])])
