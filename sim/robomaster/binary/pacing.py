"""Frames one at a time over TCP, with a pause between them.

DJI's package decodes one frame each time that it reads, however much it read. Frames that arrive together pile up
there for good, until answers come later than it waits for them. So each frame goes out alone. On a busy machine two
are read together all the same; what makes good for it is a read that brings no whole frame. So the last frame of a
burst goes out in two parts.

What was asked for goes first; of samples that have to wait, only the newest goes out.
"""

import asyncio
from collections import deque
from collections.abc import Callable

PAUSE_S = 0.002
FIRST_PART_BYTES = 6
WAITING_MAX = 256  # frames; the oldest is dropped where more wait for a client that does not read


class Pacer:
    """Between a session and one TCP connection."""

    def __init__(self, write: Callable[[bytes], None], loop: asyncio.AbstractEventLoop) -> None:
        self._write = write
        self._loop = loop
        self._rest = b""  # of the frame that has begun
        self._first: deque[bytes] = deque(maxlen=WAITING_MAX)
        self._newest: dict[int, bytes] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_held = False
        self._is_closed = False

    def put(self, data: bytes, stream: int | None = None) -> None:
        """One frame. `stream`: in the place of what waits of the same stream."""
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
        part = self._part()
        if part:
            self._timer = self._loop.call_later(PAUSE_S, self._next)
            self._write(part)

    def _part(self) -> bytes:
        """What goes out now; empty: nothing waits."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        if self._first:
            frame = self._first.popleft()
        elif self._newest:
            frame = self._newest.pop(next(iter(self._newest)))
        else:
            return b""
        if self._first or self._newest:
            return frame
        self._rest = frame[FIRST_PART_BYTES:]
        return frame[:FIRST_PART_BYTES]
