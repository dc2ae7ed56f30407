"""One object as the tracker knows it: four filters (centre, size), what it looks like, when it was seen."""

import math
from dataclasses import dataclass

from protos.messages import RGB, Box, Detection
from robot.appearance import Appearance, Colour, colour
from robot.kalman import Axis
from robot.values import CameraModel

# How tall a thing is tells how many pixels a metre is, so how fast it may move in the image.
HEIGHT_M = {"person": 1.7, "face": 0.25}
_OTHER_HEIGHT_M = 1.0

# Error of a detector's box before it has been learnt: a part that is always there and one that grows with the object.
_POSITION_PX, _POSITION_SHARE = 2.0, 0.02
_SIZE_PX, _SIZE_SHARE = 3.0, 0.03

# A box this near to the frame's edge may be cut off by it; at least 10 px of 640.
_EDGE_SIGMAS, _EDGE_LEAST = 2.0, 0.015
_FAR_RAD = 1.3  # beyond this bearing a column means nothing any more
_LOG_2PI = math.log(2 * math.pi)

Noise = tuple[float, float]  # variances of place and size, as multiples of what is assumed above


@dataclass(frozen=True, slots=True)
class Sighting:
    """A detection with what every comparison needs, worked out once."""

    detection: Detection
    colour: Colour
    x0: float
    x1: float
    cy: float
    w: float
    h: float
    cut_left: bool
    cut_right: bool

    @classmethod
    def of(cls, detection: Detection, camera: CameraModel, noise: Noise) -> "Sighting":
        box = detection.box
        x1 = box.x + box.w
        look = colour(detection.mean_rgb)
        edge = edge_margin(detection.label, box.w, box.h, camera, noise)
        return cls(detection, look, box.x, x1, box.cy, box.w, box.h, box.x < edge, x1 > 1 - edge)


@dataclass(slots=True)
class Scale:
    """Pixels a metre and pixels of error, as shares of the frame."""

    metre_x: float
    metre_y: float
    noise_x: float  # variances
    noise_y: float
    noise_w: float
    noise_h: float


