"""The handover in real time: the core's actions carried out over real connections.

Everything runs in one event loop. `offer` never waits; answers come out through the callbacks, which must not block.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from common.errors import DeviceError
from common.supervise import Job, supervise
from handover.config import HandoverConfig, RadioConfig
from handover.core import HandoverCore
from handover.discovery import static
from handover.discovery.zeroconf_browser import ZeroconfBrowser
from handover.links.base import Link
from handover.links.liquidedge import LiquidEdgeLink
from handover.links.native import NativeLink
from handover.path import NoPath, PathMover
from handover.radio.proc_wireless import ProcWireless
from handover.values import (
    Action,
    Connect,
    Counts,
    Deliver,
    Disconnect,
    MoveCompleted,
    Moved,
    Probe,
    Send,
    Server,
    ServerKind,
    ServerView,
    Source,
)
from protos.messages import EncodedFrame, FrameReply, Load, ServerDescription, StreamOpen

log = logging.getLogger(__name__)

SHORTEST_SLEEP_S = 0.001
FOREVER = 1_000_000  # restarts: discovery comes back with the network, however often that fails


class OffloadSession:
    """Frames in, results out, over whichever server is best. Made outside, used inside one event loop."""

    def __init__(
        self,
        config: HandoverConfig,
        robot_id: str,
        tasks: tuple[str, ...],
        on_deliver: Callable[[Deliver], None],
        on_event: Callable[[Moved | MoveCompleted], None],
        labels: tuple[str, ...] = (),
        max_results: int = 0,
        path: PathMover | None = None,
        extra_tasks: tuple[str, ...] = (),
    ) -> None:
        """`tasks` decide which servers are used. `extra_tasks` are asked for besides, of servers that offer them."""
        self._config = config
        extra_tasks = tuple(task for task in dict.fromkeys(extra_tasks) if task not in tasks)
        self._hello = StreamOpen(robot_id, tasks, max_results, labels, extra_tasks)
        self._on_deliver = on_deliver
        self._on_event = on_event
        self._path = path or NoPath()
        self._core = HandoverCore(config, tasks)
        self._lines: dict[str, _Line] = {}
        self._group: asyncio.TaskGroup | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._tick_s = 0.0
        self._queue: deque[Action] = deque()
        self._doing = False

    @property
    def active(self) -> Server | None:
        return self._core.active

    @property
    def moves(self) -> list[Moved]:
        return self._core.moves

    def views(self) -> list[ServerView]:
        return self._core.views(time.monotonic())

    def counts(self) -> Counts:
        return self._core.counts()

    def offer(self, frame: EncodedFrame) -> None:
        """Send this frame now, or never. Never blocks. Raises ValueError when its number was used before."""
        self._do(self._core.offer(time.monotonic(), frame))

    def radio(self, server_id: str, level_dbm: float, quality: float) -> None:
        self._do(self._core.radio(time.monotonic(), server_id, level_dbm, quality))

    def move_to(self, server_id: str) -> None:
        """By hand."""
        self._do(self._core.move_to(time.monotonic(), server_id))

    async def wait_room(self) -> None:
        """Wait until a frame offered now would be sent."""
        await self._room.wait()

    async def run(self) -> None:
        """Find, connect, measure and use servers until cancelled; then every frame has its outcome."""
        jobs = [Job("links", self._run_links)]
        if self._config.zeroconf:
            browser = ZeroconfBrowser(self._config.interfaces, self._seen, self._gone, self._config.group)
            jobs.append(Job("zeroconf", browser.run, restarts=FOREVER))
        if self._config.radio is not None:
            jobs.append(Job("radio", partial(self._read_radio, self._config.radio), restarts=FOREVER))
        try:
            await supervise(jobs)
        finally:
            self._do(self._core.finish(time.monotonic()))

    async def _run_links(self) -> None:
        """Owns all connections; drives the core."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for entry in self._config.servers:
                    self._do(self._core.server_seen(time.monotonic(), Source.STATIC, static.server_of(entry)))
                await self._tick_forever()
        finally:
            self._group = None
            lines, self._lines = self._lines, {}
            for line in lines.values():
                await line.link.close()

    async def _tick_forever(self) -> None:
        while True:
            self._do(self._core.tick(time.monotonic()))
            self._wake.clear()
            self._tick_s = self._core.next_tick_s
            try:
                async with asyncio.timeout(max(self._tick_s - time.monotonic(), SHORTEST_SLEEP_S)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _read_radio(self, config: RadioConfig) -> None:
        """Raises DeviceError while there is no such interface; started again then."""
        source = ProcWireless()
        while True:
            for interface, reading in source.read().items():
                for server_id in config.interfaces.get(interface, ()):
                    self.radio(server_id, reading.level_dbm, reading.quality)
            await asyncio.sleep(config.interval_s)

    async def _move_path(self, server: Server | None) -> None:
        try:
            await self._path.move(server)
        except DeviceError as error:
            log.warning("the network path stays as it is: %s", error)

    def _seen(self, server: Server) -> None:
        self._do(self._core.server_seen(time.monotonic(), Source.ZEROCONF, server))

    def _gone(self, server_id: str) -> None:
        self._do(self._core.server_gone(time.monotonic(), Source.ZEROCONF, server_id))

    def _do(self, actions: Sequence[Action]) -> None:
        """Carry out what the core decided, in order, also when a callback offers the next frame meanwhile."""
        self._queue.extend(actions)
        if self._doing:
            return
        self._doing = True
        try:
            while self._queue:
                self._do_one(self._queue.popleft())
        finally:
            self._doing = False
        for notice in self._core.take_notices():
            log.warning("%s", notice.text)
        if self._core.has_room(time.monotonic()):
            self._room.set()
        else:
            self._room.clear()
        if self._core.next_tick_s < self._tick_s:
            self._wake.set()

    def _do_one(self, action: Action) -> None:
        match action:
            case Deliver():
                self._on_deliver(action)
            case Send(server_id, frame):
                if (line := self._lines.get(server_id)) is not None:
                    line.link.send(frame)
            case Moved():
                self._spawn(self._move_path(action.to_server), "network path")
                self._on_event(action)
            case MoveCompleted():
                self._on_event(action)
            case Probe(server_id):
                if (to_probe := self._line(server_id)) is not None:
                    self._spawn(to_probe.link.probe(action), f"probe of {server_id}")
            case Connect(server):
                self._connect(server)
            case Disconnect(server_id):
                if (line := self._lines.get(server_id)) is not None:
                    line.disconnect()

    def _connect(self, server: Server) -> None:
        line = self._line(server.server_id)
        if line is not None:
            line.disconnect()
            line.stream = self._spawn(self._guard(line), f"link to {server.server_id}")

    async def _guard(self, line: "_Line") -> None:
        try:
            await line.link.run()
        except Exception as error:  # a bug in one link must not take the others with it; the server counts as broken
            log.exception("link to %s", line.server.server_id)
            line.events.link_down(f"{type(error).__name__}: {error}")

    def _line(self, server_id: str) -> "_Line | None":
        """The line to a server; a new one when the server's address is not what it was."""
        server = self._core.server(server_id)
        line = self._lines.get(server_id)
        if server is None or self._group is None:
            return None
        if line is not None and (line.server.address, line.server.kind) == (server.address, server.kind):
            return line
        if line is not None:
            line.disconnect()
            self._spawn(line.link.close(), f"end of the old link to {server_id}")
        self._lines[server_id] = line = _Line(server, self)
        return line

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None] | None:
        if self._group is None:
            work.close()
            return None
        try:
            return self._group.create_task(work, name=name)
        except RuntimeError:  # all is being ended, and a link that breaks just then still tells so
            work.close()
            return None


