"""The benchmark itself: same seed, same figures; and the promises it checks hold on a few runs."""

import json

import pytest

from bench import track
from robot.tracker import Tracker


def test_the_same_seed_gives_the_same_figures_and_another_seed_others():
    case = track.CASES[4]
    assert track.measure(case, 5, seed=1) == track.measure(case, 5, seed=1)
    assert track.measure(case, 5, seed=1) != track.measure(case, 5, seed=2)


@pytest.mark.parametrize(
    "case", [case for case in track.CASES if case.most_silent is not None], ids=lambda c: c.clothes
)
def test_nobody_is_taken_over_silently_when_the_target_leaves(case: track.Case):
    row = track.measure(case, 25, seed=7)
    assert row.silent == 0
    assert row.wrong == 0


def test_two_who_cross_in_different_clothes_are_not_mistaken():
    case = next(c for c in track.CASES if c.name == "cross, occlusion" and not c.alike)
    row = track.measure(case, 25, seed=7)
    assert row.wrong <= 4  # one run of 25
    assert row.lost <= 10


def test_a_tracker_that_never_keeps_an_id_is_found_out(monkeypatch: pytest.MonkeyPatch):
    """A benchmark that praises everything is worth nothing."""

    class Forgetful(Tracker):
        def update(self, time_s, detections, odometry_at=None):
            if int(time_s * 30) % 20 == 0:
                self.reset()
            return super().update(time_s, detections, odometry_at)

    case = next(c for c in track.CASES if c.name == "cross, occlusion" and c.alike)
    monkeypatch.setattr(track, "Tracker", Forgetful)
    assert track.measure(case, 5, seed=1).switches > 5


def test_json_has_a_row_for_each_case(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(track, "CASES", track.CASES[:2])
    track.main(["--runs", "1", "--json", "--seed", "3"])
    report = json.loads(capsys.readouterr().out)
    assert report["seed"] == 3
    assert [row["scene"] for row in report["rows"]] == [case.name for case in track.CASES]
    assert {"switches", "wrong", "lost", "silent"} <= set(report["rows"][0])
