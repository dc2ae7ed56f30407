"""People drawn by code, of whom everything is known: picture, key points, mask and areas.

`figure("hands_on_hips")` for a pose that has a name, `figure(random_joints(Random(3)))` for any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import Area, BodyPose, Facing, KeyPoint, Parsing, Person

Colour = tuple[int, int, int]  # BGR
SKIN, HAIR, SHIRT, JEANS = (138, 170, 214), (36, 54, 82), (96, 150, 70), (110, 74, 52)


@dataclass(frozen=True, slots=True)
class Joints:
    """How a body stands. Angles in degrees from hanging straight down, outwards positive."""

    left_upper_arm: float = 9.0
    right_upper_arm: float = 9.0
    left_lower_arm: float = 5.0
    right_lower_arm: float = 5.0
    legs: float = 3.0
    turned: float = 1.0  # how wide the body looks, 1: straight at the camera
    leaning: float = 0.0  # degrees, of the whole body


POSES: Mapping[str, Joints] = {
    "arms_down": Joints(),
    "hands_on_hips": Joints(42.0, 42.0, -52.0, -52.0),
    "arm_across": Joints(right_upper_arm=14.0, right_lower_arm=-78.0),
    "turned": Joints(turned=0.72, left_upper_arm=4.0),
    "arms_wide": Joints(72.0, 72.0, 84.0, 84.0),
    "waving": Joints(left_upper_arm=66.0, left_lower_arm=160.0),
}

# In heights of the body, from the top of the head; across from its middle line.
_SHOULDER, _HIP, _KNEE, _ANKLE = (0.095, 0.185), (0.055, 0.50), (0.058, 0.735), (0.062, 0.945)
_UPPER_ARM, _LOWER_ARM, _HAND = 0.165, 0.145, 0.04
_TRUNK = (
    (0.0, 0.150), (0.034, 0.150), (0.052, 0.160), (0.085, 0.167), (0.113, 0.178), (0.116, 0.200), (0.103, 0.250),
    (0.094, 0.300), (0.087, 0.370), (0.086, 0.410), (0.096, 0.470), (0.101, 0.515), (0.0, 0.530),
)  # fmt: skip


def random_joints(random: Random) -> Joints:
    """Any pose that a person could take, and some that are hard to take."""
    left, right, left_lower, right_lower = (random.uniform(-25, 170) for _ in range(4))
    legs, turned, leaning = random.uniform(0, 20), random.uniform(0.35, 1.1), random.uniform(-18, 18)
    return Joints(left, right, left_lower, right_lower, legs, turned, leaning)


@cache
def figure(
    pose: str | Joints = "arms_down",
    size: tuple[int, int] = (384, 512),
    whole: bool = False,
    shirt: Colour = SHIRT,
    long_sleeves: bool = True,
    facing: Facing = Facing.FRONT,
) -> Person:
    """A person in shirt and jeans, drawn once: leave the arrays as they are.

    `size` is width and height; not `whole`: to just below the hips.
    """
    joints = POSES[pose] if isinstance(pose, str) else pose
    drawing = _Drawing(joints, size, 0.94 * size[1] if whole else 1.62 * size[1], facing)
    drawing.paint(shirt, shirt if long_sleeves else SKIN)
    return drawing.person()


def darkened(person: Person, left_half_of_picture: float) -> Person:
    """The same person with a shadow over one half."""
    light = np.ones(person.bgr.shape[1], np.float32)
    light[: light.size // 2] = left_half_of_picture
    return replace(person, bgr=(person.bgr * light[None, :, None]).astype(np.uint8))


class _Drawing:
    """Painted back to front, three times as large as asked for, so that its edges are smooth."""

    FINE = 3

    def __init__(self, joints: Joints, size: tuple[int, int], height_px: float, facing: Facing) -> None:
        self._joints, self._size, self._height, self._facing = joints, size, height_px * self.FINE, facing
        self._mirror = -1.0 if facing is Facing.BACK else 1.0
        width, height = size[0] * self.FINE, size[1] * self.FINE
        lean = np.radians(joints.leaning)
        self._turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
        self._origin = np.array([width / 2, 0.03 * height])
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        wall = 176 + 26 * columns / width - 34 * rows / height
        self._bgr = np.stack([wall + 10, wall + 4, wall], axis=2).astype(np.float32)
        self._labels = np.zeros((height, width), np.uint8)
        noise = np.random.default_rng(5).normal(size=(24, 24)).astype(np.float32)
        self._folds = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        self.points = self._key_points()

    def _at(self, x: float, y: float) -> NDArray[np.float64]:
        """A place of the body in pixels: x to the person's left."""
        place = self._turn @ (np.array([x * self._mirror * self._joints.turned, y - 0.5]) * self._height)
        return np.asarray(place + self._origin + np.array([0.0, 0.5 * self._height]))

    def _key_points(self) -> dict[str, NDArray[np.float64]]:
        found = {"nose": self._at(0, 0.078)}
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for name, (x, y) in (
                ("shoulder", _SHOULDER), ("hip", _HIP), ("eye", (0.016, 0.066)), ("ear", (0.038, 0.072)),
                ("knee", (_HIP[0] + np.sin(np.radians(self._joints.legs)) * 0.235, _KNEE[1])),
                ("ankle", (_HIP[0] + np.sin(np.radians(self._joints.legs)) * 0.445, _ANKLE[1])),
            ):  # fmt: skip
                found[f"{side}_{name}"] = self._at(sign * x, y)
            found[f"mouth_{side}"] = self._at(sign * 0.012, 0.098)
            shoulder = np.array([sign * _SHOULDER[0], _SHOULDER[1]])
            upper = np.radians(getattr(self._joints, f"{side}_upper_arm"))
            lower = np.radians(getattr(self._joints, f"{side}_lower_arm"))
            elbow = shoulder + _UPPER_ARM * np.array([sign * np.sin(upper), np.cos(upper)])
            reach = np.array([sign * np.sin(lower), np.cos(lower)])
            for name, place in (
                ("elbow", elbow), ("wrist", elbow + _LOWER_ARM * reach),
                ("index", elbow + (_LOWER_ARM + 1.6 * _HAND) * reach),
            ):  # fmt: skip
                found[f"{side}_{name}"] = self._at(*place)
        return found

    def _part(self, area: Area, colour: Colour, cover: NDArray[np.uint8], folds: float = 0.0) -> None:
        depth = cv2.distanceTransform(cover, cv2.DIST_L2, 3)
        round_ = 0.70 + 0.32 * np.sqrt(np.clip(depth / max(float(depth.max()) * 0.8, 1.0), 0, 1))
        light = (round_ * (1.0 + folds * self._folds))[..., None] * np.array(colour, np.float32)
        inside = cover > 0
        self._bgr[inside] = light[inside]
        self._labels[inside] = area

    def _polygon(self, corners: Sequence[NDArray[np.float64]]) -> NDArray[np.uint8]:
        cover = np.zeros(self._labels.shape, np.uint8)
        cv2.fillPoly(cover, [np.round(np.array(corners)).astype(np.int32)], (1,))
        return cover

    def _limb(self, places: Sequence[str], radii: Sequence[float]) -> NDArray[np.uint8]:
        """Balls and the cones between them."""
        cover = np.zeros(self._labels.shape, np.uint8)
        ends = [(self.points[name], radius * self._height) for name, radius in zip(places, radii, strict=True)]
        for (a, r), (b, q) in pairwise(ends):
            along = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
            across = np.array([-along[1], along[0]])
            cover |= self._polygon([a + across * r, b + across * q, b - across * q, a - across * r])
        for place, radius in ends:
            cv2.circle(cover, (round(place[0]), round(place[1])), max(round(radius), 1), (1,), -1)
        return cover

    def _ellipse(self, x: float, y: float, half_width: float, half_height: float) -> NDArray[np.uint8]:
        turns = np.linspace(0, 2 * np.pi, 64)
        return self._polygon([self._at(x + half_width * np.cos(t), y + half_height * np.sin(t)) for t in turns])

    def paint(self, shirt: Colour, lower_sleeve: Colour) -> None:
        self._part(Area.HAIR, HAIR, self._ellipse(0, 0.064, 0.052, 0.064))
        for side in ("left", "right"):
            leg = self._limb([f"{side}_hip", f"{side}_knee", f"{side}_ankle"], [0.046, 0.040, 0.027])
            self._part(Area.LEGS, JEANS, leg, 0.05)
        self._part(Area.NECK, SKIN, self._polygon([self._at(*p) for p in (
            (-0.034, 0.11), (0.034, 0.11), (0.036, 0.165), (0.0, 0.18), (-0.036, 0.165))]))  # fmt: skip
        neckline = [(0.034, 0.157), (0.022, 0.170), (0.0, 0.176), (-0.022, 0.170), (-0.034, 0.157)]
        trunk = [*_TRUNK[2:], *((-x, y) for x, y in _TRUNK[:1:-1]), *reversed(neckline)]
        self._part(Area.TORSO, shirt, self._polygon([self._at(*p) for p in trunk]), 0.05)
        if self._facing is Facing.BACK:
            self._part(Area.HAIR, HAIR, self._ellipse(0, 0.075, 0.05, 0.062))
        else:
            self._part(Area.FACE, SKIN, self._ellipse(0, 0.076, 0.038, 0.052))
            for name in ("left_eye", "right_eye", "nose"):
                dot = (round(self.points[name][0]), round(self.points[name][1]))
                cv2.circle(self._bgr, dot, max(round(self._height * 0.0045), 1), (60, 60, 80), -1)
        for side in ("left", "right"):
            upper, lower, hand = (Area[f"{side.upper()}_{part}"] for part in ("UPPER_ARM", "LOWER_ARM", "HAND"))
            self._part(upper, shirt, self._limb([f"{side}_shoulder", f"{side}_elbow"], [0.027, 0.028]), 0.06)
            wrist = self._limb([f"{side}_elbow", f"{side}_wrist"], [0.028, 0.019])
            self._part(lower, lower_sleeve, wrist, 0.06)
            self._part(hand, SKIN, self._limb([f"{side}_wrist", f"{side}_index"], [0.017, 0.019]))

    def person(self) -> Person:
        width, height = self._size
        bgr = cv2.resize(self._bgr, (width, height), interpolation=cv2.INTER_AREA)
        grain = np.random.default_rng(6).normal(0, 1.5, bgr.shape)
        mask = cv2.resize((self._labels > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        labels = np.ascontiguousarray(self._labels[self.FINE // 2 :: self.FINE, self.FINE // 2 :: self.FINE])
        scale = np.array([width, height]) * self.FINE
        points = {}
        for name, place in self.points.items():
            x, y = (place / scale).tolist()
            points[name] = KeyPoint(x, y, 0.95 if 0 <= x <= 1 and 0 <= y <= 1 else 0.2)
        pose = BodyPose(points, mask, 1, self._facing)
        return Person(np.clip(bgr + grain, 0, 255).astype(np.uint8), pose, Parsing(labels))
