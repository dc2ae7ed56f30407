"""A real edge server in a process of its own, for tests."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 30.0  # for processes on a busy machine; nothing is measured with it


class Edge:
    """A real edge server process that can be killed and started again at the same port."""

    def __init__(self, folder: Path, *tasks: str) -> None:
        self._ready = folder / "ready.json"
        self._tasks = tasks or ("person",)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tagalong", "edge", "--id", "edge-1", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--no-liquidedge", "--no-announce", "--ready-file", str(self._ready)]
        command += ["--colour", "#00ff00"]
        for task in self._tasks:
            command += ["--task", task, "--engine", f"{task}=oracle"]
        self.process = await asyncio.to_thread(quietly, command)
        await until(self._ready.exists)
        self.port = json.loads(self._ready.read_text())["port"]

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def quietly(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # processes and cores tell nobody
            await asyncio.sleep(0.01)
