"""`blazepose`: the key points and the mask of the largest person, by MediaPipe's networks in LiteRT.

The landmark network looks twice: at the crop that the detector proposes, and, mirrored, at the crop that its own first
answer proposes; both answers are averaged. On shifted and scaled copies of portraits that takes a quarter to a half off
the points' scatter (shoulders of a half-length portrait: 1.5 % of the picture's width).
"""

import logging
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from edge_server.engines.imaging import check
from edge_server.engines.person_detector import PersonDetector
from edge_server.engines.pose_landmarks import CENTRE, CIRCLE, Crop, Landmarks, PoseLandmarks, crop_around
from edge_server.models.store import ModelStore
from edge_server.tryon.body_layers import reach
from edge_server.tryon.body_shape import Body
from edge_server.tryon.person_mask import PersonMask
from edge_server.tryon.values import BGR, KEY_POINTS, BodyPose, Facing, KeyPoint, NoPersonError

log = logging.getLogger(__name__)

_LEFT_SHOULDER, _RIGHT_SHOULDER = KEY_POINTS.index("left_shoulder"), KEY_POINTS.index("right_shoulder")
_LEFT_HIP, _RIGHT_HIP = KEY_POINTS.index("left_hip"), KEY_POINTS.index("right_hip")

MARGIN = 1.25  # MediaPipe's: the crop is this much larger than the circle around the body
OUTSIDE_CONFIDENCE = 0.3  # points outside the picture are a guess; the network's own word for them is 0 to 0.9
MIN_SHOULDER_CONFIDENCE = 0.3
MIN_SHARE = 0.01  # of the picture's pixels that a person has to cover
SIDE_WIDTH = 0.38  # shoulders narrower than this share of the trunk's length: seen from the side (0.7 from the front)
TURN_AWAY = 0.05  # left and right shoulder have to have changed places by this share to count as a back
TRUST = 4.0  # half as sure counts for a sixteenth: the middle between a hit and a miss would be another miss
REACH_PX = 160  # a coarse map is enough for that
MIN_FOLLOWED = 0.8  # presence below which a person followed from the last picture is looked for anew


class BlazePose:
    """Implements `values.PoseEngine`. `twice=false` looks once: half the time, less steady."""

    name = "blazepose"

    def __init__(self, models: ModelStore, threads: int = 2, min_score: float = 0.4, twice: bool = True) -> None:
        self._detector = PersonDetector(models.path("blazepose"), threads, min_score)
        self._landmarks = PoseLandmarks(models.path("blazepose-landmarks"), threads)
        try:
            selfie = models.path("selfie-segmentation")
        except ModelError as error:
            log.warning("the outline of persons will be coarse: %s", error)
            selfie = None
        self._mask = PersonMask(selfie, threads)
        self._twice = twice

    def pose(self, bgr: BGR, previous: BodyPose | None = None) -> BodyPose:
        """`previous`: this person's pose in the picture before; saves looking for them, while they are still there."""
        check(bgr)
        found = self._followed(bgr, previous) if previous is not None else None
        people = previous.people if previous is not None else 1
        if found is None:
            found, people = self._found(bgr)
        height, width = bgr.shape[:2]
        points = _key_points(found, width, height)
        turned = facing(found.points)
        mask = _within_reach(self._mask.draw(bgr, found), points, turned)
        _check_enough(points, mask)
        return BodyPose(points, mask, people, turned)

    def close(self) -> None: ...

    def _found(self, bgr: BGR) -> tuple[Landmarks, int]:
        shapes = self._detector.find(bgr)
        for shape in shapes:  # the largest whom the landmark network believes in
            centre, circle = (np.array(point) for point in shape.points[:2])
            first = self._landmarks.look(bgr, crop_around(centre, circle, MARGIN))
            if first is not None:
                return (self._again(bgr, first) if self._twice else first), len(shapes)
        raise NoPersonError(
            "Nobody is to be seen. Step in front of the camera, with head and shoulders in view, in good light."
        )

    def _again(self, bgr: BGR, first: Landmarks) -> Landmarks:
        crop = crop_around(first.points[CENTRE], first.points[CIRCLE], MARGIN)
        second = self._landmarks.look(bgr, crop, mirrored=True)
        return first if second is None else _averaged(first, second)

    def _followed(self, bgr: BGR, previous: BodyPose) -> Landmarks | None:
        crop = _crop_of(previous, bgr.shape[1], bgr.shape[0])
        found = self._landmarks.look(bgr, crop) if crop is not None else None
        return found if found is not None and found.presence >= MIN_FOLLOWED else None


