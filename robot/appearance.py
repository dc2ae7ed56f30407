"""What somebody looks like, as far as one mean colour can say it.

Colours are compared in CIE Lab with the chroma taken relative to the lightness: half the light makes L, a and b shrink
by the same factor, so relative chroma stays, and only L, which is trusted less, tells of the shadow.
"""

import math

from protos.messages import RGB

Lab = tuple[float, float, float]
Colour = tuple[float, float, float]  # L, and a, b relative to the lightness

# sRGB to linear light, IEC 61966-2-1
_LINEAR = tuple(v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in range(256))

# Standard deviations of L, a, b. One person's colour moves by about START over shadows and folds of clothing until more
# is known of that person, and is never taken to be steadier than FLOOR; ANYBODY is the spread over all people.
START: Colour = (12.0, 7.0, 7.0)
FLOOR: Colour = (6.0, 3.5, 3.5)
ANYBODY: Colour = (25.0, 18.0, 18.0)


def lab(rgb: RGB) -> Lab:
    """sRGB (0..255, others are clipped) to CIE Lab under D65."""
    r, g, b = (_LINEAR[min(255, max(0, value))] for value in rgb)
    x = _root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505)
    y = _root(0.2126 * r + 0.7152 * g + 0.0722 * b)
    z = _root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))


def colour(rgb: RGB) -> Colour:
    """What is compared."""
    lightness, a, b = lab(rgb)
    # 16 is Lab's own offset; 14 more keep the noise of dark pixels, which have no chroma to speak of, small.
    # 80 leaves a, b as they are at L = 50.
    share = 80 / (lightness + 16 + 14)
    return (lightness, a * share, b * share)


def _root(t: float) -> float:
    return math.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116


class Appearance:
    """Running mean and variance of one object's colour."""

    __slots__ = ("mean", "samples", "var")

    def __init__(self, first: Colour) -> None:
        self.mean = first
        self.var: Colour = (START[0] ** 2, START[1] ** 2, START[2] ** 2)
        self.samples = 1.0

    def copy(self) -> "Appearance":
        twin = Appearance(self.mean)
        twin.var, twin.samples = self.var, self.samples
        return twin

    def add(self, seen: Colour, memory: float) -> None:
        """Take in one colour. `memory`: about how many sightings count; the first ones weigh as a plain mean."""
        self.samples = min(self.samples + 1, max(memory, 2.0))
        share = 1 / self.samples
        slow = min(share, 0.1)  # a variance from a few samples is worth little
        (m0, m1, m2), (v0, v1, v2) = self.mean, self.var
        d0, d1, d2 = seen[0] - m0, seen[1] - m1, seen[2] - m2
        self.mean = (m0 + share * d0, m1 + share * d1, m2 + share * d2)
        self.var = (
            max(FLOOR[0] ** 2, v0 + slow * (d0 * d0 - v0)),
            max(FLOOR[1] ** 2, v1 + slow * (d1 * d1 - v1)),
            max(FLOOR[2] ** 2, v2 + slow * (d2 * d2 - v2)),
        )

    def distance2(self, seen: Colour) -> float:
        """Squared Mahalanobis distance; about 3 for the same person."""
        (m0, m1, m2), (v0, v1, v2) = self.mean, self.var
        return (seen[0] - m0) ** 2 / v0 + (seen[1] - m1) ** 2 / v1 + (seen[2] - m2) ** 2 / v2

    def surprise(self, seen: Colour) -> float:
        """-2 log(likelihood from this person / from anybody): below 0 speaks for this person."""
        v0, v1, v2 = self.var
        return self.distance2(seen) + math.log(v0 * v1 * v2) - _ANYBODY_LOG_VAR


_ANYBODY_LOG_VAR = 2 * math.log(ANYBODY[0] * ANYBODY[1] * ANYBODY[2])
