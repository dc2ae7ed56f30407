"""The binary protocol on the network: connection requests on UDP 30030, commands on 20020 by UDP or TCP."""

import asyncio
import logging

from common.errors import BadMessageError
from protos.robomaster.frame import Frame, decode, encode
from protos.robomaster.ids import BINARY_PORT, HANDSHAKE_PORT, Command, HandshakeState
from protos.robomaster.payloads import Handshake, HandshakeAck
from protos.robomaster.unverified import HEARTBEAT_TIMEOUT_S
from sim.robomaster.binary.desk import Audio, Video
from sim.robomaster.binary.links import Address, Link, TcpLink, UdpLink, bind
from sim.robomaster.binary.session import Session
from sim.robomaster.listening import listen
from sim.robomaster.rover import Rover

log = logging.getLogger(__name__)

TICK_S = 0.005  # pushes are late by that much at most


class BinaryService:
    """Serves one client at a time, until cancelled."""

    def __init__(
        self,
        rover: Rover,
        ip: str,
        video: Video,
        audio: Audio | None = None,
        silence_s: float = HEARTBEAT_TIMEOUT_S,
    ) -> None:
        """`silence_s`: a client that says nothing for so long is let go."""
        self.ready = asyncio.Event()
        self.bad_datagrams = 0  # no whole frame, or a wrong checksum
        self.garbage_bytes = 0  # in TCP connections
        self.strangers = 0  # frames and connections of someone who did not ask for a connection
        self.session: Session | None = None
        self._rover = rover
        self._ip = ip
        self._video = video
        self._audio = audio
        self._silence_s = silence_s
        self._port = 0  # the client's, from its request
        self._client: Address | None = None  # known once it has sent a command
        self._link: Link | None = None
        self._requests: asyncio.DatagramTransport | None = None
        self._commands: asyncio.DatagramTransport | None = None

    async def run(self) -> None:
        """Raises LinkError when a port is taken."""
        server: asyncio.Server | None = None
        try:
            self._requests = await bind(self._on_request, self._ip, HANDSHAKE_PORT)
            self._commands = await bind(self._on_command, self._ip, BINARY_PORT)
            server = await listen(lambda: TcpLink(self), self._ip, BINARY_PORT, "binary protocol")
            self.ready.set()
            while True:
                await asyncio.sleep(TICK_S)
                self._tick()
        finally:
            self.ready.clear()
            self._end("the robot is switched off")
            for opened in (server, self._requests, self._commands):
                if opened is not None:
                    opened.close()
            await asyncio.sleep(0)  # lets the transports run their last callbacks

    # ---- asking for a connection ----

    def _on_request(self, data: bytes, address: Address) -> None:
        try:
            frame = decode(data)
            if (frame.cmdset, frame.cmdid) != Command.HANDSHAKE.value or frame.is_ack:
                return
            request = Handshake.unpack(frame.payload)
        except BadMessageError as error:
            self.bad_datagrams += 1
            log.debug("%s:%d: %s", *address, error)
            return
        state = HandshakeState.READY if self._welcome(request, address) else HandshakeState.BUSY
        assert self._requests is not None
        self._requests.sendto(encode(frame.ack(HandshakeAck(state=state, ip=address[0]).pack())), address)

    def _welcome(self, request: Handshake, address: Address) -> bool:
        """False: another client has the robot."""
        session = self.session
        if session is not None and self._rover.owner is session.desk:
            is_again = request.port == self._port and self._client is None  # it has not heard the first answer
            if not is_again:
                log.info("%s:%d asks for a connection and is refused: busy", *address)
            return is_again
        self._end("another client asks for a connection")
        session = Session(self._rover, self._video, self._audio, request.host, self._now_s())
        if not self._rover.claim(session.desk):
            session.close()
            return False
        self.session, self._port, self._client = session, request.port, None
        log.info("%s:%d has the robot, by the binary protocol", address[0], request.port)
        return True

    # ---- commands ----

    def _on_command(self, data: bytes, address: Address) -> None:
        try:
            frame = decode(data)
        except BadMessageError as error:
            self.bad_datagrams += 1
            log.debug("%s:%d: %s", *address, error)
            return
        if not self._is_client(address):
            self.strangers += 1
            return
        if self._link is None:
            assert self._commands is not None
            self._link = UdpLink(self._commands, address)
        self._receive(frame)

    def tcp_opened(self, link: TcpLink, address: Address) -> bool:
        if self._link is not None or not self._is_client(address):
            self.strangers += 1
            return False
        self._link = link
        return True

    def tcp_frame(self, link: TcpLink, frame: Frame) -> None:
        if link is self._link:
            self._receive(frame)

    def tcp_closed(self, link: TcpLink) -> None:
        if link is self._link:
            self._end("the client has closed the connection")

    def _is_client(self, address: Address) -> bool:
        """Known by the port that it named; from which address it speaks shows with its first command."""
        if self.session is None or self.session.is_over or address[1] != self._port:
            return False
        if self._client is None:
            self._client = address
        return self._client == address

    def _receive(self, frame: Frame) -> None:
        if self.session is not None and self._link is not None:
            for outgoing in self.session.receive(frame, self._now_s()):
                self._link.send(outgoing)

    def _tick(self) -> None:
        session = self.session
        if session is None:
            return
        now_s = self._now_s()
        if session.is_over:
            self._end("the link to the client is gone")
        elif session.silent_for_s(now_s) > self._silence_s:
            self._end("the client says nothing any more")
        elif self._link is not None:
            for outgoing in session.due(now_s):
                self._link.send(outgoing)

    def _end(self, why: str) -> None:
        if self.session is None:
            return
        log.info("the client of the binary protocol is let go: %s", why)
        session, link = self.session, self._link
        self.session = self._link = self._client = None
        session.close()
        if link is not None:
            link.close()

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
