"""Real edge servers as child processes, for the simulator."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import DeviceError
from common.process import ChildProcess
from sim.proxy import ShapingProxy

READY_TIMEOUT_S = 60.0  # imports and model loading take 2 to 4 s; three at once on two busy cores several times that
END_TIMEOUT_S = 5.0  # `tagalong edge` promises to end within this after SIGTERM
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
        self._child = ChildProcess(f"edge server {spec.server_id}", EdgeError)

    @property
    def server_id(self) -> str:
        return self.spec.server_id

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def last_lines(self) -> list[str]:
        return self._child.last_lines

    async def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start it and wait until it is ready. Raises EdgeError with its last lines when it is not."""
        if self.running:
            return
        with tempfile.TemporaryDirectory(prefix="tagalong-") as folder:
            ready_file = Path(folder) / "ready.json"
            address = f"127.0.0.1:{self._proxy.port}" if self._proxy is not None else None
            command = [self._module, *self.spec.command_line(ready_file, address)]
            await self._child.start(command, lambda: self._is_ready(ready_file), timeout_s, self._environment)
        if self._proxy is not None:
            self._proxy.upstream = ("127.0.0.1", self.port)

    def _is_ready(self, file: Path) -> bool:
        ready = _read_ready(file)
        if ready is None:
            return False
        self.port, self.metrics_port = ready
        return True

    # ---- what can be done to it ----

    def kill(self) -> None:
        """SIGKILL, as a crash: nothing is withdrawn, connections break."""
        self._child.kill()
        if self._proxy is not None:
            self._proxy.upstream = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        self._child.freeze()

    def resume(self) -> None:
        self._child.resume()

    async def terminate(self, timeout_s: float = END_TIMEOUT_S) -> int | None:
        """SIGTERM, then SIGKILL if it is still there; returns its exit status (None: it never ran)."""
        return await self._child.terminate(timeout_s)

    async def restart(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """End it if need be and start it again; behind a proxy its address stays."""
        await self.terminate()
        await self.start(timeout_s)

    def cpu_s(self) -> float:
        """Processor time used so far; 0 when it does not run."""
        return cpu_s(self.pid) if self.running and self.pid is not None else 0.0


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
