"""One list of jobs under one task group."""

import asyncio

import pytest

from common.supervise import Job, supervise


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_job_that_fails_for_good_ends_the_others_and_its_error_comes_out_bare() -> None:
    ended: list[str] = []

    async def patient() -> None:
        try:
            await forever()
        finally:
            ended.append("patient")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await supervise([Job("patient", patient), Job("failing", failing)])
    assert ended == ["patient"]


async def test_a_job_is_started_again_as_often_as_it_may() -> None:
    starts: list[int] = []

    async def flaky() -> None:
        starts.append(len(starts))
        raise ValueError("again")

    with pytest.raises(ValueError, match="again"):
        await supervise([Job("flaky", flaky, restarts=2, pause_s=0.001)])
    assert starts == [0, 1, 2]


async def test_a_job_that_fails_a_thousand_times_is_started_again_all_the_same() -> None:
    starts: list[int] = []

    async def flaky() -> None:
        starts.append(len(starts))
        raise ValueError("again")

    with pytest.raises(ValueError, match="again"):
        await supervise([Job("flaky", flaky, restarts=1100, pause_s=0.0)])
    assert len(starts) == 1101


async def test_the_end_of_a_job_that_ends_all_is_a_normal_end() -> None:
    async def quit_key() -> None:
        await asyncio.sleep(0)

    await supervise([Job("patient", forever), Job("quit", quit_key, ends_all=True)])


async def test_cancelling_the_supervisor_cancels_every_job() -> None:
    ended: list[str] = []

    async def patient() -> None:
        try:
            await forever()
        finally:
            ended.append("patient")

    task = asyncio.create_task(supervise([Job("a", patient), Job("b", patient)]))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["patient", "patient"]


async def test_a_cancellation_that_comes_while_a_job_fails_is_not_lost() -> None:
    broken = asyncio.Event()

    async def failing() -> None:
        await broken.wait()
        raise ValueError("broken")

    async def tries_again() -> None:
        while True:
            try:
                await supervise([Job("failing", failing), Job("patient", forever)])
            except ValueError:
                await forever()

    task = asyncio.create_task(tries_again())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    broken.set()
    await asyncio.sleep(0)  # the job is about to fail: its end and the cancellation meet
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await task


async def test_jobs_that_clean_up_after_a_cancellation_come_to_their_own_end() -> None:
    cleaned: list[str] = []

    async def goodbye() -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        try:
            await forever()
        finally:
            await supervise([Job("goodbye", goodbye, ends_all=True), Job("patient", forever)])
            cleaned.append("all")

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["all"]
