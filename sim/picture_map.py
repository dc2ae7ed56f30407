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


def draw_map(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    axis.set_aspect("equal")
    axis.axis("off")
    axis.set_clip_on(False)
    _place(axis, plan)
    _ways(axis, trace, plan)
    _ends(axis, trace)
    _handovers(axis, trace)
    x0, y0, x1, y1 = _bounds(trace, plan)
    axis.set_xlim(x0 - MARGIN_M, x1 + MARGIN_M + 0.08 * (x1 - x0))  # room for names on the right
    axis.set_ylim(y0 - MARGIN_M, y1 + MARGIN_M)
    _scale(axis, x0, y0, y1)
    axis.plot([], [], color=FAINT, lw=1.6, ls=(0, (3, 2)), label="person")
    for site in plan.sites:
        axis.plot([], [], color=site.colour, lw=4, label=f"robot, served by {site.server_id}")
    axis.legend(loc="upper left", frameon=False, fontsize=9.5, borderaxespad=0.2)


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
        is_right = x > (plan.bounds[0] + plan.bounds[2]) / 2
        axis.annotate(
            site.server_id,
            (x, y),
            xytext=(15, 0) if is_right else (10, 15),  # outside the walls, mostly
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=9.5,
            fontweight="bold",
            color=site.colour,
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


def _handovers(axis: Any, trace: Trace) -> None:
    """Numbers stand beside the way, so that they hide neither it nor each other; a fault stands on the other side."""
    times = [tick.t_s for tick in trace.ticks]
    side, sides = 1, {}
    for number, move in enumerate((move for move in trace.moves if move.from_id is not None), start=1):
        tick = _at(trace.ticks, times, move.at_s)
        if tick is None:
            continue
        colour = ALARM if move.reason.is_failover else INK
        axis.plot(tick.rover_x_m, tick.rover_y_m, "o", ms=7, color=PAPER, mec=colour, mew=2, zorder=7)
        _beside(axis, tick, side * 24, str(number), colour, in_circle=True)
        sides[move.at_s] = side
        side = -side
    halo = [patheffects.withStroke(linewidth=3.5, foreground=PAPER)]
    for fault in trace.faults:
        tick = _at(trace.ticks, times, fault.t_s)
        if tick is None:
            continue
        near = min(sides, key=lambda at_s: abs(at_s - fault.t_s), default=None)
        axis.plot(tick.rover_x_m, tick.rover_y_m, "x", ms=10, mew=2.6, color=ALARM, zorder=7.5, path_effects=halo)
        text = f"{fault.kind} {fault.server_id}\n{fault.t_s:.0f} s"
        _beside(axis, tick, 40 * -(sides[near] if near is not None else side), text, ALARM, in_circle=False)


def _beside(axis: Any, tick: Tick, offset_pt: float, text: str, colour: str, in_circle: bool) -> None:
    """Left of the robot's way for a positive offset."""
    across = tick.heading_rad + math.pi / 2
    dx, dy = offset_pt * math.cos(across), offset_pt * math.sin(across)
    circle = {"boxstyle": "circle,pad=0.28", "facecolor": colour, "edgecolor": PAPER, "linewidth": 1.2}
    axis.annotate(
        text,
        (tick.rover_x_m, tick.rover_y_m),
        xytext=(dx, dy),
        textcoords="offset points",
        ha="center" if in_circle or abs(dx) < 10 else "left" if dx > 0 else "right",
        va="center",
        fontsize=11 if in_circle else 9.5,
        fontweight="bold",
        color=PAPER if in_circle else colour,
        zorder=8,
        bbox=circle if in_circle else None,
        arrowprops={"arrowstyle": "-", "color": colour, "lw": 1.2, "shrinkA": 0, "shrinkB": 4} if in_circle else None,
        path_effects=None if in_circle else [patheffects.withStroke(linewidth=3.5, foreground=PAPER)],
    )


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
