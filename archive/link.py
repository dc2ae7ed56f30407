"""A connection that is made again whenever it breaks, with patience, and that says how it is."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from archive.mqtt import BrokerError, Mqtt
from common.backoff import Backoff

log = logging.getLogger(__name__)

CAP_S = 15.0
HELD_S = 5.0  # a connection that held for so long was a good one
REMIND_S = 60.0


class Link:
    """`run` until cancelled. `problem` is empty while connected."""

    def __init__(self, name: str, make: Callable[[], Mqtt], use: Callable[[Mqtt], Awaitable[None]]) -> None:
        """`make`: a fresh client, within the event loop. `use`: works with it until it raises BrokerError."""
        self.name = name
        self.problem = "not connected yet"
        self.connections = 0
        self.is_up = asyncio.Event()
        self._make, self._use = make, use
        self._told = ""
        self._told_s = -REMIND_S
        self._began_s = 0.0

    async def run(self) -> None:
        backoff = Backoff(0.25, CAP_S)
        while True:
            self._began_s = time.monotonic()
            try:
                await self._once()
            except BrokerError as error:
                self._down(str(error))
            except ExceptionGroup as group:  # of a task group inside `use`
                broken, others = group.split(BrokerError)
                if broken is None or others is not None:
                    raise
                self._down(str(_first(broken)))
            else:
                self._down(f"{self.name}: ended")
            finally:
                self.is_up.clear()
            if time.monotonic() - self._began_s > HELD_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_s() * random.uniform(0.7, 1.0))  # many robots: not all at once

    async def _once(self) -> None:
        """One connection, in a task of its own.

        Python 3.11's TaskGroup, inside `use`, forgets a cancellation that comes while a task of it fails. So the one
        that is cancelled from outside is this one here.
        """

        async def connected() -> None:
            async with self._make() as mqtt:
                self._began_s = time.monotonic()
                await self._use(mqtt)

        task = asyncio.create_task(connected(), name=f"{self.name} is used")
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        await task

    def up(self) -> None:
        """`use` calls it once it is ready: subscribed, say."""
        self.problem = ""
        self.connections += 1
        self.is_up.set()
        if self._told:
            log.warning("%s: connected again", self.name)
            self._told = ""

    def _down(self, problem: str) -> None:
        """Told when it is new, and now and then after."""
        self.problem = problem
        now_s = time.monotonic()
        if problem != self._told or now_s - self._told_s >= REMIND_S:
            log.error("%s: %s; tries again", self.name, problem)
            self._told, self._told_s = problem, now_s


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
