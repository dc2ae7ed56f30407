"""Asking: one call at a time over a pipe that is made when it is needed and made anew after it broke."""

import threading
import time
from collections.abc import Callable

from common.errors import BadMessageError, LinkError, TagalongError
from edge_server.tryon.transport.parcel import Frame, Kind, Parcel
from edge_server.tryon.transport.pipe import Pipe, PipeClosed

TICK_S = 0.05  # how soon a caller that has lost interest is heard
Emit = Callable[[bytes], None]
Handler = Callable[[Parcel, Emit], Parcel]
"""Answers a call. Its second argument tells the caller of progress, and raises Stopped when nobody waits any more.

Runs in a thread of the connection's own, several connections at once. Tensors of the call are read-only and valid until
the handler returns: it copies what it keeps. Any TagalongError becomes CallRefused at the caller.
"""


class Stopped(TagalongError):
    """The caller is gone, has lost interest, or its time has passed."""


class CallRefused(TagalongError):
    """The handler raised. `kind` is the name of what it raised."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Caller:
    """The asking end. Threads that call at the same time take turns."""

    def __init__(self, address: str, open_pipe: Callable[[float], Pipe]) -> None:
        self.address = address
        self._open_pipe = open_pipe
        self._pipe: Pipe | None = None
        self._turn, self._closed = threading.Lock(), False

    def call(
        self,
        parcel: Parcel,
        timeout_s: float,
        on_event: Callable[[bytes], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Parcel:
        """Send and wait for the answer.

        `check` is called every 50 ms while nothing comes. What it or `on_event` raises ends the call: the other side
        is told by the end of the connection, and the next call makes a new one. Raises LinkError (nobody there, gone
        in the middle, too late), CallRefused, BadMessageError (this parcel cannot be sent).
        """
        due_s = time.monotonic() + timeout_s
        if not self._turn.acquire(timeout=timeout_s):
            raise LinkError(f"{self.address}: another call did not end within {timeout_s:.2f} s.")
        try:
            self._drop_if_dead()
            return self._once(parcel, due_s, timeout_s, on_event, check)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Also ends a call that another thread waits in."""
        self._closed = True
        pipe = self._pipe
        if pipe is not None:
            pipe.hang_up()
        with self._turn:  # that thread gives the pipe back; one that lay idle goes here
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None

    def _drop_if_dead(self) -> None:
        """The other side may have started anew since the last call; a call itself is never sent twice."""
        try:
            if self._pipe is not None:
                self._pipe.check()
        except PipeClosed:
            if self._pipe is not None:
                self._pipe.close()
            self._pipe = None

    def _once(
        self,
        parcel: Parcel,
        due_s: float,
        timeout_s: float,
        on_event: Callable[[bytes], None] | None,
        check: Callable[[], None] | None,
    ) -> Parcel:
        if self._closed:
            raise PipeClosed(f"the way to {self.address} was closed on this side.")
        if self._pipe is None:
            self._pipe = self._open_pipe(max(0.001, due_s - time.monotonic()))
        pipe, whole = self._pipe, False
        try:
            pipe.send(Frame(Kind.CALL, parcel, max(0.001, due_s - time.monotonic())))
            while True:
                left_s = due_s - time.monotonic()
                if left_s <= 0:
                    raise LinkError(f"{self.address} sent no answer in {timeout_s:.2f} s. Check what runs there.")
                frame = pipe.receive(min(TICK_S, left_s))
                if frame is None:
                    if check is not None:
                        check()
                elif frame.kind is Kind.EVENT:
                    if on_event is not None:
                        on_event(frame.parcel.head)
                elif frame.kind is Kind.ERROR:
                    whole = True
                    kind, _, message = frame.parcel.head.decode("utf-8", "replace").partition("\n")
                    raise CallRefused(kind, message)
                elif frame.kind is Kind.REPLY:
                    whole = True
                    if pipe.borrows:
                        return Parcel(frame.parcel.head, tuple(tensor.copy() for tensor in frame.parcel.tensors))
                    return frame.parcel
                else:
                    raise BadMessageError(f"{self.address} sent a {frame.kind.name}, which is not its to send")
        finally:
            if not whole:  # what is still on its way would be taken for the answer to the next call
                self._pipe = None
                pipe.close()
