"""A TCP proxy in front of one server that makes loopback behave like a radio link.

Robot -> [kernel] -> pipe up -> server, and back. A pipe holds a bounded number of bytes; when it is full it stops
reading from the sender, as TCP would. While the link is cut nothing passes, no close either, and new connections hang.
"""

import asyncio
import logging
import socket

from common.errors import LinkError
from sim.proxy_pipe import Connection, Line
from sim.shaping import LinkShape

log = logging.getLogger(__name__)

SOCKET_BUFFER_BYTES = 128 * 1024
# Left alone Linux lets a loopback socket grow to 6 MB: seconds of frames on a slow link, where a radio's sender
# would long feel back-pressure.
MAX_CONNECTIONS = 256


class ShapingProxy:
    """`await start()` first (so that its port can be announced), set `upstream` once the server is up."""

    def __init__(
        self,
        shape: LinkShape | None = None,
        seed: object = 0,
        buffer_bytes: int = 256 * 1024,
        host: str = "127.0.0.1",
    ) -> None:
        self.upstream: tuple[str, int] | None = None
        self.port = 0
        self._host = host
        self._buffer_bytes = buffer_bytes
        self._shape = shape or LinkShape()
        self._worse = LinkShape()
        self._line = Line(self._shape, seed)
        self._connections: set[Connection] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen; returns the port. Raises LinkError when the port is taken."""
        loop = asyncio.get_running_loop()
        listener = _tcp_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)  # accepted sockets inherit it
        try:
            listener.bind((self._host, port))
        except OSError as error:
            listener.close()
            raise LinkError(f"proxy: cannot listen on {self._host}:{port} ({error.strerror})") from error
        self._server = await loop.create_server(self._accept, sock=listener)
        self.port = int(listener.getsockname()[1])
        return self.port

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        await asyncio.sleep(0)  # lets the transports run their last callbacks

    async def __aenter__(self) -> "ShapingProxy":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ---- what the link is like ----

    @property
    def shape(self) -> LinkShape:
        return self._shape

    @shape.setter
    def shape(self, shape: LinkShape) -> None:
        if shape != self._shape:
            self._shape = shape
            self._reshape()

    def slow(self, worse: LinkShape) -> None:
        """Put a fault on top of the radio; `slow(LinkShape())` takes it away."""
        self._worse = worse
        self._reshape()

    def corrupt(self, share: float) -> None:
        """Flip one byte in this share of the pieces that pass (a piece is at most 64 kB); 0 ends it."""
        self._line.corrupt = share

    def cut(self) -> None:
        """Like a radio out of range: data stops in both directions, new connections hang, nobody is told."""
        self._line.is_cut = True

    def heal(self) -> None:
        """The link is back: held data flows on, and closes that happened meanwhile come through."""
        if not self._line.is_cut:
            return
        self._line.is_cut = False
        for connection in list(self._connections):
            if connection.needs_dial:
                self._dial_soon(connection)
            connection.pump()

    @property
    def is_cut(self) -> bool:
        return self._line.is_cut

    @property
    def held_bytes(self) -> int:
        return sum(connection.held_bytes for connection in self._connections)

    @property
    def connections(self) -> int:
        return len(self._connections)

    def _reshape(self) -> None:
        self._line.reshape(asyncio.get_running_loop().time(), self._shape.worsened(self._worse))
        for connection in self._connections:
            connection.pump()

    # ---- connections ----

    def _accept(self) -> asyncio.BufferedProtocol:
        connection = Connection(self._line, self._buffer_bytes, self._connections.discard)
        if len(self._connections) >= MAX_CONNECTIONS:
            log.warning("proxy :%d refuses a connection: %d are open", self.port, len(self._connections))
            connection.refuse = True
        else:
            self._connections.add(connection)
            if not self._line.is_cut:
                self._dial_soon(connection)
        return connection.robot_end

    def _dial_soon(self, connection: Connection) -> None:
        connection.needs_dial = False
        task = asyncio.get_running_loop().create_task(self._dial(connection), name=f"proxy {self.port} dials")
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _dial(self, connection: Connection) -> None:
        """Reach the server, after the round trip a handshake takes over this link."""
        await asyncio.sleep(2 * self._line.up.shape.delay_s)
        if self._line.is_cut:  # cut during the handshake: heal() tries again
            connection.needs_dial = True
            return
        if self.upstream is None:
            connection.abort()
            return
        self._connections.add(connection)  # the robot may have gone meanwhile; the server's side still has to end
        upstream = _tcp_socket()
        upstream.setblocking(False)
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(upstream, self.upstream)
            await loop.create_connection(lambda: connection.server_end, sock=upstream)
        except OSError as error:
            log.debug("proxy :%d: server %s does not answer: %s", self.port, self.upstream, error)
            upstream.close()
            connection.abort()
        except asyncio.CancelledError:
            upstream.close()
            raise


def _tcp_socket() -> socket.socket:
    """asyncio sets TCP_NODELAY only where the protocol is named; without it a frame waits 40 ms for a delayed ACK."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
