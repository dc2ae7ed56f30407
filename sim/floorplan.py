"""A place seen from above, as plain values: for the picture of a run, the terminal and the page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.place import XY, BoxItem, CylinderItem
from sim.scenario import Scenario


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


NO_PLAN = FloorPlan()


def floor_plan(scenario: Scenario) -> FloorPlan:
    """Of a scenario, with its servers at their access points; those behind one access point stand side by side."""
    place = scenario.world
    points = {point.id: point.at for point in scenario.access_points}
    taken: dict[str, int] = {}
    sites: list[Site] = []
    for server in scenario.servers:
        if server.access_point in points:
            x, y = points[server.access_point]
            shift = taken.get(server.access_point, 0)
            taken[server.access_point] = shift + 1
            sites.append(Site(server.id, (x + 0.5 * shift, y), server.colour))
    if place is None:
        return FloorPlan(sites=tuple(sites))
    return FloorPlan(
        walls=tuple(tuple(wall.line) for wall in place.walls),
        furniture=tuple(_outline(item) for item in place.furniture),
        sites=tuple(sites),
    )


def _outline(item: BoxItem | CylinderItem) -> tuple[XY, ...]:
    x, y = item.at
    if isinstance(item, CylinderItem):
        angles = [step * math.pi / 8 for step in range(16)]
        return tuple((x + item.radius_m * math.cos(angle), y + item.radius_m * math.sin(angle)) for angle in angles)
    cos, sin = math.cos(math.radians(item.turn_deg)), math.sin(math.radians(item.turn_deg))
    half_x, half_y = item.size[0] / 2, item.size[1] / 2
    corners = ((half_x, half_y), (-half_x, half_y), (-half_x, -half_y), (half_x, -half_y))
    return tuple((x + cos * dx - sin * dy, y + sin * dx + cos * dy) for dx, dy in corners)
