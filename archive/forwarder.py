"""`tagalong archive forward`: from the local broker to the remote one, over a queue on disk.

A message is acknowledged to the local broker once it is in the spool, and leaves the spool once the store has said that
its object is safe (`confirm: store`), or the remote broker that it has it. With QoS 0 there is no spool: what cannot go
at once is lost, and counted.
"""

import asyncio
import logging
import time
from contextlib import ExitStack
from itertools import islice

from archive.config import ForwardConfig
from archive.counting import Counts
from archive.forward_in import PAUSE_S, Incoming
from archive.forward_out import Outgoing
from archive.link import Link
from archive.spool import Spool, SpoolError, default_path
from common.supervise import Job, supervise

log = logging.getLogger(__name__)

REMOVE_AT_ONCE = 500
DROP_OLD_S = 60.0
CLOCK_WAS_SET_S = 30.0
OUTCOMES = (
    "taken",  # from the local broker, into the spool (QoS 0: to be sent at once)
    "again",  # there already: the local broker sent it twice
    "delivered",  # left for good: confirmed as `confirm` asks (QoS 0: sent)
    "lost",  # QoS 0 with nobody to send to, or sent faster than it could go
    "dropped_size",
    "dropped_age",
    "dropped_disk",
    "rejected",  # the remote broker or the store will never take it
    "refused",  # never taken: too large, no picture, another topic
)
"""What was taken, or was in the spool at the start, is delivered, lost, dropped, rejected, or still in the spool."""


class Forwarder:
    """`run` until cancelled."""

    def __init__(self, config: ForwardConfig) -> None:
        """Raises ConfigError for files that cannot be read."""
        self.config = config
        self.counts = Counts("forward", OUTCOMES, "Faces by what became of them")
        spool = config.spool
        self.spool = Spool(spool.path or default_path(), spool.max_mb, spool.max_age_s, spool.keep_free_mb)
        self._out = Outgoing(config, self.spool)
        self._in = Incoming(config, self.spool, self.counts, self._on_taken, self._out.send_now)
        self._gauges()

    @property
    def local(self) -> Link:
        return self._in.link

    @property
    def remote(self) -> Link:
        return self._out.link

    @property
    def problem(self) -> str:
        """What is wrong now, for /healthz; empty when all is well."""
        return self._in.disk_problem or self.local.problem or self.remote.problem

    async def run(self) -> None:
        """Raises ConfigError when the spool cannot be opened, or the metrics' port is taken."""
        jobs = [Job("local broker", self.local.run), Job("remote broker", self.remote.run)]
        with ExitStack() as stack:
            if self.config.qos:
                await asyncio.to_thread(self.spool.open)
                stack.callback(self.spool.close)
                jobs.append(Job("housekeeping", self._keep_house))
                if self.spool.count:
                    log.warning("%d faces are left from before; they go first", self.spool.count)
            stack.enter_context(self.counts.served(self.config.metrics_port, lambda: self.problem))
            await supervise(jobs)

    def _on_taken(self) -> None:
        self._count_dropped()
        self._out.wake()

    async def _keep_house(self) -> None:
        """What has arrived leaves the disk; what is too old does, too."""
        dropped_s = -DROP_OLD_S
        clock_s = time.time() - time.monotonic()
        while True:
            try:
                while self._out.arrived:
                    await self._remove_some()
                jump_s = time.time() - time.monotonic() - clock_s
                if abs(jump_s) > CLOCK_WAS_SET_S:  # a Pi has no clock until the network tells it the time
                    await asyncio.to_thread(self.spool.shift, jump_s)
                    clock_s += jump_s
                if time.monotonic() - dropped_s > DROP_OLD_S:
                    dropped_s = time.monotonic()
                    await asyncio.to_thread(self.spool.drop_old, time.time())
                    self._count_dropped()
            except SpoolError as error:
                log.error("%s; tries again", error)
                await asyncio.sleep(PAUSE_S)
            self._out.tell_of_silence()
            await asyncio.sleep(0.1 if self._out.under_way else 0.5)

    async def _remove_some(self) -> None:
        """Raises SpoolError."""
        some = list(islice(self._out.arrived, REMOVE_AT_ONCE))
        removed = await asyncio.to_thread(self.spool.remove, some)
        for number in some:
            outcome = self._out.arrived.pop(number)
            if number in removed:  # else it was dropped meanwhile, and counted as that
                self.counts.add(outcome)

    def _count_dropped(self) -> None:
        dropped = self.spool.dropped
        for name, total in (("size", dropped.size), ("age", dropped.age), ("disk", dropped.disk)):
            new = total - self.counts[f"dropped_{name}"]
            if new:
                self.counts.add(f"dropped_{name}", new)
                log.warning("dropped the %d oldest faces: spool limit (%s)", new, name)

    def _oldest(self) -> float:
        """0 for an empty spool."""
        taken_s = self.spool.oldest_s()
        return time.time() - taken_s if taken_s is not None else 0.0

    def _gauges(self) -> None:
        self.counts.gauge("waiting", "Faces in the spool", lambda: self.spool.count)
        self.counts.gauge("waiting_bytes", "Bytes of the spool", lambda: self.spool.bytes)
        if self.config.qos:
            self.counts.gauge("oldest_seconds", "Age of the oldest face in the spool", self._oldest)
        self.counts.gauge("under_way", "Faces sent and not confirmed", lambda: self._out.under_way)
        self.counts.gauge("resent", "Faces sent again", lambda: self._out.resent)
        self.counts.gauge("local_up", "1 while connected to the local broker", lambda: float(not self.local.problem))
        self.counts.gauge("remote_up", "1 while connected to the remote broker", lambda: float(not self.remote.problem))
