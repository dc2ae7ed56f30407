"""A connection that comes back by itself and says how it is, and the counts of what went over it."""

import asyncio
import contextlib
import logging
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from archive.broker.private import free_port
from archive.counting import Counts
from archive.link import Link
from archive.mqtt import BrokerError, Mqtt
from common.backoff import Backoff
from common.errors import ConfigError
from tests.archive.parts import beside, until


class Connection:
    """In place of a client: `fails` at connecting, as often as it says."""

    def __init__(self, fails: list[BaseException]) -> None:
        self._fails = fails
        self.is_open = False

    async def __aenter__(self) -> "Connection":
        if self._fails:
            raise self._fails.pop(0)
        self.is_open = True
        return self

    async def __aexit__(self, *of: object) -> None:
        self.is_open = False


def link_of(use: Callable[[Any], Awaitable[None]], fails: Sequence[BaseException] = ()) -> Link:
    left = list(fails)
    return Link("remote broker", lambda: cast(Mqtt, Connection(left)), use)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "next_s", lambda self: 0.001)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_it_connects_again_and_tells_of_one_trouble_once(caplog: pytest.LogCaptureFixture) -> None:
    async def use(mqtt: Any) -> None:
        link.up()
        await asyncio.Event().wait()

    link = link_of(use, [BrokerError("nobody there")] * 5 + [BrokerError("no login")] * 5)
    assert link.problem == "not connected yet"
    async with beside(link.run()):
        async with asyncio.timeout(10):
            await link.is_up.wait()
        assert link.problem == ""
        assert link.connections == 1
    assert told(caplog) == [
        "remote broker: nobody there; tries again",
        "remote broker: no login; tries again",
        "remote broker: connected again",
    ]


async def test_its_problem_is_known_while_it_is_down() -> None:
    async def use(mqtt: Any) -> None:
        link.up()
        assert link.is_up.is_set()
        raise BrokerError("it went away")

    link = link_of(use)
    async with beside(link.run()):
        await until(lambda: link.connections >= 3)
        await until(lambda: link.problem == "it went away" and not link.is_up.is_set())


async def test_a_break_that_a_group_of_tasks_saw_is_a_break() -> None:
    async def fail(text: str) -> None:
        raise BrokerError(text)

    async def use(mqtt: Any) -> None:
        link.up()
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail("one"))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(fail("two"))

    link = link_of(use)
    async with beside(link.run()):
        await until(lambda: link.connections >= 3)
    assert link.problem in ("", "one", "two")


@pytest.mark.parametrize("in_a_group", [False, True])
@pytest.mark.parametrize("error", [ConfigError("a wrong setting"), ZeroDivisionError("a fault of ours")])
async def test_any_other_error_ends_it(error: Exception, in_a_group: bool) -> None:
    opened: list[Any] = []

    async def fail(what: Exception) -> None:
        raise what

    async def use(mqtt: Any) -> None:
        opened.append(mqtt)
        link.up()
        if not in_a_group:
            raise error
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(error))
            group.create_task(fail(BrokerError("and the connection broke")))

    link = link_of(use)
    with pytest.raises((type(error), ExceptionGroup)) as caught:
        await link.run()
    assert caught.value is error or isinstance(caught.value, ExceptionGroup)
    assert len(opened) == 1
    assert not opened[0].is_open
    assert not link.is_up.is_set()


async def test_a_wrong_setting_found_while_connecting_ends_it() -> None:
    link = link_of(lambda mqtt: asyncio.sleep(0), [BrokerError("not yet"), ConfigError("no such file")])
    with pytest.raises(ConfigError, match="no such file"):
        await link.run()


async def test_use_that_ends_by_itself_is_a_break_too() -> None:
    async def use(mqtt: Any) -> None:
        link.up()

    link = link_of(use)
    async with beside(link.run()):
        await until(lambda: link.connections >= 3)


async def test_cancelled_it_lets_go_of_its_connection() -> None:
    opened: list[Any] = []

    async def use(mqtt: Any) -> None:
        opened.append(mqtt)
        await asyncio.Event().wait()

    async with beside(link_of(use).run()) as task:
        await until(lambda: bool(opened))
    assert task.cancelled()
    assert not opened[0].is_open


async def test_a_cancellation_is_not_forgotten_when_the_connection_breaks_in_the_same_moment() -> None:
    """Python 3.11's TaskGroup does."""
    breaks, began = asyncio.Event(), asyncio.Event()

    async def broken() -> None:
        await breaks.wait()
        raise BrokerError("it went away")

    async def use(mqtt: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(broken())
            began.set()

    task = asyncio.create_task(link_of(use).run())
    await began.wait()
    await asyncio.sleep(0)
    breaks.set()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=2)
    assert task.cancelled()


# ---- counts ----


def scraped(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code, error.read().decode()


async def test_counts_are_read_back_and_scraped_and_health_says_what_is_wrong() -> None:
    counts, problems = Counts("store", ("stored", "refused"), "Messages"), ["the disk is full"]
    counts.add("stored", 3)
    counts.add("stored", 0)
    counts.gauge("waiting", "Faces", lambda: 7.0)
    with counts.served(free_port(), lambda: problems[0]) as port:
        _, text = await asyncio.to_thread(scraped, port, "/metrics")
        assert await asyncio.to_thread(scraped, port, "/healthz") == (503, "the disk is full\n")
        problems[0] = ""
        assert await asyncio.to_thread(scraped, port, "/healthz") == (200, "ok\n")
    assert 'tagalong_archive_store_faces_total{outcome="stored"} 3.0' in text
    assert 'tagalong_archive_store_faces_total{outcome="refused"} 0.0' in text
    assert "tagalong_archive_store_waiting 7.0" in text
    assert counts.numbers() == {"stored": 3, "refused": 0}
    assert counts["stored"] == 3


async def test_without_a_port_nothing_is_served_and_a_taken_one_is_named() -> None:
    counts = Counts("store", ("stored",), "Messages")
    with counts.served(0, lambda: "") as port:
        assert port == 0
    with counts.served(free_port(), lambda: "") as port, contextlib.ExitStack() as stack:
        again = Counts("store", ("stored",), "").served(port, lambda: "")
        with pytest.raises(ConfigError, match=rf"cannot serve metrics on .*:{port}"):
            stack.enter_context(again)


def test_an_outcome_that_nobody_announced_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Counts("store", ("stored",), "Messages").add("stroed")
