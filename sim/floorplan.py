"""A place seen from above, as plain values: for the picture of a run, the terminal and the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

XY = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Site:
    """An access point with the edge server behind it."""

    server_id: str
    at: XY
    colour: str = "#888888"  # "#rrggbb"


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """Metres, x to the right, y up. Empty for a run without a world."""

    walls: tuple[tuple[XY, ...], ...] = ()  # lines
    furniture: tuple[tuple[XY, ...], ...] = ()  # outlines
    sites: tuple[Site, ...] = ()

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 around everything; a metre by a metre when there is nothing."""
        points = [point for line in (*self.walls, *self.furniture) for point in line]
        points += [site.at for site in self.sites]
        if not points:
            return 0.0, 0.0, 1.0, 1.0
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def colours(self) -> Mapping[str, str]:
        return {site.server_id: site.colour for site in self.sites}

    def to_json(self) -> dict[str, Any]:
        return {
            "bounds": self.bounds,
            "walls": self.walls,
            "furniture": self.furniture,
            "sites": [{"id": site.server_id, "at": site.at, "colour": site.colour} for site in self.sites],
        }
