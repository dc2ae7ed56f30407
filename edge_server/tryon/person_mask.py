"""Which pixels are the person: two networks for where, the picture for the outline."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.engines.imaging import letterbox
from edge_server.engines.litert import LiteRtNetwork
from edge_server.engines.pose_landmarks import Landmarks
from edge_server.tryon.body_filter import GuidedFilter
from edge_server.tryon.values import BGR

Floats = NDArray[np.float32]

MARGIN = 0.12  # around what the landmark network takes for the person, as a share of its longer side
SELFIE_SHARE = 0.6  # its mask is sharper (it looks at what is seen, not at a body that may reach out of the picture)
REACH_CELLS = 2.0  # how many cells of the landmark network's mask its outline may be wrong by
WORK_PX = 320  # longer side of the window at which the outline is drawn; finer gains nothing to the eye
SMOOTHNESS = 4e-4  # contrasts of less than 2 % are no edges
STEEPNESS = 2.5  # makes up for the softness that the filter leaves


class PersonMask:
    """Draws the mask. `selfie`: MediaPipe's selfie segmentation, None: the landmark network's mask alone."""

    def __init__(self, selfie: Path | None, threads: int) -> None:
        self._selfie = LiteRtNetwork(selfie, threads, 0.0, 1.0) if selfie is not None else None

    def draw(self, bgr: BGR, person: Landmarks) -> Floats:
        """At the size of the picture, 0..1, of this person alone; all 0 when nothing of them is inside."""
        height, width = bgr.shape[:2]
        mask = np.zeros((height, width), np.float32)
        window = _window(person, width, height)
        if window is None:
            return mask
        x0, y0, x1, y1 = window
        inside = bgr[y0:y1, x0:x1]
        scale = min(1.0, WORK_PX / max(x1 - x0, y1 - y0))
        small = cv2.resize(inside, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else inside
        by_pose, cell_px = _by_pose(person, small.shape, (x0, y0), scale)
        coarse = self._combined(small, by_pose, cell_px)
        guided = GuidedFilter(small, max(3, round(min(cell_px, 8.0))), SMOOTHNESS)
        fine = guided.smooth_larger(coarse, inside) if scale < 1 else guided.smooth(coarse)
        mask[y0:y1, x0:x1] = np.clip((fine - 0.5) * STEEPNESS + 0.5, 0, 1)
        return mask

    def _combined(self, small: BGR, by_pose: Floats, cell_px: float) -> Floats:
        if self._selfie is None:
            return by_pose
        square, fit = letterbox(small, self._selfie.side_px)
        self._selfie.run(square)
        side = self._selfie.side_px
        to_square = np.array([[fit.scale, 0.0, fit.left], [0.0, fit.scale, fit.top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (small.shape[1], small.shape[0])
        by_selfie = cv2.warpAffine(self._selfie.output(1, side, side, 1)[0, :, :, 0], to_square, size, flags=flags)
        # Somebody else, or what the person holds, is out of the pose mask's reach; the middle of the body is sure.
        reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(REACH_CELLS * cell_px) + 1,) * 2)
        near, core = cv2.dilate(by_pose, reach), cv2.erode(by_pose, reach)
        blended = SELFIE_SHARE * by_selfie + (1 - SELFIE_SHARE) * by_pose
        return np.asarray(np.minimum(np.maximum(blended, core), near), np.float32)


def _window(person: Landmarks, width: int, height: int) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the picture: the pose mask with a margin; None: outside the picture."""
    rows, columns = np.nonzero(person.mask > 0.5)
    if not len(rows):
        return None
    corners = np.array([(x, y) for x in (columns.min(), columns.max() + 1) for y in (rows.min(), rows.max() + 1)])
    places = corners @ person.mask_to_picture[:, :2].T + person.mask_to_picture[:, 2]
    low, high = places.min(axis=0), places.max(axis=0)
    low, high = np.maximum(low, 0), np.minimum(high, (width, height))  # the margin goes with what is seen
    margin = MARGIN * float((high - low).max())
    x0, y0 = np.maximum(np.floor(low - margin), 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(high + margin), (width, height)).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 - x0 >= 2 and y1 - y0 >= 2 else None


def _by_pose(person: Landmarks, shape: tuple[int, ...], corner: tuple[int, int], scale: float) -> tuple[Floats, float]:
    """The landmark network's mask in the window, and the size of one of its cells there."""
    to_window = person.mask_to_picture.copy()
    to_window[:, 2] -= corner
    to_window *= scale
    mask = cv2.warpAffine(person.mask, to_window, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(mask, np.float32), float(np.hypot(*to_window[:, 0]))
