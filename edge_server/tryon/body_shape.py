"""Where the parts of a body are by its key points alone: how far each pixel lies inside each part.

Lengths are in *units*: the width of this person's shoulders, joint to joint, as it would be seen from the front (0.36 m
of a grown-up). Depths are positive inside a part and negative outside it. What a figure here has no comment was
taken from drawings of proportions and adjusted by eye on the pictures of the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import Facing, KeyPoint

Floats = NDArray[np.float32]
Vector = NDArray[np.float64]

NEEDED = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
TRUNK_UNITS, EARS_UNITS = 0.55, 2.1  # unit over the trunk's length and over the distance of the ears, rather too small
SIDES = ("left", "right")
SLEEVES = 2.0
FAR = 20.0  # pictures; a face that fills the picture has its feet 15 below


@dataclass(frozen=True, slots=True)
class Limb:
    """A bone with flesh around it: radii at both ends, and whether an end is cut straight instead of round."""

    start: Vector
    end: Vector
    start_radius: float
    end_radius: float
    straight_start: bool = False
    straight_end: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """Depths of each pixel in the parts of one arm."""

    upper: Floats = field(repr=False)
    lower: Floats = field(repr=False)
    hand: Floats = field(repr=False)
    fingers: Floats = field(repr=False)  # 0..1: how far from the palm to the end of the longest finger that can be


class Body:
    """One person's key points in pixels of a window of the picture."""

    def __init__(
        self,
        points: Mapping[str, KeyPoint],
        facing: Facing,
        scale: tuple[float, float],
        corner: Vector,
        size: tuple[int, int],
    ) -> None:
        """`scale`, `corner`: pixel of the window = normalised place * scale - corner. `size`: width, height."""
        known = {name: p for name, p in points.items() if _is_sane(p)}
        self.points = {name: np.array([p.x * scale[0], p.y * scale[1]]) - corner for name, p in known.items()}
        self.confidence = {name: p.confidence for name, p in known.items()}
        self.facing, self.size = facing, size
        left, right, left_hip, right_hip = (self.points[name] for name in NEEDED)
        self.shoulders, self.hips = (left + right) / 2, (left_hip + right_hip) / 2
        ears = self._apart("left_ear", "right_ear")
        trunk = float(np.hypot(*(self.hips - self.shoulders)))
        hips_seen = min(self.confidence["left_hip"], self.confidence["right_hip"]) > 0.2
        widths = [float(np.hypot(*(left - right))), EARS_UNITS * ears, TRUNK_UNITS * trunk if hips_seen else 0.0]
        self.unit = max(*widths, 8.0)
        down = self.hips - self.shoulders
        self.down = down / max(float(np.hypot(*down)), 1e-6) if trunk > 0.3 * self.unit else np.array([0.0, 1.0])
        across = np.array([self.down[1], -self.down[0]])  # to the right of the picture
        self.to_left = across if float((left - right) @ across) >= 0 else -across  # the person's left
        columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
        self._x, self._y = columns, rows

    def sure(self, *names: str) -> float:
        """The least confidence of these points; 0 where one is missing."""
        return min(self.confidence.get(name, 0.0) for name in names)

    def inside(self, name: str) -> bool:
        """Whether a point is in the window, which holds all that is seen of the person."""
        x, y = self.points[name].tolist()
        return 0 <= x < self.size[0] and 0 <= y < self.size[1]

    def along(self, origin: Vector, direction: Vector) -> Floats:
        """How far each pixel lies from `origin` in `direction`, units."""
        x, y = (direction / self.unit).tolist()
        return np.asarray(
            (self._x - np.float32(origin[0])) * np.float32(x) + (self._y - np.float32(origin[1])) * np.float32(y)
        )

    def limb(self, limb: Limb) -> Floats:
        """Depth of each pixel in a limb."""
        bone = limb.end - limb.start
        length = max(float(np.hypot(*bone)), 1e-6)
        along_unit = bone / length
        along = self.along(limb.start, along_unit)
        across = np.abs(self.along(limb.start, np.array([-along_unit[1], along_unit[0]])))
        length /= self.unit
        share = np.clip(along / length, 0, 1)
        radius = limb.start_radius + (limb.end_radius - limb.start_radius) * share
        beyond = np.maximum(-along, along - length)
        depth = radius - np.hypot(across, np.maximum(beyond, 0))
        for straight, over in ((limb.straight_start, -along), (limb.straight_end, along - length)):
            if straight:
                depth = np.minimum(depth, -over)
        return np.asarray(depth, np.float32)

    def polygon(self, corners: Sequence[Vector]) -> Floats:
        """Depth of each pixel in a polygon, which may reach out of the window."""
        inside = np.zeros((self.size[1], self.size[0]), np.uint8)
        places = np.round(np.clip(np.array(corners), -8000, 8000) * 16).astype(np.int32)
        cv2.fillPoly(inside, [places], (1,), lineType=cv2.LINE_8, shift=4)
        within = cv2.distanceTransform(np.pad(inside, 1, mode="edge"), cv2.DIST_L2, 3)
        without = cv2.distanceTransform(np.pad(1 - inside, 1, mode="edge"), cv2.DIST_L2, 3)
        depth = np.clip(within - without, -1e4, 1e4)  # where there is no edge in the window the distance is endless
        return np.asarray(depth[1:-1, 1:-1] / self.unit, np.float32)

    def ellipse(self, centre: Vector, up: Vector, half_width: float, half_height: float, power: float = 2.0) -> Floats:
        """Depth of each pixel in an ellipse; half axes in units. Exact on its axes, near enough elsewhere."""
        half_width, half_height = max(half_width, 0.01), max(half_height, 0.01)
        tall, wide = self.along(centre, up), self.along(centre, np.array([-up[1], up[0]]))
        radius = (np.abs(tall / half_height) ** power + np.abs(wide / half_width) ** power) ** (1 / power)
        return np.asarray((1 - radius) * min(half_width, half_height), np.float32)

    def _apart(self, one: str, other: str) -> float:
        if one not in self.points or other not in self.points:
            return 0.0
        return float(np.hypot(*(self.points[one] - self.points[other])))


