"""One engine behind a fair queue: a worker thread of its own, one call at a time; a hung one is noticed."""

import asyncio
import itertools
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from common.errors import TagalongError
from edge_server.lane import Lane
from edge_server.tryon.queue import FairQueue, Ticket
from edge_server.tryon.values import CancelledTryOn, Progress
from protos.messages import Load
from protos.tryon import News, Queued, Working
from protos.tryon_errors import BusyError, EngineFailedError, NodeGoneError, TooLateError

log = logging.getLogger(__name__)
T = TypeVar("T")
OnNews = Callable[[News], None]
NEWS_EVERY_S = 0.05  # an engine may report each of a thousand steps; a person reads ten a second
BUSY_WINDOW_S = 10.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ask:
    """For whom, until when, and where its news go (in the event loop, must not block)."""

    user: str
    deadline_s: float  # on time.monotonic()
    on_news: OnNews = field(default=lambda news: None, repr=False)
    waited_s: list[float] = field(default_factory=list)  # time in queues, a number for each

    def left_s(self) -> float:
        return max(0.0, self.deadline_s - time.monotonic())


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Progress], Any]
    ask: Ask
    step: str
    answered: "asyncio.Future[Any]"
    number: int = field(default_factory=lambda: next(_numbers))
    stop: threading.Event = field(default_factory=threading.Event)
    offered_s: float = field(default_factory=time.monotonic)
    began_s: float = 0.0


