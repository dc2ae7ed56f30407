"""What goes wrong in a scenario and when: a pure schedule, and who it strikes when its time comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from common.settings import Strict
from sim.shaping import LinkShape

ACTIVE = "active"  # the server that serves the robot when the fault comes due
LAST = "last"  # the server that the fault before struck


class _Striking(Strict):
    t_s: float = Field(ge=0)
    """Simulated time at which it happens."""
    server: str = ACTIVE
    """Id of a server, `active`, or `last` for the one that the fault before struck."""


class _Mending(Strict):
    t_s: float = Field(ge=0)
    """Simulated time at which it happens."""
    server: str = LAST
    """Id of a server, `active`, or `last` for the one that the fault before struck."""


class Kill(_Striking):
    """SIGKILL: the process is gone, its connections are closed by the kernel, nothing is withdrawn."""

    kind: Literal["kill"]
    for_s: float | None = Field(default=None, gt=0)
    """Started again after this long; never, when left out."""


class Freeze(_Striking):
    """SIGSTOP: connections stay open, nobody answers."""

    kind: Literal["freeze"]
    for_s: float | None = Field(default=None, gt=0)
    """Goes on after this long; never, when left out."""


class Cut(_Striking):
    """The link is dead in both directions and nobody is told."""

    kind: Literal["cut"]
    for_s: float | None = Field(default=None, gt=0)
    """Healed after this long; never, when left out."""


class Slow(_Striking):
    """The link gets worse than the radio model says."""

    kind: Literal["slow"]
    delay_s: float = Field(default=0.2, ge=0, le=10)
    """More delay, one way."""
    jitter_s: float = Field(default=0.0, ge=0, le=10)
    """More jitter."""
    rate_bps: float | None = Field(default=None, gt=0)
    """No faster than this."""
    loss: float = Field(default=0.0, ge=0, le=1)
    """More packets lost."""
    for_s: float | None = Field(default=None, gt=0)
    """Healed after this long; never, when left out."""

    @property
    def shape(self) -> LinkShape:
        rate = {} if self.rate_bps is None else {"rate_bps": self.rate_bps}
        return LinkShape(delay_s=self.delay_s, jitter_s=self.jitter_s, loss=self.loss, **rate)


class Corrupt(_Striking):
    """Bytes change on the way."""

    kind: Literal["corrupt"]
    share: float = Field(default=0.1, gt=0, le=1)
    """Of the pieces (up to 64 kB each) that get one wrong bit."""
    for_s: float | None = Field(default=None, gt=0)
    """Healed after this long; never, when left out."""


class Restart(_Mending):
    """A killed server is started again."""

    kind: Literal["restart"]


class Resume(_Mending):
    """A frozen server goes on (SIGCONT)."""

    kind: Literal["resume"]


class Heal(_Mending):
    """Ends `cut`, `slow` and `corrupt`."""

    kind: Literal["heal"]


Fault = Annotated[Kill | Restart | Freeze | Resume | Cut | Heal | Slow | Corrupt, Field(discriminator="kind")]


class Target(Protocol):
    """The servers and links that faults strike; answered by real processes and proxies, or by lockstep's models."""

    def kill(self, server_id: str) -> None: ...
    def restart(self, server_id: str) -> None: ...
    def freeze(self, server_id: str) -> None: ...
    def resume(self, server_id: str) -> None: ...
    def cut(self, server_id: str) -> None: ...
    def slow(self, server_id: str, worse: LinkShape) -> None: ...
    def corrupt(self, server_id: str, share: float) -> None: ...
    def heal(self, server_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault as it happened."""

    t_s: float
    kind: str
    server_id: str


class FaultSchedule:
    """Which faults are due. Those with `for_s` bring their own end with them, once they have struck."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._waiting: list[Fault] = sorted(faults, key=lambda fault: fault.t_s)
        self._last_id: str | None = None

    def due(self, now_s: float) -> list[Fault]:
        """Taken off the schedule, in order of time."""
        ripe = [fault for fault in self._waiting if fault.t_s <= now_s]
        self._waiting = self._waiting[len(ripe) :]
        return ripe

    def strike(self, now_s: float, active_id: str | None, target: Target) -> list[Struck]:
        """Apply all that is due. A fault for the active server waits until there is one."""
        struck: list[Struck] = []
        for fault in self.due(now_s):
            server_id = {ACTIVE: active_id, LAST: self._last_id}.get(fault.server, fault.server)
            if server_id is None:
                self._put_back(fault)
                continue
            apply(fault, server_id, target)
            self._last_id = server_id
            struck.append(Struck(now_s, fault.kind, server_id))
            if (end := _ending(fault, now_s, server_id)) is not None:
                self._put_back(end)
        return struck

    def _put_back(self, fault: Fault) -> None:
        self._waiting = sorted([*self._waiting, fault], key=lambda each: each.t_s)


def apply(fault: Fault, server_id: str, target: Target) -> None:
    match fault:
        case Kill():
            target.kill(server_id)
        case Restart():
            target.restart(server_id)
        case Freeze():
            target.freeze(server_id)
        case Resume():
            target.resume(server_id)
        case Cut():
            target.cut(server_id)
        case Slow():
            target.slow(server_id, fault.shape)
        case Corrupt():
            target.corrupt(server_id, fault.share)
        case Heal():
            target.heal(server_id)


def _ending(fault: Fault, now_s: float, server_id: str) -> Fault | None:
    if isinstance(fault, Restart | Resume | Heal) or fault.for_s is None:
        return None
    end_s = now_s + fault.for_s
    match fault:
        case Kill():
            return Restart(kind="restart", t_s=end_s, server=server_id)
        case Freeze():
            return Resume(kind="resume", t_s=end_s, server=server_id)
        case Cut() | Slow() | Corrupt():
            return Heal(kind="heal", t_s=end_s, server=server_id)
