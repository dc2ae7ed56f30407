"""The key points of a face, and how far it looks into the camera by them.

`Detection.points` of a face are these six, or the first four where the detector knows no ears. It is the order of
MediaPipe's BlazeFace. "Right" is the person's own: of somebody who looks into the camera, what is left in the picture.
"""

import math
from collections.abc import Sequence

RIGHT_EYE, LEFT_EYE, NOSE_TIP, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)

# Where the points lie on a head, in distances between the eyes (63 mm), from the middle of the eyes: measured on the
# vertices of MediaPipe's canonical face model (eyes: lids and corners; ears: the edge of the face before them).
MOUTH_DOWN, MOUTH_AHEAD = 1.08, 0.25
NOSE_DOWN, NOSE_AHEAD = 0.60, 0.58
EARS_DOWN, EARS_AHEAD = 0.31, -0.99

Point = tuple[float, float]


def frontality(points: Sequence[Point]) -> float | None:
    """Cosine of the angle between where the head points and the camera: 1 looks into it, 0 is in profile.

    None without the first four points. The eyes themselves are not followed.

    Eyes and mouth span a plane. What stands out from it, the nose tip ahead and the ears behind, moves across the plane
    of a turned head by tan(angle) times how far it stands out: the facial normal under weak perspective, after Gee and
    Cipolla, "Determining the gaze of faces in images" (1994), here from points alone. Both ways are measured along the
    directions that eyes and mouth have in the picture, so place, size, roll and even the picture's proportions do not
    matter: points normalised to a frame that is not square are as good as pixels. Nose and ears together give the
    tangent by least squares.

    With true points it is exact, but detectors draw a turned face's points too much like those of one that is not. The
    portrait laid on that canonical head and turned to either side, eyes 31 to 88 px apart, least to greatest:
        angle        0            20           30           40           50           60
        cosine       1.0          0.94         0.87         0.77         0.64         0.50
        full range   0.98 - 0.99  0.94 - 0.99  0.88 - 0.98  0.81 - 0.94  0.69 - 0.89  0.60 - 0.85
        yunet        0.98 - 1.0   0.96 - 1.0   0.94 - 0.96  0.88 - 0.96  0.78 - 0.88  0.66 - 0.88
    and beyond it falls no further. So it is good for choosing among faces that one engine found, and about 0.9 is a
    limit for "frontal"; it is no protractor.
    """
    if len(points) <= MOUTH or not all(math.isfinite(value) for point in points for value in point):
        return None
    eyes = _middle(points[RIGHT_EYE], points[LEFT_EYE])
    across = _minus(points[LEFT_EYE], points[RIGHT_EYE])
    down = _minus(points[MOUTH], eyes)
    area = _cross(across, down)
    if area == 0:
        return 0.0  # the plane is seen from its edge
    marks = [(points[NOSE_TIP], NOSE_DOWN, NOSE_AHEAD)]
    if len(points) > LEFT_EAR:
        marks.append((_middle(points[RIGHT_EAR], points[LEFT_EAR]), EARS_DOWN, EARS_AHEAD))
    sideways = upwards = squares = 0.0
    for seen, mark_down, mark_ahead in marks:
        at = _minus(seen, eyes)
        moved_across = _cross(at, down) / area
        moved_down = _cross(across, at) / area - mark_down / MOUTH_DOWN
        # The mouth lies ahead of the eyes: its part of the way is not the mark's.
        ahead = mark_ahead - MOUTH_AHEAD * (mark_down / MOUTH_DOWN + moved_down)
        if ahead * mark_ahead <= 0:
            return 0.0  # no head that faces the camera looks like that
        sideways += ahead * moved_across
        upwards += ahead * MOUTH_DOWN * moved_down
        squares += ahead * ahead
    tangent = math.hypot(sideways, upwards) / squares
    return 1 / math.hypot(1.0, tangent) if math.isfinite(tangent) else 0.0


def _minus(one: Point, other: Point) -> Point:
    return one[0] - other[0], one[1] - other[1]


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _cross(one: Point, other: Point) -> float:
    return one[0] * other[1] - one[1] * other[0]
