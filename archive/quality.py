"""How good a crop is for knowing somebody again: sharpness x size x frontality, each 0 to 1."""

import cv2
import numpy as np

from protos.face_points import Point, frontality
from robot.values import BGR

SIDE_PX = 96  # crops are compared at one size: a large blurred one is not sharper than a small sharp one
HALF_SHARP = 150.0  # variance of the Laplacian at which sharpness is a half; portraits in focus have 300 and more
FULL_SIDE_PX = 160.0  # a face of this size is as good as a larger one
NO_POINTS = 0.9  # haar and LIQUID EDGE find faces that look into the camera, and give no points


def sharpness(bgr: BGR) -> float:
    """By the variance of the Laplacian: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000."""
    grey = cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + HALF_SHARP)


def quality(face_bgr: BGR, points: tuple[Point, ...] = ()) -> float:
    """`face_bgr`: the face alone, without margin, (height, width, 3)."""
    height, width = face_bgr.shape[:2]
    size = min(1.0, (height * width) ** 0.5 / FULL_SIDE_PX)
    facing = frontality(points)
    return sharpness(face_bgr) * size * (NO_POINTS if facing is None else facing**2)
