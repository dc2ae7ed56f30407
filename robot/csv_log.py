"""The CSV log: one line an answer, one a second without. Written in the background, never waited for."""

import asyncio
import csv
import logging
import math
from collections import deque
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TextIO

from common.errors import ConfigError

log = logging.getLogger(__name__)

COLUMNS = ("time", "state", "server", "rtt", "detections", "x", "y", "heading", "fps")
WRITE_EVERY_S = 0.5
MOST_ROWS = 2000  # kept while the disk is slow: over a minute's worth; then the oldest are dropped


@dataclass(frozen=True, slots=True)
class Row:
    time_s: float  # since 1970, to compare logs of several machines
    state: str
    server: str
    rtt_s: float  # nan: no answer in this line
    detections: int
    x_m: float
    y_m: float
    heading_rad: float
    fps: float

    def cells(self) -> list[str]:
        return [_cell(value) for value in astuple(self)]


class CsvLog:
    """`add` never waits; `run` writes until cancelled, then the rest."""

    def __init__(self, path: Path, max_mb: float = 50.0) -> None:
        self._path = path
        self._max_bytes = round(max_mb * 1e6)
        self._rows: deque[Row] = deque(maxlen=MOST_ROWS)
        self.dropped = 0

    def add(self, row: Row) -> None:
        if len(self._rows) == MOST_ROWS:
            self.dropped += 1
        self._rows.append(row)

    def check(self) -> None:
        """Raises ConfigError when the file cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise ConfigError(f"log.path: {self._path} cannot be written ({error.strerror}); give another") from error

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY_S)
                await asyncio.to_thread(self._write)
        finally:
            self._write()

    def _write(self) -> None:
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        if not rows:
            return
        try:
            if self._path.exists() and self._path.stat().st_size > self._max_bytes:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
            with self._path.open("a", encoding="utf-8", newline="") as file:
                _write_rows(file, rows)
        except OSError as error:  # a full disk must not stop the robot
            self.dropped += len(rows)
            log.warning("%s: %d lines are lost (%s)", self._path, len(rows), error.strerror)


def _write_rows(file: TextIO, rows: list[Row]) -> None:
    writer = csv.writer(file)
    if file.tell() == 0:
        writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in rows)


def _cell(value: float | str) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)
