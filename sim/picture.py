"""The picture of a run: its way on the map on the left, its figures over time on the right. Needs no screen."""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before anything of pyplot: there may be no screen

from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from sim.floorplan import FloorPlan
from sim.picture_map import draw_map
from sim.trace import Trace, state_spans

INK, FAINT, GRID, PAPER, ALARM = "#1f2933", "#7b8794", "#e4e7eb", "#ffffff", "#d64545"
NO_SERVER = "#9aa5b1"
STATE_COLOURS = {
    "wakeup": "#cbd2d9",
    "search": "#f7d070",
    "follow": "#a7d8b8",
    "idle": "#cbd2d9",
    "hit": "#f29b9b",
    "explore": "#b3c7f7",
    "mirror": "#e6b8f0",
    "offline": "#f29b9b",
    "estop": "#d64545",
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": "#cbd2d9",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
}


def draw(report: Mapping[str, Any], trace: Trace, plan: FloorPlan, file: Path, keep_m: float = 1.5) -> None:
    """Write a PNG of 1600x900. Raises OSError."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(16, 9), dpi=100, facecolor=PAPER)
        FigureCanvasAgg(figure)
        has_world = any(math.isfinite(tick.rover_x_m) for tick in trace.ticks)
        _head(figure, report, plan)
        if has_world:
            grid = GridSpec(1, 2, figure, width_ratios=(1, 1.15), left=0.035, right=0.985, top=0.86, bottom=0.065)
            draw_map(figure.add_subplot(grid[0, 0]), trace, plan)
            series = grid[0, 1].subgridspec(5, 1, height_ratios=(0.28, 1.5, 1.15, 0.8, 0.8), hspace=0.17)
        else:
            grid = GridSpec(1, 1, figure, left=0.05, right=0.985, top=0.86, bottom=0.065)
            series = grid[0, 0].subgridspec(2, 1, height_ratios=(0.12, 1.0), hspace=0.12)
        end_s = max(trace.end_s, 1e-3)
        strip = figure.add_subplot(series[0])
        _states(strip, trace)
        axes = [strip, figure.add_subplot(series[1], sharex=strip)]
        _round_trips(axes[1], trace, plan)
        if has_world:
            axes += [figure.add_subplot(series[row], sharex=strip) for row in (2, 3, 4)]
            _distance(axes[2], trace, keep_m)
            _bearing(axes[3], trace)
            _speed(axes[4], trace)
        for axis in axes:
            axis.set_xlim(0, end_s)
            axis.tick_params(length=0, labelbottom=axis is axes[-1])
            _events(axis, trace)
        _numbers(axes[0], trace)
        axes[-1].set_xlabel("time, s")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Software": "tagalong"})


def _head(figure: Figure, report: Mapping[str, Any], plan: FloorPlan) -> None:
    follow, offload, handover = report["follow"], report["offload"], report["handover"]
    kind = "lockstep" if report["lockstep"] else "real time"
    figure.text(0.035, 0.945, report["scenario"], fontsize=22, fontweight="bold", va="center")
    figure.text(
        0.035,
        0.905,
        f"seed {report['seed']}, {report['sim_seconds']:g} s, {kind}",
        fontsize=11,
        color=FAINT,
        va="center",
    )
    planned = handover["count"] - handover["failovers"]
    cards = [
        ("target in view", _percent(follow["visible_ratio"])),
        ("bearing error", _unit(follow["bearing_rmse_deg"], "°", 1)),
        ("distance error", _unit(follow["distance_rmse_m"], " m", 2)),
        ("results", _unit(offload["result_fps"], " /s", 1)),
        ("round trip, median", _unit(offload["rtt_ms"]["p50"], " ms", 0)),
        ("round trip, p99", _unit(offload["rtt_ms"]["p99"], " ms", 0)),
        ("planned + failover", f"{planned} + {handover['failovers']}"),
        ("longest gap", _gaps(handover)),
    ]
    shown = [card for card in cards if card[1] != "–"]
    for place, (what, value) in enumerate(reversed(shown)):
        x = 0.985 - place * 0.096
        figure.text(x, 0.948, value, fontsize=16, fontweight="bold", ha="right", va="center")
        figure.text(x, 0.908, what, fontsize=9.5, color=FAINT, ha="right", va="center")


def _states(axis: Any, trace: Trace) -> None:
    for state, start_s, end_s in state_spans(trace.ticks):
        axis.axvspan(start_s, end_s, color=STATE_COLOURS.get(state, GRID), lw=0)
        if end_s - start_s > 0.05 * trace.end_s:
            axis.text((start_s + end_s) / 2, 0.5, state, ha="center", va="center", fontsize=9.5, color=INK)
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    axis.grid(False)
    axis.set_ylabel("state", rotation=0, ha="right", va="center")
    axis.spines[:].set_visible(False)


def _round_trips(axis: Any, trace: Trace, plan: FloorPlan) -> None:
    ids = sorted({result.server_id for result in trace.results})
    for server_id in ids:
        mine = [result for result in trace.results if result.server_id == server_id]
        axis.plot(
            [result.t_s for result in mine],
            [result.rtt_s * 1e3 for result in mine],
            ".",
            ms=3.2,
            alpha=0.75,
            color=plan.colours.get(server_id, NO_SERVER),
            label=server_id,
            rasterized=True,
        )
    times = [0.0, *(result.t_s for result in trace.results), trace.end_s]
    for here, there in itertools.pairwise(times[1:]):
        if there - here > 0.2:  # long enough to be seen, and to stand still for
            axis.axvspan(here, there, color=ALARM, alpha=0.16, lw=0)
    axis.set_ylabel("round trip, ms")
    rtts = sorted(result.rtt_s * 1e3 for result in trace.results)
    if rtts:  # a few outliers must not press everything flat; they sit at the edge
        axis.set_ylim(0, min(rtts[-1], 3 * rtts[int(0.98 * (len(rtts) - 1))]) * 1.3)
        legend = axis.legend(
            loc="upper left", ncols=len(ids), frameon=True, fontsize=9, markerscale=3, handletextpad=0.1
        )
        legend.get_frame().set(edgecolor="none", alpha=0.85)
    axis.yaxis.set_major_locator(MaxNLocator(5))


def _distance(axis: Any, trace: Trace, keep_m: float) -> None:
    times = [tick.t_s for tick in trace.ticks]
    axis.axhspan(keep_m - 0.35, keep_m + 0.35, color="#a7d8b8", alpha=0.35, lw=0)
    axis.axhline(keep_m, color="#3f9a66", lw=1, ls=(0, (4, 3)))
    axis.plot(times, [tick.distance_m for tick in trace.ticks], color=INK, lw=1.4, label="distance")
    unseen = [tick.distance_m if not tick.visible else math.nan for tick in trace.ticks]
    axis.plot(times, unseen, color=ALARM, lw=2.2, label="not in view")
    axis.set_ylabel("distance, m")
    axis.set_ylim(bottom=0)
    axis.annotate(f"wanted {keep_m:g} m", (1, keep_m), xycoords=("axes fraction", "data"), xytext=(-4, 4),
                  textcoords="offset points", ha="right", fontsize=8.5, color="#3f9a66")  # fmt: skip
    axis.yaxis.set_major_locator(MaxNLocator(4))


def _bearing(axis: Any, trace: Trace) -> None:
    times = [tick.t_s for tick in trace.ticks]
    bearings = [math.degrees(tick.bearing_rad) for tick in trace.ticks]
    axis.axhspan(-6, 6, color="#a7d8b8", alpha=0.35, lw=0)
    axis.axhline(0, color="#3f9a66", lw=1, ls=(0, (4, 3)))
    axis.plot(times, bearings, color=INK, lw=1.2)
    top = max((abs(value) for value in bearings if math.isfinite(value)), default=0.0)
    top = max(8.0, top) * 1.1
    axis.set_ylim(-top, top)
    axis.set_ylabel("bearing, °")
    axis.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def _speed(axis: Any, trace: Trace) -> None:
    times = [tick.t_s for tick in trace.ticks]
    speeds = [tick.forward_mps for tick in trace.ticks]
    axis.axhline(0, color="#cbd2d9", lw=1)
    axis.fill_between(times, speeds, color="#486581", alpha=0.18, lw=0)
    axis.plot(times, speeds, color="#486581", lw=1.3)
    axis.set_ylabel("speed, m/s")
    axis.set_ylim(min([0.0, *speeds]) * 1.15, max([0.1, *speeds]) * 1.15)
    axis.yaxis.set_major_locator(MaxNLocator(4))


def _events(axis: Any, trace: Trace) -> None:
    for move in trace.moves:
        if move.from_id is not None:
            axis.axvline(move.at_s, color=ALARM if move.reason.is_failover else INK, lw=1.1, alpha=0.65, zorder=3)
    for fault in trace.faults:
        axis.axvline(fault.t_s, color=ALARM, lw=1.1, ls=(0, (2, 2)), zorder=3)


def _numbers(axis: Any, trace: Trace) -> None:
    """The same numbers as on the map, above the strip; too near to each other they move apart."""
    halo = [patheffects.withStroke(linewidth=3, foreground=PAPER)]
    apart, last = 0.022 * trace.end_s, -math.inf
    marks: list[tuple[float, str, str]] = [(fault.t_s, "✕", ALARM) for fault in trace.faults]
    number = 0
    for move in trace.moves:
        if move.from_id is not None:
            number += 1
            marks.append((move.at_s, str(number), ALARM if move.reason.is_failover else INK))
    for at_s, text, colour in sorted(marks):
        x = max(at_s, last + apart)
        last = x
        axis.annotate(
            text,
            (x, 1),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=11,
            fontweight="bold",
            color=colour,
            path_effects=halo,
            annotation_clip=False,
        )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _unit(value: float | None, unit: str, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def _gaps(handover: Mapping[str, Any]) -> str:
    gaps = [gap for gap in (handover["max_gap_ms_planned"], handover["max_gap_ms_failover"]) if gap is not None]
    return f"{max(gaps):.0f} ms" if gaps else "–"
