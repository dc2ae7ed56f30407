"""Everything that runs is a named job under one task group; what restarts, and how often, is data."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

MOST_DOUBLINGS = 30  # far beyond 30 s; a job that fails for days must not double its pause out of a float's range


@dataclass(frozen=True, slots=True)
class Job:
    """One long-running coroutine function and how it is kept running."""

    name: str
    run: Callable[[], Awaitable[None]]
    restarts: int = 0  # how often it may fail and start again before it fails for good
    pause_s: float = 1.0  # wait before a restart; doubles each time, up to 30 s
    ends_all: bool = False  # its normal end ends the whole group (for example the key `q`)


class AllDone(Exception):
    """A job with `ends_all` came to its normal end."""


async def keep_running(job: Job) -> None:
    """Run one job, restarting it after failures as the job allows. Raises its last error."""
    for failures in range(job.restarts + 1):
        try:
            await job.run()
            if job.ends_all:
                raise AllDone
            return
        except (AllDone, asyncio.CancelledError):
            raise
        except Exception as error:  # a supervisor's work is to see every failure
            if failures == job.restarts:
                raise
            wait_s = min(job.pause_s * 2 ** min(failures, MOST_DOUBLINGS), 30.0)
            log.warning("%s failed (%s: %s), starts again in %.1f s", job.name, type(error).__name__, error, wait_s)
            await asyncio.sleep(wait_s)


async def supervise(jobs: Sequence[Job]) -> None:
    """Run all jobs; the first that fails for good cancels the rest, and its error is raised bare."""
    before = _cancels()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keep_running(job), name=job.name) for job in jobs]
            if tasks:  # waiting in here, the group takes its own cancellation back, and others' can be counted
                await asyncio.wait(tasks)
    except BaseExceptionGroup as failed:
        errors = [error for error in _flat(failed) if not isinstance(error, AllDone)]
        cancelled = _cancels() > before
        # Python 3.11's TaskGroup forgets a cancellation that comes while a job fails: who catches the error and tries
        # again would go on for ever.
        for other in errors if cancelled else errors[1:]:
            log.error("also failed: %s: %s", type(other).__name__, other)
        if cancelled:
            raise asyncio.CancelledError from None
        if errors:
            raise errors[0] from None


def _cancels() -> int:
    """How often the task that runs this has been asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    flat: list[BaseException] = []
    for error in group.exceptions:
        flat.extend(_flat(error) if isinstance(error, BaseExceptionGroup) else [error])
    return flat
