"""The scheduler's shell: real clock, one worker thread an engine, answers back in the event loop."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from common.errors import TagalongError
from edge_server.engines.base import Engine, Picture
from edge_server.metrics import Metrics
from edge_server.scheduler import Admission, Batch, Scheduler, SchedulerConfig, Settled, Ticket
from edge_server.work import FrameWork, serve
from protos.messages import Load, Outcome, TaskInfo

log = logging.getLogger(__name__)
Done = Callable[[Batch, float, Sequence[int]], None]


class Worker:
    """A thread for one engine: network objects are not safe to share. Daemon, so that a hung one holds up no exit."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop, on_done: Done) -> None:
        self.engine = engine
        self.batch: Batch | None = None
        self.began_s = 0.0
        self._loop = loop
        self._on_done = on_done
        self._inbox: queue.SimpleQueue[tuple[Batch, list[FrameWork]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"engine-{engine.task}", daemon=True)
        self._thread.start()

    def start(self, batch: Batch, works: list[FrameWork], now_s: float) -> None:
        self.batch, self.began_s = batch, now_s
        self._inbox.put((batch, works))

    def stop(self) -> None:
        self._inbox.put(None)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._inbox.get()) is not None:
            batch, works = job
            began_s = time.monotonic()
            failed = serve(self.engine, works)
            took_s = time.monotonic() - began_s
            try:
                self._loop.call_soon_threadsafe(self._on_done, batch, took_s, failed)
            except RuntimeError:  # the loop closed while the engine was busy: nobody waits any more
                break
        self.engine.close()


class Dispatcher:
    """Takes frames of all services; each gets exactly one `on_answer`."""

    def __init__(
        self, engines: Mapping[str, Engine], config: SchedulerConfig, metrics: Metrics, hung_s: float = 3.0
    ) -> None:
        self.engines = dict(engines)
        self._scheduler = Scheduler(config, {task: engine.max_batch for task, engine in engines.items()})
        self._metrics = metrics
        self._hung_s = hung_s
        self._workers: dict[str, Worker] = {}
        self._hung: set[str] = set()
        self._numbers = 0
        self._waiting = asyncio.Event()

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        return tuple(TaskInfo(task, engine.name, engine.labels) for task, engine in self.engines.items())

    @property
    def hung(self) -> frozenset[str]:
        """Tasks whose engine has not come back."""
        return frozenset(self._hung)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._workers = {task: Worker(engine, loop, self._done) for task, engine in self.engines.items()}

    async def stop(self, timeout_s: float) -> bool:
        """End the threads; False when an engine hangs on."""
        for worker in self._workers.values():
            worker.stop()
        until_s = time.monotonic() + timeout_s
        while any(worker.is_alive for worker in self._workers.values()):
            if time.monotonic() > until_s:
                return False
            await asyncio.sleep(0.01)
        return True

    # ---- what services call ----

    def open(self, stream_id: str, robot: str, is_call: bool = False) -> Admission:
        admission = self._scheduler.open(time.monotonic(), stream_id, robot, is_call)
        self._metrics.streams.set(self.load().streams)
        return admission

    def close(self, stream_id: str) -> None:
        self._tell(self._scheduler.close(time.monotonic(), stream_id))
        self._metrics.streams.set(self.load().streams)
        self._pump()

    def refuse(self) -> float:
        return self._scheduler.refuse(time.monotonic())

    def offer(
        self,
        stream_id: str,
        tasks: tuple[str, ...],
        deadline_s: float,
        work: FrameWork,
        extra_tasks: tuple[str, ...] = (),
    ) -> None:
        """`deadline_s` on time.monotonic(), inf for none."""
        self._numbers += 1
        ticket = Ticket(self._numbers, tasks, deadline_s, work, extra_tasks)
        self._tell(self._scheduler.offer(time.monotonic(), stream_id, ticket))
        self._pump()

    def count_bad(self) -> None:
        """A frame that was refused from its header, before it got a ticket."""
        self._metrics.frames.labels("invalid").inc()

    def count_refused(self) -> None:
        """A frame of a stream that has no place."""
        self._metrics.frames.labels(str(Outcome.REJECTED)).inc()

    def expected_service_s(self) -> float:
        return self._scheduler.expected_service_s(time.monotonic())

    def load(self) -> Load:
        return self._scheduler.load(time.monotonic())

    # ---- jobs ----

    async def watch(self) -> None:
        """Drops what expires while engines are busy, and notices engines that hang. Runs until cancelled."""
        while True:
            await self._waiting.wait()
            now_s = time.monotonic()
            wake_s = self._scheduler.next_deadline_s()
            for worker in self._workers.values():
                if worker.batch and worker.engine.task not in self._hung:
                    if now_s - worker.began_s >= self._hung_s:
                        self._give_up(now_s, worker)
                    else:
                        wake_s = min(wake_s, worker.began_s + self._hung_s)
            self._pump()
            if wake_s == float("inf"):
                self._waiting.clear()
            else:
                await asyncio.sleep(max(0.001, min(wake_s - now_s, 0.05)))

    def warm_up(self) -> None:
        """One empty picture through each engine, before the first robot comes. Raises TagalongError."""
        picture = Picture(np.full((480, 640, 3), 127, np.uint8))
        for task, engine in self.engines.items():
            try:
                engine.detect([picture])  # the first call allocates; only the second tells how long it takes
                began_s = time.monotonic()
                engine.detect([picture])
            except TagalongError as error:  # an engine on another machine may come later
                log.warning("engine %s for %s does not answer yet: %s", engine.name, task, error)
            else:
                self._scheduler.observe(task, time.monotonic() - began_s)

    # ---- inside ----

    def _pump(self) -> None:
        now_s = time.monotonic()
        while True:
            turn = self._scheduler.next_batch(now_s)
            self._tell(turn.settled)
            if turn.batch is None:
                break
            works = [work for ticket in turn.batch.tickets if isinstance(work := ticket.payload, FrameWork)]
            self._workers[turn.batch.task].start(turn.batch, works, now_s)
        self._waiting.set()

    def _done(self, batch: Batch, service_s: float, failed: Sequence[int]) -> None:
        worker = self._workers[batch.task]
        worker.batch = None
        if batch.task in self._hung:
            self._hung.discard(batch.task)
            log.warning("engine %s for %s came back after %.1f s", worker.engine.name, batch.task, service_s)
        self._metrics.busy.set(self.load().busy)
        self._tell(self._scheduler.done(time.monotonic(), batch, service_s, failed))
        self._pump()

    def _give_up(self, now_s: float, worker: Worker) -> None:
        assert worker.batch is not None
        self._hung.add(worker.engine.task)
        log.error(
            "engine %s for %s hangs for %.1f s: its frames are refused until it comes back",
            worker.engine.name,
            worker.engine.task,
            now_s - worker.began_s,
        )
        self._tell(self._scheduler.abandon(now_s, worker.batch))

    def _tell(self, settled: Sequence[Settled]) -> None:
        for one in settled:
            work = one.ticket.payload
            assert isinstance(work, FrameWork)
            answer = work.answer(one.outcome, one.queue_s, one.retry_after_s)
            self._metrics.settled(answer)
            work.on_answer(answer)