def is_enough(points: Mapping[str, KeyPoint]) -> bool:
    """Whether a body can be made of these points."""
    return all(name in points and _is_sane(points[name]) for name in NEEDED)


def _is_sane(point: KeyPoint) -> bool:
    """Finite, and not further away than a body can reach; poses come from other machines too."""
    return all(abs(value) <= FAR for value in point)  # false for NaN


def torso(body: Body) -> Floats:
    """From the base of the neck to the hips, without arms; the hips' line is soft and for colours to decide."""
    u, up = body.unit, -body.down
    outline: dict[str, list[Vector]] = {}
    for side, outwards in (("left", body.to_left), ("right", -body.to_left)):
        shoulder, hip = body.points[f"{side}_shoulder"], body.points[f"{side}_hip"]
        narrow = abs(float((shoulder - body.shoulders) @ body.to_left)) < 0.25 * u  # seen from the side
        thick = 0.10 * u if narrow else 0.0
        outline[side] = [
            body.shoulders + outwards * 0.16 * u + up * 0.22 * u,
            shoulder + outwards * thick + up * 0.11 * u,
            shoulder + outwards * (0.02 * u + thick) + body.down * 0.30 * u,
            (shoulder + hip) / 2 + outwards * (0.08 * u + thick) + body.down * 0.1 * u,
            hip + outwards * (0.20 * u + thick),
            hip + outwards * (0.22 * u + thick) + body.down * 0.10 * u,
        ]
    return body.polygon([*outline["left"], *reversed(outline["right"])])


def legs(body: Body) -> Floats:
    """Everything from the hips down."""
    depth: Floats | None = None
    ends = {side: [body.points.get(f"{side}_{joint}") for joint in ("knee", "ankle")] for side in SIDES}
    for side, (knee, ankle) in ends.items():
        hip = body.points[f"{side}_hip"]
        knee = hip + body.down * 1.2 * body.unit if knee is None else knee
        ankle = knee + body.down * 1.2 * body.unit if ankle is None else ankle
        foot = body.points.get(f"{side}_foot_index", ankle)
        for limb in (Limb(hip, knee, 0.26, 0.18), Limb(knee, ankle, 0.18, 0.13), Limb(ankle, foot, 0.14, 0.12)):
            found = body.limb(limb)
            depth = found if depth is None else np.maximum(depth, found)
    assert depth is not None
    return depth


def below_hips(body: Body) -> Floats:
    """How far each pixel lies below the line where trunk and legs meet, units."""
    return body.along(body.hips, body.down)


def arm(body: Body, side: str, trunk: Floats) -> Arm | None:
    """None: this pose has no such arm."""
    shoulder, elbow, wrist = (body.points.get(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist"))
    if shoulder is None or elbow is None or wrist is None:
        return None
    knuckles = [body.points[name] for name in (f"{side}_index", f"{side}_pinky") if name in body.points]
    reach = (sum(knuckles) / len(knuckles) - wrist) if knuckles else 0.25 * (wrist - elbow)
    length = max(float(np.hypot(*reach)), 1e-6)
    wanted = min(max(2.0 * length, 0.22 * body.unit), 0.5 * body.unit)  # fingers point anywhere, shortened or not
    tip = wrist + reach / length * wanted
    upper, lower = Limb(shoulder, elbow, 0.185, 0.15), Limb(elbow, wrist, 0.145, 0.105, straight_end=True)
    return Arm(
        _sleeved(body, upper, trunk),
        _sleeved(body, lower, trunk),
        body.limb(Limb(wrist, tip, 0.12, 0.13, straight_start=True)),
        np.clip(2 * body.along(wrist, (tip - wrist) / wanted) / (wanted / body.unit) - 1, 0, 1),
    )


def _sleeved(body: Body, limb: Limb, trunk: Floats) -> Floats:
    """Sleeves may be wide: beside the body, and not above the shoulder, an arm is nearer than it looks."""
    depth = body.limb(limb)
    bone = limb.end - limb.start
    past_start = body.along(limb.start, bone / max(float(np.hypot(*bone)), 1e-6)) > 0
    return np.where((depth < 0) & (trunk < 0) & past_start, depth / SLEEVES, depth)
