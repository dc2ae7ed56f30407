"""What is to be known of a body to lay a garment on it: its axes, and how wide it is where, measured on its outline.

Everything in pixels of the picture. Where the outline cannot be seen (beyond the picture's edge, behind an arm), the
proportions of a body stand in for it; they also bound what is measured.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import Area, Facing, Person, TryOnError
from edge_server.tryon.warp.pattern import SIDES, Side
from edge_server.tryon.warp.spline import Points

MIN_CONFIDENCE = 0.35  # of a shoulder
SURE = 0.3  # a hip, an elbow: below it the body's proportions are trusted more
UPPER_ARM_SHARE = 0.53  # of an arm, from the shoulder to the wrist
MIN_SHOULDERS_PX = 12.0
_STEPS = 64  # samples on the way from the body's middle to its outline
_ALONG = np.arange(-0.1, 2.9, 0.05)  # in lengths of the trunk from the shoulders: where the outline is measured
# In widths between the shoulder joints. Of MediaPipe's joints on people who stand straight.
_TRUNK_LENGTH, _UPPER_ARM, _LOWER_ARM, _LEG = 1.6, 0.9, 0.8, 2.3
_IN_FRONT = (Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM, Area.LEFT_HAND, Area.RIGHT_HAND, Area.LEFT_UPPER_ARM,
             Area.RIGHT_UPPER_ARM, Area.HAIR, Area.FACE)  # fmt: skip


def arm_areas(side: Side) -> tuple[Area, Area, Area]:
    return (
        (Area.LEFT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.LEFT_HAND)
        if side == "left"
        else (Area.RIGHT_UPPER_ARM, Area.RIGHT_LOWER_ARM, Area.RIGHT_HAND)
    )


@dataclass(frozen=True, slots=True)
class Bones:
    """An arm or a leg: three joints, and how thick it is between them."""

    joints: Points  # (3, 2)
    outwards: float  # which way of its direction the outer side lies: +1 or -1
    half_px: NDArray[np.float64] = field(repr=False)  # (2 bones, places along, 2: outer and inner)

    def direction(self, bone: int) -> Points:
        along = self.joints[bone + 1] - self.joints[bone]
        return np.asarray(along / max(float(np.hypot(*along)), 1e-6))

    def normal(self, bone: int) -> Points:
        """Square to the bone, to the outer side."""
        x, y = self.direction(bone)
        return np.array([y, -x]) * self.outwards

    def length(self, bone: int) -> float:
        return float(np.hypot(*(self.joints[bone + 1] - self.joints[bone])))

    def half(self, bone: int, at: float) -> tuple[float, float]:
        table = self.half_px[bone]
        places = np.linspace(0, 1, len(table))
        return float(np.interp(at, places, table[:, 0])), float(np.interp(at, places, table[:, 1]))


class Body:
    """One person, measured. Raises TryOnError when the shoulders are not seen well enough."""

    def __init__(self, person: Person) -> None:
        self._labels = person.parsing.labels
        self.height, self.width = person.bgr.shape[:2]
        self._points = person.pose.points
        if self._labels.shape != (self.height, self.width) or person.pose.mask.shape != self._labels.shape:
            raise TryOnError("Pose, areas and picture are not of the same size. Take the picture again.")
        self._person = (person.pose.mask > 0.5) | (self._labels != Area.BACKGROUND)
        left, right = self._shoulder("left"), self._shoulder("right")
        self.shoulders = (left + right) / 2
        span = left - right
        self.unit = float(np.hypot(*span))  # between the shoulder joints
        if self.unit < max(MIN_SHOULDERS_PX, 0.03 * self.width):
            raise TryOnError(
                "The person is too small, or stands sideways. Come nearer, and turn your chest to the camera."
            )
        hips = self._hips(span)
        self.hips = (hips["left"] + hips["right"]) / 2
        self.hip_joints = hips
        self.trunk_length = float(np.hypot(*(self.hips - self.shoulders)))
        self.size = max(self.unit, self.trunk_length / _TRUNK_LENGTH)  # as `unit`, also of somebody who has turned
        self.down = (self.hips - self.shoulders) / self.trunk_length
        self._across = (span / self.unit, _unit(hips["left"] - hips["right"], span / self.unit))
        # +1: the person's left is on the picture's right, as of somebody who faces the camera
        self.handed = 1.0 if span[0] * self.down[1] - span[1] * self.down[0] >= 0 else -1.0
        self.facing = person.pose.facing
        self._halves = {side: self._outline(side) for side in SIDES}
        self.legs = {side: self._leg(side) for side in SIDES}
        self.arms = {side: self._arm(side) for side in SIDES}

    def _shoulder(self, side: Side) -> Points:
        point = self._points.get(f"{side}_shoulder")
        if point is None or not point.confidence >= MIN_CONFIDENCE or not np.isfinite(point[:2]).all():
            raise TryOnError(
                f"The {side} shoulder is not to be seen clearly. Stand so that both shoulders are in the picture."
            )
        if not (-0.15 < point.x < 1.15 and -0.1 < point.y < 1.1):
            raise TryOnError("The shoulders are not in the picture. Step back a little.")
        return np.array([point.x * self.width, point.y * self.height])

    def point(self, name: str, confidence: float = SURE) -> Points | None:
        """A key point in pixels, unless it is too unsure or absurdly far away."""
        found = self._points.get(name)
        if found is None or not found.confidence >= confidence or not np.isfinite(found[:2]).all():
            return None
        if abs(found.x - 0.5) > 2.5 or abs(found.y - 0.5) > 2.5:
            return None
        return np.array([found.x * self.width, found.y * self.height])

    def _hips(self, span: Points) -> dict[Side, Points]:
        left, right = self.point("left_hip", 0.05), self.point("right_hip", 0.05)
        across = span / self.unit
        down = np.array([-across[1], across[0]])
        down = down if down[1] >= 0 else -down
        length = _TRUNK_LENGTH * self.unit
        if left is not None and right is not None:
            seen = (left + right) / 2 - self.shoulders
            sure = min(self._points["left_hip"].confidence, self._points["right_hip"].confidence) >= SURE
            longest = (4.5 if sure else 2.2) * self.unit
            if seen @ down > 0.35 * np.hypot(*seen) and 0.7 * self.unit < np.hypot(*seen) < longest:
                return {"left": left, "right": right}
        middle = self.shoulders + down * length
        return {"left": middle + span * 0.3, "right": middle - span * 0.3}

    # The trunk. `along` counts from the shoulders (0) to the hips (1) and on.

    def middle(self, along: float) -> Points:
        return np.asarray(self.shoulders + self.down * along * self.trunk_length)

    def across(self, along: float) -> Points:
        """To the person's left."""
        share = float(np.clip(along, 0, 1))
        return _unit(self._across[0] * (1 - share) + self._across[1] * share, self._across[0])

    def half(self, along: float, side: Side) -> float:
        """From the middle to the outline."""
        return float(np.interp(along, _ALONG, self._halves[side]))

    def place(self, along: float, side: Side, out_px: float) -> Points:
        sign = 1.0 if side == "left" else -1.0
        return np.asarray(self.middle(along) + self.across(along) * sign * out_px)

    def is_person(self, place: Points) -> bool:
        x, y = round(float(place[0])), round(float(place[1]))
        return 0 <= x < self.width and 0 <= y < self.height and bool(self._person[y, x])

    def march(self, start: Points, direction: Points, most_px: float) -> tuple[float, int] | None:
        """How far the person reaches from `start`, and what lies beyond; None where no end is seen."""
        steps = np.arange(0, most_px, 0.5)
        labels = self._sample(start + steps[:, None] * direction)
        out = ~np.isin(labels, (Area.TORSO, *_IN_FRONT[:6], Area.LEGS))
        if not len(out) or out[0] or not out.any() or labels[int(np.argmax(out))] == _UNSEEN:
            return None
        first = int(np.argmax(out))
        return float(steps[first]), int(labels[first])

    def _sample(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Labels at places; `_UNSEEN` outside the picture."""
        x, y = np.round(places[..., 0]).astype(int), np.round(places[..., 1]).astype(int)
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        found = np.full(x.shape, _UNSEEN, np.int64)
        found[inside] = self._labels[y[inside], x[inside]]
        return found

    def _outline(self, side: Side) -> NDArray[np.float64]:
        """Half widths of the trunk, and of both legs together below it, at `_ALONG`."""
        hip_half = 0.5 * float(np.hypot(*(self.hip_joints["left"] - self.hip_joints["right"])))
        expected = np.interp(
            _ALONG, [0, 0.3, 0.75, 1.0, 1.1, 2.8],
            np.array([0.55, 0.53, 0.47, 0, 0, 0]) * self.unit
            + np.array([0, 0, 0, 1, 1, 0.8]) * max(0.5 * self.unit, 1.55 * hip_half),
        )  # fmt: skip
        out = np.linspace(0, 1.9, _STEPS)
        rays = np.stack([self.place(along, side, 1.0) - self.middle(along) for along in _ALONG])
        starts = np.stack([self.middle(along) for along in _ALONG])
        labels = self._sample(starts[:, None] + rays[:, None] * (out[None, :, None] * expected[:, None, None]))
        below = _ALONG > 1.0
        wanted = labels == Area.TORSO
        legs = labels == Area.LEGS
        wanted |= legs & (_ALONG > 0.75)[:, None]
        # Beyond the first background there is another arm, or another person; between the legs there is background too.
        blocked = (labels == Area.BACKGROUND) & (~below[:, None] | (out > 1.3)[None, :])
        reach = np.where(blocked.any(1), blocked.argmax(1), _STEPS)
        hits = wanted & (np.arange(_STEPS)[None, :] < reach[:, None])
        last = _STEPS - 1 - hits[:, ::-1].argmax(1)
        measured = out[last] + out[1] / 2  # in expected half widths
        beyond = labels[np.arange(len(_ALONG)), np.minimum(last + 1, _STEPS - 1)]
        seen = hits.any(1) & (measured > 0.45) & (beyond != _UNSEEN)
        # An arm in front that reaches beyond the outline hides it: only an outline against the background, or against
        # an upper arm that hangs beside the trunk, is one. What is narrower than its surroundings was hidden as well.
        ratio = np.clip(measured, 0.6, 1.7)
        if not seen.any():
            return expected
        usual = float(np.median(ratio[seen & ~below])) if (seen & ~below).any() else float(np.median(ratio[seen]))
        seen &= ratio > 0.82 * usual
        rows = np.arange(len(_ALONG))
        ratio = np.interp(rows, rows[seen], ratio[seen]) if seen.any() else np.full(len(rows), usual)
        ratio = np.convolve(np.pad(_median3(ratio), 1, "edge"), [0.25, 0.5, 0.25], "valid")
        return np.asarray(ratio * expected)

    def _leg(self, side: Side) -> Bones:
        hip = self.hip_joints[side]
        knee = self.point(f"{side}_knee", 0.1)
        leg = _LEG * self.unit
        if knee is None or (knee - hip) @ self.down < 0.2 * self.unit:
            knee = hip + self.down * 0.48 * leg
        ankle = self.point(f"{side}_ankle", 0.1)
        if ankle is None or np.hypot(*(ankle - knee)) < 0.2 * self.unit:
            ankle = knee + _unit(knee - hip, self.down) * 0.9 * max(float(np.hypot(*(knee - hip))), 0.4 * leg)
        hip_half = 0.5 * float(np.hypot(*(self.hip_joints["left"] - self.hip_joints["right"])))
        thigh = max(0.24 * self.unit, 0.75 * hip_half)
        return self._bones(side, (Area.LEGS,), np.stack([hip, knee, ankle]), (thigh, 0.7 * thigh, 0.45 * thigh))

    def _arm(self, side: Side) -> Bones:
        shoulder = self._shoulder(side)
        sign = 1.0 if side == "left" else -1.0
        elbow = self.point(f"{side}_elbow", 0.1)
        if elbow is None or np.hypot(*(elbow - shoulder)) < 0.12 * self.unit:
            elbow = shoulder + _UPPER_ARM * self.unit * _unit(self.down + 0.15 * sign * self._across[0], self.down)
        wrist = self.point(f"{side}_wrist", 0.1)
        if wrist is None or np.hypot(*(wrist - elbow)) < 0.12 * self.unit:
            wrist = elbow + _LOWER_ARM * self.unit * _unit(elbow - shoulder, self.down)
        upper, lower, _ = arm_areas(side)
        thick = (0.17 * self.unit, 0.145 * self.unit, 0.1 * self.unit)
        return self._bones(side, (upper, lower), np.stack([shoulder, elbow, wrist]), thick)

    def _bones(self, side: Side, areas: tuple[Area, ...], joints: Points, thick: tuple[float, float, float]) -> Bones:
        """Measure how far the limb's own areas reach to both sides of its bones."""
        bare = Bones(joints, self.handed * (1.0 if side == "left" else -1.0), np.zeros((2, 1, 2)))
        at = np.linspace(0, 1, 9)
        out = np.linspace(0, 2.6, 40)
        halves = np.zeros((2, len(at), 2))
        for bone in (0, 1):
            expected = np.interp(at, [0, 1], thick[bone : bone + 2])
            starts = joints[bone] + at[:, None] * (joints[bone + 1] - joints[bone])
            for which, sign in ((0, 1.0), (1, -1.0)):
                rays = sign * bare.normal(bone) * (out[None, :, None] * expected[:, None, None])
                labels = self._sample(starts[:, None] + rays)
                own = np.asarray(np.isin(labels, areas))
                ends = np.logical_not(own)
                # The bone may lie a little beside its own area.
                ends[:, :5] &= own.any(axis=1, keepdims=True) & (np.cumsum(own, axis=1)[:, :5] > 0)
                first = np.where(ends.any(1), ends.argmax(1), len(out) - 1)
                seen = own[:, :8].any(1) & ends.any(1) & (labels[np.arange(len(at)), first] != _UNSEEN)
                ratio = np.clip(out[first] - out[1] / 2, 0.55, 2.3)
                if seen.sum() >= 2:
                    ratio = np.interp(at, at[seen], ratio[seen])
                else:
                    ratio = np.full(len(at), float(ratio[seen][0]) if seen.any() else 1.0)
                halves[bone, :, which] = np.clip(_median3(ratio), 0.55, 2.3) * expected
        joint = halves[0, -1] / 2 + halves[1, 0] / 2  # both bones meet there
        halves[0, -1] = halves[1, 0] = joint
        return Bones(joints, bare.outwards, halves)

    @property
    def shows_back(self) -> bool:
        return self.facing is Facing.BACK


_UNSEEN = -1


def _unit(vector: Points, otherwise: Points) -> Points:
    length = float(np.hypot(*vector))
    return np.asarray(vector / length if length > 1e-6 else otherwise)


def _median3(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, 1, "edge")
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))
