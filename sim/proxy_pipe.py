"""The inside of the shaping proxy: one connection, its two sockets and its two pipes.

No timer runs while nothing waits; one timer a pipe otherwise.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from sim.shaping import LinkShape, Shaper

READ_BYTES = 64 * 1024
AHEAD_S = 0.02  # how far ahead pieces are put on the line: bridges late timers, so that the line never idles
EARLY_S = 0.0005  # released together with what is due: below the resolution of epoll's timer


class Ending(Enum):
    """How a direction of a connection ends."""

    EOF = auto()  # the sender will send no more, but still reads
    CLOSE = auto()
    RESET = auto()


class Line:
    """What all connections over one link share."""

    def __init__(self, shape: LinkShape, seed: object) -> None:
        self.up = Shaper(shape, f"{seed} up")
        self.down = Shaper(shape, f"{seed} down")
        self.is_cut = False
        self.corrupt = 0.0
        self.random = random.Random(f"{seed} corrupt")

    def reshape(self, now_s: float, shape: LinkShape) -> None:
        self.up.reshape(now_s, shape)
        self.down.reshape(now_s, shape)

    def damaged(self, piece: bytes) -> bytes:
        if not piece or self.random.random() >= self.corrupt:
            return piece
        bad = bytearray(piece)
        bad[self.random.randrange(len(bad))] ^= 1 << self.random.randrange(8)
        return bytes(bad)


class Pipe:
    """One direction of one connection: waiting for the line, then in flight, then written."""

    def __init__(self, line: Line, shaper: Shaper, limit_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._shaper = shaper
        self._limit_bytes = limit_bytes
        self._waiting: deque[bytes | Ending] = deque()
        self._flight: deque[tuple[float, bytes | Ending]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._source: asyncio.Transport | None = None
        self._sink: asyncio.Transport | None = None
        self._source_paused = False
        self._closed = False
        self.sink_full = False
        self.ended = False  # its EOF has been passed on
        self.on_ended: Callable[[], None] = lambda: None
        self.held_bytes = 0

    def from_(self, source: asyncio.Transport) -> None:
        self._source = source

    def to(self, sink: asyncio.Transport) -> None:
        self._sink = sink
        self.pump()

    def feed(self, piece: bytes) -> None:
        if self._closed:
            return
        self._waiting.append(piece)
        self.held_bytes += len(piece)
        self.pump()
        if self.held_bytes >= self._limit_bytes and self._source is not None and not self._source_paused:
            self._source_paused = True
            self._source.pause_reading()

    def end(self, ending: Ending) -> None:
        if ending is not Ending.EOF:
            self._source = None
        if not self._closed:
            self._waiting.append(ending)
            self.pump()

    def drop(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        self._waiting.clear()
        self._flight.clear()
        self.held_bytes = 0
        self._sink = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._let_source_go_on()

    def pump(self) -> None:
        """Do all that is due now and set the timer for what comes next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._line.is_cut or self._sink is None or self.sink_full:
            return  # heal(), to() and resume_writing() call again
        now_s = self._loop.time()
        self._put_on_the_line(now_s)
        self._write_what_arrived(now_s)
        if self._sink is None or self.sink_full:
            return
        wake_s = [self._flight[0][0]] if self._flight else []
        if self._waiting:
            wake_s.append(self._shaper.free_s - AHEAD_S / 2)
        if wake_s:
            self._timer = self._loop.call_at(min(wake_s), self.pump)

    def _put_on_the_line(self, now_s: float) -> None:
        shaper, grain = self._shaper, self._shaper.grain_bytes
        while self._waiting and shaper.free_s <= now_s + AHEAD_S:
            piece = self._waiting.popleft()
            if isinstance(piece, Ending):
                self._flight.append((shaper.admit(now_s, 0), piece))
                continue
            if len(piece) > grain:
                self._waiting.appendleft(piece[grain:])
                piece = piece[:grain]
            if self._line.corrupt:
                piece = self._line.damaged(piece)
            self._flight.append((shaper.admit(now_s, len(piece)), piece))

    def _write_what_arrived(self, now_s: float) -> None:
        due: list[bytes] = []
        ending: Ending | None = None
        while self._flight and self._flight[0][0] <= now_s + EARLY_S and ending is None:
            piece = self._flight.popleft()[1]
            if isinstance(piece, Ending):
                ending = piece
            else:
                due.append(piece)
        if due and self._sink is not None:
            self.held_bytes -= sum(map(len, due))
            self._sink.write(due[0] if len(due) == 1 else b"".join(due))
        if ending is not None:
            self._finish(ending)
        elif self.held_bytes <= self._limit_bytes // 2:
            self._let_source_go_on()

    def _finish(self, ending: Ending) -> None:
        sink = self._sink
        if sink is None:
            return
        if ending is Ending.EOF:
            try:
                if sink.can_write_eof() and not sink.is_closing():
                    sink.write_eof()
            except OSError:  # reset by its peer, and not noticed yet because reading is paused
                self.drop()
                sink.abort()
                return
            self.ended = True
            self.on_ended()
            return
        self.drop()
        if ending is Ending.CLOSE:
            sink.close()
        else:
            sink.abort()

    def _let_source_go_on(self) -> None:
        if self._source_paused and self._source is not None and not self._source.is_closing():
            self._source.resume_reading()
        self._source_paused = False


class End(asyncio.BufferedProtocol):
    """One socket: what it reads goes into `out`, what `into` brings is written to it."""

    def __init__(self, connection: "Connection", out: Pipe, into: Pipe) -> None:
        self._connection = connection
        self._buffer = bytearray(READ_BYTES)
        self.out = out
        self.into = into
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._connection.refuse or self._connection.aborted:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=READ_BYTES)
        self.out.from_(transport)
        self.into.to(transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.out.feed(bytes(memoryview(self._buffer)[:nbytes]))

    def eof_received(self) -> bool:
        self.out.end(Ending.EOF)
        return True  # keep the other direction open

    def pause_writing(self) -> None:
        self.into.sink_full = True

    def resume_writing(self) -> None:
        self.into.sink_full = False
        self.into.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.into.drop()
        self.out.end(Ending.CLOSE if error is None else Ending.RESET)
        self._connection.end_lost()


class Connection:
    """A robot's connection and the proxy's own one to the server."""

    def __init__(self, line: Line, limit_bytes: int, on_gone: Callable[["Connection"], None]) -> None:
        up, down = Pipe(line, line.up, limit_bytes), Pipe(line, line.down, limit_bytes)
        self.robot_end = End(self, out=up, into=down)
        self.server_end = End(self, out=down, into=up)
        self.needs_dial = True
        self.refuse = False
        self.aborted = False
        self._on_gone = on_gone
        up.on_ended = down.on_ended = self._close_if_both_ended

    @property
    def held_bytes(self) -> int:
        return self.robot_end.out.held_bytes + self.server_end.out.held_bytes

    def pump(self) -> None:
        self.robot_end.out.pump()
        self.server_end.out.pump()

    def abort(self) -> None:
        self.aborted = True
        for end in (self.robot_end, self.server_end):
            end.out.drop()
            if end.transport is not None:
                end.transport.abort()
        self.end_lost()

    def _close_if_both_ended(self) -> None:
        if self.robot_end.out.ended and self.server_end.out.ended:
            for end in (self.robot_end, self.server_end):
                if end.transport is not None:
                    end.transport.close()

    def end_lost(self) -> None:
        if self.robot_end.transport is None and self.server_end.transport is None:
            self._on_gone(self)
