"""A run that came to its end, before it is written down."""

from dataclasses import dataclass

from handover.values import Counts
from sim.report import Recorder, Report


@dataclass(frozen=True, slots=True)
class Outcome:
    """Real-time and lockstep runs end alike."""

    recorder: Recorder
    counts: Counts  # all frames settled
    sim_seconds: float
    wall_seconds: float

    def report(self, scenario: str, seed: int, lockstep: bool) -> Report:
        return self.recorder.build(scenario, seed, self.sim_seconds, self.wall_seconds, lockstep, self.counts)
