"""Frames over a wire: orders that nobody answers, questions with their answers, and what the rover says by itself."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import BadMessageError
from protos.robomaster.frame import Frame, encode
from protos.robomaster.ids import Command, Host
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_wire import Wire

log = logging.getLogger(__name__)

FIRST_SEQ, LAST_SEQ = 10001, 20000  # the numbers that the SDK uses
ANSWER_S = 0.5  # a rover answers within some milliseconds; what is late is asked again
TRIES = 3
MOST_PENDING = 32
WANTS_ACK = 2  # as the SDK asks for all its answers, also for those that come at once
BACKLOG_BYTES = 4096  # more of this unsent, and a question fails at once

Handler = Callable[[bytes], None]


@dataclass(slots=True)
class Counts:
    """What came that nobody could use."""

    unknown: int = 0  # pushes that nobody listens to
    late: int = 0  # answers to questions that were given up, or never asked
    bad: int = 0  # pushes whose payload is broken
    unsent: int = 0  # orders held back because the link is stuck


class Link:
    """One connection. `lost` says why it is over, once it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wire: Wire | None = None
        self._seqs = itertools.cycle(range(FIRST_SEQ, LAST_SEQ + 1))
        self._pending: dict[tuple[int, int, int], asyncio.Future[bytes | None]] = {}  # None: will not come
        self._handlers: dict[tuple[int, int], Handler] = {}
        self.counts = Counts()
        self.heard_s = clock()  # any whole frame
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def use(self, wire: Wire) -> None:
        self._wire = wire

    def close(self) -> None:
        """Every question still open fails."""
        self.on_lost("closed")
        if self._wire is not None:
            self._wire.close()

    # ---- out ----

    def frame(self, to: int, command: Command, payload: bytes = b"", wants_ack: int = 0) -> Frame:
        return Frame(Host.SDK, to, next(self._seqs), command.cmdset, command.cmdid, payload, False, wants_ack)

    def tell(self, to: int, command: Command, payload: bytes = b"", most_backlog: int = BACKLOG_BYTES) -> bool:
        """Never waits. False: not sent, because `most_backlog` bytes are still on their way."""
        return self._send(self.frame(to, command, payload), most_backlog)

    async def ask(self, to: int, command: Command, payload: bytes = b"", tries: int = TRIES) -> bytes:
        """The answer's payload, return code included. Raises RoverGone when none comes."""
        for _ in range(tries):
            if self.lost.done():
                break
            answer = await self._ask_once(self.frame(to, command, payload, WANTS_ACK))
            if answer is not None:
                return answer
        why = f"({self.lost.result()})" if self.lost.done() else f"within {tries * ANSWER_S:.1f} s"
        raise RoverGone(f"rover: no answer to {command.name} {why}. Was it switched off, or is it out of reach?")

    async def order(self, to: int, command: Command, payload: bytes = b"") -> int:
        """The return code, 0 for done. Raises RoverGone when none comes."""
        answer = await self.ask(to, command, payload)
        return answer[0] if answer else 0

    async def _ask_once(self, frame: Frame) -> bytes | None:
        if len(self._pending) >= MOST_PENDING:
            raise RoverGone(f"rover: {MOST_PENDING} questions are unanswered. Is it out of reach?")
        key = (frame.seq, frame.cmdset, frame.cmdid)
        answer = self._pending[key] = asyncio.get_running_loop().create_future()
        try:
            self._send(frame, BACKLOG_BYTES)
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._pending.pop(key, None)

    def _send(self, frame: Frame, most_backlog: int) -> bool:
        if self._wire is None or self.lost.done():
            return False
        if self._wire.backlog_bytes >= most_backlog:
            self.counts.unsent += 1
            return False
        self._wire.send(encode(frame))
        return True

    @property
    def backlog_bytes(self) -> int:
        """What was sent and has not left, or (TCP) has not been taken."""
        return self._wire.backlog_bytes if self._wire else 0

    @property
    def fileno(self) -> int:
        assert self._wire is not None
        return self._wire.fileno

    # ---- in ----

    def listen(self, command: Command, handler: Handler) -> None:
        """`handler` gets the payload of each push; a BadMessageError of it is counted."""
        self._handlers[command.value] = handler

    def on_frames(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self.heard_s = self._clock()
            if frame.is_ack:
                self._on_answer(frame)
            else:
                self._on_push(frame)

    def on_lost(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_result(None)

    def _on_answer(self, frame: Frame) -> None:
        answer = self._pending.get((frame.seq, frame.cmdset, frame.cmdid))
        if answer is None or answer.done():
            self.counts.late += 1
        else:
            answer.set_result(frame.payload)

    def _on_push(self, frame: Frame) -> None:
        handler = self._handlers.get((frame.cmdset, frame.cmdid))
        if handler is None:
            self.counts.unknown += 1
            return
        try:
            handler(frame.payload)
        except BadMessageError as error:
            self.counts.bad += 1
            log.debug("rover: %s", error)
