"""Another node, asked over gRPC: by a stage of this node, or by a mirror.

A node that dies is noticed at once (its connection breaks), one that hangs within `SILENT_S`: a working node says
something at least once a second.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator

import grpc

from common.errors import BadMessageError
from common.tls import TlsConfig, open_channel
from protos.messages import Load
from protos.tagalong.v1 import offload_pb2, offload_pb2_grpc, tryon_pb2_grpc
from protos.tryon import BodyReply, BodyRequest, News, TryOnDone, TryOnRequest, reply_from_pb
from protos.tryon_errors import NodeGoneError, TooLateError, from_rpc

OnNews = Callable[[News], None]

CONNECT_S = 2.0
SILENT_S = 5.0  # without a word from a node at work: it is taken for dead
SLOWEST_UPLOAD_BPS = 1_000_000  # bytes a second; the first word may take as much longer as the picture needs
MAX_REPLY_BYTES = 64 * 1024 * 1024  # a picture of 16 MP as PNG
MARGIN_S = 0.05  # the node's own deadline comes first, so that it can say what for the time went
OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
    # A node that is back is found within half a second; by default gRPC waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class NodeClient:
    """One node. `name`: how messages call it. Used inside one event loop."""

    def __init__(self, name: str, address: str, tls: TlsConfig) -> None:
        self.name = name if name == address or not name else f"{name} ({address})"
        self.address = address
        self._channel = open_channel(address, tls, OPTIONS)

    async def close(self) -> None:
        await self._channel.close()

    async def pose(self, request: BodyRequest, deadline_s: float) -> BodyReply:
        """All three raise what `service_errors` has, and the errors of pictures."""
        return await self._body(
            deadline_s,
            lambda left_s: tryon_pb2_grpc.PoseStub(self._channel).Find(request.to_pose_pb(), timeout=left_s),
        )

    async def parse(self, request: BodyRequest, deadline_s: float) -> BodyReply:
        return await self._body(
            deadline_s,
            lambda left_s: tryon_pb2_grpc.ParsingStub(self._channel).Parse(request.to_parsing_pb(), timeout=left_s),
        )

    async def try_on(self, request: TryOnRequest, deadline_s: float, on_news: OnNews) -> TryOnDone:
        """Cancelled, it cancels the work there."""
        with self._errors():
            await self._connect(deadline_s)
            call = tryon_pb2_grpc.TryOnStub(self._channel).TryOn(request.to_pb(), timeout=_left(deadline_s) + MARGIN_S)
            patience_s = SILENT_S + len(request.image) / SLOWEST_UPLOAD_BPS
            try:
                while True:
                    reply = await self._read(call, min(patience_s, _left(deadline_s) + MARGIN_S), deadline_s)
                    patience_s = SILENT_S
                    if isinstance(reply, TryOnDone):
                        return reply
                    if reply is not None:
                        on_news(reply)
            finally:
                call.cancel()

    async def probe(self, task: str, timeout_s: float) -> tuple[float, Load]:
        """What it expects one more request of this task to wait and take, the way there included."""
        with self._errors():
            began_s = time.monotonic()
            await self._connect(began_s + timeout_s)
            reply = await offload_pb2_grpc.OffloadStub(self._channel).Probe(
                offload_pb2.ProbeRequest(tasks=[task]), timeout=timeout_s
            )
            return time.monotonic() - began_s + reply.expected_service_us / 1e6, Load.from_pb(reply.load)

    # ---- inside ----

    async def _body(self, deadline_s: float, call: Callable[[float], Awaitable[object]]) -> BodyReply:
        with self._errors():
            await self._connect(deadline_s)
            return BodyReply.from_pb(await call(_left(deadline_s) + MARGIN_S))  # type: ignore[arg-type]

    async def _read(
        self, call: grpc.aio.UnaryStreamCall, patience_s: float, deadline_s: float
    ) -> News | TryOnDone | None:
        try:
            async with asyncio.timeout(patience_s):
                message = await call.read()
        except TimeoutError:
            if _left(deadline_s) <= 0:
                raise TooLateError(f"{self.name} gave no answer in time") from None
            raise NodeGoneError(f"{self.name} is gone: it said nothing for {patience_s:.0f} s") from None
        if message is grpc.aio.EOF:
            code = await call.code()
            if code is grpc.StatusCode.OK:
                raise NodeGoneError(f"{self.name} is gone: it ended without a result")
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), await call.trailing_metadata(), await call.details())
        return reply_from_pb(message)

    async def _connect(self, deadline_s: float) -> None:
        """At once where nobody listens; never longer than `CONNECT_S` where nothing answers."""
        state = self._channel.get_state(try_to_connect=True)
        tried = state is not grpc.ChannelConnectivity.TRANSIENT_FAILURE  # that would be an earlier attempt's
        try:
            async with asyncio.timeout(max(0.01, min(CONNECT_S, _left(deadline_s)))):
                while state is not grpc.ChannelConnectivity.READY:
                    if tried and state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        raise NodeGoneError(f"{self.name} is gone: nobody listens there")
                    if state is grpc.ChannelConnectivity.SHUTDOWN:
                        raise NodeGoneError(f"{self.name} is not used any more")
                    await self._channel.wait_for_state_change(state)
                    tried = True
                    state = self._channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise NodeGoneError(f"{self.name} is gone: no connection within {CONNECT_S:.0f} s") from None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise from_rpc(self.name, error) from error
        except BadMessageError as error:
            raise NodeGoneError(f"{self.name} answers what nobody understands: {error}") from error
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            raise NodeGoneError(f"{self.name} is not used any more") from error


def _left(deadline_s: float) -> float:
    return max(0.0, deadline_s - time.monotonic())
