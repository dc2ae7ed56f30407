"""A script under DJI's package: runs in a process of its own, reports, and waits to be told to go on."""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.dji_sdk.interpreter import SdkPython

DEADLINE_S = 40.0


class Script:
    """`async with`; killed at the end if it has not ended by then."""

    def __init__(self, python: SdkPython, file: Path, how: dict[str, Any], folder: Path) -> None:
        self._python = python
        self._file = file
        self._how = how
        self._folder = folder
        self._errors = folder / f"{file.stem}-{os.urandom(3).hex()}.stderr"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._errors.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                self._python.program,
                str(self._file),
                json.dumps(self._how),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=self._folder,
                env=os.environ | self._python.environment,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(ConnectionError):
            await process.communicate()  # reads what is left, so that the pipes are closed

    async def reports(self, what: str) -> dict[str, Any]:
        """The next report, which has to be this one. The script stands still after it until `go`."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                said = await self._next()
        except TimeoutError:
            said = {"report": "nothing"}
        assert said.get("report") == what, f"{what} was to come, not {said}\n{self._errors.read_text()[-3000:]}"
        return said

    async def go(self) -> None:
        """On with it."""
        stdin = self._running().stdin
        assert stdin is not None
        stdin.write(b"\n")
        await stdin.drain()

    async def ends(self) -> None:
        """By itself and without an error: DJI's package leaves threads behind when it is not happy."""
        process = self._running()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await process.wait()
        except TimeoutError:
            raise AssertionError(f"{self._file.name} does not end\n{self._errors.read_text()[-3000:]}") from None
        assert process.returncode == 0, self._errors.read_text()[-3000:]

    async def output(self) -> str:
        """All that it prints until its end."""
        async with asyncio.timeout(DEADLINE_S):
            printed, _ = await self._running().communicate()
        return printed.decode()

    @property
    def complaints(self) -> str:
        """What the package has logged: errors only."""
        return self._errors.read_text()

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _next(self) -> dict[str, Any]:
        stdout = self._running().stdout
        assert stdout is not None
        while line := await stdout.readline():
            if line.startswith(b"{"):  # the package prints a word of its own now and then
                said: dict[str, Any] = json.loads(line)
                return said
        return {"report": "the end"}
