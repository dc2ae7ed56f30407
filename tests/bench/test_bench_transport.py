"""The transport bench measures real server processes; here only that it runs and adds up, not how fast."""

import json

import pytest

from bench.__main__ import main


def test_every_transport_is_measured_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transport", "--calls", "15", "--megabytes", "0.1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    ways = [(row["name"], row["back"]) for row in report["rows"] if not row["name"].startswith("UCX")]
    names = ["gRPC, TCP", "gRPC, Unix socket", "shared memory"]
    assert ways == [(name, back) for back in (False, True) for name in names]
    assert ("UCX" in report["left_out"]) is (len(report["rows"]) == 6)
    for row in report["rows"]:
        assert 0 < row["p50"] <= row["p99"]
        assert row["ratio"] > 0
        assert row["name"] != "gRPC, TCP" or row["ratio"] == 1


def test_the_table_names_what_is_left_out_and_wrong_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transport", "--calls", "1", "--megabytes", "0.01"]) == 0
    assert "shared memory" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["transport", "--calls", "0"])
