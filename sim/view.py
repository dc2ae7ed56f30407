"""Where people are in the camera's picture: projection of their boards."""

import math

import numpy as np
from numpy.typing import NDArray

from protos.messages import RGB, Box
from robot.values import CameraModel, Pose
from sim.eye import Stand
from sim.place import rgb
from sim.scenario import Person
from sim.scene import BODY_BOTTOM_M, BODY_LEFT_M, BODY_RIGHT_M, BODY_TOP_M

Floats = NDArray[np.float64]

NEAR_M = 0.05  # nothing nearer than this is projected
SMALLEST = 0.02  # of the frame: boxes narrower or lower than this are not worth reporting


def project(camera: CameraModel, pose: Pose, camera_height_m: float, point: Floats) -> tuple[float, float] | None:
    """Normalised column and row of a point of the world; None behind the camera."""
    dx, dy = float(point[0]) - pose.x_m, float(point[1]) - pose.y_m
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    ahead, left = cos * dx + sin * dy, -sin * dx + cos * dy
    if ahead < NEAR_M:
        return None
    half_height = camera.half_width * camera.height_px / camera.width_px
    up = float(point[2]) - camera_height_m
    return 0.5 - left / ahead / (2 * camera.half_width), 0.5 - up / ahead / (2 * half_height)


def in_frame(at: tuple[float, float] | None) -> bool:
    return at is not None and 0 <= at[0] <= 1 and 0 <= at[1] <= 1


def box(camera: CameraModel, pose: Pose, camera_height_m: float, person: Person, stand: Stand) -> Box | None:
    """The person's box, cut to the frame; None when out of view."""
    left, right = _sides(person)
    corners = [
        project(camera, pose, camera_height_m, _on_board(stand, across, up))
        for across in (left, right)
        for up in (BODY_BOTTOM_M, BODY_TOP_M)
    ]
    seen = [corner for corner in corners if corner is not None]
    if len(seen) < len(corners):
        return None
    xs, ys = [x for x, _ in seen], [y for _, y in seen]
    whole = Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)).clipped()
    return whole if whole.w > SMALLEST and whole.h > SMALLEST else None


def body_points(person: Person, stand: Stand) -> list[Floats]:
    """A grid of points on the trunk and head, for asking what hides the person."""
    middle = sum(_sides(person)) / 2
    return [
        _on_board(stand, middle + across, up)
        for across in (-0.22, 0.0, 0.22)
        for up in (0.45, 0.75, 1.05, 1.3, 1.5)
    ]  # fmt: skip


def clothes_rgb(person: Person) -> RGB:
    """The mean colour of the box's centre, about: the suit's."""
    return rgb(person.clothes)


def _sides(person: Person) -> tuple[float, float]:
    return (-BODY_RIGHT_M, -BODY_LEFT_M) if person.mirrored else (BODY_LEFT_M, BODY_RIGHT_M)


def _on_board(stand: Stand, across_m: float, up_m: float) -> Floats:
    """A point on a board: `across_m` to the right of who looks at its front is local +y."""
    return np.array(
        [stand.x_m - math.sin(stand.turn_rad) * across_m, stand.y_m + math.cos(stand.turn_rad) * across_m, up_m]
    )
