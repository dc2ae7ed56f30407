"""The report's figures, from runs written by hand."""

import csv
import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from handover.values import Counts, Moved, Reason
from protos.messages import Outcome
from sim import figures, report, verdict
from sim.mirrored import Mirrored
from sim.report import Recorder
from sim.trace import ResultSeen, Tick
from tests.sim.example import COUNTS, recorded

NOTHING = Counts(sent=0, pending=0, outcomes={})


def built(recorder: Recorder, counts: Counts = NOTHING, sim_seconds: float = 10.0) -> report.Report:
    return recorder.build("corridor", 1, sim_seconds, 1.25, True, counts)


def results(*seen: tuple[float, str]) -> list[ResultSeen]:
    return [ResultSeen(t_s, server_id, 0.02) for t_s, server_id in seen]


def test_the_report_has_the_agreed_fields_in_their_order() -> None:
    got = built(recorded(), COUNTS, 60.0)
    assert list(got) == [
        *("scenario", "seed", "sim_seconds", "wall_seconds", "lockstep"),
        *("follow", "offload", "handover", "safety", "states"),
    ]
    assert list(got["follow"]) == ["visible_ratio", "bearing_rmse_deg", "distance_rmse_m"]
    assert list(got["offload"]) == [
        *("frames_sent", "result", "superseded", "rejected", "expired", "lost", "unaccounted", "result_fps", "rtt_ms"),
    ]
    assert list(got["offload"]["rtt_ms"]) == ["p50", "p95", "p99"]
    assert list(got["handover"]) == [
        *("count", "failovers", "ping_pongs", "max_gap_ms_planned", "max_gap_ms_failover", "events"),
    ]
    assert list(got["handover"]["events"][0]) == ["t", "from", "to", "reason", "gap_ms"]
    assert list(got["safety"]) == ["max_moving_age_ms", "collisions", "safety_stops"]
    assert list(got["states"][0]) == ["t", "state"]


def test_a_made_up_run_gives_the_figures_that_were_put_in() -> None:
    got = built(recorded(), COUNTS, 60.0)
    assert got["follow"]["visible_ratio"] == 1.0
    assert got["follow"]["bearing_rmse_deg"] == pytest.approx(math.degrees(0.05 / math.sqrt(2)), rel=0.02)
    assert got["offload"]["result"] == 1080
    assert got["offload"]["rejected"] == 0
    assert got["offload"]["unaccounted"] == 0
    assert got["handover"]["count"] == 3, "the first attach is no handover"
    assert got["handover"]["failovers"] == 1
    assert got["handover"]["max_gap_ms_planned"] == pytest.approx(40.0)
    assert got["handover"]["max_gap_ms_failover"] == pytest.approx(280.0)
    assert [event["from"] for event in got["handover"]["events"]] == [None, "edge-1", "edge-2", "edge-3"]
    assert got["handover"]["events"][0]["gap_ms"] is None
    assert [each["state"] for each in got["states"]] == ["wakeup", "search", "follow", "offline", "follow"]
    assert got["safety"]["max_moving_age_ms"] == 60.0


def test_the_same_run_gives_the_same_bytes_and_valid_json() -> None:
    one, two = (report.to_json(built(recorded(), COUNTS, 60.0)) for _ in range(2))
    assert one == two
    assert json.loads(one)["scenario"] == "corridor"


def test_following_is_measured_from_the_first_moment_in_follow_and_searching_later_counts() -> None:
    recorder = Recorder(keep_m=1.5)
    recorder.tick(Tick(0.0, "search", bearing_rad=3.0, distance_m=9.0, visible=False))
    recorder.tick(Tick(1.0, "follow", bearing_rad=math.radians(3), distance_m=1.9, visible=True))
    recorder.tick(Tick(2.0, "search", bearing_rad=math.radians(-4), distance_m=1.2, visible=True))
    follow = built(recorder)["follow"]
    assert follow["bearing_rmse_deg"] == pytest.approx(math.sqrt((9 + 16) / 2), abs=1e-3)
    assert follow["distance_rmse_m"] == pytest.approx(math.sqrt((0.16 + 0.09) / 2), abs=1e-3)
    assert follow["visible_ratio"] == pytest.approx(2 / 3, abs=1e-3), "over the whole run"


def test_a_run_without_a_world_has_no_figures_of_following() -> None:
    recorder = Recorder()
    recorder.tick(Tick(0.0, "follow"))
    assert set(built(recorder)["follow"].values()) == {None}


def test_frames_that_are_still_pending_at_the_end_are_unaccounted() -> None:
    counts = Counts(sent=10, pending=2, outcomes={Outcome.RESULT: 7})
    assert built(Recorder(), counts)["offload"]["unaccounted"] == 3


def test_moving_on_an_old_result_shows_and_standing_on_one_does_not() -> None:
    recorder = Recorder()
    recorder.tick(Tick(0.0, "follow", moving=True, result_age_s=0.12))
    recorder.tick(Tick(0.1, "offline", moving=False, result_age_s=2.0))
    assert built(recorder)["safety"]["max_moving_age_ms"] == 120.0
    recorder.tick(Tick(0.2, "follow", moving=True, result_age_s=math.inf))
    assert built(recorder)["safety"]["max_moving_age_ms"] is None, "no result at all is not 0"


