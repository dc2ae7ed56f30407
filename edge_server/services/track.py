"""One Track stream: reads frames, writes answers, never holds more than a bounded number of either.

A client that does not read its answers is not read from; when it has taken none for a while its stream is dropped.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc

from common.errors import BadImageError, BadMessageError, TagalongError
from edge_server.config import EdgeConfig
from edge_server.dispatch import Dispatcher
from edge_server.images import check_image
from edge_server.work import Answer, FrameWork
from protos.messages import Detection, EncodedFrame, FrameReply, Outcome, StreamOpen, TaskInfo, Timings
from protos.tagalong.v1 import offload_pb2 as pb

log = logging.getLogger(__name__)
OPEN_WITHIN_S = 10.0  # a stream that does not say what it wants holds a place against others


class Full(TagalongError):
    """There is no place; `retry_after_s` says when to come back."""

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(f"{what}. Come back in {retry_after_s:.1f} s, or use another server.")
        self.retry_after_s = retry_after_s

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("retry-after-ms", str(math.ceil(self.retry_after_s * 1e3))),)


class StreamEnd(TagalongError):
    """This stream must end, through its client's doing. `code`: the status to send; None: the client takes none."""

    def __init__(self, code: grpc.StatusCode | None, message: str, why: str = "invalid") -> None:
        super().__init__(message)
        self.code = code
        self.why = why


