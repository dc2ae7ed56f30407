"""The benchmark of the binary protocol: its parts and its output, no figures."""

import json

import pytest

from bench import robomaster
from protos.robomaster.frame import crc16


def test_the_slow_checksum_is_the_same_one() -> None:
    assert robomaster.plain_crc16(b"tagalong") == crc16(b"tagalong")


def test_all_frames_of_a_sound_stream_are_read_and_most_of_a_damaged_one() -> None:
    assert robomaster.read_all(robomaster.stream(200, seed=1)) == 200
    assert 150 < robomaster.read_all(robomaster.stream(200, seed=1, damage=0.1)) < 200


def test_it_prints_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    status = robomaster.main(["--frames", "200", "--runs", "1", "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    frames = next(row for row in rows if row["required_mb_s"])
    assert status == (0 if frames["mb_s"] >= frames["required_mb_s"] else 1)
    robomaster.main(["--frames", "200", "--runs", "1"])
    assert "every tenth damaged" in capsys.readouterr().out


def test_it_wants_at_least_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        robomaster.main(["--runs", "0"])
    assert "at least 1" in capsys.readouterr().err
