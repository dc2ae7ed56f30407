"""The CSV log keeps up with nobody waiting for it."""

import asyncio
import csv
import math
from pathlib import Path

import pytest

from common.errors import ConfigError
from robot.csv_log import COLUMNS, MOST_ROWS, CsvLog, Row

ROW = Row(1700000000.25, "follow", "edge-1", 0.0421, 2, 1.5, -0.25, 3.14159, 19.0)


async def written(log: CsvLog) -> None:
    """Run the log for a moment; it writes the rest when it is cancelled."""
    task = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_lines_stand_under_their_columns_and_a_second_run_goes_on_below(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "run.csv"
    for _ in range(2):
        log = CsvLog(path)
        log.check()
        log.add(ROW)
        await written(log)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert (rows[0]["time"], rows[0]["rtt"], rows[0]["detections"]) == ("1700000000.25", "0.0421", "2")


async def test_what_is_not_known_stays_empty(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "run.csv")
    log.add(Row(1.0, "offline", "", math.nan, 0, 0.0, 0.0, 0.0, 0.0))
    await written(log)
    assert (tmp_path / "run.csv").read_text().splitlines()[1] == "1,offline,,,0,0,0,0,0"


async def test_a_full_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    log = CsvLog(path, max_mb=0.0001)
    for _ in range(3):
        for _ in range(10):
            log.add(ROW)
        await written(log)
    assert (tmp_path / "run.csv.1").exists()
    assert path.read_text().startswith("time,state")


async def test_while_nobody_writes_the_oldest_lines_make_room(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "run.csv")
    for _ in range(MOST_ROWS + 5):
        log.add(ROW)
    assert log.dropped == 5


async def test_a_place_that_cannot_be_written_is_told_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"log\.path: .*cannot be written"):
        CsvLog(tmp_path / "file" / "run.csv").check()


async def test_a_disk_that_fails_later_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    log = CsvLog(path)
    path.mkdir()
    log.add(ROW)
    await written(log)
    assert log.dropped == 1
