"""The native service: Track, Describe, Probe."""

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from edge_server.config import EdgeConfig
from edge_server.dispatch import Dispatcher
from edge_server.metrics import Metrics
from edge_server.services.track import Full, StreamEnd, TrackSession
from edge_server.tryon.service_node import TryOnNode
from protos.messages import ServerDescription, TaskInfo
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc

log = logging.getLogger(__name__)
Context = Any  # grpc.aio.ServicerContext has no types
SERVICE_NAME = pb.DESCRIPTOR.services_by_name["Offload"].full_name


class OffloadService(offload_pb2_grpc.OffloadServicer):
    """Unpacks, asks the dispatcher, packs. Every frame gets one answer, or its stream ends."""

    def __init__(
        self, config: EdgeConfig, version: str, dispatcher: Dispatcher, metrics: Metrics, tryon: TryOnNode
    ) -> None:
        self._config = config
        self._version = version
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._tryon = tryon
        self._sessions: set[TrackSession] = set()
        self._ids = itertools.count(1)
        self._going: tuple[str, float] | None = None
        self._empty = asyncio.Event()
        metrics.watch_streams(lambda: len(self._sessions))

    async def Track(self, requests: AsyncIterator[pb.TrackRequest], context: Context) -> None:
        limit = self._config.limits.max_streams
        if len(self._sessions) >= limit:
            self._metrics.refused.inc()
            full = Full(f"all {limit} streams of {self._config.id} are taken", self._dispatcher.refuse())
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(full), full.metadata)
        session = TrackSession(f"{context.peer()}#{next(self._ids)}", self._config, self._dispatcher, self._tasks)
        self._sessions.add(session)
        why = "cut"
        try:
            if self._going:
                session.go_away(*self._going)
            await session.run(requests, context.write)
            why = "finished"
        except StreamEnd as end:
            why = end.why
            log.info("stream of %s ended: %s", session.name, end)
            if end.code is None:
                # A status would wait behind the write that is stuck. Dropped without one, the call is reset.
                raise asyncio.CancelledError from None
            await context.abort(end.code, str(end))
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()
            session.close()
            self._metrics.closed.labels(why).inc()

    async def Describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeReply:
        return ServerDescription(
            server_id=self._config.id,
            version=self._version,
            tasks=self._tasks,
            colour_rgb=self._config.colour_rgb,
            zone=self._config.zone,
            load=self._dispatcher.load(),
            max_image_px=self._config.limits.max_image_px,
        ).to_pb()

    async def Probe(self, request: pb.ProbeRequest, context: Context) -> pb.ProbeReply:
        """Of what is asked for: a robot's frames wait for other engines than a mirror's pictures."""
        if self._tryon.does(request.tasks):
            return pb.ProbeReply(
                sent_ns=request.sent_ns,
                expected_service_us=round(self._tryon.expected_s(request.tasks) * 1e6),
                load=self._tryon.load(request.tasks).to_pb(),
            )
        return pb.ProbeReply(
            sent_ns=request.sent_ns,
            expected_service_us=round(self._dispatcher.expected_service_s() * 1e6),
            load=self._dispatcher.load().to_pb(),
        )

    @property
    def _tasks(self) -> tuple[TaskInfo, ...]:
        return (*self._dispatcher.tasks, *self._tryon.tasks)

    # ---- for the server ----

    @property
    def open_streams(self) -> int:
        return len(self._sessions)

    def go_away(self, reason: str, grace_s: float) -> None:
        """Tell all streams, also those that come yet, to move."""
        self._going = (reason, grace_s)
        for session in list(self._sessions):
            session.go_away(reason, grace_s)

    async def all_gone(self, timeout_s: float) -> bool:
        """Wait until the last stream is closed; False when some stay."""
        self._empty.clear()
        if not self._sessions:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        return not self._sessions

    async def release_idle(self) -> None:
        """Streams without frames give their place back. Runs until cancelled."""
        while True:
            await asyncio.sleep(min(1.0, self._config.limits.idle_s))
            for session in list(self._sessions):
                if time.monotonic() - session.last_frame_s > self._config.limits.idle_s:
                    session.release()
