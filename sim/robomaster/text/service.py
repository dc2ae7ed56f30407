"""The sockets of the text protocol: control, pushes and events."""

import asyncio
import logging
import socket
from typing import Any

from protos.robomaster.ids import TEXT_EVENT_PORT, TEXT_PORT, TEXT_PUSH_PORT
from protos.robomaster.text import Push
from sim.robomaster.listening import listen, sender
from sim.robomaster.rover import Rover
from sim.robomaster.text.desk import Desk, Stream
from sim.robomaster.text.session import Session
from sim.robomaster.values import Hit

log = logging.getLogger(__name__)

TICK_S = 0.005
MAX_CONNECTIONS = 8  # to each port; one of them can have the rover
READ_BYTES = 2048  # at a time, so that one who floods the port does not hold up the rest
UNSENT_BYTES = 16 * 1024  # of replies or events that nobody reads
KERNEL_BYTES = 32 * 1024  # and so many more; left alone, Linux lets a socket grow to megabytes


class TextService:
    """Whoever says `command` first has the rover; the others are told `fail`."""

    def __init__(self, rover: Rover, ip: str, video: Stream | None = None, audio: Stream | None = None) -> None:
        """Without a stream, `stream on` (or `audio on`) fails."""
        self.ready = asyncio.Event()
        self.desk = Desk(rover, video, audio)
        self._rover = rover
        self._ip = ip
        self._controls: set[Control] = set()
        self._listeners: set[EventListener] = set()
        self._is_visited = asyncio.Event()
        rover.on_release.append(self._released)
        rover.on_hit.append(self._hit)

    @property
    def client_ip(self) -> str | None:
        """Of the one that has the rover."""
        return next((control.peer_ip for control in self._controls if control.session.has_rover), None)

    def applaud(self, claps: int) -> None:
        """Somebody near the robot claps."""
        self._tell("sound", "applause", str(claps))

    async def run(self) -> None:
        """Until cancelled. Raises LinkError when a port is taken."""
        pusher = sender(self._ip, "text pushes")
        servers: list[asyncio.Server] = []
        try:
            servers.append(await listen(lambda: Control(self), self._ip, TEXT_PORT, "text control"))
            servers.append(await listen(lambda: EventListener(self), self._ip, TEXT_EVENT_PORT, "text events"))
            self.ready.set()
            while True:
                await self._is_visited.wait()
                self._tick(pusher)
                await asyncio.sleep(TICK_S)
        finally:
            self.ready.clear()
            pusher.close()
            for server in servers:
                server.close()
            for each in [*self._controls, *self._listeners]:
                each.abort()
            await asyncio.sleep(0)  # lets the transports run their last callbacks

    def _tick(self, pusher: socket.socket) -> None:
        for control in self._controls:
            control.send(control.session.poll())
        client_ip = self.client_ip
        if client_ip is None:
            return
        for datagram in self.desk.pushes.due(self._rover):
            try:
                pusher.sendto(datagram.encode(), (client_ip, TEXT_PUSH_PORT))
            except OSError as error:  # the network is down, or full: the next one may come through
                log.debug("text: a push to %s was lost: %s", client_ip, error)

    def _hit(self, hit: Hit) -> None:
        self._tell("armor", "hit", str(hit.side.value), str(hit.kind.value))

    def _tell(self, device: str, attribute: str, *words: str) -> None:
        if f"{device} {attribute}" in self.desk.events:
            for listener in self._listeners:
                listener.send([f"{Push(device, attribute, words, is_event=True)};"])

    def _released(self, owner: object) -> None:
        if isinstance(owner, Session) and any(control.session is owner for control in self._controls):
            owner.forget()
            self.desk.reset()

    def control_joined(self, control: "Control") -> bool:
        """False: there are too many."""
        if len(self._controls) >= MAX_CONNECTIONS:
            return False
        self._controls.add(control)
        self._is_visited.set()
        return True

    def control_left(self, control: "Control") -> None:
        control.session.close()
        self._controls.discard(control)
        if not self._controls:
            self._is_visited.clear()

    def listener_joined(self, listener: "EventListener") -> bool:
        if len(self._listeners) >= MAX_CONNECTIONS:
            return False
        self._listeners.add(listener)
        return True

    def listener_left(self, listener: "EventListener") -> None:
        self._listeners.discard(listener)


class _Connection(asyncio.BaseProtocol):
    """What both ports' connections have in common: they send lines, and none piles up."""

    transport: asyncio.Transport | None = None
    peer_ip = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer: Any = transport.get_extra_info("peername")
        self.peer_ip = str(peer[0]) if peer else ""
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    def send(self, lines: list[str]) -> None:
        if self.transport is not None and lines:
            self.transport.write("".join(lines).encode())

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Control(_Connection, asyncio.BufferedProtocol):
    """One connection to the control port. Who does not read its replies is not listened to meanwhile."""

    def __init__(self, service: TextService) -> None:
        self.session = Session(service.desk)
        self._service = service
        self._buffer = memoryview(bytearray(READ_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._service.control_joined(self):
            log.warning("text: %d connections already, %s was turned away", MAX_CONNECTIONS, self.peer_ip)
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._service.control_left(self)

    def get_buffer(self, _size_hint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        self.send(self.session.feed(bytes(self._buffer[:count])))

    def pause_writing(self) -> None:
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()


class EventListener(_Connection, asyncio.Protocol):
    """One connection to the event port. Who does not read loses events."""

    def __init__(self, service: TextService) -> None:
        self._service = service
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._service.listener_joined(self):
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._service.listener_left(self)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def send(self, lines: list[str]) -> None:
        if not self._is_full:
            super().send(lines)
