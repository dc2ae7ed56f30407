"""Tells systemd how the robot is: ready, alive, what it does, ending. Without systemd nothing happens.

Thirty lines of our own: the library `sdnotify` sends on a blocking socket, so a busy systemd would hold up the control
loop, drops what is not Latin-1 without a word and never closes its socket.
"""

import logging
import math
import os
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from robot.decision import Decision

log = logging.getLogger(__name__)

STATUS_S = 1.0  # the status line changes no more often


class Notifier:
    """systemd's notify socket. Never blocks; a message it has no room for is dropped."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._socket: socket.socket | None = None
        if address:
            self._address = "\0" + address[1:] if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        watchdog_s = None
        if environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):  # else it is meant for another process
            micros = environ.get("WATCHDOG_USEC", "")
            watchdog_s = int(micros) / 1e6 if micros.isdecimal() and int(micros) else None
        return cls(environ.get("NOTIFY_SOCKET"), watchdog_s)

    @property
    def is_there(self) -> bool:
        return self._socket is not None

    def tell(self, **states: str) -> bool:
        """True when it was delivered."""
        if self._socket is None:
            return False
        text = "\n".join(f"{name}={_one_line(value)}" for name, value in states.items())
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError as error:
            log.debug("systemd was not told %r: %s", text, error)
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Service:
    """What systemd hears of one agent. Give `on_decision` to the agent: only ticks of the control loop feed the
    watchdog, so that a loop that hangs in a living process is noticed."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._sees: Callable[[], bool] = lambda: True
        self._ready = self._stopping = False
        self._fed_s = self._told_s = -math.inf
        self._status = ""

    def wait_for(self, sees: Callable[[], bool]) -> None:
        """Not ready before `sees` is true: a robot whose camera gave no picture yet is still starting."""
        self._sees = sees

    def on_decision(self, now_s: float, decision: Decision) -> None:
        """Once per tick, with its time."""
        if not self._notifier.is_there or self._stopping:
            return
        if not self._ready and self._sees():
            self._ready = self._notifier.tell(READY="1")
        watchdog_s = self._notifier.watchdog_s
        due = watchdog_s is not None and not 0 <= now_s - self._fed_s < watchdog_s / 2
        if due and self._notifier.tell(WATCHDOG="1"):
            self._fed_s = now_s
        status = f"{decision.state}, server {decision.server.server_id if decision.server else 'none'}"
        if status != self._status and not 0 <= now_s - self._told_s < STATUS_S:
            self._status, self._told_s = status, now_s
            self._notifier.tell(STATUS=status)

    def stopping(self) -> None:
        """The end has begun."""
        if not self._stopping:
            self._stopping = True
            self._notifier.tell(STOPPING="1", STATUS="stopping")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping()
        self._notifier.close()


def _one_line(text: str) -> str:
    """A server's name comes from the network: it must not bring lines of its own."""
    return "".join(each if each.isprintable() else " " for each in text)[:200]
