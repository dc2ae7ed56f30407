"""How good a run was: each figure beside the value it has to reach, and the table that ends a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

Sense = Literal["<=", ">=", "=="]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. Without a limit a figure is shown and not judged."""

    group: str
    what: str
    figure: float | None
    unit: str = ""
    sense: Sense | None = None
    limit: float | None = None

    @property
    def passed(self) -> bool | None:
        """None: not judged. A figure that is not known fails."""
        if self.sense is None or self.limit is None:
            return None
        if self.figure is None:
            return False
        return _SENSES[self.sense](self.figure, self.limit)


_SENSES: dict[Sense, Callable[[float, float], bool]] = {
    "<=": lambda figure, limit: figure <= limit,
    ">=": lambda figure, limit: figure >= limit,
    "==": lambda figure, limit: figure == limit,
}


def checks(report: Mapping[str, Any], fps: float = 20.0) -> list[Check]:
    """All figures of a report; the limits are the ones that the scenario `corridor` has to keep.

    `fps` is the camera's: a planned move may cost two frame intervals. Other scenarios are judged by what always holds.
    """
    follow, offload = report["follow"], report["offload"]
    handover, safety = report["handover"], report["safety"]
    is_corridor = report["scenario"] == "corridor"
    has_world = follow["visible_ratio"] is not None

    def only_corridor(sense: Sense, limit: float) -> tuple[Sense | None, float | None]:
        return (sense, limit) if is_corridor else (None, None)

    gap_limit_ms = round(2e3 / fps, 1)
    planned, failover = handover["max_gap_ms_planned"], handover["max_gap_ms_failover"]
    lines = [
        Check("follow", "target in view", follow["visible_ratio"], "", *only_corridor(">=", 0.97)),
        Check("follow", "bearing error, rms", follow["bearing_rmse_deg"], "°", *only_corridor("<=", 6)),
        Check("follow", "distance error, rms", follow["distance_rmse_m"], "m", *only_corridor("<=", 0.35)),
        Check("offload", "results", offload["result_fps"], "/s"),
        Check("offload", "round trip, median", offload["rtt_ms"]["p50"], "ms"),
        Check("offload", "round trip, p99", offload["rtt_ms"]["p99"], "ms"),
        Check("offload", "frames sent", offload["frames_sent"]),
        Check("offload", "frames lost", offload["lost"]),
        Check("offload", "frames unaccounted", offload["unaccounted"], "", "==", 0),
        Check("handover", "planned", handover["count"] - handover["failovers"], "", *only_corridor(">=", 2)),
        Check("handover", "failovers", handover["failovers"], "", *only_corridor("==", 1)),
        Check("handover", "ping-pongs", handover["ping_pongs"], "", "==", 0),
        Check(
            "handover", "longest gap, planned", planned, "ms", *(("<=", gap_limit_ms) if planned is not None else ())
        ),
        Check("handover", "longest gap, failover", failover, "ms", *only_corridor("<=", 300)),
        Check("safety", "oldest result while moving", safety["max_moving_age_ms"], "ms", "<=", 300),
        Check("safety", "collisions", safety["collisions"], "", "==", 0),
        Check("safety", "safety stops", safety["safety_stops"]),
        *_mirror_checks(report),
    ]
    return lines if has_world else [line for line in lines if line.group != "follow" and line.what != "collisions"]


def _mirror_checks(report: Mapping[str, Any]) -> list[Check]:
    """Nothing where nobody was to be dressed. A run of `mirror` that comes to no request fails."""
    asked = report.get("mirror", [])
    if not asked and report["scenario"] != "mirror":
        return []
    return [
        Check("mirror", "pictures asked for", len(asked), "", ">=", 1),
        Check("mirror", "people dressed", sum(each["dressed"] for each in asked), "", "==", len(asked)),
        Check("mirror", "longest stop for a picture", max((each["took_s"] for each in asked), default=None), "s"),
    ]


def summary_table(report: Mapping[str, Any], fps: float = 20.0) -> Table:
    """What a person sees at the end of a run."""
    kind = "lockstep" if report["lockstep"] else "real time"
    wall = report["wall_seconds"]
    pace = f" in {wall:.1f} s" if wall else ""
    table = Table(
        title=f"[bold]{report['scenario']}[/]  seed {report['seed']}, {report['sim_seconds']:g} s {kind}{pace}",
        box=box.ROUNDED,
        title_justify="left",
        border_style="bright_black",
        header_style="bright_black",
        pad_edge=True,
    )
    table.add_column("")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("wanted", justify="right", style="bright_black")
    table.add_column("", justify="center")
    group = ""
    for check in checks(report, fps):
        if group and check.group != group:
            table.add_section()
        mark, style = _MARKS[check.passed]
        table.add_row(
            Text(check.group if check.group != group else "", style="bold cyan"),
            check.what,
            Text(_number(check.figure, check.unit), style=style),
            f"{_SIGNS[check.sense]} {_number(check.limit, check.unit)}" if check.sense else "",
            Text(mark, style=style),
        )
        group = check.group
    return table


_MARKS: dict[bool | None, tuple[str, str]] = {
    True: ("✓", "bold green"),
    False: ("✗", "bold red"),
    None: ("", "default"),
}
_SIGNS: dict[Sense, str] = {"<=": "≤", ">=": "≥", "==": "="}


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f"{text}{'' if unit in ('', '°') else ' '}{unit}"
