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
