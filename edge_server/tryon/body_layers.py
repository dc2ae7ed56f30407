"""How much of each pixel each area of the body covers by place alone: layers, the front ones before those behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_server.tryon import body_shape as shape
from edge_server.tryon.body_head import Head, head
from edge_server.tryon.body_shape import Arm, Body, Floats
from edge_server.tryon.values import Area, Facing

SOFT = 0.03  # units over which an area's cover fades at its edge
HEAD_SOFT = 0.06  # the edges of face and hair are for colours to find
WAIST_SOFT = 0.16  # units above and below the hips within which colours tell shirt from trousers
SEEN = (0.4, 0.65)  # confidence below which a limb lies behind the body, above which before it
SKIN_SEEN = (0.2, 0.45)  # the same for the share of skin where a hand would be
FAINT = 0.1  # what is left of the cover of a limb that is not seen
HAND_REACH, FACE_REACH = 0.2, 0.15  # units: nothing further from a hand or face by its points is of it
FINGERS_UNSURE = 0.7  # fingers may be bent: colours tell where they end
REACH, SKIRT_EXTRA = 0.45, 0.4  # units beyond the bones' flesh
DRAPE, OPEN_COLLAR = 0.12, 0.3  # cover of long hair, and of skin in an open collar: both need their colour
_AREAS = {
    "left": (Area.LEFT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.LEFT_HAND),
    "right": (Area.RIGHT_UPPER_ARM, Area.RIGHT_LOWER_ARM, Area.RIGHT_HAND),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one part of an arm, 0..1: how surely it is where the points say, and that it is before the body."""

    there: float
    before: float


def seen_of(body: Body, side: str, arm: Arm, skin: Floats) -> tuple[Seen, Seen, Seen]:
    """For upper arm, lower arm and hand."""
    elbow, wrist = (float(ramp(body.sure(f"{side}_{joint}"), *SEEN)) for joint in ("elbow", "wrist"))
    lower = min(elbow, wrist)
    if not body.inside(f"{side}_elbow"):  # close to the camera; the wrist can be in view all the same
        lower = max(wrist, 0.8) if not body.inside(f"{side}_wrist") else wrist
    elif not body.inside(f"{side}_wrist"):
        lower = elbow
    bare = []
    for depth in (arm.lower, arm.hand):
        core = depth > 0.03
        visible = float(core.sum()) / (0.2 * body.unit) ** 2
        # Too little of it in the picture: the points alone have to tell.
        bare.append(float(ramp(skin[core].mean(), *SKIN_SEEN)) if visible > 0.3 else 1.0)
    return (
        Seen(1.0, max(elbow, 0.6)),
        Seen(lower, lower * max(bare)),
        Seen(wrist * max(elbow, bare[1]), wrist * bare[1]),
    )


def covers(
    body: Body, trunk: Floats, arms: Mapping[str, Arm], seen: Mapping[str, tuple[Seen, Seen, Seen]], top: Head | None
) -> dict[Area, Floats]:
    """How much of each pixel each area covers by place alone; what lies in front takes from what lies behind."""
    hands, lower_arms, upper_arms = [], [], []
    behind = np.maximum(soft(trunk), soft(top.skull)) if top is not None else soft(trunk)
    for side, arm in arms.items():
        upper, lower, hand = _AREAS[side]
        weight = [(FAINT + (1 - FAINT) * each.there) * (1 - (1 - each.before) * behind) for each in seen[side]]
        upper_arms.append((upper, soft(arm.upper) * weight[0]))
        lower_arms.append((lower, soft(arm.lower) * weight[1]))
        palm = soft(arm.hand) * np.clip(1 + arm.hand / HAND_REACH, 0, 1)
        hands.append((hand, palm * (1 - FINGERS_UNSURE * arm.fingers) * weight[2]))
    layers = [*hands, *lower_arms, *upper_arms]
    if top is not None:
        layers += _head(top, faces_us(body))
    waist = ramp(shape.below_hips(body), -WAIST_SOFT, WAIST_SOFT)
    layers += [(Area.TORSO, soft(trunk)), (Area.LEGS, soft(shape.legs(body)) * waist)]
    left = np.ones_like(trunk)
    found: dict[Area, Floats] = {}
    for area, share in layers:
        found[area] = np.asarray(share * left, np.float32)
        left = left * (1 - share)
    return found


def _head(top: Head, ahead: bool) -> list[tuple[Area, Floats]]:
    """`ahead`: the face is on this side. Who is seen from behind shows a cheek at most, and hair before the neck."""
    face = (
        soft(top.face, HEAD_SOFT)
        * np.clip(1 + top.face / FACE_REACH, 0, 1)
        * np.where(top.forehead > 0, 0.8, 1.0)
        * (1.0 if ahead else 0.15)
    )
    hair = np.maximum(soft(top.skull, HEAD_SOFT) * ramp(-top.below, -0.12, 0.08), DRAPE * top.drape)
    neck = np.maximum(soft(top.neck) * (1.0 if ahead else 0.4), OPEN_COLLAR * top.neckline)
    behind = [(Area.NECK, neck), (Area.HAIR, hair)] if ahead else [(Area.HAIR, hair), (Area.NECK, neck)]
    return [(Area.FACE, face), *behind]


def reach(body: Body) -> Floats:
    """0..1: whether a pixel can be of this body at all, with wide clothes and much hair."""
    top, trunk = head(body), shape.torso(body)
    depth = np.maximum(trunk, shape.legs(body) + SKIRT_EXTRA)
    if top is not None:
        depth = np.maximum(depth, np.maximum(top.skull, -(1 - top.drape)))
    for side in shape.SIDES:
        arm = shape.arm(body, side, trunk)
        if arm is not None:
            depth = np.maximum(depth, np.maximum(np.maximum(arm.upper, arm.lower), arm.hand))
    return np.asarray(ramp(depth, -REACH, -REACH + 0.1), np.float32)


def faces_us(body: Body) -> bool:
    return body.facing is not Facing.BACK


def soft(depth: Floats, width: float = SOFT) -> Floats:
    """0..1; falls off slowly outside, so that there is always a nearest area."""
    x = depth / width
    return np.asarray(0.5 + 0.5 * x / np.sqrt(1 + x * x), np.float32)


def ramp(value: Any, low: float, high: float) -> Any:
    """0 up to `low`, 1 from `high` on."""
    return np.clip((value - low) / (high - low), 0, 1)
