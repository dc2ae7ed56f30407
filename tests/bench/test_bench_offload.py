"""The offload bench measures a real server process; here only that it runs and adds up, not how fast."""

import json

import pytest

from bench import offload
from bench.__main__ import main


def test_every_way_is_measured_and_every_frame_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "ROBOTS", (1, 2))
    assert main(["offload", "--engine", "oracle", "--frames", "5", "--seconds", "0.2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["engine"] == "oracle"
    ways = [(row["name"], row["robots"]) for row in report["rows"]]
    camera = "camera 30/s, two in flight"
    assert ways == [
        ("in-process", 0),
        ("one at a time", 1),
        ("two in flight", 1),
        ("stop and wait", 1),
        ("stop and wait", 2),
        (camera, 1),
        (camera, 2),
    ]
    for row in report["rows"]:
        assert row["fps"] > 0
        assert row["ms"]["p50"] <= row["ms"]["p95"] <= row["ms"]["p99"]
        assert row["robot_cpu_ms"] > 0
    for row in report["rows"][1:4]:
        assert row["outcomes"].get("rejected", 0) == 0
        assert row["outcomes"]["result"] > 0


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["speed"], 2), (["--help"], 0)])
def test_the_benches_are_listed(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    assert "offload" in capsys.readouterr().err


def test_an_engine_that_does_not_exist_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offload", "--engine", "oracel"]) == 2
    assert "Did you mean 'oracle'?" in capsys.readouterr().err
