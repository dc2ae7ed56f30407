"""One conversation by the text protocol: commands out, answers back to whom they belong, pushes to one listener."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from common.errors import BadMessageError, DeviceError
from protos.robomaster.text import Push, Splitter, Value, command, parse, pushes
from protos.robomaster.unverified import FAIL
from robot.robomaster.text_wire import Wire

log = logging.getLogger(__name__)

GUARDS_SEQ = 0  # the guard's own stops carry this number; their answers are nobody's
MOST_PENDING = 64
ANSWER_S = 1.5
REORDER_S = 0.3  # an answer may overtake one to a question so much older, not more
SLOW_S = 6.0  # what is answered when it is done: the gimbal goes back to the middle
FULL_BYTES = 2048  # so much has not even left this computer: the link is stalled

Heard = Callable[[tuple[str, ...]], None]


class RefusedError(DeviceError):
    """The rover answered, but did not do it."""


@dataclass(slots=True)
class _Pending:
    name: str
    asked_s: float
    heard: Heard | None
    is_slow: bool


class TextLink:
    """`run` reads until the connection ends; everything else may be called meanwhile."""

    def __init__(self, wire: Wire, on_push: Callable[[Push], None]) -> None:
        self._wire = wire
        self._on_push = on_push
        self._clock = asyncio.get_running_loop().time
        self._splitter = Splitter()
        self._seq = GUARDS_SEQ
        self._pending: dict[int, _Pending] = {}
        self._echoes_seq = False  # whether this rover answers with `seq`; all do by DJI's document
        self.strays = 0  # answers that nobody waits for

    @property
    def name(self) -> str:
        return self._wire.name

    async def run(self) -> None:
        """Raises DeviceError when the rover closes the connection or it breaks."""
        while True:
            try:
                data = await self._wire.reader.read(4096)
            except OSError as error:
                raise DeviceError(f"{self.name}: the connection broke ({error.strerror or error}).") from error
            if not data:
                raise DeviceError(f"{self.name}: closed the connection. It reboots, or another program took it over.")
            for message in self._splitter.feed(data):
                self._take(message)

    def post(self, name: str, heard: Heard | None = None, is_slow: bool = False, /, **values: Value) -> None:
        """Send; never waits. `heard` gets the answer's words, if one comes."""
        self._seq += 1
        self._pending[self._seq] = _Pending(name, self._clock(), heard, is_slow)
        if len(self._pending) > MOST_PENDING:
            self._pending.pop(next(iter(self._pending)))
        self._wire.writer.write(command(name, self._seq, **values).encode("ascii"))

    async def ask(self, name: str, is_slow: bool = False, /, **values: Value) -> tuple[str, ...]:
        """Send, and wait for the answer's words. Raises DeviceError without one, RefusedError for an error."""
        answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()

        def heard(words: tuple[str, ...]) -> None:
            if not answer.done():
                answer.set_result(words)

        self.post(name, heard, is_slow, **values)
        wait_s = SLOW_S if is_slow else ANSWER_S
        try:
            async with asyncio.timeout(wait_s):
                words = await answer
        except TimeoutError as error:
            raise DeviceError(f"{self.name}: no answer to `{name}` within {wait_s:.1f} s.") from error
        if is_error(words):
            raise RefusedError(f"{self.name}: answers {' '.join(words)!r} to `{name}`.")
        return words

    def waiting_s(self) -> float:
        """How long the oldest question has been unanswered, those apart that take their time."""
        oldest = next((each for each in self._pending.values() if not each.is_slow), None)
        return self._clock() - oldest.asked_s if oldest else 0.0

    @property
    def is_full(self) -> bool:
        return self._wire.writer.transport.get_write_buffer_size() > FULL_BYTES

    def _take(self, message: str) -> None:
        if pushed := pushes(message.encode()):  # on a serial line they come between the answers
            for push in pushed:
                self._on_push(push)
            return
        try:
            answer = parse(message)
        except BadMessageError as error:
            self._stray(str(error))
            return
        if answer.seq == GUARDS_SEQ:
            return
        if answer.seq is not None:
            self._echoes_seq = True
            number = answer.seq
        elif self._echoes_seq or not self._pending:
            self._stray(f"{message!r} answers nothing that was asked")  # half a message the guard cut off, for one
            return
        else:
            number = next(iter(self._pending))  # answers come in order
        asked = self._pending.pop(number, None)
        if asked is None:
            self._stray(f"{message!r} answers nothing that was asked")
            return
        for earlier, other in list(self._pending.items()):
            if earlier < number and not other.is_slow and other.asked_s < asked.asked_s - REORDER_S:
                del self._pending[earlier]  # commands are taken in order: this one was, its answer got lost
        if asked.heard is not None:
            asked.heard(answer.tokens)

    def _stray(self, what: str) -> None:
        self.strays += 1
        if self.strays in (1, 10, 100) or self.strays % 1000 == 0:
            log.warning("%s: %s; dropped (%d so far)", self.name, what, self.strays)


def is_error(words: tuple[str, ...]) -> bool:
    """Nobody lists the rover's error replies; all that were seen are of these kinds."""
    return not words or " ".join(words).lower() == FAIL or "error" in words