def test_safety_stops_are_counted_once_each() -> None:
    recorder = Recorder()
    for number, stop in enumerate([True, True, False, True]):
        recorder.tick(Tick(number * 0.02, "follow", safety_stop=stop, collisions=number))
    assert built(recorder)["safety"]["safety_stops"] == 2
    assert built(recorder)["safety"]["collisions"] == 3


def test_a_planned_gap_runs_from_the_last_result_before_to_the_first_after() -> None:
    move = Moved(1.0, "a", "b", Reason.BETTER)
    assert figures.gap_s(move, [move], results((0.9, "a"), (0.95, "a"), (1.05, "b")), 5.0) == pytest.approx(0.1)
    late_old = results((0.95, "a"), (1.01, "a"), (1.05, "b"))
    assert figures.gap_s(move, [move], late_old, 5.0) == pytest.approx(0.06), "old answers still count"


def test_an_answer_to_a_hedge_before_the_move_does_not_hide_the_gap() -> None:
    move = Moved(1.2, "a", "b", Reason.SILENT)
    seen = results((1.0, "a"), (1.19, "b"), (1.22, "b"))
    assert figures.gap_s(move, [move], seen, 5.0) == pytest.approx(0.19)


def test_a_gap_without_an_end_lasts_to_the_end_of_the_run() -> None:
    move = Moved(1.0, "a", "b", Reason.SILENT)
    assert figures.gap_s(move, [move], results((0.9, "a")), 5.0) == pytest.approx(4.1)
    gone = Moved(1.0, "a", None, Reason.SILENT)
    back = Moved(3.0, None, "a", Reason.FIRST)
    seen = results((0.9, "a"), (3.1, "a"))
    assert figures.gap_s(gone, [gone, back], seen, 5.0) == pytest.approx(2.2), "offline in between"


def test_the_first_attach_has_no_gap() -> None:
    move = Moved(0.5, None, "a", Reason.FIRST)
    assert figures.gap_s(move, [move], results((0.6, "a")), 5.0) is None


def test_a_move_that_is_overtaken_by_the_next_leaves_the_rest_of_the_gap_to_it() -> None:
    one, two = Moved(1.0, "a", "b", Reason.SILENT), Moved(1.5, "b", "c", Reason.SILENT)
    seen = results((0.9, "a"), (1.6, "c"))
    assert figures.gap_s(one, [one, two], seen, 5.0) == pytest.approx(0.6)
    assert figures.gap_s(two, [one, two], seen, 5.0) == pytest.approx(0.7)


def test_the_trace_is_a_table_with_a_line_a_tick(tmp_path: Path) -> None:
    recorder = recorded()
    recorder.trace.write_csv(tmp_path / "trace.csv")
    with (tmp_path / "trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(recorder.trace.ticks)
    assert rows[-1]["server_id"] == "edge-2"
    assert rows[0]["rtt_s"] == ""
    assert int(rows[-1]["results"]) == len(recorder.trace.results)


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "1" / "report.json"
    report.write(built(recorded()), file)
    assert json.loads(file.read_text())["seed"] == 1
    assert [each.name for each in file.parent.iterdir()] == ["report.json"]


def test_the_table_judges_each_figure_by_its_limit() -> None:
    good = built(recorded(), COUNTS, 60.0)
    assert {check.what for check in verdict.checks(good) if check.passed is False} == set()
    bad = json.loads(report.to_json(good))
    bad["offload"]["unaccounted"] = 1
    bad["safety"]["max_moving_age_ms"] = None
    assert {check.what for check in verdict.checks(bad) if check.passed is False} == {
        "frames unaccounted",
        "oldest result while moving",
    }
    bad["scenario"] = "lab"
    bad["follow"]["distance_rmse_m"] = 2.0
    judged = {check.what: check.passed for check in verdict.checks(bad)}
    assert judged["distance error, rms"] is None, "only the corridor has a limit for it"
    assert judged["frames unaccounted"] is False


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(verdict.summary_table(built(recorded(), COUNTS, 60.0)))
    text = console.export_text()
    assert "≤ 300 ms" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_who_was_dressed_is_in_the_report_and_judged_only_where_somebody_was_to_be() -> None:
    recorder = recorded()
    assert not [check for check in verdict.checks(built(recorder, COUNTS, 60.0)) if check.group == "mirror"]
    recorder.mirrored(Mirrored(12.0, 1.3, "tee-breton", True, "fitting-room", picture=b"secret"))
    got = built(recorder, COUNTS, 60.0)
    assert "secret" not in report.to_json(got)
    assert got["mirror"] == [
        {
            "t": 12.0,
            "garment": "tee-breton",
            "dressed": True,
            "took_s": 1.3,
            "node": "fitting-room",
            "why_not": None,
        }
    ]
    assert {check.passed for check in verdict.checks(got) if check.group == "mirror"} == {True, None}
    recorder.mirrored(Mirrored(20.0, 3.0, "tee-breton", False, why_not="Nobody could be seen."))
    failed = [check.what for check in verdict.checks(built(recorder, COUNTS, 60.0)) if check.passed is False]
    assert failed == ["people dressed"]


def test_a_run_of_the_mirror_in_which_nobody_asked_fails() -> None:
    got = recorded().build("mirror", 1, 10.0, 1.0, True, NOTHING)
    assert "pictures asked for" in [check.what for check in verdict.checks(got) if check.passed is False]
