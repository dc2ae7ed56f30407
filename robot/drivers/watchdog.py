"""Wheels stand still when commands cease, whatever became of the control loop."""

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

WATCHDOG_S = 0.25
# The control loop drives every 0.02 s. A base that hears nothing for twelve of its periods has lost its driver; others
# wait longer (LeKiwi 0.5 s, Viam 2 s), which at 1 m/s is too far.


class Watchdog:
    """`feed` with each command; `on_silence` is called once when feeding stops, and again after the next silence.

    It lives on the event loop's timer, so it sees a control loop that hangs, ends or is late, but not a whole process
    that is stopped: a base with a processor of its own needs its own timer as well.
    """

    def __init__(self, on_silence: Callable[[], None], limit_s: float = WATCHDOG_S) -> None:
        self._on_silence = on_silence
        self._limit_s = limit_s
        self._fed_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.barks = 0

    def feed(self) -> None:
        loop = asyncio.get_running_loop()
        self._fed_s = loop.time()
        if self._timer is None:  # one timer that looks again, not a new one for each of 50 commands a second
            self._timer = loop.call_later(self._limit_s, self._look)

    def rest(self) -> None:
        """Standing on purpose: nothing to watch until the next `feed`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        left_s = self._fed_s + self._limit_s - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
            return
        self._timer = None
        self.barks += 1
        log.warning("no command for %.2f s, the wheels are stopped", self._limit_s)
        self._on_silence()
