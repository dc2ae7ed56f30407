"""The only server dies, freezes or is cut off: the wheels stand within 400 ms, and it goes on by itself afterwards."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sim.lockstep import Moment
from sim.scenario import Scenario
from tests.closed_loop.runs import changed, play

FAULT_S, OUTAGE_S, STILL_WITHIN_S = 8.0, 3.0, 0.4
STILL_MPS, STILL_RADPS = 0.03, math.radians(2)  # slower than this nobody sees it move


@dataclass
class Watcher:
    """What the wheels really did, by the world's own speed."""

    moving_until_s: float = 0.0  # last moment of motion before the server came back
    moved_before: bool = False
    states: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, moment: Moment) -> None:
        odometry = moment.world.odometry()
        speed = math.hypot(odometry.forward_mps, odometry.left_mps)
        moves = speed > STILL_MPS or abs(odometry.turn_radps) > STILL_RADPS
        if moves and FAULT_S - 0.2 < moment.time_s <= FAULT_S:
            self.moved_before = True
        if moves and moment.time_s < FAULT_S + OUTAGE_S:
            self.moving_until_s = moment.time_s
        state = str(moment.decision.state)
        if not self.states or self.states[-1][1] != state:
            self.states.append((moment.time_s, state))

    def entered_after(self, state: str, time_s: float) -> bool:
        return any(at_s >= time_s for at_s, entered in self.states if entered == state)

    def at(self, time_s: float) -> str:
        return [state for at_s, state in self.states if at_s <= time_s][-1]


def scenario(kind: str, is_searching: bool) -> Scenario:
    """Following, or searching for somebody who left, when the fault strikes."""
    walk: dict[str, Any] = {"id": "ada", "is_target": True}
    walk["path"] = [{"at": [2.0, 0.0], "speed_mps": 0.7, "pause_s": 2.0}, {"at": [13.0, 0.0]}]
    if is_searching:
        walk["leaves_s"] = 4.0
    fault = {"kind": kind, "t_s": FAULT_S, "for_s": OUTAGE_S, "server": "edge-1"}
    return changed("outage", length_s=18.0, people=[walk], faults=[fault])


@pytest.mark.parametrize("doing", ["follow", "search"])
@pytest.mark.parametrize("kind", ["kill", "freeze", "cut"])
def test_the_wheels_stand_soon_and_it_goes_on_by_itself(kind: str, doing: str, tmp_path: Path) -> None:
    seen = Watcher()
    report = play(scenario(kind, is_searching=doing == "search"), tmp_path, watch=seen)
    assert seen.at(FAULT_S) == doing
    assert seen.moved_before, "standing before the fault would prove nothing"
    assert seen.moving_until_s <= FAULT_S + STILL_WITHIN_S
    assert seen.at(FAULT_S + OUTAGE_S - 0.1) == "offline"
    assert seen.entered_after(doing, FAULT_S + OUTAGE_S)
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["offload"]["unaccounted"] == 0
