"""An HTTP front before an object store: it passes bytes through untouched, or answers every request with 503."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

LONGEST_HEAD = 64 * 1024
PIECE = 64 * 1024
SLOW_DOWN = b"""<?xml version='1.0' encoding='UTF-8'?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""
REFUSAL = b"""HTTP/1.1 503 Service Unavailable\r
Content-Type: application/xml\r
Content-Length: %d\r
\r
""" % len(SLOW_DOWN)


class FaultyFront:
    """Set `failing` and each request from then on is refused, on kept-alive connections too; one under way ends well.

    The Host header stays as the client wrote it: it is signed. Only requests with a length are understood, no chunks.
    """

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        assert address.hostname
        assert address.port
        self._upstream = (address.hostname, address.port)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.failing = False
        self.refused = 0
        self.passed = 0

    @property
    def endpoint(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=LONGEST_HEAD)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def until_refused(self, count: int, limit_s: float = 30.0) -> None:
        """Waits until that many requests were refused since the start."""
        async with asyncio.timeout(limit_s), self._changed:
            await self._changed.wait_for(lambda: self.refused >= count)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._talk(reader, writer), name="front: connection")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        answers: asyncio.Task[None] | None = None
        try:
            while head := await _read_head(reader):
                length = _body_length(head)
                if self.failing:
                    await _copy(reader, None, length)
                    writer.write(REFUSAL + (b"" if head.startswith(b"HEAD ") else SLOW_DOWN))
                    await writer.drain()
                    await self._count_refusal()
                    continue
                if upstream is None:
                    back, upstream = await asyncio.open_connection(*self._upstream)
                    answers = asyncio.create_task(_pump(back, writer), name="front: answers")
                self.passed += 1
                upstream.write(head)
                await _copy(reader, upstream, length)
        except OSError:
            pass  # either end hung up; the other one hears of it below
        finally:
            if answers:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
            for each in (writer, upstream):
                if each:
                    each.close()
                    with contextlib.suppress(OSError):
                        await each.wait_closed()

    async def _count_refusal(self) -> None:
        async with self._changed:
            self.refused += 1
            self._changed.notify_all()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """The lines of a request with the empty one after them; nothing at the end of the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _body_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, length: int) -> None:
    while length:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise ConnectionResetError("the client hung up within a request")
        length -= len(piece)
        if writer:
            writer.write(piece)
            await writer.drain()


async def _pump(back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers are not looked at: a client that does not pipeline asks again only after it has the whole one."""
    with contextlib.suppress(OSError):
        while piece := await back.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
