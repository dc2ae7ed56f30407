"""Lines in centimetres: x to the right of the picture, y down. The wearer's left has x > 0."""

import math

import numpy as np
from numpy.typing import NDArray

Path = NDArray[np.float64]  # (n, 2)
XY = tuple[float, float]


def line(*points: XY) -> Path:
    """Straight from point to point."""
    return np.array(points, np.float64)


def spline(*points: XY, steps: int = 12) -> Path:
    """A smooth line through all points (Catmull-Rom); its ends are corners when it is joined to others."""
    knots = np.array(points, np.float64)
    if len(knots) < 3:
        return knots
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*parts, knots[-1:]])


def joined(*paths: Path) -> Path:
    """One after the other; where ends meet there is a corner."""
    return np.vstack(paths)


def back(path: Path) -> Path:
    return path[::-1].copy()


def mirrored(path: Path) -> Path:
    """The other half, walked the other way: `joined(half, mirrored(half))` is one line when `half` ends at x = 0."""
    return back(path) * (-1.0, 1.0)


def flipped(path: Path) -> Path:
    """The other half, walked the same way."""
    return path * (-1.0, 1.0)


def shifted(path: Path, x: float, y: float) -> Path:
    return path + np.array([x, y])


def lengths(path: Path) -> NDArray[np.float64]:
    """How far along each point lies."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])


def resampled(path: Path, count: int) -> Path:
    along = lengths(path)
    where = np.linspace(0, along[-1], count)
    return np.stack([np.interp(where, along, path[:, axis]) for axis in (0, 1)], axis=1)


def at(path: Path, fraction: float) -> XY:
    """The point at a part of the length."""
    along = lengths(path)
    return (
        float(np.interp(fraction * along[-1], along, path[:, 0])),
        float(np.interp(fraction * along[-1], along, path[:, 1])),
    )


def part(path: Path, start: float, end: float, count: int = 40) -> Path:
    """From one part of the length to another."""
    return np.array([at(path, f) for f in np.linspace(start, end, count)])


def offset(path: Path, distance: float) -> Path:
    """A line beside the path; positive: to the right of its direction as the picture shows it (y down)."""
    run = np.gradient(path, axis=0)
    run /= np.maximum(np.hypot(run[:, 0], run[:, 1]), 1e-9)[:, None]
    return path + distance * np.stack([-run[:, 1], run[:, 0]], axis=1)


def band(path: Path, width: float) -> Path:
    """The area between a path and the line beside it."""
    return joined(path, back(offset(path, width)))


def extended(path: Path, length: float) -> Path:
    """With straight pieces at both ends."""
    first, last = path[0] - path[1], path[-1] - path[-2]
    start = path[0] + first / max(float(np.hypot(*first)), 1e-9) * length
    end = path[-1] + last / max(float(np.hypot(*last)), 1e-9) * length
    return np.vstack([start, path, end])


def between(a: XY, b: XY, fraction: float) -> XY:
    return a[0] + (b[0] - a[0]) * fraction, a[1] + (b[1] - a[1]) * fraction


def bowed(a: XY, b: XY, bow: float, steps: int = 16) -> Path:
    """From a to b, bent to the right of its direction (y down) by `bow` in the middle."""
    t = np.linspace(0, 1, steps)[:, None]
    start, end = np.array(a), np.array(b)
    run = end - start
    length = max(float(np.hypot(*run)), 1e-9)
    normal = np.array([-run[1], run[0]]) / length
    return start + run * t + normal * bow * 4 * t * (1 - t)


def rectangle(left: float, top: float, right: float, bottom: float) -> Path:
    return line((left, top), (right, top), (right, bottom), (left, bottom))


def disc(centre: XY, radius: float, count: int = 40) -> Path:
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return np.array(centre) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def turned(path: Path, degrees: float, centre: XY = (0.0, 0.0)) -> Path:
    """Clockwise as the picture shows it."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (path - centre) @ np.array([[c, s], [-s, c]]) + centre