class TrackedObject:
    """State of one object in the image at the tracker's time."""

    __slots__ = (
        "confirmed",
        "cx",
        "cy",
        "first_s",
        "h",
        "hits",
        "label",
        "look",
        "misses",
        "rgb",
        "score",
        "seen_s",
        "swept",
        "track_id",
        "w",
    )

    def __init__(self, track_id: int, time_s: float, seen: Sighting, camera: CameraModel, noise: Noise) -> None:
        detection = seen.detection
        self.track_id = track_id
        self.label = detection.label
        self.score = detection.score
        self.look = Appearance(seen.colour)
        self.rgb: tuple[float, float, float] = detection.mean_rgb
        self.first_s = self.seen_s = time_s
        self.hits, self.misses = 1, 0
        self.swept = 0.0  # by how much the robot's turning has moved it in the image since it was seen
        self.confirmed = False
        scale = scale_of(self.label, seen.w, seen.h, camera, noise)
        walking = 1.0  # m/s, one standard deviation of what a newcomer's speed may be
        self.cx = Axis((seen.x0 + seen.x1) / 2, scale.noise_x, (walking * scale.metre_x) ** 2)
        self.cy = Axis(seen.cy, scale.noise_y, (0.5 * walking * scale.metre_y) ** 2)
        self.w = Axis(seen.w, scale.noise_w, (0.3 * seen.w) ** 2)
        self.h = Axis(seen.h, scale.noise_h, (0.3 * seen.h) ** 2)

    def copy(self) -> "TrackedObject":
        twin = object.__new__(TrackedObject)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.cx, twin.cy, twin.w, twin.h = self.cx.copy(), self.cy.copy(), self.w.copy(), self.h.copy()
        twin.look = self.look.copy()
        return twin

    @property
    def box(self) -> Box:
        """May reach outside the frame, where an object is half out of sight."""
        return Box(self.cx.p - self.w.p / 2, self.cy.p - self.h.p / 2, self.w.p, self.h.p)

    def predict(self, dt_s: float, turned_rad: float, wander_mps: float, damping_s: float, camera: CameraModel) -> None:
        """Move on by `dt_s`, in which the robot turned to the left by `turned_rad`."""
        scale = scale_of(self.label, self.w.p, self.h.p, camera)
        wander = wander_mps * wander_mps
        self.cx.predict(dt_s, wander * scale.metre_x**2, damping_s)
        self.cy.predict(dt_s, 0.25 * wander * scale.metre_y**2, damping_s)
        grow = 0.04  # an object that comes nearer grows: by 20 % in a second, one standard deviation
        self.w.predict(dt_s, grow * self.w.p**2, min(damping_s, 1.0))
        self.h.predict(dt_s, grow * self.h.p**2, min(damping_s, 1.0))
        self.w.p = max(self.w.p, 1e-3)
        self.h.p = max(self.h.p, 1e-3)
        if turned_rad:
            before = self.cx.p
            self.cx.p = turned_column(before, turned_rad, camera)
            self.swept += self.cx.p - before
            self.cx.pp += (0.05 * (self.cx.p - before)) ** 2  # odometry and the shutter's time are not exact

    def offsets(self, seen: Sighting) -> tuple[float, float, float, float]:
        """Measured minus predicted centre and size.

        Where the frame's edge cuts the box off, only its other edge says where the object is, and its width nothing
        but that it is not narrower.
        """
        dw = seen.w - self.w.p
        cut = seen.cut_left != seen.cut_right
        if cut and dw < 0:
            dw = 0.0
        if cut and seen.cut_left:
            dx = seen.x1 - max(self.w.p, seen.w) / 2 - self.cx.p
        elif cut:
            dx = seen.x0 + max(self.w.p, seen.w) / 2 - self.cx.p
        else:
            dx = (seen.x0 + seen.x1) / 2 - self.cx.p
        return dx, seen.cy - self.cy.p, dw, seen.h - self.h.p

    def motion_cost(self, seen: Sighting, scale: Scale) -> float:
        """-2 log likelihood of this box for this object; an object anywhere, of any size, has 0."""
        dx, dy, dw, dh = self.offsets(seen)
        sx, sy = self.cx.pp + scale.noise_x, self.cy.pp + scale.noise_y
        sw, sh = self.w.pp + scale.noise_w, self.h.pp + scale.noise_h
        distance2 = dx * dx / sx + dy * dy / sy + dw * dw / sw + dh * dh / sh
        return distance2 + math.log(sx * sy * sw * sh) + 4 * _LOG_2PI

    def update(self, time_s: float, seen: Sighting, scale: Scale) -> None:
        """Take in a box; the appearance is taken in apart, by `remember`."""
        dx, dy, dw, dh = self.offsets(seen)
        width_known = dw != 0.0
        self.cx.update(self.cx.p + dx, scale.noise_x)
        self.cy.update(self.cy.p + dy, scale.noise_y)
        if width_known:
            self.w.update(self.w.p + dw, scale.noise_w)
        else:
            self.w.v = 0.0
        self.h.update(self.h.p + dh, scale.noise_h)
        self.w.p, self.h.p = max(self.w.p, 1e-3), max(self.h.p, 1e-3)
        self.score = seen.detection.score
        self.seen_s = time_s
        self.hits += 1
        self.misses = 0
        self.swept = 0.0

    def remember(self, seen: Sighting, memory: float) -> None:
        """Take in the colour. Something very odd (a pillar in front) is taken in slowly."""
        odd = self.look.samples > 5 and self.look.distance2(seen.colour) > 25
        count = memory * 10 if odd else memory
        self.look.add(seen.colour, count)
        if odd:
            self.look.samples = min(self.look.samples, memory)
        share = 1 / (count if odd else self.look.samples)
        r, g, b = self.rgb
        red, green, blue = seen.detection.mean_rgb
        self.rgb = (r + share * (red - r), g + share * (green - g), b + share * (blue - b))

    def mean_rgb(self) -> RGB:
        return (round(self.rgb[0]), round(self.rgb[1]), round(self.rgb[2]))

    def swap_identity(self, other: "TrackedObject") -> None:
        """Both stay where they are, but each is now known as the other."""
        for name in ("track_id", "look", "rgb", "first_s", "hits"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, theirs)
            setattr(other, name, mine)


def scale_of(label: str, w: float, h: float, camera: CameraModel, noise: Noise = (1.0, 1.0)) -> Scale:
    """`noise`: how many times the variances of place and size are what was first assumed."""
    height_m = HEIGHT_M.get(label, _OTHER_HEIGHT_M)
    h_px, w_px = h * camera.height_px, w * camera.width_px
    # somebody near is cut off at head and feet: then the width tells more (a person is about 0.4 as wide as tall)
    metre_px = max(h_px / height_m, w_px / (0.4 * height_m))
    position = (_POSITION_PX + _POSITION_SHARE * h_px) ** 2 * noise[0]
    size = (_SIZE_PX + _SIZE_SHARE * h_px) ** 2 * noise[1]
    wide, high = camera.width_px, camera.height_px
    return Scale(
        metre_px / wide, metre_px / high, position / wide**2, position / high**2, size / wide**2, size / high**2
    )


def edge_margin(label: str, w: float, h: float, camera: CameraModel, noise: Noise) -> float:
    """How near to the frame's edge a box of that size counts as cut off."""
    return max(_EDGE_LEAST, _EDGE_SIGMAS * math.sqrt(scale_of(label, w, h, camera, noise).noise_x))


def turned_column(x: float, turned_rad: float, camera: CameraModel) -> float:
    """Where a column goes when the robot turns to the left; clamped far outside the frame."""
    bearing = camera.bearing_rad(x) - turned_rad
    return camera.column(max(-_FAR_RAD, min(_FAR_RAD, bearing)))
