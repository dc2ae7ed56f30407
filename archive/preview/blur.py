"""Faces made unrecognisable: a picture and boxes in, a picture out.

Six areas across a face, and even four, still are a face to the project's detectors once somebody smooths or shrinks
the picture: found in 7 to 18 of 19 scenes with scikit-image's astronaut. Of four areas, each the mean of itself and
those around it, 2 of 19 are: as good as a face painted over in one colour (1 to 2). Whoever knows somebody by their
clothes or their walk still does.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from protos.messages import Box
from robot.values import BGR

ACROSS = 4  # areas across the longer side of a face
MARGIN = 0.5  # on each side, as a share of the face's longer side: detectors draw boxes from brows to chin
WHOLE_ACROSS = 8  # of the longer side of a picture of which nothing is known: a face that fills half of it has four


def hide(bgr: BGR, faces: Sequence[Box]) -> BGR:
    """A copy without these faces; every other pixel is as it was. A box that makes no sense hides the whole picture."""
    hidden = bgr.copy()
    rows, columns = bgr.shape[:2]
    for face in faces:
        if not np.isfinite((face.x, face.y, face.w, face.h)).all():
            return hide_all(bgr)
        longer_px = max(face.w * columns, face.h * rows, 1.0)
        margin_px = MARGIN * longer_px
        x0, x1 = _span(face.x * columns - margin_px, (face.x + face.w) * columns + margin_px, columns)
        y0, y1 = _span(face.y * rows - margin_px, (face.y + face.h) * rows + margin_px, rows)
        if x0 < x1 and y0 < y1:  # in the picture what is hidden already is hidden once more
            hidden[y0:y1, x0:x1] = _smeared(hidden[y0:y1, x0:x1], longer_px / ACROSS)
    return hidden


def hide_all(bgr: BGR, across: int = WHOLE_ACROSS) -> BGR:
    """Nothing but a few colours of the picture, so many areas along its longer side."""
    return _smeared(bgr, max(bgr.shape[:2]) / across)


def _smeared(part: BGR, area_px: float) -> BGR:
    rows, columns = part.shape[:2]
    size = max(1, round(columns / area_px)), max(1, round(rows / area_px))
    means = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    means = cv2.blur(means, (3, 3), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(means, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def _span(start_px: float, end_px: float, length_px: int) -> tuple[int, int]:
    return max(0, int(np.floor(start_px))), min(length_px, int(np.ceil(end_px)))
