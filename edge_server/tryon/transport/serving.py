"""Answering: a thread a connection, a bounded number of them; whoever hangs up stops the work done for it."""

import logging
import threading
import time

from common.errors import BadMessageError, TagalongError
from edge_server.tryon.transport.calls import Handler, Stopped
from edge_server.tryon.transport.parcel import Frame, Kind, Parcel
from edge_server.tryon.transport.pipe import Listener, Pipe, PipeClosed

log = logging.getLogger(__name__)

IDLE_S = 1.0  # a connection without a call wakes up this often
LEAVE_S = 5.0  # for handlers to notice that they are to stop


class Serving:
    """The answering end, from `serve` until `close`."""

    def __init__(self, handler: Handler, max_connections: int) -> None:
        self._handler, self._max = handler, max_connections
        self._pipes: set[Pipe] = set()
        self._changed = threading.Condition()
        self._closing = False
        self.listener: Listener | None = None

    @property
    def address(self) -> str:
        """As a caller writes it."""
        return self.listener.address if self.listener else ""

    @property
    def connections(self) -> int:
        return len(self._pipes)

    def close(self) -> None:
        """Hang up on everyone, and wait a little for handlers to end."""
        with self._changed:
            self._closing = True
            pipes = list(self._pipes)
        for pipe in pipes:
            pipe.hang_up()
        if self.listener is not None:
            self.listener.close()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._pipes, LEAVE_S):
                log.warning("%s: %d calls did not stop within %.0f s", self.address, len(self._pipes), LEAVE_S)

    def run_pipe(self, pipe: Pipe) -> None:
        """Answer the calls of one connection until it ends; in a thread of its own."""
        with self._changed:
            full = len(self._pipes) >= self._max
            if not full and not self._closing:
                self._pipes.add(pipe)
        try:
            if full:
                pipe.send(_error("Full", f"{self._max} callers are connected already. Try again later."))
                pipe.receive(IDLE_S)  # read, or hanging up would take the message back
            while not (full or self._closing):
                frame = pipe.receive(IDLE_S)
                if frame is not None:
                    self._answer(pipe, frame)
        except PipeClosed:
            pass
        except BadMessageError as error:
            log.warning("%s: hung up on a caller: %s", self.address, error)
        finally:
            pipe.close()
            with self._changed:
                self._pipes.discard(pipe)
                self._changed.notify_all()

    def _answer(self, pipe: Pipe, call: Frame) -> None:
        if call.kind is not Kind.CALL:
            raise BadMessageError(f"a caller sent a {call.kind.name}, which is not its to send")
        due_s = time.monotonic() + call.timeout_s

        def emit(event: bytes) -> None:
            if self._closing:
                raise Stopped("this server is about to end")
            if time.monotonic() > due_s:
                raise Stopped(f"the caller waited for {call.timeout_s:.2f} s and no longer")
            try:
                pipe.check()
                pipe.send(Frame(Kind.EVENT, Parcel(event)))
            except PipeClosed as error:
                raise Stopped("the caller has hung up") from error

        try:
            reply = Frame(Kind.REPLY, self._handler(call.parcel, emit))
        except TagalongError as error:
            reply = _error(type(error).__name__, str(error))
        except Exception as error:  # a handler's mistake must not take the other connections along
            log.exception("%s: a call failed", self.address)
            reply = _error("InternalError", f"the server failed ({type(error).__name__}). Its log says more.")
        try:
            pipe.send(reply)
        except BadMessageError as error:  # the answer is too large, or of a type that cannot be sent
            pipe.send(_error("BadMessageError", str(error)))


def _error(kind: str, message: str) -> Frame:
    return Frame(Kind.ERROR, Parcel(f"{kind}\n{message}"[:4096].encode()))