def facing(points: NDArray[np.float64]) -> Facing:
    """From shoulders and hips: which of them is left in the picture, and how wide they are for their height."""
    shoulders = points[_LEFT_SHOULDER] - points[_RIGHT_SHOULDER]
    hips = points[_LEFT_HIP] - points[_RIGHT_HIP]
    trunk = (points[_LEFT_SHOULDER] + points[_RIGHT_SHOULDER] - points[_LEFT_HIP] - points[_RIGHT_HIP]) / 2
    length = max(float(np.hypot(*trunk)), 1e-6)
    up = trunk / length
    across = np.array([-up[1], up[0]])  # to the right of the picture for somebody upright
    width, hip_width = float(shoulders @ across) / length, float(hips @ across) / length
    if abs(width) < SIDE_WIDTH:
        return Facing.SIDE
    return Facing.BACK if width < -TURN_AWAY and hip_width < 0 else Facing.FRONT


def _averaged(first: Landmarks, second: Landmarks) -> Landmarks:
    """Each point where the surer answer has it, or between the two when they are equally sure."""
    weights = np.stack([first.confidence, second.confidence]) ** TRUST + 1e-9
    weights /= weights.sum(axis=0)
    points = weights[0][:, None] * first.points + weights[1][:, None] * second.points
    confidence = weights[0] * first.confidence + weights[1] * second.confidence
    return Landmarks(second.presence, points, confidence, second.mask, second.mask_to_picture)


def _key_points(found: Landmarks, width: int, height: int) -> Mapping[str, KeyPoint]:
    points = {}
    for name, (x, y), confidence in zip(KEY_POINTS, found.points, found.confidence, strict=False):
        sure = float(confidence)
        if not (0 <= x < width and 0 <= y < height):
            sure = min(sure, OUTSIDE_CONFIDENCE)
        points[name] = KeyPoint(float(x) / width, float(y) / height, sure)
    return points


def _within_reach(mask: NDArray[np.float32], points: Mapping[str, KeyPoint], turned: Facing) -> NDArray[np.float32]:
    """Without what the networks take for the person but which no arm reaches: in bad light a curtain, a flag."""
    height, width = mask.shape
    scale = REACH_PX / max(height, width)
    size = (max(round(width * scale), 2), max(round(height * scale), 2))
    body = Body(points, turned, (float(size[0]), float(size[1])), np.zeros(2), size)
    return np.asarray(mask * cv2.resize(reach(body), (width, height)), np.float32)


def _check_enough(points: Mapping[str, KeyPoint], mask: NDArray[np.float32]) -> None:
    sure = max(points["left_shoulder"].confidence, points["right_shoulder"].confidence)
    if sure <= MIN_SHOULDER_CONFIDENCE:
        raise NoPersonError("Only a part of you is to be seen. Step back so that your shoulders are in view.")
    if float((mask > 0.5).mean()) < MIN_SHARE:
        raise NoPersonError("You are too far away to be dressed. Come closer, so that you fill the picture.")


def _crop_of(pose: BodyPose, width: int, height: int) -> Crop | None:
    """Where to look in the next picture: as MediaPipe's own circle, made from the points that poses carry."""
    size = np.array([width, height])
    try:
        places = {name: np.array(pose.points[name][:2]) * size for name in KEY_POINTS}
    except KeyError:  # another engine's pose
        return None
    hips = (places["left_hip"] + places["right_hip"]) / 2
    shoulders = (places["left_shoulder"] + places["right_shoulder"]) / 2
    trunk = shoulders - hips
    if not np.hypot(*trunk) > 1:
        return None
    return crop_around(hips, hips + trunk * CIRCLE_TRUNKS, MARGIN)


CIRCLE_TRUNKS = 1.82  # radius of the circle around the body, as a multiple of shoulder centre to hip centre
