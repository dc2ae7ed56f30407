"""Child processes: started, watched, killed, frozen, ended.

Each has a session of its own: Ctrl-C in the terminal reaches only the parent, which then ends them in order. Should the
parent itself be killed, they die with it (see `common.child`).
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from common.errors import DeviceError

log = logging.getLogger(__name__)

END_TIMEOUT_S = 5.0
LAST_WORDS_S = 1.0  # what an ended process wrote is read at once, unless a child of its own holds the pipe open
KEPT_LINES = 200
SHOWN_LINES = 15


class ChildProcess:
    """One child; `name` stands in its messages, `error` is raised when it does not start."""

    def __init__(self, name: str, error: type[DeviceError]) -> None:
        self.name = name
        self._error = error
        self._output = _Output()
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def pid(self) -> int | None:
        return self._transport.get_pid() if self._transport is not None else None

    @property
    def running(self) -> bool:
        return self._transport is not None and self._transport.get_returncode() is None

    @property
    def last_lines(self) -> list[str]:
        return list(self._output.lines)

    async def start(
        self,
        command: Sequence[str],
        ready: Callable[[], bool],
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it and wait until `ready` says so. Raises the error with its last lines when it does not.

        `command` is a module with its arguments, or `--` and a program with its arguments.
        """
        self._output = _Output()
        output = self._output
        self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: output,
            *(sys.executable, "-m", "common.child", str(os.getpid()), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
        )
        try:
            await self._wait_until(ready, timeout_s)
        except BaseException:  # a cancelled start too must leave no process behind
            await self.terminate()
            raise

    async def _wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not ready():
            if self._output.exited.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._output.gone.wait(), LAST_WORDS_S)
                code = self._transport.get_returncode() if self._transport is not None else None
                raise self._error(f"{self.name} ended with {code} before it was ready.{self._tail()}")
            if asyncio.get_running_loop().time() > deadline_s:
                raise self._error(f"{self.name} was not ready within {timeout_s:g} s.{self._tail()}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._output.exited.wait(), 0.05)

    def _tail(self) -> str:
        lines = self.last_lines[-SHOWN_LINES:]
        return " Its last lines:\n" + "\n".join(f"    {line}" for line in lines) if lines else " It wrote nothing."

    # ---- what can be done to it ----

    def kill(self) -> None:
        """SIGKILL, as a crash: nothing is saved or withdrawn, connections break."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def terminate(self, timeout_s: float = END_TIMEOUT_S) -> int | None:
        """SIGTERM, then SIGKILL if it is still there; returns its exit status (None: it never ran)."""
        if self._transport is None:
            return None
        try:
            if self.running:
                self._signal(signal.SIGTERM)
                self._signal(signal.SIGCONT)  # a frozen one would never see it
                try:
                    await asyncio.wait_for(self._output.exited.wait(), timeout_s)
                except TimeoutError:
                    log.warning("%s did not end within %.0f s: killed", self.name, timeout_s)
        finally:
            self._signal(signal.SIGKILL)
        await self._output.gone.wait()
        code = self._transport.get_returncode()
        self._transport.close()
        return code

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is None or not self.running:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended just now
            os.killpg(self.pid, number)  # the leader of its own group: its id is the group's


class _Output(asyncio.SubprocessProtocol):
    """Keeps the last lines and notices the end."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.exited = asyncio.Event()  # the process
        self.gone = asyncio.Event()  # the process and its pipes
        self._rest = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-4096:]
        self.lines.extend(line[:1000].decode(errors="replace").rstrip("\r") for line in lines)

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self._rest:
            self.lines.append(self._rest.decode(errors="replace"))
            self._rest = b""
        self.exited.set()
        self.gone.set()
