"""A room where one person crosses in front of the target, one behind it, and a screen hides it: it is kept."""

from pathlib import Path

import pytest

from protos.messages import Box
from robot.states import State
from sim import view
from sim.lockstep import TICK_S, Moment
from sim.scenario import load
from tests.closed_loop.runs import needs_pictures, play

SCENARIO = load("lab")


class Watcher:
    """Whom the robot follows, by the true boxes."""

    def __init__(self) -> None:
        target = SCENARIO.target
        assert target is not None
        self._clothes = view.mean_rgb(target.clothes, target.mirrored)
        self._followed = False
        self._strange_s = 0.0
        self.away_s = 0.0  # not in `follow`, after the first time
        self.longest_strange_s = 0.0  # on somebody else's box while the target could be seen
        self.overlap = 0.0  # of the followed box with the target's at the end

    def __call__(self, moment: Moment) -> None:
        following = moment.decision.state is State.FOLLOW
        self._followed |= following
        self.away_s += TICK_S * (self._followed and not following)
        track, boxes = moment.decision.target, {d.mean_rgb: d.box for d in moment.world.truth_detections()}
        mine = boxes.pop(self._clothes, None)
        self.overlap = 0.0 if track is None or mine is None else track.box.iou(mine)
        strange = track is not None and mine is not None and _best(track.box, list(boxes.values())) > self.overlap
        self._strange_s = self._strange_s + TICK_S if strange else 0.0
        self.longest_strange_s = max(self.longest_strange_s, self._strange_s)


def _best(box: Box, others: list[Box]) -> float:
    return max((box.iou(other) for other in others), default=0.0)


def assert_kept(folder: Path, seed: int, oracle: bool) -> None:
    seen = Watcher()
    report = play("lab", folder, seed, oracle, seen)
    assert seen.overlap > 0.5
    assert seen.longest_strange_s < 0.5
    assert seen.away_s < 4
    assert report["follow"]["visible_ratio"] >= 0.9
    assert report["follow"]["bearing_rmse_deg"] < 15
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["safety"]["collisions"] == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_target_is_kept_through_two_crossings_and_a_second_behind_a_screen(seed: int, tmp_path: Path) -> None:
    assert_kept(tmp_path, seed, oracle=True)


def test_it_is_with_rendered_pictures_and_the_real_detector(tmp_path: Path) -> None:
    needs_pictures()
    assert_kept(tmp_path, seed=1, oracle=False)