class TrackSession:
    """State of one stream. Methods run in the event loop only."""

    def __init__(
        self, stream_id: str, config: EdgeConfig, dispatcher: Dispatcher, offered: tuple[TaskInfo, ...]
    ) -> None:
        """`offered`: all tasks of this server; those without a detector hold the stream open, frames need one."""
        self.stream_id = stream_id
        self._offered = tuple(task.name for task in offered)
        self.last_frame_s = time.monotonic()
        self._config = config
        self._dispatcher = dispatcher
        self._opened: StreamOpen | None = None
        self._admitted = False
        self._pending = 0  # frames without an answer yet
        self._outbox: deque[pb.TrackReply] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._finished = False

    @property
    def name(self) -> str:
        return f"{self._opened.robot_id} ({self.stream_id})" if self._opened else self.stream_id

    async def run(
        self, requests: AsyncIterator[pb.TrackRequest], write: Callable[[pb.TrackReply], Awaitable[None]]
    ) -> None:
        """Until the client is done and all its frames are answered. Raises StreamEnd."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(write), name=f"write {self.stream_id}")
                group.create_task(self._read(requests), name=f"read {self.stream_id}")
        except BaseExceptionGroup as failed:
            ends = failed.subgroup(StreamEnd)
            if ends is None:
                raise
            raise ends.exceptions[0] from None

    def close(self) -> None:
        self.release()
        self._finished = True

    def release(self) -> None:
        """Give the place back; the next frame asks for it again."""
        if self._admitted:
            self._admitted = False
            self._dispatcher.close(self.stream_id)

    def go_away(self, reason: str, grace_s: float) -> None:
        self._put(pb.TrackReply(go_away=pb.GoAway(reason=reason, grace_ms=round(grace_s * 1e3))))

    # ---- in ----

    async def _read(self, requests: AsyncIterator[pb.TrackRequest]) -> None:
        self._open(await self._first(requests))
        with contextlib.suppress(grpc.aio.BaseError):  # the server is stopped, and with it this stream
            await self._read_frames(requests)
        self._finished = True
        self._changed.set()

    async def _read_frames(self, requests: AsyncIterator[pb.TrackRequest]) -> None:
        async for request in requests:
            if len(self._outbox) >= self._config.limits.outbox:
                self._room.clear()  # who does not read its answers is not read from: its frames stay with it
                await self._room.wait()
            match request.WhichOneof("kind"):
                case "frame":
                    self._frame(request.frame)
                case "open":
                    raise StreamEnd(grpc.StatusCode.INVALID_ARGUMENT, "the stream is open already: `open` comes once.")
                case _:  # warm: that it arrived is all it is for; unknown kinds are of a newer robot
                    pass

    @staticmethod
    async def _first(requests: AsyncIterator[pb.TrackRequest]) -> StreamOpen:
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                async for request in requests:
                    if request.WhichOneof("kind") != "open":
                        break
                    return StreamOpen.from_pb(request.open)
        except TimeoutError:
            raise StreamEnd(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"no `open` within {OPEN_WITHIN_S:.0f} s", "silent"
            ) from None
        raise StreamEnd(grpc.StatusCode.INVALID_ARGUMENT, "the first message of a stream must be `open`.")

    def _open(self, asked: StreamOpen) -> None:
        offered = self._offered
        served = tuple(dict.fromkeys(task for task in asked.tasks if task in offered))
        if not served:
            wrong = ", ".join(repr(task[:64]) for task in asked.tasks[:8]) or "no task at all"
            raise StreamEnd(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"open.tasks: {wrong} is not offered by {self._config.id}. Offered: {', '.join(offered)}.",
            )
        extra = tuple(dict.fromkeys(task for task in asked.extra_tasks if task in offered and task not in served))
        self._opened = StreamOpen(asked.robot_id, served, asked.max_results, asked.labels, extra)
        self._put(pb.TrackReply(opened=pb.Opened(server_id=self._config.id, tasks=(*served, *extra))))

    def _frame(self, message: pb.Frame) -> None:
        assert self._opened is not None
        arrived_s = self.last_frame_s = time.monotonic()
        self._pending += 1
        engines = self._dispatcher.engines
        tasks = tuple(task for task in self._opened.tasks if task in engines)
        extra = tuple(task for task in self._opened.extra_tasks if task in engines)
        if not tasks:
            self._dispatcher.count_bad()
            wrong = f"{', '.join(self._opened.tasks)}: not by frames of a stream, but by a service of its own"
            self._answer(message, arrived_s, Answer(Outcome.REJECTED, {}, message=wrong))
            return
        if not self._admitted:
            admission = self._dispatcher.open(self.stream_id, self._opened.robot_id or self.stream_id)
            if not admission.admitted:
                self._dispatcher.count_refused()
                retry_s, capacity = admission.retry_after_s, self._config.scheduler.capacity
                full = Full(f"{self._config.id} is full: it serves {capacity} robots at a time", retry_s)
                answer = Answer(Outcome.REJECTED, {}, retry_after_s=retry_s, message=str(full))
                self._answer(message, arrived_s, answer)
                return
            self._admitted = True
        try:
            frame = EncodedFrame.from_pb(message)
            header = check_image(frame.image, self._config.limits.max_image_px)
        except (BadMessageError, BadImageError) as error:
            self._dispatcher.count_bad()
            self._answer(message, arrived_s, Answer(Outcome.REJECTED, {}, message=str(error), bad_image=True))
            return
        message.ClearField("image")  # only its numbers are needed from here on
        work = FrameWork(frame.image, header, lambda answer: self._answer(message, arrived_s, answer), frame.truth)
        deadline_s = arrived_s + frame.budget_s if frame.budget_s > 0 else math.inf
        self._dispatcher.offer(self.stream_id, tasks, deadline_s, work, extra)

    # ---- out ----

    def _answer(self, frame: pb.Frame, arrived_s: float, answer: Answer) -> None:
        self._pending -= 1
        total_s = time.monotonic() - arrived_s
        result = FrameReply(
            number=frame.number,
            capture_ns=frame.capture_ns,
            outcome=Outcome.REJECTED if answer.outcome is Outcome.LOST else answer.outcome,
            detections=tuple(self._chosen(answer.detections)) if answer.outcome is Outcome.RESULT else (),
            timings=Timings(answer.queue_s, answer.decode_s, answer.inference_s, total_s),
            retry_after_s=answer.retry_after_s,
            message=answer.message,
            load=self._dispatcher.load(),
        ).to_pb()
        if answer.bad_image:
            result.outcome = pb.OUTCOME_INVALID
        self._put(pb.TrackReply(result=result))

    def _chosen(self, found: dict[str, list[Detection]]) -> list[Detection]:
        """In the order of the tasks asked for, extra ones last; of the former only wanted labels; at most `max_results`
        of each task."""
        assert self._opened is not None
        labels, most = self._opened.labels, self._opened.max_results or None
        chosen: list[Detection] = []
        for task in self._opened.tasks:
            chosen += [each for each in found.get(task, []) if not labels or each.label in labels][:most]
        for task in self._opened.extra_tasks:
            chosen += found.get(task, [])[:most]
        return chosen

    def _put(self, reply: pb.TrackReply) -> None:
        self._outbox.append(reply)
        self._changed.set()

    async def _write(self, write: Callable[[pb.TrackReply], Awaitable[None]]) -> None:
        unread_s = self._config.limits.unread_s
        while True:
            while self._outbox:
                try:
                    async with asyncio.timeout(unread_s):
                        await write(self._outbox.popleft())
                except TimeoutError:
                    raise StreamEnd(None, f"it took no answer for {unread_s:.1f} s", "unread") from None
                except Exception as error:  # internal kinds of gRPC's: the client is gone
                    raise StreamEnd(None, f"the client is gone: {error}", "cut") from error
            self._room.set()
            if self._finished and self._pending == 0:
                return
            self._changed.clear()
            await self._changed.wait()