class EngineLane:
    """`run` may be called by many at once; `close_engine` runs in the worker thread, last."""

    def __init__(
        self,
        task: str,
        engine: str,
        max_waiting: int,
        max_per_user: int,
        hung_s: float,
        close_engine: Callable[[], None] = lambda: None,
    ) -> None:
        self.task = task
        self.engine = engine
        self.is_hung = False
        self._hung_s = hung_s
        self._close_engine = close_engine
        self._lane = Lane(task, 1, BUSY_WINDOW_S)
        self._queue = FairQueue(self._lane, max_waiting, max_per_user)
        self._busy: _Job | None = None
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # ---- life ----

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name=f"engine-{self.task}", daemon=True)
        self._thread.start()

    async def stop(self, timeout_s: float) -> bool:
        """End the thread; False when the engine hangs on."""
        if self._busy is not None:
            self._busy.stop.set()
        self._inbox.put(None)
        until_s = time.monotonic() + timeout_s
        while self._thread is not None and self._thread.is_alive():
            if time.monotonic() > until_s:
                return False
            await asyncio.sleep(0.01)
        return True

    # ---- what services ask ----

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def expected_s(self) -> float:
        """What one more request would wait and take."""
        return self._lane.expected_s(time.monotonic(), len(self._queue))

    def load(self, capacity: int) -> Load:
        busy = self._lane.busy(time.monotonic())
        return Load(len(self._queue) + (self._busy is not None), capacity, busy)

    async def run(self, ask: Ask, step: str, work: Callable[[Progress], T]) -> T:
        """`work` in the worker thread, when it is its turn. `step`: what it is for, in words.

        Raises BusyError, TooLateError, NodeGoneError (the engine hangs), EngineFailedError, and what `work` raises of
        ours. Cancelled, or too late, it leaves the queue; in the middle of the work the next `progress` stops it.
        """
        if self.is_hung:
            raise NodeGoneError(f"the engine {self.engine} for {self.task} hangs")
        assert self._loop is not None, "not started"
        job = _Job(work, ask, step, self._loop.create_future())
        ticket = Ticket(job.number, ask.user, ask.deadline_s, job)
        refused = self._queue.offer(ticket)
        if refused:
            raise BusyError(f"{refused}; please try again in a moment", max(0.5, self.expected_s()))
        self._pump()
        try:
            async with asyncio.timeout(ask.left_s()):
                return cast(T, await job.answered)
        except TimeoutError:
            waited = "in the queue" if not job.began_s else f"while {step}"
            raise TooLateError(f"the time for this request passed {waited}") from None
        finally:
            job.stop.set()
            if self._queue.remove(ticket):
                self._tell_places()
            ask.waited_s.append((job.began_s or time.monotonic()) - job.offered_s)

    def watch(self) -> None:
        """Called now and then: notices an engine that does not come back, and refuses who waits for it."""
        job = self._busy
        if job is None or self.is_hung or time.monotonic() - job.began_s < self._hung_s:
            return
        self.is_hung = self._lane.is_stuck = True
        log.error("engine %s for %s hangs for %.1f s: requests are refused", self.engine, self.task, self._hung_s)
        error = NodeGoneError(f"the engine {self.engine} for {self.task} hangs")
        for _, ticket in list(self._queue.places()):
            self._queue.remove(ticket)
            self._settle(cast(_Job, ticket.payload), None, error)
        self._settle(job, None, error)

    # ---- inside ----

    def _pump(self) -> None:
        if self._busy is None:
            now_s = time.monotonic()
            self._queue.expire(now_s)  # whoever waits for them has been told by its own clock
            ticket = self._queue.take()
            if ticket is not None:
                job = self._busy = cast(_Job, ticket.payload)
                job.began_s = now_s
                self._lane.start(now_s, ticket.number)
                self._inbox.put(job)
                job.ask.on_news(Working(0.0, job.step))
        self._tell_places()

    def _tell_places(self) -> None:
        length = len(self._queue)
        for place, ticket in self._queue.places():
            job = cast(_Job, ticket.payload)
            job.ask.on_news(Queued(place, length, job.step))

    def _done(self, job: _Job, result: Any, error: TagalongError | None) -> None:
        now_s = time.monotonic()
        self._busy = None
        self._lane.stop(now_s, job.number, now_s - job.began_s)
        if self.is_hung:
            self.is_hung = False
            log.warning("engine %s for %s came back after %.1f s", self.engine, self.task, now_s - job.began_s)
        self._settle(job, result, error)
        self._pump()

    @staticmethod
    def _settle(job: _Job, result: Any, error: TagalongError | None) -> None:
        if job.answered.done():
            return
        if error is not None:
            job.answered.set_exception(error)
        else:
            job.answered.set_result(result)

    # ---- in the worker thread ----

    def _serve(self) -> None:
        assert self._loop is not None
        while (job := self._inbox.get()) is not None:
            result, error = None, None
            try:
                self._check(job)
                result = job.work(self._progress_of(job))
            except TagalongError as ours:
                error = ours
            except Exception as broken:  # an engine may break in any way; the server lives
                # Its message may quote what it worked on, so only kind and place are written down.
                where = traceback.extract_tb(broken.__traceback__)[-1]
                kind = type(broken).__name__
                log.error("engine %s for %s: %s at %s:%s", self.engine, self.task, kind, where.filename, where.lineno)
                error = EngineFailedError(f"the engine {self.engine} for {self.task} failed ({kind})")
            try:
                self._loop.call_soon_threadsafe(self._done, job, result, error)
            except RuntimeError:  # the loop closed meanwhile: nobody waits any more
                break
            del job, result, error  # a picture must not stay because nobody comes
        self._close_engine()

    @staticmethod
    def _check(job: _Job) -> None:
        if job.stop.is_set():
            raise CancelledTryOn("nobody waits for this any more")
        if time.monotonic() >= job.ask.deadline_s:
            raise TooLateError(f"the time for this request passed while {job.step}")

    def _progress_of(self, job: _Job) -> Progress:
        loop, told_s = self._loop, 0.0
        assert loop is not None

        def progress(share: float, step: str) -> None:
            nonlocal told_s
            self._check(job)
            now_s = time.monotonic()
            if now_s - told_s >= NEWS_EVERY_S:
                told_s = now_s
                loop.call_soon_threadsafe(self._news, job, Working(min(max(share, 0.0), 1.0), step or job.step))

        return progress

    @staticmethod
    def _news(job: _Job, news: Working) -> None:
        if not job.answered.done():
            job.ask.on_news(news)
