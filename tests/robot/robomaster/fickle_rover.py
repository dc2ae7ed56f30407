"""A scripted rover on the text port: answers as it is told to, and remembers what came and when."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protos.robomaster.ids import TEXT_PORT
from protos.robomaster.text import Splitter, parse

ANSWERS = {
    "chassis position ?": "0 0 0",
    "chassis speed ?": "0 0 0 0 0 0 0",
    "robot battery ?": "80",
    "version": "00.1",
}


class FickleRover(asyncio.Protocol):
    def __init__(self) -> None:
        self.answers = True
        self.seq_shift = 0  # added to the number of each answer
        self.tells_seq = True
        self.in_pieces = False
        self.refuses: set[str] = set()  # first words of commands that fail
        self.holds = ""  # answers nothing from the command on that begins so
        self.swallows = 0  # so many answers are lost
        self.heard: list[tuple[float, str]] = []
        self.held: list[str] = []  # answers that wait for `answers` to be True again
        self.transport: asyncio.Transport | None = None
        self.connections = 0
        self._splitter = Splitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connections += 1
        self._splitter = Splitter()

    def data_received(self, data: bytes) -> None:
        for text in self._splitter.feed(data):
            message = parse(text)
            words = " ".join(message.tokens)
            self.heard.append((time.monotonic(), words))
            self.answers = self.answers and not (self.holds and words.startswith(self.holds))
            failed = any(words.startswith(refused) for refused in self.refuses)
            answer = "fail" if failed else ANSWERS.get(words, "ok")
            if self.tells_seq and message.seq is not None:
                answer += f" seq {message.seq + self.seq_shift}"
            self.held.append(answer + ";")
        if self.answers:
            self.answer()

    def answer(self) -> None:
        """All that is held back; answers from now on."""
        self.answers = True
        held, self.held = self.held[self.swallows :], []
        self.swallows = 0
        self.say("".join(held))

    def say(self, text: str) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        for piece in text if self.in_pieces else [text]:
            self.transport.write(piece.encode())

    def speeds(self, since_s: float = 0.0) -> list[str]:
        return [words for at_s, words in self.heard if at_s >= since_s and words.startswith("chassis speed x")]

    @asynccontextmanager
    async def listening(self, ip: str) -> AsyncIterator["FickleRover"]:
        server = await asyncio.get_running_loop().create_server(lambda: self, ip, TEXT_PORT, reuse_address=True)
        try:
            yield self
        finally:
            server.close()
            if self.transport is not None:
                self.transport.abort()
            await asyncio.sleep(0)
