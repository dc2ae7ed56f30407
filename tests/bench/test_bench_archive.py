"""The archive bench runs real brokers and programs; here only that it runs and adds up, not how fast."""

import json

import pytest

from bench.__main__ import main
from tests.archive.brokers import need_mosquitto


def test_every_way_brings_all_faces(capsys: pytest.CaptureFixture[str]) -> None:
    need_mosquitto()
    assert main(["archive", "--faces", "20", "--rate", "20", "--seconds", "0.5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in report["rows"]] == [
        "forwarder, receipts", "forwarder, broker's word", "Mosquitto's bridge",
    ]  # fmt: skip
    assert 9 < report["kilobytes"] < 11
    for row in report["rows"]:
        assert row["faces_per_s"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert all(mb > 1 for mb in row["memory_mb"].values())
        assert ("forwarder" in row["memory_mb"]) is row["name"].startswith("forwarder")
    assert report["rows"][2]["ratio"] == 1


def test_wrong_options_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["archive", "--faces", "0"])
