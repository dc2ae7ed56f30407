"""The proxy with real sockets: what passes, what is held, what is told."""

import asyncio
import errno
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from sim.proxy import ShapingProxy
from sim.proxy_pipe import READ_BYTES, Ending, Line, Pipe
from sim.shaping import LinkShape

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class Server:
    """A TCP server whose death can be staged."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def die(self) -> None:
        """As after SIGKILL: nobody listens, open connections are closed by the kernel."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*filter(None, self._open.values()), return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.current_task()
        with suppress(ConnectionError):
            await self._handler(reader, writer)
        writer.close()


@asynccontextmanager
async def proxied(
    handler: Handler, shape: LinkShape | None = None, buffer_bytes: int = 256 * 1024
) -> AsyncIterator[tuple[ShapingProxy, Server]]:
    server = Server(handler)
    proxy = ShapingProxy(shape, buffer_bytes=buffer_bytes)
    await proxy.start()
    proxy.upstream = ("127.0.0.1", await server.start())
    try:
        yield proxy, server
    finally:
        await proxy.stop()
        await server.die()


async def dial(proxy: ShapingProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Waits for the end, clean or by reset, with nothing before it."""
    async with asyncio.timeout(20):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (the proxy has no event for it)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "shape",
    [LinkShape(), LinkShape(rate_bps=40e6, delay_s=0.003, jitter_s=0.002, loss=0.01)],
    ids=["perfect", "radio"],
)
async def test_bytes_come_out_whole_and_in_order(shape: LinkShape) -> None:
    sent = random.Random(1).randbytes(400_000)
    async with proxied(echo, shape=shape) as (proxy, _):
        reader, writer = await dial(proxy)
        writer.write(sent)
        async with asyncio.timeout(20):
            got = await reader.readexactly(len(sent))
        assert got == sent
        assert proxy.held_bytes == 0
        await hang_up(writer)
        await until(lambda: proxy.connections == 0)


async def test_a_round_trip_takes_at_least_twice_the_delay() -> None:
    async with proxied(echo, shape=LinkShape(delay_s=0.05)) as (proxy, _):
        reader, writer = await dial(proxy)
        writer.write(b"first")  # includes the handshake
        await reader.readexactly(5)
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        writer.write(b"again")
        await reader.readexactly(5)
        assert loop.time() - sent_s >= 0.099
        await hang_up(writer)


async def test_while_cut_nothing_passes_and_nobody_is_told_then_it_flows_on() -> None:
    async with proxied(echo) as (proxy, _):
        reader, writer = await dial(proxy)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        proxy.cut()
        writer.write(b"two")
        late_reader, late_writer = await dial(proxy)  # the kernel accepts; a dead radio would not answer either
        late_writer.write(b"hello")
        for silent in (reader, late_reader):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(silent.read(1), 0.15)
        proxy.heal()
        async with asyncio.timeout(20):
            assert await reader.readexactly(3) == b"two"
            assert await late_reader.readexactly(5) == b"hello"
        await hang_up(writer)
        await hang_up(late_writer)


async def test_a_server_that_dies_behind_a_cut_shows_only_after_the_heal() -> None:
    ended = asyncio.Event()

    async def hang_up_on_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.transport.abort()

    async with proxied(hang_up_on_request) as (proxy, _):
        reader, writer = await dial(proxy)
        await until(lambda: proxy.connections == 1)
        await asyncio.sleep(0.05)
        proxy.cut()
        ended.set()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.15)
        proxy.heal()
        assert await is_closed(reader)
        await hang_up(writer)


async def test_when_the_server_goes_the_robot_hears_of_it_and_new_connections_are_closed() -> None:
    async with proxied(echo) as (proxy, server):
        reader, writer = await dial(proxy)
        writer.write(b"x")
        await reader.readexactly(1)
        await server.die()
        assert await is_closed(reader)
        await hang_up(writer)
        reader, writer = await dial(proxy)
        assert await is_closed(reader)
        await hang_up(writer)
        await until(lambda: proxy.connections == 0)


async def test_a_robot_that_leaves_is_told_to_the_server() -> None:
    gone = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with proxied(wait_for_end) as (proxy, _):
        _, writer = await dial(proxy)
        writer.write(b"x")
        await hang_up(writer)
        async with asyncio.timeout(20):
            await gone.wait()
        await until(lambda: proxy.connections == 0)


async def test_half_a_close_lets_the_answer_through() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"%d bytes" % len(await reader.read()))

    async with proxied(answer_at_the_end, shape=LinkShape(delay_s=0.01)) as (proxy, _):
        reader, writer = await dial(proxy)
        writer.write(b"abc")
        writer.write_eof()
        async with asyncio.timeout(20):
            assert await reader.read() == b"3 bytes"
        await hang_up(writer)
        await until(lambda: proxy.connections == 0)


class ResetTransport(asyncio.Transport):
    """Its peer has reset it and asyncio has not noticed yet; kernels differ in when that happens, so it is staged."""

    aborted = False

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.aborted

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    def abort(self) -> None:
        self.aborted = True


async def test_an_end_of_data_for_a_socket_that_is_already_reset_does_no_harm() -> None:
    line, transport = Line(LinkShape(), 0), ResetTransport()
    pipe = Pipe(line, line.up, 4096)
    pipe.to(transport)
    pipe.end(Ending.EOF)
    assert transport.aborted
    assert pipe.held_bytes == 0


async def test_a_full_buffer_stops_the_sender_and_memory_stays_bounded() -> None:
    limit = 64 * 1024
    async with proxied(echo, buffer_bytes=limit) as (proxy, _):
        reader, writer = await dial(proxy)
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.cut()
        sent = random.Random(2).randbytes(8_000_000)
        writer.write(sent)  # far more than proxy and kernel take
        await until(lambda: proxy.held_bytes >= limit)
        await asyncio.sleep(0.2)
        assert proxy.held_bytes <= limit + READ_BYTES
        stuck = writer.transport.get_write_buffer_size()
        assert stuck > 0, "the sender feels it"
        proxy.heal()
        async with asyncio.timeout(20):
            assert await reader.readexactly(len(sent)) == sent
        await hang_up(writer)


async def test_a_slow_fault_lies_on_top_of_the_radio_and_goes_away() -> None:
    async with proxied(echo) as (proxy, _):
        reader, writer = await dial(proxy)
        proxy.slow(LinkShape(delay_s=0.1))
        proxy.shape = LinkShape(delay_s=0.001)  # the radio goes on changing
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        writer.write(b"x")
        await reader.readexactly(1)
        assert loop.time() - sent_s >= 0.199
        proxy.slow(LinkShape())
        assert proxy.shape == LinkShape(delay_s=0.001)
        await hang_up(writer)


async def test_corruption_changes_bytes_but_not_their_number() -> None:
    async with proxied(echo) as (proxy, _):
        proxy.corrupt(1.0)
        reader, writer = await dial(proxy)
        sent = bytes(5000)
        writer.write(sent)
        async with asyncio.timeout(20):
            got = await reader.readexactly(len(sent))
        assert got != sent
        proxy.corrupt(0.0)
        writer.write(sent)
        async with asyncio.timeout(20):
            assert await reader.readexactly(len(sent)) == sent
        await hang_up(writer)


async def test_the_port_is_known_before_there_is_a_server() -> None:
    proxy = ShapingProxy()
    port = await proxy.start()
    assert port == proxy.port > 0
    reader, writer = await dial(proxy)
    assert await is_closed(reader)
    await hang_up(writer)
    await proxy.stop()
