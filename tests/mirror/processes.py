"""`tagalong mirror` and `tagalong edge` as programs of their own."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.errors import ModelError
from edge_server.models.store import ModelStore

TAGALONG = (sys.executable, "-c", "from tagalong.cli import main; main()")


def need_models() -> None:
    """Skips where the networks for key points have not been pulled."""
    try:
        for name in ("blazepose", "blazepose-landmarks"):
            ModelStore().path(name)
    except ModelError as error:
        pytest.skip(str(error))


@dataclass
class Program:
    process: asyncio.subprocess.Process
    port: int
    name: str = ""

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)


@asynccontextmanager
async def started(*arguments: str, folder: Path, log: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environ = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / log).open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *TAGALONG, *arguments, cwd=folder, env=environ, stdout=out, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(8):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
                raise


@asynccontextmanager
async def mirror_program(folder: Path, *arguments: str) -> AsyncIterator[Program]:
    """Plain HTTP on a free port of loopback; nothing is looked for in the network."""
    options = ("--plain-http", "--port", "0", "--no-discovery", "--log-level", "debug")
    async with started("mirror", *options, *arguments, folder=folder, log="mirror.log") as process:
        async with asyncio.timeout(40):
            while not (found := re.search(r"ready: http://127\.0\.0\.1:(\d+)", (folder / "mirror.log").read_text())):
                assert process.returncode is None, (folder / "mirror.log").read_text()
                await asyncio.sleep(0.05)
        yield Program(process, int(found[1]))


@asynccontextmanager
async def edge_program(folder: Path, name: str, *arguments: str) -> AsyncIterator[Program]:
    ready = folder / f"{name}.json"
    options = ("--id", name, "--host", "127.0.0.1", "--port", "0", "--no-announce", "--no-liquidedge")
    async with started(
        "edge", *options, "--ready-file", str(ready), *arguments, folder=folder, log=f"{name}.log"
    ) as process:
        async with asyncio.timeout(40):
            while not ready.exists():
                assert process.returncode is None, (folder / f"{name}.log").read_text()
                await asyncio.sleep(0.05)
        yield Program(process, int(json.loads(ready.read_text())["port"]), name)
