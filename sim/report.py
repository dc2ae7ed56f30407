"""The report of a run: what happened, as figures. Fed alike by the real-time and the lockstep runner."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handover.pingpong import ping_pongs
from handover.values import Counts, Moved
from protos.messages import Outcome
from sim import figures
from sim.faults import Struck
from sim.mirrored import Mirrored
from sim.trace import ResultSeen, Tick, Trace, state_spans

Report = dict[str, Any]
DIGITS = 3


class Recorder:
    """Collects a run in order of its own time. `keep_m` is the distance that the robot is told to keep."""

    def __init__(self, keep_m: float = 1.5) -> None:
        self.trace = Trace()
        self._keep_m = keep_m

    def tick(self, tick: Tick) -> None:
        self.trace.ticks.append(tick)

    def result(self, t_s: float, server_id: str, rtt_s: float) -> None:
        """A result reached the robot (the first answer to its frame)."""
        self.trace.results.append(ResultSeen(t_s, server_id, rtt_s))

    def moved(self, moved: Moved) -> None:
        """The active server changed; `at_s` must be on the run's clock (see `dataclasses.replace`)."""
        self.trace.moves.append(moved)

    def struck(self, struck: Struck) -> None:
        """A fault happened."""
        self.trace.faults.append(struck)

    def mirrored(self, mirrored: Mirrored) -> None:
        """A picture of a person wearing something else was asked for; it is there, or there will be none."""
        self.trace.mirrored.append(mirrored)

    def build(
        self,
        scenario: str,
        seed: int,
        sim_seconds: float,
        wall_seconds: float,
        lockstep: bool,
        counts: Counts,
    ) -> Report:
        """The report as plain data, keys in the order of the file. Call it when all frames are settled."""
        return {
            "scenario": scenario,
            "seed": seed,
            "sim_seconds": _rounded(sim_seconds),
            "wall_seconds": _rounded(wall_seconds),
            "lockstep": lockstep,
            "follow": self._follow(),
            "offload": self._offload(counts, sim_seconds),
            "handover": self._handover(sim_seconds),
            "safety": self._safety(),
            "states": [{"t": _rounded(start_s), "state": state} for state, start_s, _ in state_spans(self.trace.ticks)],
            **({"mirror": self._mirror()} if self.trace.mirrored else {}),
        }

    def _follow(self) -> Report:
        ticks = self.trace.ticks
        known = [tick for tick in ticks if math.isfinite(tick.distance_m)]
        followed = figures.followed(ticks)
        return {
            "visible_ratio": _rounded(sum(tick.visible for tick in known) / len(known) if known else None),
            "bearing_rmse_deg": _rounded(figures.rms(math.degrees(tick.bearing_rad) for tick in followed)),
            "distance_rmse_m": _rounded(figures.rms(tick.distance_m - self._keep_m for tick in followed)),
        }

    def _offload(self, counts: Counts, sim_seconds: float) -> Report:
        rtts_ms = sorted(result.rtt_s * 1e3 for result in self.trace.results)
        return {
            "frames_sent": counts.sent,
            **{str(outcome): counts.outcomes.get(outcome, 0) for outcome in Outcome},
            # At the end nothing may be pending any more: what is, nobody has accounted for.
            "unaccounted": counts.unaccounted + counts.pending,
            "result_fps": _rounded(len(self.trace.results) / sim_seconds if sim_seconds > 0 else 0.0),
            "rtt_ms": {
                f"p{percent}": _rounded(figures.quantile(rtts_ms, percent / 100), 1) for percent in (50, 95, 99)
            },
        }

    def _handover(self, end_s: float) -> Report:
        moves, results = self.trace.moves, self.trace.results
        gaps = [(move, figures.gap_s(move, moves, results, end_s)) for move in moves]
        counted = [(move, gap_s) for move, gap_s in gaps if figures.is_counted(move)]
        planned = [gap_s for move, gap_s in counted if not move.reason.is_failover and gap_s is not None]
        failed = [gap_s for move, gap_s in counted if move.reason.is_failover and gap_s is not None]
        return {
            "count": len(counted),
            "failovers": sum(move.reason.is_failover for move, _ in counted),
            "ping_pongs": len(ping_pongs(moves)),
            "max_gap_ms_planned": _ms(max(planned, default=None)),
            "max_gap_ms_failover": _ms(max(failed, default=None)),
            "events": [
                {
                    "t": _rounded(move.at_s),
                    "from": move.from_id,
                    "to": move.to_id,
                    "reason": str(move.reason),
                    "gap_ms": _ms(gap_s),
                }
                for move, gap_s in gaps
            ],
        }

    def _mirror(self) -> list[Report]:
        return [
            {
                "t": _rounded(each.t_s),
                "garment": each.garment,
                "dressed": each.dressed,
                "took_s": _rounded(each.took_s),
                "node": each.node or None,
                "why_not": each.why_not or None,
            }
            for each in self.trace.mirrored
        ]

    def _safety(self) -> Report:
        ticks = self.trace.ticks
        ages_s = [tick.result_age_s for tick in ticks if tick.moving]
        stops = sum(
            tick.safety_stop and not before.safety_stop for before, tick in zip([_NONE, *ticks], ticks, strict=False)
        )
        return {
            "max_moving_age_ms": _ms(max(ages_s, default=0.0)),
            "collisions": ticks[-1].collisions if ticks else 0,
            "safety_stops": stops,
        }


def to_json(report: Mapping[str, Any]) -> str:
    """The same report gives the same bytes."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write(report: Mapping[str, Any], file: Path) -> None:
    """Whole or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.write_text(to_json(report), encoding="utf-8")
    part.replace(file)


_NONE = Tick(t_s=0.0, state="")


def _rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """JSON has no infinity and no nan: what is not known is null."""
    return round(value, digits) + 0.0 if value is not None and math.isfinite(value) else None


def _ms(seconds: float | None) -> float | None:
    return _rounded(None if seconds is None else seconds * 1e3, 1)
