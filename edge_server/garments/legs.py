"""Trousers: two legs and the gap between them."""

from edge_server.garments.record import GarmentError
from edge_server.garments.silhouette import SIDES, Silhouette, runs
from edge_server.tryon.values import XY

# Shares that tailors keep to, taken from the built-in garments:
HIP_OF_RISE = 0.7  # from waist to crotch
KNEE_OF_LEG = 0.415  # from crotch to hem


def crotch_of(shape: Silhouette) -> tuple[float, float] | None:
    """The upper end of the gap between two legs; None where there is none."""
    for row in range(int(shape.top + 0.12 * shape.height), int(shape.top + 0.75 * shape.height)):
        if _parted(shape, row) and all(_parted(shape, below) for below in _rows_below(shape, row)):
            left, right = _gap(shape, row)
            return (left + right) / 2, float(row)
    return None


def _rows_below(shape: Silhouette, row: int) -> list[int]:
    return [int(row + share * (shape.bottom - row)) for share in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)]


def _parted(shape: Silhouette, row: int) -> bool:
    """Two stretches of about the same width, one on either side of the axis, and nothing else."""
    stretches = [run for run in runs(shape.mask[row]) if run[1] - run[0] > 0.03 * shape.width]
    if len(stretches) != 2:
        return False
    (a, b), (c, d) = stretches
    off = 0.12 * shape.width
    return b < shape.axis + off and c > shape.axis - off and 0.5 < (b - a) / max(1, d - c) < 2


def _gap(shape: Silhouette, row: int) -> tuple[float, float]:
    stretches = sorted(runs(shape.mask[row]), key=lambda run: run[0] - run[1])[:2]
    (_, b), (c, _) = sorted(stretches)
    return b + 1.0, float(c)


def trousers_places(shape: Silhouette, crotch: tuple[float, float]) -> dict[str, XY]:
    x, y = shape.outline.T
    places: dict[str, XY] = {"crotch": crotch}
    rise = crotch[1] - shape.top
    hip = shape.top + HIP_OF_RISE * rise
    ends = dict(zip(("right", "left"), shape.edges(hip), strict=True))
    for name, sign in SIDES:
        own = (x - shape.axis) * sign > 0.35 * shape.half_width(hip)
        places[f"waist_{name}"] = shape.at(own & (y < shape.top + 0.25 * rise))
        places[f"hip_{name}"] = (ends[name], hip)
        lowest = float(y[(x - crotch[0]) * sign > 0].max())
        knee = crotch[1] + KNEE_OF_LEG * (lowest - crotch[1])
        stretches = [run for run in runs(shape.mask[int(knee)]) if (sum(run) / 2 - crotch[0]) * sign > 0]
        if not stretches:
            raise GarmentError("a leg is not to be seen whole. Lay both legs flat and apart.")
        run = max(stretches, key=lambda each: each[1] - each[0])
        inner, outer = (run[0], run[1] + 1) if sign > 0 else (run[1] + 1, run[0])
        places[f"knee_inner_{name}"], places[f"knee_outer_{name}"] = (inner, knee), (outer, knee)
        low = (y > lowest - 0.06 * shape.height) & ((x - crotch[0]) * sign > 0)
        middle = (x[low].min() + x[low].max()) / 2
        places[f"hem_outer_{name}"] = shape.at(low & ((x - middle) * sign > 0))
        places[f"hem_inner_{name}"] = shape.at(low & ((x - middle) * sign < 0))
    return places
