"""A watcher for tests, and packages that bring one, as they lie on a disk."""

import asyncio
from pathlib import Path

from robot.values import Frame
from robot.watching import Answered


class Onlooker:
    """Remembers what it is told; `fails`: the name of the call in which it raises."""

    def __init__(self, *tasks: str, fails: str = "") -> None:
        self.tasks = tasks
        self.fails = fails
        self.seen: list[tuple[int, float]] = []
        self.answers: list[Answered] = []
        self.starts = 0
        self.ended = False

    def saw(self, number: int, frame: Frame) -> None:
        self.seen.append((number, frame.capture_s))
        self._fail("saw")

    def answered(self, answer: Answered) -> None:
        self.answers.append(answer)
        self._fail("answered")

    async def run(self) -> None:
        self.starts += 1
        self._fail("run")
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    async def probe(self) -> str:
        self._fail("probe")
        return "all that it needs is there"

    def _fail(self, call: str) -> None:
        if self.fails == call:
            raise RuntimeError(f"{call} went wrong")


def install(folder: Path, group: str, code: str, name: str = "archive") -> None:
    """A package in that folder whose entry point `name` is the function `watcher` of this code."""
    info = folder / "onlooking-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onlooking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = onlooking:watcher\n")
    (folder / "onlooking.py").write_text(code)
