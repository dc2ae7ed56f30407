"""Everything that runs is a named job under one task group; what restarts, and how often, is data."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)


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
            wait_s = min(job.pause_s * 2**failures, 30.0)
            log.warning("%s failed (%s: %s), starts again in %.1f s", job.name, type(error).__name__, error, wait_s)
            await asyncio.sleep(wait_s)


async def supervise(jobs: Sequence[Job]) -> None:
    """Run all jobs; the first that fails for good cancels the rest, and its error is raised bare."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(keep_running(job), name=job.name)
    except BaseExceptionGroup as failed:
        errors = [error for error in _flat(failed) if not isinstance(error, AllDone)]
        if errors:
            for other in errors[1:]:
                log.error("also failed: %s: %s", type(other).__name__, other)
            raise errors[0] from None


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    flat: list[BaseException] = []
    for error in group.exceptions:
        flat.extend(_flat(error) if isinstance(error, BaseExceptionGroup) else [error])
    return flat
