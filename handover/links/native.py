"""A link to a Tagalong server: one bidirectional stream, Describe and Probe, over one gRPC channel.

A connection that stalls must never hold up the frame path. gRPC's write waits for room on the wire, so there is a slot
for one frame in front of it: a newer frame takes the place of one that still waits, and the older one is reported as
dropped.
"""

import asyncio
import time

import grpc

from common.errors import BadMessageError, LinkError
from common.tls import TlsConfig, open_channel
from handover.links.base import LinkEvents
from handover.links.errors import link_errors
from handover.values import Probe, Server
from protos.messages import EncodedFrame, FrameReply, Load, ServerDescription, StreamOpen
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc as rpc

WARM_S = 1.0  # an idle stream says so this often: keeps the server's engines and the path awake
STALE_PROBES = 3  # probes lost in a row after which an idle channel is opened anew: it may hang on a dead connection
OPTIONS: tuple[tuple[str, int | str], ...] = (
    # A channel of its own: closing it closes the connection, and a new one starts without the old one's back-off.
    ("grpc.use_local_subchannel_pool", 1),
    # gRPC waits up to 2 minutes before it connects again; the core has its own, shorter back-off.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


class NativeLink:
    """See `handover.links.base.Link`."""

    def __init__(
        self, server: Server, hello: StreamOpen, tls: TlsConfig, connect_timeout_s: float, events: LinkEvents
    ) -> None:
        self._server = server
        self._name = f"{server.server_id} ({server.address})"
        self._hello = hello
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._events = events
        self._channel: grpc.aio.Channel | None = None
        self._slot: EncodedFrame | None = None
        self._filled = asyncio.Event()
        self._is_running = False
        self._is_up = False
        self._probes_lost = 0

    async def run(self) -> None:
        self._is_running = True
        try:
            await self._renew_channel()
            with link_errors(self._name, "its stream"):
                await self._carry()
        except LinkError as error:
            self._events.link_down(str(error))
        finally:
            self._is_running = self._is_up = False
            self._slot = None

    def send(self, frame: EncodedFrame) -> None:
        if not self._is_up:
            return
        waiting, self._slot = self._slot, frame
        self._filled.set()
        if waiting is not None:
            self._events.dropped(waiting.number)

    async def probe(self, probe: Probe) -> None:
        if self._channel is None or (self._probes_lost >= STALE_PROBES and not self._is_running):
            await self._renew_channel()
        sent_s = time.monotonic()
        try:
            with link_errors(self._name, "a probe"):
                reply: pb.ProbeReply = await rpc.OffloadStub(self._channel).Probe(
                    pb.ProbeRequest(
                        sent_ns=time.monotonic_ns(), padding=bytes(probe.padding_bytes), tasks=self._hello.tasks
                    ),
                    timeout=probe.timeout_s,
                )
        except LinkError:
            self._probes_lost += 1
            self._events.probe_lost(probe.probe)
            return
        self._probes_lost = 0
        rtt_s = time.monotonic() - sent_s
        self._events.probe_answered(probe.probe, rtt_s, reply.expected_service_us / 1e6, Load.from_pb(reply.load))

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _renew_channel(self) -> None:
        await self.close()
        self._probes_lost = 0
        self._channel = open_channel(self._server.address, self._tls, OPTIONS)

    async def _carry(self) -> None:
        """Raises when the stream ends, for whatever reason."""
        stub = rpc.OffloadStub(self._channel)
        async with asyncio.timeout(self._connect_timeout_s):
            description = ServerDescription.from_pb(await stub.Describe(pb.DescribeRequest()))
            offered = [task.name for task in description.tasks]
            if not set(offered) & set(self._hello.tasks):
                self._events.link_up(description)  # what it offers is worth knowing: perhaps other tasks will be asked
                raise LinkError(
                    f"{self._name}: offers {', '.join(offered) or 'nothing'}, not {', '.join(self._hello.tasks)}"
                )
            call = stub.Track()
            try:
                await call.write(pb.TrackRequest(open=self._hello.to_pb()))
                await self._opened(call)
            except BaseException:  # whatever it is: a call that is left alone stays open on both sides
                call.cancel()
                raise
        try:
            self._is_up = True
            self._events.link_up(description)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(call), name=f"frames to {self._name}")
                group.create_task(self._read(call), name=f"answers of {self._name}")
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            call.cancel()

    async def _opened(self, call: grpc.aio.StreamStreamCall) -> None:
        reply = await call.read()
        if reply is grpc.aio.EOF:
            raise LinkError(f"{self._name}: closed the stream at once: {await call.details() or await call.code()}")
        if reply.WhichOneof("kind") != "opened":
            raise LinkError(f"{self._name}: its first message was {reply.WhichOneof('kind')!r}, expected 'opened'")

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        while True:
            self._filled.clear()
            frame, self._slot = self._slot, None
            if frame is not None:
                await call.write(pb.TrackRequest(frame=frame.to_pb()))
                continue
            try:
                async with asyncio.timeout(WARM_S):
                    await self._filled.wait()
            except TimeoutError:
                await call.write(pb.TrackRequest(warm=pb.Warm()))

    async def _read(self, call: grpc.aio.StreamStreamCall) -> None:
        while True:
            reply = await call.read()
            if reply is grpc.aio.EOF:
                raise LinkError(f"{self._name}: the stream ended: {await call.details() or (await call.code()).name}")
            self._take(reply)

    def _take(self, reply: pb.TrackReply) -> None:
        kind = reply.WhichOneof("kind")
        if kind == "result":
            try:
                answer = FrameReply.from_pb(reply.result)
            except BadMessageError as error:
                self._events.bad_message(str(error))
            else:
                self._events.reply(answer)
        elif kind == "go_away":
            self._events.go_away()
        else:
            self._events.bad_message(f"a message of kind {kind!r} in the middle of a stream")
