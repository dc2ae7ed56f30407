"""`blazepose`: persons by MediaPipe's pose detector, measured by its landmark network, in LiteRT.

The box is the upper body, head top to hips, upright, with a fixed shape: what a robot that keeps its distance needs is
a height that goes as 1 / distance and stays inside the frame when near. The detector's own box is of no use for that
(always 0.2 of the frame's longer side); its circle and points follow the distance, coarsely; the landmarks do well.

**Height of the box: 0.52 of the person's height; 0.85 m for the simulator's people (1.63 m), 0.9 m for 1.75 m.**
So distance = 0.85 / (2 * tan(vertical field of view / 2) * box height).

Measured on pictures of the simulator's standee (640x480, field of view 75 deg, JPEG 80, camera 1 m high and level,
bearing within 20 deg, turned within 25 deg, four colours of clothes), as box height * distance:
    with landmarks   0.846 m, spread 3.1 % over 1 to 5 m, bias below 1 %; frame to frame 1.1 % at 1.5 m
    detector alone   0.85 m, spread 12 % over 1 to 5 m, bias -6 % at 1.5 m to +11 % at 4 m; frame to frame 2.9 %
In the simulator's own rendered scenes, against the true box: 0.97 to 1.02 +- 2 to 5 % with landmarks, the middle within
1 to 2 cm; one person alone always found up to 5 m, one of several in 0.9 of the pictures up to 4 m and 0.4 beyond.
In a photograph of somebody seen from behind it is 0.52 of the height as well. Nearer than 1.1 m the top of the box
leaves the frame; its width still tells the distance. A person at 0.8 m is found.
Detector 5.3 ms, landmarks 7.3 ms on two threads, 10.7 and 14.0 ms on one.
"""

import logging
from collections.abc import Sequence

from common.errors import ModelError
from edge_server.engines import ssd
from edge_server.engines.base import BGR, Picture
from edge_server.engines.imaging import best_first, detection
from edge_server.engines.person_detector import PersonDetector, reach_px
from edge_server.engines.pose_landmarks import PoseLandmarks
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection

log = logging.getLogger(__name__)

STATURE_SHARE = 0.52  # of a person's height that the box covers; `object_height_m` of a robot is this times the height
ASPECT = 0.6  # width of the box: 0.51 m for the box of 0.85 m, about the shoulders
# Heights of the box over what is measured, so that both ways give the same box (medians of the run above).
HEIGHT_BY_LANDMARKS = 1.25  # times face centre to hip centre, 0.68 m
HEIGHT_BY_DETECTOR = 1.36  # times shoulder centre to point 3, 0.627 m; steadier than circle (12 %) and trunk (12 %)
# Where the shoulders are in the box, from its top.
SHOULDERS_BY_LANDMARKS, SHOULDERS_BY_DETECTOR = 0.47, 0.44
CROP_SIZE, CROP_BELOW = 3.3, 0.75
# The landmarks' crop, as multiples of shoulder centre to point 3: its side, and how far its middle lies below the
# shoulders. Tried 2.0 to 3.3 and MediaPipe's rotated one (3.4 % spread): this gave the least, and needs no turning.
AGREE = (0.5, 2.0)  # landmarks whose box is further than this from the detector's are a mistake


class BlazePoseEngine:
    """`landmarks`: how many persons a picture, largest first, are measured exactly; 0: the detector alone.

    `closer`: when nobody is found, look again at the middle, enlarged (doubles the time of empty pictures).
    """

    name = "blazepose"
    task = "person"
    labels: tuple[str, ...] = ("person",)
    max_batch = 1

    def __init__(
        self, models: ModelStore, landmarks: int = 2, closer: bool = True, min_score: float = 0.4, threads: int = 2
    ) -> None:
        self._detector = PersonDetector(models.path("blazepose"), threads, min_score, closer)
        self._measured = landmarks
        self._landmarks: PoseLandmarks | None = None
        if landmarks > 0:
            try:
                self._landmarks = PoseLandmarks(models.path("blazepose-landmarks"), threads)
            except ModelError as error:
                log.warning("persons are measured coarsely (10 %% instead of 3 %%): %s", error)

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [self._persons(picture.bgr) for picture in pictures]

    def close(self) -> None: ...

    def _persons(self, bgr: BGR) -> list[Detection]:
        found = []
        for rank, shape in enumerate(self._detector.find(bgr)):
            box = self._measure(bgr, shape) if rank < self._measured else _coarse(shape)
            found.append(detection("person", shape.score, _normalised(box, bgr), bgr))
        return best_first(found)

    def _measure(self, bgr: BGR, shape: ssd.Shape) -> Box:
        coarse = _coarse(shape)
        if self._landmarks is None:
            return coarse
        x, y = shape.points[2]
        reach = reach_px(shape)
        joints = self._landmarks.joints(bgr, (x, y + CROP_BELOW * reach), CROP_SIZE * reach)
        if joints is None:
            return coarse
        height = HEIGHT_BY_LANDMARKS * joints.face_to_hips_px
        if not AGREE[0] < height / coarse.h < AGREE[1]:
            return coarse
        return _upright(*joints.shoulders, height, SHOULDERS_BY_LANDMARKS)


def _coarse(shape: ssd.Shape) -> Box:
    return _upright(*shape.points[2], HEIGHT_BY_DETECTOR * reach_px(shape), SHOULDERS_BY_DETECTOR)


def _upright(x: float, y: float, height: float, shoulders: float) -> Box:
    """In pixels; x, y: middle of the shoulders, at that share of the height."""
    return Box(x - ASPECT * height / 2, y - shoulders * height, ASPECT * height, height)


def _normalised(box: Box, bgr: BGR) -> Box:
    height, width = bgr.shape[:2]
    return Box(box.x / width, box.y / height, box.w / width, box.h / height)
