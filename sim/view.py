"""Where people are in the camera's picture: projection of their boards."""

import math
from functools import cache

from protos.messages import RGB, Box
from robot.values import CameraModel, Pose
from sim.eye import Stand
from sim.portrait import HEIGHT_PX, METRES_PER_PX, WIDTH_PX, portrait
from sim.scene import BOX_BOTTOM_M, BOX_HALF_WIDTH_M, BOX_TOP_M, CENTRE_PX

Point = tuple[float, float, float]

NEAR_M = 0.05  # nothing nearer than this is projected
SMALLEST = 0.02  # of the frame: boxes narrower or lower than this are not worth reporting


def project(
    camera: CameraModel, pose: Pose, camera_height_m: float, point: Point, tilt_rad: float = 0.0
) -> tuple[float, float] | None:
    """Normalised column and row of a point of the world; None behind the camera.

    `pose`: the camera's; `tilt_rad`: how far it looks up.
    """
    dx, dy = point[0] - pose.x_m, point[1] - pose.y_m
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    ahead, left = cos * dx + sin * dy, -sin * dx + cos * dy
    up = point[2] - camera_height_m
    if tilt_rad:
        cos, sin = math.cos(tilt_rad), math.sin(tilt_rad)
        ahead, up = cos * ahead + sin * up, -sin * ahead + cos * up
    if ahead < NEAR_M:
        return None
    half_height = camera.half_width * camera.height_px / camera.width_px
    return 0.5 - left / ahead / (2 * camera.half_width), 0.5 - up / ahead / (2 * half_height)


def in_frame(at: tuple[float, float] | None) -> bool:
    return at is not None and 0 <= at[0] <= 1 and 0 <= at[1] <= 1


def box(camera: CameraModel, pose: Pose, camera_height_m: float, stand: Stand, tilt_rad: float = 0.0) -> Box | None:
    """The person's box as the pose engine draws it, head top to hips, cut to the frame; None when out of view."""
    corners = [
        project(camera, pose, camera_height_m, on_board(stand, across, up), tilt_rad)
        for across in (-BOX_HALF_WIDTH_M, BOX_HALF_WIDTH_M)
        for up in (BOX_BOTTOM_M, BOX_TOP_M)
    ]
    seen = [corner for corner in corners if corner is not None]
    if len(seen) < len(corners):
        return None
    xs, ys = [x for x, _ in seen], [y for _, y in seen]
    whole = Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)).clipped()
    return whole if whole.w > SMALLEST and whole.h > SMALLEST else None


def body_points(stand: Stand) -> list[Point]:
    """A grid of points inside the box, for asking what hides the person."""
    return [on_board(stand, across, up) for across in (-0.17, 0.0, 0.17) for up in (0.85, 1.03, 1.2, 1.38, 1.55)]


@cache
def mean_rgb(clothes: str, mirrored: bool) -> RGB:
    """What a detector says of this person's colour: the mean of the central half of the box.

    The scene's light leaves the picture's colours as they are: measured within 2 of 255.
    """
    middle = WIDTH_PX - CENTRE_PX if mirrored else CENTRE_PX
    half_w = BOX_HALF_WIDTH_M / METRES_PER_PX / 2
    row, half_h = (
        HEIGHT_PX - (BOX_TOP_M + BOX_BOTTOM_M) / 2 / METRES_PER_PX,
        (BOX_TOP_M - BOX_BOTTOM_M) / METRES_PER_PX / 4,
    )
    rows, columns = (
        slice(round(row - half_h), round(row + half_h)),
        slice(round(middle - half_w), round(middle + half_w)),
    )
    part = portrait(clothes, mirrored).bgr[rows, columns]
    blue, green, red = part.reshape(-1, 3).mean(axis=0)
    return round(float(red)), round(float(green)), round(float(blue))


def on_board(stand: Stand, across_m: float, up_m: float) -> Point:
    """A point on a board: `across_m` to the right of who looks at its front is local +y."""
    sin, cos = math.sin(stand.turn_rad), math.cos(stand.turn_rad)
    return stand.x_m - sin * across_m, stand.y_m + cos * across_m, up_m
