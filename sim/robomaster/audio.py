"""The robot's sound port: a microphone in a silent world. Opus, 48 kHz, one channel, 960 samples a packet."""

import asyncio
import logging
import time
from fractions import Fraction

from protos.robomaster.ids import AUDIO_PORT
from protos.robomaster.unverified import VIDEO_LATENCY_S
from sim.robomaster.encoder import require_av
from sim.robomaster.listening import listen

log = logging.getLogger(__name__)

RATE_HZ = 48_000
PACKET_SAMPLES = 960
PACKET_S = PACKET_SAMPLES / RATE_HZ
SILENCE_PACKETS = 50  # a second, then again from the start
BIT_RATE = 24_000  # constant, so that all packets have 60 bytes: there is no framing to tell them apart
MAX_LISTENERS = 4
WAITING_BYTES = 16 * 1024
LATE_S = 0.5  # further behind than that, packets are left out


def silence() -> list[bytes]:
    """Packets to be sent one after the other. Raises DeviceError without PyAV."""
    av = require_av()
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = RATE_HZ, "mono", "s16"
    codec.bit_rate = BIT_RATE
    codec.options = {"vbr": "off", "frame_duration": "20", "application": "lowdelay"}
    packets: list[bytes] = []
    for number in range(SILENCE_PACKETS):
        frame = av.AudioFrame(format="s16", layout="mono", samples=PACKET_SAMPLES)
        frame.planes[0].update(bytes(2 * PACKET_SAMPLES))
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, number * PACKET_SAMPLES, Fraction(1, RATE_HZ)
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


class AudioService:
    """`start` and `stop` switch the stream; connections come and go as they like."""

    def __init__(self, ip: str) -> None:
        self.ready = asyncio.Event()
        self._ip = ip
        self._is_on = False
        self._ends_s = 0.0  # when the last packet comes of a stream that was switched off
        self._listeners: set[Listener] = set()
        self._wanted = asyncio.Event()

    @property
    def is_on(self) -> bool:
        return self._is_on

    def start(self) -> None:
        """Raises DeviceError without PyAV."""
        require_av()
        self._is_on = True
        self._look_around()

    def stop(self) -> None:
        """What was heard by now still comes, as late as the pictures."""
        self._is_on, self._ends_s = False, time.monotonic() + VIDEO_LATENCY_S
        self._look_around()

    async def run(self) -> None:
        """Until cancelled. Raises LinkError when the port is taken."""
        server = await listen(lambda: Listener(self), self._ip, AUDIO_PORT, "audio")
        self.ready.set()
        try:
            await self._wanted.wait()
            packets = await asyncio.to_thread(silence)
            number, due_s = 0, time.monotonic()
            while True:
                if time.monotonic() >= self._ends_s:
                    await self._wanted.wait()
                for listener in self._listeners:
                    listener.send(packets[number % len(packets)])
                number, due_s = number + 1, max(due_s + PACKET_S, time.monotonic() - LATE_S)
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        finally:
            self.ready.clear()
            server.close()
            for listener in list(self._listeners):
                listener.abort()
            await asyncio.sleep(0)  # lets the transports run their last callbacks

    def _look_around(self) -> None:
        if self._is_on and self._listeners:
            self._wanted.set()
        else:
            self._wanted.clear()

    def joined(self, listener: "Listener") -> bool:
        if len(self._listeners) >= MAX_LISTENERS:
            return False
        self._listeners.add(listener)
        self._look_around()
        return True

    def left(self, listener: "Listener") -> None:
        self._listeners.discard(listener)
        self._look_around()


class Listener(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: AudioService) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WAITING_BYTES, low=0)
        if not self._service.joined(self):
            log.warning("audio: %d listeners already, another one was turned away", MAX_LISTENERS)
            transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._service.left(self)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def send(self, packet: bytes) -> None:
        if self._transport is not None and not self._is_full:
            self._transport.write(packet)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
