"""`tagalong archive store`: faces from the remote broker into object storage.

A message is acknowledged once its object and its line in the index are safe, and the forwarder that asked gets its
receipt then. While the storage does not answer, nothing is acknowledged, and the broker sends no more.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archive import receipts
from archive.bucket import Blob, Bucket, SetupError, StorageError
from archive.config import StoreConfig
from archive.counting import Counts
from archive.face import Face
from archive.index import Index, Line
from archive.intake import Accepted, accept
from archive.link import Link
from archive.mqtt import Mail, Mqtt, RefusedError
from archive.names import client_id
from archive.rules import Rule, Rules
from archive.sweep import sweep
from archive.topics import FaceTopic
from common.backoff import Backoff
from common.errors import BadImageError
from common.supervise import Job, supervise

log = logging.getLogger(__name__)

LOOK_FOR_RULES_S = 3.0
MERGE_S = 10.0
RETIRE_S = 3600.0
LATE = timedelta(days=1)
REMIND_S = 30.0
RECEIPTS_WAITING = 4  # batches
WORKERS = 2  # threads that unpack pictures
OUTCOMES = ("stored", "refused", "forgotten")


@dataclass(frozen=True, slots=True)
class _Judged:
    mail: Mail
    accepted: Accepted | None  # None: refused or forgotten


class Store:
    """`run` until cancelled."""

    def __init__(self, config: StoreConfig, on_stored: Callable[[Line], None] = lambda line: None) -> None:
        """`on_stored` is told each face that is safe. Raises ConfigError for an address that cannot be one."""
        self.config = config
        self.bucket = Bucket(config.storage)
        self._on_stored = on_stored
        self.counts = Counts("store", OUTCOMES, "Messages by what became of them")
        self._topic = FaceTopic(config.topic)
        self._id = client_id(config.broker, "store")
        self.index = Index(self.bucket, self._id)
        self.rules = Rules(self.bucket)
        self._storage_problem = "not checked yet"
        self._told_s = -REMIND_S
        self._writing = asyncio.Lock()
        self._told_of_clock: set[str] = set()
        self._unpacking = asyncio.Semaphore(WORKERS)
        self.link = Link(
            "broker",
            lambda: Mqtt(
                config.broker,
                self._id,
                "broker",
                is_persistent=True,
                receive_maximum=2 * config.batch,
                max_payload=round(2e6 * config.max_payload_mb),  # a little too large: refused by us, and told
            ),
            self._take,
        )
        self.counts.gauge("storage_up", "1 while the storage takes objects", lambda: float(not self._storage_problem))
        self.counts.gauge("broker_up", "1 while connected to the broker", lambda: float(not self.link.problem))

    @property
    def problem(self) -> str:
        """What is wrong now, for /healthz; empty when all is well."""
        return self._storage_problem or self.link.problem

    async def run(self) -> None:
        """Raises ConfigError where the storage says no to what the settings say, or the metrics' port is taken."""
        with self.counts.served(self.config.metrics_port, lambda: self.problem):
            await self._check_storage()
            jobs = [Job("broker", self.link.run), Job("housekeeping", self._keep_house)]
            await supervise(jobs)

    async def _check_storage(self) -> None:
        """Waits for a storage that is not there yet; ends for one that will never take anything."""
        backoff = Backoff(0.5, 15.0)
        while True:
            try:
                await self.bucket.check()
                await self.rules.refresh()
                self._storage_problem = ""
                return
            except SetupError:
                raise
            except StorageError as error:
                self._told(error)
            await asyncio.sleep(backoff.next_s())

    # ---- taking ----

    async def _take(self, mqtt: Mqtt) -> None:
        """One batch is judged while the one before is written. Acknowledged in the order in which they came."""
        await mqtt.subscribe_to(self._topic.filter, 1)  # QoS 2 would be acknowledged before the object is safe
        self.link.up()
        judged: asyncio.Queue[Sequence[_Judged]] = asyncio.Queue(1)
        done: asyncio.Queue[Sequence[_Judged]] = asyncio.Queue(RECEIPTS_WAITING)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._judge_all(mqtt, judged), name="faces are judged")
            group.create_task(self._write_all(mqtt, judged, done), name="faces are written")
            group.create_task(self._answer_all(mqtt, done), name="receipts go out")

    async def _judge_all(self, mqtt: Mqtt, judged: asyncio.Queue[Sequence[_Judged]]) -> None:
        while True:
            mails = await mqtt.next_mail(self.config.batch)
            now = datetime.now(UTC)
            await judged.put(await asyncio.gather(*(self._judge(mail, now) for mail in mails)))

    async def _write_all(
        self, mqtt: Mqtt, judged: asyncio.Queue[Sequence[_Judged]], done: asyncio.Queue[Sequence[_Judged]]
    ) -> None:
        while True:
            batch = await judged.get()
            accepted = [each.accepted for each in batch if each.accepted is not None]
            written = await self._write_for_sure(mqtt, accepted)
            for each in batch:
                mqtt.acknowledge(each.mail)
            self.counts.add("stored", written)
            self.counts.add("forgotten", len(accepted) - written)
            await done.put(batch)

    async def _write_for_sure(self, mqtt: Mqtt, some: Sequence[Accepted]) -> int:
        """Tries until it is done; how many were written. Raises BrokerError when the connection is gone meanwhile."""
        backoff = Backoff(0.5, 10.0)
        while True:
            try:
                async with self._writing:
                    # Again at each try: somebody may have asked to be forgotten meanwhile.
                    wanted = [each for each in some if self._rule_for(each.face) is None]
                    await self._write(wanted)
                break
            except StorageError as error:
                self._told(error)
                mqtt.check()
                await asyncio.sleep(backoff.next_s())
        if some:
            self._storage_works()
        return len(wanted)

    async def _answer_all(self, mqtt: Mqtt, done: asyncio.Queue[Sequence[_Judged]]) -> None:
        """One message for all that are done, for each forwarder that asked."""
        while True:
            some = list(await done.get())
            while not done.empty():
                some += done.get_nowait()
            await self._send_receipts(mqtt, some)

    async def _judge(self, mail: Mail, now: datetime) -> _Judged:
        """In a thread: unpacking takes its time, and Pillow lets go of the interpreter."""
        try:
            async with self._unpacking:
                accepted = await asyncio.to_thread(accept, mail, self._topic, self.config, now)
        except BadImageError as error:
            self.counts.add("refused")
            log.warning("refused a message on %s: %s", mail.topic, error)
            return _Judged(mail, None)
        face = accepted.face
        if accepted.clock_is_wrong and face.robot not in self._told_of_clock and len(self._told_of_clock) < 1000:
            self._told_of_clock.add(face.robot)
            log.error(
                "the clock of %s is wrong: its faces are filed as undated. Set its clock (timedatectl), "
                "or raise clock_ahead_s (%g)", face.robot, self.config.clock_ahead_s,
            )  # fmt: skip
        if (rule := self._rule_for(face)) is not None:
            self.counts.add("forgotten")
            log.info("not stored, as it is to be forgotten (%s): %s", rule, accepted.key)
            return _Judged(mail, None)
        return _Judged(mail, accepted)

    async def _write(self, some: Sequence[Accepted]) -> None:
        """All objects, then their lines. Raises StorageError."""
        unique = {str(each.key): each for each in some}
        if not unique:
            return
        await self.bucket.put_all(
            [Blob(key, each.png, "image/png", each.face.fields()) for key, each in unique.items()]
        )
        stored = datetime.now(UTC)
        lines = [Line(key, each.face, stored, len(each.png)) for key, each in unique.items()]
        await self.index.add(lines, stored)
        for line in lines:
            self._on_stored(line)

    async def _send_receipts(self, mqtt: Mqtt, judged: Sequence[_Judged]) -> None:
        """One message for each forwarder that asked."""
        asked: dict[str, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
        for each in judged:
            if receipts.is_topic(each.mail.reply_to):
                asked[each.mail.reply_to][each.accepted is None].append(each.mail.reply_id)
        for topic, (stored, refused) in asked.items():
            try:
                await mqtt.send(topic, receipts.write(stored, refused), 1)
            except RefusedError as error:
                log.warning("%s. Give the store's user the right to write there; the forwarder sends again", error)

    def _rule_for(self, face: Face) -> Rule | None:
        """That it is to be forgotten by."""
        return self.rules.covering(face.robot, face.track, face.time or datetime.now(UTC))

    def _storage_works(self) -> None:
        if self._storage_problem:
            log.warning("the storage takes objects again")
            self._storage_problem = ""

    def _told(self, error: StorageError) -> None:
        now_s = time.monotonic()
        if not self._storage_problem or now_s - self._told_s > REMIND_S:
            self._told_s = now_s
            log.error("%s; tries again", error)
        self._storage_problem = str(error)

    # ---- beside ----

    async def _keep_house(self) -> None:
        """Merges the index, obeys new rules, enforces the retention. The storage may be away at any moment."""
        merged_s = retired_s = told_s = -1e9
        # Rules that are not new are swept again, too: a face may have come while `forget` was at it, or we were away.
        pending = [rule for rule in self.rules if not rule.is_done or datetime.now(UTC) - rule.at < LATE]
        while True:
            try:
                if self._storage_problem:  # the broker may have lost what was tried: nothing else would see it end
                    await self.bucket.check()
                    self._storage_works()
                pending += await self.rules.refresh()
                while pending:
                    await self._sweep(pending[0])
                    del pending[0]
                if time.monotonic() - merged_s > MERGE_S:
                    merged_s = time.monotonic()
                    await self.index.merge(datetime.now(UTC))
                if self.config.retention_days is not None and time.monotonic() - retired_s > RETIRE_S:
                    retired_s = time.monotonic()
                    await self._retire(self.config.retention_days)
            except StorageError as error:
                if time.monotonic() - told_s > REMIND_S:
                    told_s = time.monotonic()
                    log.warning("housekeeping waits: %s", error)
            await asyncio.sleep(LOOK_FOR_RULES_S)

    async def _sweep(self, rule: Rule) -> None:
        async with self._writing:  # what is being written now was judged before the rule was known
            pass
        swept = await sweep(self.bucket, self.index, rule)
        log.info("forgotten (%s): %d objects, %d lines", rule, swept.objects, swept.lines)
        if not rule.is_done:
            await self.rules.done(rule)

    async def _retire(self, days: float) -> None:
        now = datetime.now(UTC)
        swept = await sweep(self.bucket, self.index, Rule(now, before=now - timedelta(days=days)))
        if swept.objects:
            log.warning("retention (%g days): %d faces deleted", days, swept.objects)
