"""What happened in a run, tick by tick: written by the recorder, read by the report, the picture and by people."""

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

from handover.values import Moved
from sim.faults import Struck
from sim.mirrored import Mirrored


@dataclass(frozen=True, slots=True)
class Tick:
    """One control tick: what was true, and what the robot did. nan: not known or not there."""

    t_s: float
    state: str
    server_id: str | None = None
    rover_x_m: float = math.nan
    rover_y_m: float = math.nan
    heading_rad: float = math.nan
    target_x_m: float = math.nan
    target_y_m: float = math.nan
    bearing_rad: float = math.nan  # true bearing of the target from the rover
    distance_m: float = math.nan  # true distance between them
    visible: bool = False  # the target is in the camera's picture
    forward_mps: float = 0.0  # commanded, after safety
    turn_radps: float = 0.0
    moving: bool = False  # the command is not "stand still"
    result_age_s: float = math.inf  # of the picture behind the newest result
    safety_stop: bool = False
    collisions: int = 0  # so far


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """A result that reached the robot."""

    t_s: float
    server_id: str
    rtt_s: float


@dataclass(slots=True)
class Trace:
    """A whole run, in order of time."""

    ticks: list[Tick] = field(default_factory=list)
    results: list[ResultSeen] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    faults: list[Struck] = field(default_factory=list)
    mirrored: list[Mirrored] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        return max((self.ticks[-1].t_s if self.ticks else 0.0), (self.results[-1].t_s if self.results else 0.0))

    def write_csv(self, file: Path) -> None:
        """A line a tick; `rtt_s` is that of the newest result at that moment."""
        names = [each.name for each in fields(Tick)]
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow([*names, "results", "rtt_s"])
            seen, rtt_s = 0, math.nan
            for tick in self.ticks:
                while seen < len(self.results) and self.results[seen].t_s <= tick.t_s:
                    rtt_s = self.results[seen].rtt_s
                    seen += 1
                writer.writerow([_cell(value) for value in (*astuple(tick), seen, rtt_s)])


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return "" if value is None else value


def state_spans(ticks: Sequence[Tick]) -> list[tuple[str, float, float]]:
    """State, from, to: one for each stay."""
    spans: list[tuple[str, float, float]] = []
    for tick in ticks:
        if spans and spans[-1][0] == tick.state:
            spans[-1] = (tick.state, spans[-1][1], tick.t_s)
        else:
            if spans:
                spans[-1] = (spans[-1][0], spans[-1][1], tick.t_s)
            spans.append((tick.state, tick.t_s, tick.t_s))
    return spans
