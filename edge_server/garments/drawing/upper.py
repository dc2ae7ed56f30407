"""What tops, jackets and dresses share: half an outline from a few points, and everything that follows from it."""

import math
from dataclasses import dataclass

import numpy as np

from edge_server.garments.drawing.curves import (
    XY,
    Path,
    back,
    between,
    bowed,
    flipped,
    joined,
    line,
    mirrored,
    shifted,
    spline,
)

SIDES = (1, -1)  # the wearer's left (x > 0), the right


@dataclass(frozen=True, slots=True)
class Upper:
    """The wearer's left half, in centimetres from the middle of the neck's height at the shoulders (0, 0)."""

    neck: XY
    shoulder: XY
    armpit: XY
    outer: XY  # ends of the cuff
    inner: XY
    waist: XY
    hem: XY
    front: float  # how deep the neckline is in front
    rear: float = 1.6  # and behind
    elbow_outer: XY | None = None
    elbow_inner: XY | None = None
    hem_drop: float = 1.2  # how much lower the hem is in the middle
    neck_bow: float = 0.1  # wider (positive) or more pointed neckline
    slope: float = -0.5  # bow of the shoulder line

    def shoulder_line(self) -> Path:
        return bowed(self.neck, self.shoulder, self.slope)

    def armhole(self) -> Path:
        """From shoulder to armpit, hollow towards the middle."""
        x, y = between(self.shoulder, self.armpit, 0.55)
        return spline(self.shoulder, (x - 1.9, y), self.armpit)

    def side(self) -> Path:
        """From armpit to hem, by the waist."""
        return spline(self.armpit, self.waist, self.hem)

    def hemline(self) -> Path:
        """From the left side seam to the right one."""
        x, y = self.hem
        drop = self.hem_drop
        return spline((x, y), (x * 0.5, y + drop * 0.8), (0, y + drop), (-x * 0.5, y + drop * 0.8), (-x, y))

    def neckline(self) -> Path:
        """In front, from the wearer's left (x > 0) to the right: half an ellipse, made wider by `neck_bow`."""
        x, y = self.neck
        angles = np.linspace(0, math.pi / 2, 24)
        across = x * np.cos(angles) ** (1 - self.neck_bow)
        half = np.stack([across, y + (self.front - y) * np.sin(angles)], axis=1)
        return joined(half, mirrored(half)[1:])

    def neckline_rear(self) -> Path:
        x, y = self.neck
        return spline(
            (x, y), (x * 0.5, y + self.rear * 0.8), (0, y + self.rear), (-x * 0.5, y + self.rear * 0.8), (-x, y)
        )

    def sleeve_top(self) -> Path:
        """From shoulder to the cuff's outer end."""
        if self.elbow_outer:
            return spline(self.shoulder, self.elbow_outer, self.outer)
        x, y = between(self.shoulder, self.outer, 0.3)
        return spline(self.shoulder, (x + 0.7, y - 0.5), self.outer)

    def sleeve_under(self) -> Path:
        """From the cuff's inner end to the armpit."""
        if self.elbow_inner:
            return spline(self.inner, self.elbow_inner, self.armpit)
        return bowed(self.inner, self.armpit, 0.35)

    def cuff(self) -> Path:
        """From its outer to its inner end."""
        return bowed(self.outer, self.inner, -0.35)

    def sleeve(self, side: int, beyond: float = 0.0) -> Path:
        """The panel's outline, with a little of it under the body; `beyond` makes it longer than its cuff."""
        x, y = self.shoulder
        tucked = spline(
            self.armpit, between(self.shoulder, (self.armpit[0] - 5, self.armpit[1]), 0.6), (x - 1.5, y + 0.2)
        )
        top, under = self.sleeve_top(), self.sleeve_under()
        cuff = self.cuff()
        if beyond:
            run = top[-1] - top[-3]
            cuff = cuff + run / np.hypot(*run) * beyond
        return self.on(side, joined(top, cuff, under, tucked))

    def torso(self, beyond: float = 0.0) -> Path:
        """The front panel's outline; `beyond` makes it longer than its hem."""
        half = joined(self.shoulder_line(), self.armhole(), self.side())
        return joined(half, shifted(self.hemline(), 0.0, beyond), mirrored(half), back(self.neckline()))

    def hole(self) -> Path:
        """Where the inside of the back is seen through the neck."""
        return joined(self.neckline(), back(self.neckline_rear()))

    @staticmethod
    def on(side: int, path: Path) -> Path:
        return path if side > 0 else flipped(path)

    def mid_sleeve(self, side: int, fraction: float) -> XY:
        top = between(self.shoulder, self.outer, fraction)
        under = between(self.armpit, self.inner, fraction)
        x, y = between(top, under, 0.5)
        return side * x, y

    def across_sleeve(self, side: int, fraction: float) -> Path:
        """A line around the sleeve, outer to inner."""
        top = between(self.shoulder, self.outer, fraction)
        under = between(self.armpit, self.inner, fraction)
        return self.on(side, line(top, under))

    def landmarks(self) -> dict[str, XY]:
        """All of values.UPPER_LANDMARKS."""
        places = {
            "neck": self.neck,
            "shoulder": self.shoulder,
            "armpit": self.armpit,
            "sleeve_outer": self.outer,
            "sleeve_inner": self.inner,
            "waist": self.waist,
            "hem": self.hem,
        }
        both = {f"{name}_left": place for name, place in places.items()}
        both |= {f"{name}_right": (-x, y) for name, (x, y) in places.items()}
        return both | {"neck_front": (0.0, self.front)}