class _Line:
    """One server's link, its running stream, and the way of its reports to the core."""

    def __init__(self, server: Server, session: OffloadSession) -> None:
        self.server = server
        self.events = _Events(server.server_id, session)
        self.stream: asyncio.Task[None] | None = None
        config, hello = session._config, session._hello
        self.link: Link
        if server.kind is ServerKind.LIQUIDEDGE:
            self.link = LiquidEdgeLink(
                server, hello, config.tls, config.connect_timeout_s, self.events, config.deadline_s
            )
        else:
            self.link = NativeLink(server, hello, config.tls, config.connect_timeout_s, self.events)

    def disconnect(self) -> None:
        if self.stream is not None:
            self.stream.cancel()
            self.stream = None


class _Events:
    """Implements `LinkEvents`: each report goes to the core with its time."""

    def __init__(self, server_id: str, session: OffloadSession) -> None:
        self._id = server_id
        self._core = session._core
        self._do = session._do

    def link_up(self, description: ServerDescription | None) -> None:
        self._do(self._core.link_up(time.monotonic(), self._id, description))

    def link_down(self, why: str) -> None:
        log.info("%s", why)
        self._do(self._core.link_down(time.monotonic(), self._id, why))

    def go_away(self) -> None:
        self._do(self._core.go_away(time.monotonic(), self._id))

    def reply(self, reply: FrameReply) -> None:
        self._do(self._core.reply(time.monotonic(), self._id, reply))

    def bad_message(self, why: str) -> None:
        self._do(self._core.bad_message(time.monotonic(), self._id, why))

    def dropped(self, number: int) -> None:
        self._do(self._core.dropped(time.monotonic(), self._id, number))

    def probe_answered(self, probe: int, rtt_s: float, expected_service_s: float, load: Load) -> None:
        self._do(self._core.probe_answered(time.monotonic(), self._id, probe, rtt_s, expected_service_s, load))

    def probe_lost(self, probe: int) -> None:
        self._do(self._core.probe_lost(time.monotonic(), self._id, probe))
