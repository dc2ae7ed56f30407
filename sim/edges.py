"""Real edge servers as child processes, for the simulator: started, watched, killed, frozen, ended.

Each has a session of its own: Ctrl-C in the terminal reaches only the simulator, which then ends them in order. Should
the simulator itself be killed, they die with it (see `sim.child`).
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import DeviceError
from sim.proxy import ShapingProxy

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 60.0  # imports and model loading take 2 to 4 s; three at once on two busy cores several times that
END_TIMEOUT_S = 5.0  # `tagalong edge` promises to end within this after SIGTERM
KEPT_LINES = 200
SHOWN_LINES = 15
MODULE = "tagalong"


class EdgeError(DeviceError):
    """An edge server did not start; the message ends with the last lines it wrote."""


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """What to start. `arguments` go to `tagalong edge` as they are."""

    server_id: str
    colour: str = "#ffffff"
    zone: str = ""
    capacity: int = 0  # 0: the server's own default
    engines: Mapping[str, str] = field(default_factory=dict)  # task -> engine
    announce: bool = True
    interface: str = "127.0.0.1"
    group: str = ""
    arguments: Sequence[str] = ()

    def command_line(self, ready_file: Path, announce_address: str | None) -> list[str]:
        line = ["edge", "--id", self.server_id, "--host", "127.0.0.1", "--port", "0", "--no-liquidedge"]
        line += ["--colour", self.colour, "--metrics-port", "0", "--ready-file", str(ready_file)]
        line += ["--announce", "--interface", self.interface] if self.announce else ["--no-announce"]
        if self.announce and self.group:
            line += ["--group", self.group]
        if self.zone:
            line += ["--zone", self.zone]
        if self.capacity:
            line += ["--capacity", str(self.capacity)]
        for task, engine in self.engines.items():
            line += ["--task", task, "--engine", f"{task}={engine}"]
        if announce_address:
            line += ["--announce-address", announce_address]
        return [*line, *self.arguments]


class EdgeProcess:
    """One `tagalong edge`. With a proxy it announces the proxy's port, so that its traffic goes over the radio."""

    def __init__(
        self,
        spec: EdgeSpec,
        proxy: ShapingProxy | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = MODULE,
    ) -> None:
        self.spec = spec
        self.port = 0
        self.metrics_port = 0
        self._proxy = proxy
        self._environment = environment
        self._module = module
        self._output = _Output()
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def server_id(self) -> str:
        return self.spec.server_id

    @property
    def pid(self) -> int | None:
        return self._transport.get_pid() if self._transport is not None else None

    @property
    def running(self) -> bool:
        return self._transport is not None and self._transport.get_returncode() is None

    @property
    def last_lines(self) -> list[str]:
        return list(self._output.lines)

    async def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start it and wait until it is ready. Raises EdgeError with its last lines when it is not."""
        if self.running:
            return
        with tempfile.TemporaryDirectory(prefix="tagalong-") as folder:
            ready_file = Path(folder) / "ready.json"
            address = f"127.0.0.1:{self._proxy.port}" if self._proxy is not None else None
            command = [sys.executable, "-m", "sim.child", str(os.getpid()), self._module]
            command += self.spec.command_line(ready_file, address)
            self._output = _Output()
            output = self._output
            self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: output,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(self._environment or {}), "PYTHONUNBUFFERED": "1"},
            )
            try:
                await self._wait_until_ready(ready_file, timeout_s)
            except BaseException:  # a cancelled start too must leave no process behind
                await self.terminate()
                raise
        if self._proxy is not None:
            self._proxy.upstream = ("127.0.0.1", self.port)

    async def _wait_until_ready(self, ready_file: Path, timeout_s: float) -> None:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while True:
            ready = _read_ready(ready_file)
            if ready is not None:
                self.port, self.metrics_port = ready
                return
            if self._output.exited.is_set():
                code = self._transport.get_returncode() if self._transport is not None else None
                raise EdgeError(f"edge server {self.server_id} ended with {code} before it was ready.{self._tail()}")
            if asyncio.get_running_loop().time() > deadline_s:
                raise EdgeError(f"edge server {self.server_id} was not ready within {timeout_s:g} s.{self._tail()}")
            try:
                await asyncio.wait_for(self._output.exited.wait(), 0.05)
            except TimeoutError:
                continue

    def _tail(self) -> str:
        lines = list(self._output.lines)[-SHOWN_LINES:]
        return " Its last lines:\n" + "\n".join(f"    {line}" for line in lines) if lines else " It wrote nothing."

    # ---- what can be done to it ----

    def kill(self) -> None:
        """SIGKILL, as a crash: nothing is withdrawn, connections break."""
        self._signal(signal.SIGKILL)
        if self._proxy is not None:
            self._proxy.upstream = None

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
                    log.warning("edge server %s did not end within %.0f s: killed", self.server_id, timeout_s)
        finally:
            self._signal(signal.SIGKILL)
        await self._output.gone.wait()
        code = self._transport.get_returncode()
        self._transport.close()
        return code

    async def restart(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """End it if need be and start it again; behind a proxy its address stays."""
        await self.terminate()
        await self.start(timeout_s)

    def cpu_s(self) -> float:
        """Processor time used so far; 0 when it does not run."""
        return cpu_s(self.pid) if self.running and self.pid is not None else 0.0

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


def cpu_s(pid: int) -> float:
    """User and system time of a process from /proc; 0 where it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces; utime and stime are fields 14 and 15
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_ready(file: Path) -> tuple[int, int] | None:
    """Port and metrics port, once the file is there and whole."""
    try:
        data = json.loads(file.read_text())
        return int(data["port"]), int(data.get("metrics_port") or 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
