"""The plain values of the robot.

Axes follow REP 103: x forward, y left, angles counter-clockwise positive, in radians. Times are seconds on the robot's
own monotonic clock. A bearing is the angle from straight ahead to the target, positive to the left.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from protos.messages import RGB, Box, Detection

BGR = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera."""

    bgr: BGR = field(repr=False)  # (height, width, 3)
    number: int
    capture_s: float
    truth: tuple[Detection, ...] = ()  # simulator only


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A pinhole camera looking straight ahead; enough to turn a box into bearing and distance."""

    width_px: int = 640
    height_px: int = 480
    hfov_rad: float = math.radians(75.0)

    @property
    def half_width(self) -> float:
        """tan of half the horizontal field of view: half the image's width at distance 1."""
        return math.tan(self.hfov_rad / 2)

    def bearing_rad(self, x: float) -> float:
        """Of a normalised column; 0.5 is straight ahead, left of it positive."""
        return math.atan((0.5 - x) * 2 * self.half_width)

    def column(self, bearing_rad: float) -> float:
        """Inverse of `bearing_rad`; outside 0..1 when not in view."""
        return 0.5 - math.tan(bearing_rad) / (2 * self.half_width)

    def distance_m(self, box_height: float, object_height_m: float) -> float:
        """Distance along the optical axis at which an object of that height fills that share of the image's height."""
        half_height = self.half_width * self.height_px / self.width_px
        return object_height_m / (2 * half_height * max(box_height, 1e-6))


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the robot is, in its odometry's own frame."""

    x_m: float = 0.0
    y_m: float = 0.0
    heading_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Odometry:
    """Pose and speed at one moment."""

    time_s: float
    pose: Pose
    forward_mps: float = 0.0
    left_mps: float = 0.0
    turn_radps: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a base is allowed to do."""

    forward_mps: float = 1.2
    left_mps: float = 0.6
    turn_radps: float = 2.5
    accel_mps2: float = 2.0
    brake_mps2: float = 5.0  # slowing down
    turn_accel_radps2: float = 10.0


@dataclass(frozen=True, slots=True)
class DriveCommand:
    """Wanted speed of the base in its own frame."""

    forward_mps: float = 0.0
    left_mps: float = 0.0
    turn_radps: float = 0.0

    @property
    def is_still(self) -> bool:
        return self.forward_mps == 0 and self.left_mps == 0 and self.turn_radps == 0

    def clipped(self, limits: Limits) -> "DriveCommand":
        """Within the speed limits; anything that is not a finite number becomes 0."""
        return DriveCommand(
            _clip(self.forward_mps, limits.forward_mps),
            _clip(self.left_mps, limits.left_mps),
            _clip(self.turn_radps, limits.turn_radps),
        )


STILL = DriveCommand()


@dataclass(frozen=True, slots=True)
class Result:
    """What a server saw in one frame, as the robot's core takes it."""

    number: int
    capture_s: float
    received_s: float
    detections: tuple[Detection, ...]
    server_id: str
    rtt_s: float


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed over frames. `box` is where it is believed to be at `time_s`."""

    track_id: int
    label: str
    box: Box
    velocity: tuple[float, float]  # of the box's centre, image widths (heights) per second, robot's motion taken out
    score: float
    mean_rgb: RGB
    time_s: float
    last_seen_s: float
    hits: int
    confirmed: bool
    azimuth_rad: float = 0.0  # direction of the box's centre in the odometry's frame; without odometry the bearing


class Effect(StrEnum):
    """What a light does."""

    OFF = "off"
    STEADY = "steady"
    FLASH = "flash"
    BREATHE = "breathe"
    SCROLL = "scroll"


@dataclass(frozen=True, slots=True)
class Light:
    """State as an effect, the serving edge server as a colour."""

    effect: Effect = Effect.OFF
    rgb: RGB = (0, 0, 0)
    hz: float = 0.0


class Sound(StrEnum):
    """Played once, when a state is entered."""

    SEARCH = "search"
    FOLLOW = "follow"


class ArmourSide(StrEnum):
    """Plate that was hit."""

    BACK = "back"
    FRONT = "front"
    LEFT = "left"
    RIGHT = "right"


class Key(StrEnum):
    """What a person can ask for from keyboard or page."""

    QUIT = "quit"
    SEARCH = "search"
    IDLE = "idle"
    EXPLORE = "explore"
    ESTOP = "estop"  # pressed again: released
    MIRROR = "mirror"  # a picture of the person in view, wearing the chosen garment
    FORGET = "forget"  # that picture


def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value)) if math.isfinite(value) else 0.0


def wrap_rad(angle: float) -> float:
    """The same angle in -pi..pi."""
    return math.remainder(angle, 2 * math.pi)
