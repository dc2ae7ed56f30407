"""Frames one at a time over TCP, with a pause between them.

DJI's package decodes one frame each time that it reads, however much it read. Frames that arrive together pile up
there, until answers come later than it waits for them. So each frame goes out alone. What was asked for goes first;
of samples that had to wait, only the newest goes out.
"""

import asyncio
from collections import deque
from collections.abc import Callable

PAUSE_S = 0.002
WAITING_MAX = 256  # frames; the oldest is dropped where more wait for a client that does not read


class Pacer:
    """Between a session and one TCP connection."""

    def __init__(self, write: Callable[[bytes], None], loop: asyncio.AbstractEventLoop) -> None:
        self._write = write
        self._loop = loop
        self._first: deque[bytes] = deque(maxlen=WAITING_MAX)
        self._newest: dict[int, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_held = False
        self._is_closed = False

    def put(self, data: bytes, stream: int | None = None) -> None:
        """`stream`: in the place of what waits of the same stream."""
        if stream is None:
            self._first.append(data)
        else:
            self._newest[stream] = data
        if self._timer is None:
            self._next()

    def hold(self) -> None:
        """The connection's buffer is full."""
        self._is_held = True

    def go_on(self) -> None:
        self._is_held = False
        if self._timer is None:
            self._next()

    def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        self._timer = None
        if self._is_held or self._is_closed:
            return
        if self._first:
            self._write(self._first.popleft())
        elif self._newest:
            self._write(self._newest.pop(next(iter(self._newest))))
        else:
            return
        self._timer = self._loop.call_later(PAUSE_S, self._next)
