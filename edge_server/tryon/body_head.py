"""Face, hair and neck by the points of a face."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.body_shape import Body, Floats, Vector
from edge_server.tryon.values import Facing

# In multiples of the distance from the eyes' line to the mouth (0.065 m).
CHIN, HAIRLINE, CROWN = 0.82, 1.25, 2.1  # below the mouth; above the eyes
EARS_PER_DROP = 0.42  # that distance is at least this share of the distance of the ears: somebody looks down
FACE_SQUARENESS = 2.5  # 2 would be an ellipse; cheeks are broader
SKULL_UNITS = 0.27  # half the width of a head from any side


@dataclass(frozen=True, slots=True)
class Head:
    """Depths in units, and where colours may be learnt."""

    face: Floats = field(repr=False)
    forehead: Floats = field(repr=False)  # how far above the brows, units: there hair may hang into the face
    skull: Floats = field(repr=False)  # with ordinary hair
    drape: Floats = field(repr=False)  # 0..1: where long hair may hang
    neck: Floats = field(repr=False)
    neckline: Floats = field(repr=False)  # 0..1: where an open collar may show skin
    below: Floats = field(repr=False)  # how far below the mouth, units
    cheeks: Floats = field(repr=False)
    crown: Floats = field(repr=False)  # where hair is, if there is any


def head(body: Body) -> Head | None:
    """None: this pose has no face."""
    names = [name for name in body.points if name.split("_")[-1] in ("nose", "ear", "inner", "outer", "eye")]
    mouth = _middle(body, "mouth_left", "mouth_right")
    eyes = _middle(body, "left_eye", "right_eye")
    if mouth is None or eyes is None:
        return None
    u = body.unit
    up = eyes - mouth
    ears = body.points.get("left_ear", eyes) - body.points.get("right_ear", eyes)
    drop = max(float(np.hypot(*up)), EARS_PER_DROP * float(np.hypot(*ears)), 0.12 * u)
    up = up / max(float(np.hypot(*up)), 1e-6)
    if float(up @ body.down) > 0.3 or not np.any(up):  # nobody's head hangs like that: the points are nonsense
        up = -body.down
    across = np.array([-up[1], up[0]])
    spread = [float((body.points[name] - eyes) @ across) for name in names]
    low, high = min(spread), max(spread)
    half_width = max((high - low) / 2, 0.7 * drop)
    bottom, top = mouth - up * CHIN * drop, eyes + up * HAIRLINE * drop
    middle = eyes + across * (low + high) / 2
    centre = (bottom + top) / 2
    centre = centre + across * float((middle - centre) @ across)
    half_height = float((top - bottom) @ up) / 2
    face = body.ellipse(centre, up, 1.04 * half_width / u, half_height / u, FACE_SQUARENESS)

    ear_middle = _middle(body, "left_ear", "right_ear")
    skull_at = centre if ear_middle is None else (centre + centre + across * float((ear_middle - centre) @ across)) / 2
    tall = (CROWN * drop + float((eyes - bottom) @ up)) / 2
    skull_centre = skull_at + up * (float((eyes - skull_at) @ up) + CROWN * drop - tall)
    skull = body.ellipse(skull_centre, up, max(1.3 * half_width / u, SKULL_UNITS), tall / u)

    base = body.shoulders - body.down * 0.16 * u  # where a collar lies
    chin = bottom
    neck_half = max(0.62 * half_width, 0.14 * u)
    side = np.array([-body.down[1], body.down[0]])
    neck = body.polygon(
        [
            chin + up * 0.5 * drop + across * 0.8 * half_width,
            chin + up * 0.5 * drop - across * 0.8 * half_width,
            *_ordered(base, side, neck_half * 1.15, across),
        ]
    )
    below = body.along(base, body.down)
    beside = np.abs(body.along(base, body.to_left))
    neckline = _ramp(0.34 - beside - 0.35 * below, 0.1) * _ramp(below + 0.1, 0.1) * _ramp(0.62 - below, 0.15)
    under_eyes = body.along(eyes, -up)
    from_middle = np.abs(body.along(skull_at, across)) * u / half_width
    drape = (
        _ramp(2.1 - from_middle, 0.4)
        * _ramp(under_eyes, 0.1)
        * _ramp(0.75 - body.along(body.shoulders, body.down), 0.3)
    )
    cheeks = body.ellipse((eyes + mouth) / 2 - up * 0.05 * drop, up, 0.62 * half_width / u, 0.75 * drop / u)
    above = body.along(eyes + up * 0.45 * drop, up)
    crown = np.minimum(np.minimum(skull, -face - 0.03), body.along(eyes + up * 0.2 * drop, up))
    if body.facing is Facing.BACK:
        crown = np.minimum(skull, body.along(eyes + up * 0.2 * drop, up))
    return Head(
        face, above, skull, drape, neck, neckline, body.along(mouth, -up), cheeks, np.asarray(crown, np.float32)
    )


def _middle(body: Body, one: str, other: str) -> Vector | None:
    if one not in body.points or other not in body.points:
        return None
    return np.asarray((body.points[one] + body.points[other]) / 2)


def _ordered(base: Vector, side: Vector, half: float, across: Vector) -> list[Vector]:
    """The neck's lower corners, so that its outline does not cross itself."""
    sign = 1.0 if float(side @ across) >= 0 else -1.0
    return [base - side * half * sign, base + side * half * sign]


def _ramp(values: NDArray[np.floating], width: float) -> Floats:
    return np.asarray(np.clip(values / width, 0, 1), np.float32)
