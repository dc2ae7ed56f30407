"""The map of a run: the place from above, the ways of robot and person, and where the robot changed servers."""

import bisect
import itertools
import math
from typing import Any

from matplotlib import patheffects
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon

from sim.floorplan import FloorPlan
from sim.place import XY
from sim.trace import Tick, Trace

INK, FAINT, PAPER, ALARM, NO_SERVER = "#1f2933", "#7b8794", "#ffffff", "#d64545", "#9aa5b1"
MARGIN_M = 0.9
LINE_PT = 13.0  # from one line of text to the next
ROOM_PT = 26.0  # from the middle of a number to the middle of what is beside it


def draw_map(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    axis.set_aspect("equal")
    axis.axis("off")
    axis.set_clip_on(False)
    x0, y0, x1, y1 = _bounds(trace, plan)
    axis.set_xlim(x0 - MARGIN_M, x1 + MARGIN_M + 0.08 * (x1 - x0))  # room for names on the right
    axis.set_ylim(y0 - MARGIN_M, y1 + MARGIN_M)
    axis.apply_aspect()  # from here on it is known where on the paper a place comes to lie
    _place(axis, plan)
    _names(axis, trace, plan)
    _ways(axis, trace, plan)
    _ends(axis, trace)
    _handovers(axis, trace, plan)
    _scale(axis, x0, y0, y1)
    axis.plot([], [], color=FAINT, lw=1.6, ls=(0, (3, 2)), label="person")
    for site in plan.sites:
        axis.plot([], [], color=site.colour, lw=4, label=f"robot, served by {site.server_id}")
    room = axis.get_position(original=True)  # the map takes less of it, in height or in width
    corner = {"bbox_to_anchor": (room.x0, room.y1), "bbox_transform": axis.figure.transFigure}
    axis.legend(loc="upper left", frameon=False, fontsize=9.5, borderaxespad=0.2, **corner)


def _place(axis: Any, plan: FloorPlan) -> None:
    for outline in plan.furniture:
        axis.add_patch(Polygon(outline, closed=True, facecolor="#e4ddd3", edgecolor="#b8ab99", lw=0.8))
    for wall in plan.walls:
        axis.plot([x for x, _ in wall], [y for _, y in wall], color="#52606d", lw=4.5, solid_joinstyle="miter")
    for site in plan.sites:
        x, y = site.at
        for radius, alpha in ((26, 0.10), (18, 0.16)):
            axis.plot(x, y, "o", ms=radius, color=site.colour, alpha=alpha, mew=0)
        axis.plot(x, y, "^", ms=11, color=site.colour, mec=PAPER, mew=1.2, zorder=5)


def _names(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    """Of the servers, with what was done to each; outside the walls, mostly."""
    for site in plan.sites:
        faults = [f"{fault.kind}, {fault.t_s:.0f} s" for fault in trace.faults if fault.server_id == site.server_id]
        is_right = site.at[0] > (plan.bounds[0] + plan.bounds[2]) / 2
        left, middle = (15, 0) if is_right else (10, 15 + LINE_PT * len(faults))
        for line, text in enumerate([site.server_id, *faults]):
            axis.annotate(
                text,
                site.at,
                xytext=(left, middle - LINE_PT * line),
                textcoords="offset points",
                ha="left",
                va="center",
                fontsize=9.5,
                fontweight="bold",
                color=ALARM if line else site.colour,
                path_effects=[patheffects.withStroke(linewidth=3, foreground=PAPER)],
                zorder=6,
            )


def _ways(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    axis.plot(
        [tick.target_x_m for tick in trace.ticks],
        [tick.target_y_m for tick in trace.ticks],
        color=FAINT,
        lw=1.6,
        ls=(0, (3, 2)),
        zorder=3,
    )
    known = [tick for tick in trace.ticks if math.isfinite(tick.rover_x_m)][::5]
    segments = [
        ((here.rover_x_m, here.rover_y_m), (there.rover_x_m, there.rover_y_m))
        for here, there in itertools.pairwise(known)
    ]
    colours = [plan.colours.get(tick.server_id or "", NO_SERVER) for tick in known[1:]]
    axis.add_collection(LineCollection(segments, colors=PAPER, linewidths=7, capstyle="round", zorder=3.5))
    axis.add_collection(LineCollection(segments, colors=colours, linewidths=4, capstyle="round", zorder=4))


def _ends(axis: Any, trace: Trace) -> None:
    known = [tick for tick in trace.ticks if math.isfinite(tick.rover_x_m)]
    if not known:
        return
    first, last = known[0], known[-1]
    axis.plot(first.rover_x_m, first.rover_y_m, "o", ms=9, color=PAPER, mec=INK, mew=1.8, zorder=6)
    angle = math.degrees(last.heading_rad) - 90
    axis.plot(last.rover_x_m, last.rover_y_m, marker=(3, 0, angle), ms=15, color=INK, mec=PAPER, mew=1.2, zorder=6)
    axis.plot(last.target_x_m, last.target_y_m, "o", ms=10, color="#d9531e", mec=PAPER, mew=1.2, zorder=6)


def _handovers(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    """Numbers stand beside the way, so that they hide neither it nor a server nor each other."""
    times = [tick.t_s for tick in trace.ticks]
    taken = [_on_paper(axis, site.at) for site in plan.sites]
    for number, move in enumerate((move for move in trace.moves if move.from_id is not None), start=1):
        tick = _at(trace.ticks, times, move.at_s)
        if tick is None:
            continue
        colour = ALARM if move.reason.is_failover else INK
        axis.plot(tick.rover_x_m, tick.rover_y_m, "o", ms=7, color=PAPER, mec=colour, mew=2, zorder=7)
        dx, dy = _free_place(axis, tick, taken)
        axis.annotate(
            str(number),
            (tick.rover_x_m, tick.rover_y_m),
            xytext=(dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=11,
            fontweight="bold",
            color=PAPER,
            zorder=8,
            bbox={"boxstyle": "circle,pad=0.28", "facecolor": colour, "edgecolor": PAPER, "linewidth": 1.2},
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 4},
        )
    halo = [patheffects.withStroke(linewidth=3.5, foreground=PAPER)]
    for fault in trace.faults:
        tick = _at(trace.ticks, times, fault.t_s)
        if tick is not None:
            axis.plot(tick.rover_x_m, tick.rover_y_m, "x", ms=10, mew=2.6, color=ALARM, zorder=7.5, path_effects=halo)


def _free_place(axis: Any, tick: Tick, taken: list[XY]) -> XY:
    """Left or right of the robot's way, and further off where that is full; from the robot, in points.

    `taken`: the middles of what stands there already, on the paper, in points; gets one more.
    """
    across = tick.heading_rad + math.pi / 2
    x, y = _on_paper(axis, (tick.rover_x_m, tick.rover_y_m))
    places = [(away * math.cos(across), away * math.sin(across)) for away in (24, -24, 48, -48)]
    rooms = [min((math.dist((x + dx, y + dy), other) for other in taken), default=math.inf) for dx, dy in places]
    best = next((place for place, room in enumerate(rooms) if room >= ROOM_PT), rooms.index(max(rooms)))
    dx, dy = places[best]
    taken.append((x + dx, y + dy))
    return dx, dy


def _on_paper(axis: Any, at: XY) -> XY:
    """In points, of which an inch has 72."""
    x, y = axis.transData.transform(at) * 72 / axis.figure.dpi
    return float(x), float(y)


def _at(ticks: list[Tick], times: list[float], t_s: float) -> Tick | None:
    if not ticks:
        return None
    tick = ticks[min(bisect.bisect_left(times, t_s), len(ticks) - 1)]
    return tick if math.isfinite(tick.rover_x_m) else None


def _bounds(trace: Trace, plan: FloorPlan) -> tuple[float, float, float, float]:
    points: list[XY] = [(x, y) for x, y in ((t.rover_x_m, t.rover_y_m) for t in trace.ticks) if math.isfinite(x)]
    points += [(x, y) for x, y in ((t.target_x_m, t.target_y_m) for t in trace.ticks) if math.isfinite(x)]
    if plan.walls or plan.sites:
        x0, y0, x1, y1 = plan.bounds
        points += [(x0, y0), (x1, y1)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _scale(axis: Any, x0: float, y0: float, y1: float) -> None:
    """A bar of 1, 2 or 5 metres, below the map."""
    size_m = 5 if y1 - y0 > 12 else 2 if y1 - y0 > 5 else 1
    y = y0 - 0.62 * MARGIN_M
    axis.plot([x0, x0 + size_m], [y, y], color=FAINT, lw=2.5, solid_capstyle="butt")
    axis.text(x0 + size_m + 0.2, y, f"{size_m} m", color=FAINT, fontsize=9.5, va="center")
