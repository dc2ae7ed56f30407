"""`tagalong archive forward`: from the local broker to the remote one, over a queue on disk.

A message is acknowledged to the local broker once it is in the spool, and leaves the spool once the store has said that
its object is safe (`confirm: store`), or the remote broker that it has it. With QoS 0 there is no spool: what cannot go
at once is lost, and counted.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice

from archive import receipts
from archive.config import ForwardConfig
from archive.counting import Counts
from archive.face import Face, hash_of, to_text
from archive.link import Link
from archive.mqtt import BrokerError, Mail, Mqtt, RefusedError
from archive.names import client_id
from archive.pictures import content_type_of, fields_in
from archive.spool import Entry, Spool, SpoolError, default_path
from archive.topics import FaceTopic
from archive.window import Window
from common.errors import BadImageError
from common.supervise import Job, supervise

log = logging.getLogger(__name__)

TAKE_AT_ONCE = 200
TICK_S = 0.5
REMOVE_AT_ONCE = 500
MAX_GOING_BYTES = 16_000_000  # in memory on their way out
PAUSE_S = 5.0  # with a full disk
NOBODY_PAUSE_S = 1.0
BEST_EFFORT_WAITING = 100  # messages of QoS 0 that may wait for the remote's socket
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
        self._local_topic, self._remote_topic = FaceTopic(config.local_topic), FaceTopic(config.remote_topic)
        self._max_payload = round(config.max_payload_mb * 1e6)
        spool = config.spool
        self.spool = Spool(spool.path or default_path(), spool.max_mb, spool.max_age_s, spool.keep_free_mb)
        self._window = Window(config.window, config.resend_s)
        self._id = client_id(config.remote, "forward")
        self._reply_to = receipts.topic_of(self._id) if config.confirm == "store" else ""
        self._more = asyncio.Event()  # something to send
        self._arrived: dict[int, str] = {}  # number -> outcome
        self._going_bytes = 0
        self._disk_problem = ""
        self._unanswered_since_s: float | None = None
        local_id = client_id(config.local, "forward")
        is_durable = config.qos > 0
        self.local = Link(
            "local broker",
            lambda: Mqtt(
                config.local,
                local_id,
                "local",
                is_persistent=is_durable,
                receive_maximum=2 * TAKE_AT_ONCE,
                max_payload=self._max_payload,
                max_waiting=0 if is_durable else BEST_EFFORT_WAITING,
            ),
            self._take if is_durable else self._pass_on,
        )
        self.remote = Link("remote broker", lambda: Mqtt(config.remote, self._id, "remote"), self._give)
        self._remote_mqtt: Mqtt | None = None
        self._gauges()

    @property
    def problem(self) -> str:
        """What is wrong now, for /healthz; empty when all is well."""
        return self._disk_problem or self.local.problem or self.remote.problem

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

    # ---- from the local broker ----

    async def _take(self, mqtt: Mqtt) -> None:
        """Into the spool, then acknowledged."""
        await mqtt.subscribe_to(self._local_topic.filter, 1)  # QoS 2 would be acknowledged before it is safe
        self.local.up()
        while True:
            mails = await mqtt.next_mail(TAKE_AT_ONCE)
            entries = [entry for mail in mails if (entry := self._entry_of(mail)) is not None]
            while entries:
                try:
                    new = await asyncio.to_thread(self.spool.put, entries, time.time())
                    self.counts.add("taken", new)
                    self.counts.add("again", len(entries) - new)
                    break
                except SpoolError as error:  # they stay with the local broker meanwhile
                    if self._disk_problem != str(error):
                        log.error("%s; tries again", error)
                    self._disk_problem = str(error)
                    mqtt.check()
                    await asyncio.sleep(PAUSE_S)
            self._disk_problem = ""
            for mail in mails:
                mqtt.acknowledge(mail)
            self._count_dropped()
            self._more.set()

    def _entry_of(self, mail: Mail) -> Entry | None:
        """None for a message that is no face; counted and told."""
        robot = self._local_topic.robot_in(mail.topic)
        try:
            if robot is None:
                raise BadImageError(f"{mail.topic!r} names no robot")
            if len(mail.payload) > self._max_payload:
                raise BadImageError(f"{len(mail.payload)} bytes are more than max_payload_mb allows")
            fields = fields_in(mail.payload) | dict(mail.fields)
        except BadImageError as error:
            self.counts.add("refused")
            log.warning("refused a message on %s: %s", mail.topic, error)
            return None
        face = Face.from_fields(fields, robot)
        stamp = to_text(face.time) if face.time else ""
        return Entry(robot, stamp, hash_of(mail.payload), json.dumps(face.fields()), mail.payload)

    # ---- to the remote broker ----

    async def _give(self, mqtt: Mqtt) -> None:
        """Until the connection breaks."""
        if self._reply_to and self.config.qos:
            await mqtt.subscribe_to(self._reply_to, 1)
        self._window.connected(time.monotonic())
        self._going_bytes = 0  # also those of tasks that were cancelled before they began
        self._remote_mqtt = mqtt
        self.remote.up()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(mqtt.gone(), name="remote broker is watched")
                if self.config.qos:
                    group.create_task(self._send_all(mqtt, group), name="faces go out")
                    if self._reply_to:
                        group.create_task(self._read_receipts(mqtt), name="receipts come in")
        finally:
            self._remote_mqtt = None

    async def _send_all(self, mqtt: Mqtt, group: asyncio.TaskGroup) -> None:
        await self._send_again(mqtt)
        while True:
            self._more.clear()
            for entry in await self._next_entries():
                self._window.send(time.monotonic(), entry.number)
                self._going_bytes += len(entry.payload)
                group.create_task(self._send(mqtt, entry), name="a face goes out")
            wait_s = TICK_S
            if (due_s := self._window.next_due_s()) is not None:
                wait_s = min(max(due_s - time.monotonic(), 0.02), TICK_S)
            if not (self._window.room and self._has_new()):
                await _wait(self._more, wait_s)

    async def _send_again(self, mqtt: Mqtt) -> None:
        """What was under way on the old connection, one by one.

        Mosquitto 2.0.11 hangs up after it has refused a message, and with others behind it the refusal is lost: the
        refused one would go out first again, and again nothing else would arrive.
        """
        for number in self._window.overdue(time.monotonic(), len(self._window)):
            if (entry := await asyncio.to_thread(self.spool.one, number)) is None:
                self._window.arrived([number])
            elif number in self._window:  # no receipt for it came meanwhile
                self._window.send(time.monotonic(), number)
                self._going_bytes += len(entry.payload)
                await self._send(mqtt, entry)

    def _has_new(self) -> bool:
        return self._going_bytes < MAX_GOING_BYTES and self.spool.count > len(self._window) + len(self._arrived)

    async def _next_entries(self) -> list[Entry]:
        """Those to send again, then new ones as far as there is room."""
        entries: list[Entry] = []
        room_bytes = MAX_GOING_BYTES - self._going_bytes
        for number in self._window.overdue(time.monotonic(), TAKE_AT_ONCE):
            if room_bytes <= 0:
                return entries
            entry = await asyncio.to_thread(self.spool.one, number)
            if entry is None:
                self._window.arrived([number])  # dropped for room or age
                continue
            entries.append(entry)
            room_bytes -= len(entry.payload)
        room = min(self._window.room, TAKE_AT_ONCE)
        if room and room_bytes > 0:
            entries += await asyncio.to_thread(self.spool.after, self._window.newest, room, room_bytes)
        return entries

    async def _send(self, mqtt: Mqtt, entry: Entry) -> None:
        number = entry.number
        try:
            is_taken = await mqtt.send(
                self._remote_topic.of(entry.robot),
                entry.payload,
                self.config.qos,
                json.loads(entry.fields),
                content_type_of(entry.payload),
                self._reply_to,
                receipts.ticket(self.spool.name, number) if self._reply_to else b"",
            )
        except RefusedError as error:
            if error.is_final:
                log.error("dropped a face of %s: %s", entry.robot, error)
                self._settle([number], "rejected")
            else:
                pause_s = self._window.patience_s(number)
                log.warning("%s; tries again in %.0f s. Check remote.username and its rights", error, pause_s)
                self._window.not_sent(time.monotonic(), number, pause_s)
            return
        except BrokerError:
            return  # told by the link; the next connection sends it again
        finally:
            self._going_bytes -= len(entry.payload)
            self._more.set()
        if not is_taken:  # a store that never was there yet; with it the broker will keep what comes
            self._window.not_sent(time.monotonic(), number, NOBODY_PAUSE_S)
        elif self._reply_to:
            self._window.sent(time.monotonic(), number)
        else:
            self._settle([number], "delivered")

    async def _read_receipts(self, mqtt: Mqtt) -> None:
        while True:
            for mail in await mqtt.next_mail(TAKE_AT_ONCE):
                receipt = receipts.read(mail.payload, self.spool.name)
                self._settle(receipt.stored, "delivered")
                self._settle(receipt.refused, "rejected")
                mqtt.acknowledge(mail)

    def _settle(self, numbers: Sequence[int], outcome: str) -> None:
        self._arrived.update(dict.fromkeys(self._window.arrived(numbers), outcome))
        self._unanswered_since_s = None
        self._more.set()

    # ---- beside ----

    async def _keep_house(self) -> None:
        """What has arrived leaves the disk; what is too old does, too."""
        looked_s = -1e9
        while True:
            while self._arrived:
                some = list(islice(self._arrived, REMOVE_AT_ONCE))
                try:
                    removed = await asyncio.to_thread(self.spool.remove, some)
                except SpoolError as error:
                    log.error("%s; tries again", error)
                    await asyncio.sleep(PAUSE_S)
                    break
                for number in some:
                    outcome = self._arrived.pop(number)
                    if number in removed:  # else it was dropped meanwhile, and counted as that
                        self.counts.add(outcome)
            if time.monotonic() - looked_s > 60:
                looked_s = time.monotonic()
                try:
                    await asyncio.to_thread(self.spool.drop_old, time.time())
                except SpoolError as error:
                    log.error("%s; tries again", error)
                self._count_dropped()
            self._tell_of_silence()
            await asyncio.sleep(0.1 if self._arrived or len(self._window) else TICK_S)

    def _tell_of_silence(self) -> None:
        """Faces go out and no receipt comes: somebody has to know why the queue only grows."""
        now_s = time.monotonic()
        if not self._reply_to or self.remote.problem or not len(self._window):
            self._unanswered_since_s = None
        elif self._unanswered_since_s is None:
            self._unanswered_since_s = now_s
        elif now_s - self._unanswered_since_s > self.config.resend_s:
            self._unanswered_since_s = now_s
            log.warning(
                "no receipts for %.0f s, %d faces wait. Is `tagalong archive store` running behind %s? "
                "If something else takes the faces there, set confirm to broker",
                self.config.resend_s, self.spool.count, self.config.remote.url,
            )  # fmt: skip

    def _count_dropped(self) -> None:
        dropped = self.spool.dropped
        for name, total in (("size", dropped.size), ("age", dropped.age), ("disk", dropped.disk)):
            new = total - self.counts[f"dropped_{name}"]
            if new:
                self.counts.add(f"dropped_{name}", new)
                log.warning("dropped the %d oldest faces: spool limit (%s)", new, name)

    def _gauges(self) -> None:
        self.counts.gauge("waiting", "Faces in the spool", lambda: self.spool.count)
        self.counts.gauge("waiting_bytes", "Bytes of the spool", lambda: self.spool.bytes)
        self.counts.gauge("under_way", "Faces sent and not confirmed", lambda: len(self._window))
        self.counts.gauge("resent", "Faces sent again", lambda: self._window.resent)
        self.counts.gauge("local_up", "1 while connected to the local broker", lambda: float(not self.local.problem))
        self.counts.gauge("remote_up", "1 while connected to the remote broker", lambda: float(not self.remote.problem))

    # ---- QoS 0 ----

    async def _pass_on(self, mqtt: Mqtt) -> None:
        """Best effort: on to the remote broker at once, or not at all."""
        await mqtt.subscribe_to(self._local_topic.filter, 0)
        self.local.up()
        overflowed = 0
        while True:
            for mail in await mqtt.next_mail(TAKE_AT_ONCE):
                entry = self._entry_of(mail)
                if entry is None:
                    continue
                self.counts.add("taken")
                self.counts.add("delivered" if await self._try_once(entry) else "lost")
            self.counts.add("lost", mqtt.overflowed - overflowed)
            self.counts.add("taken", mqtt.overflowed - overflowed)
            overflowed = mqtt.overflowed

    async def _try_once(self, entry: Entry) -> bool:
        remote = self._remote_mqtt
        if remote is None or remote.backlog > BEST_EFFORT_WAITING:
            return False
        try:
            topic = self._remote_topic.of(entry.robot)
            await remote.send(topic, entry.payload, 0, json.loads(entry.fields), content_type_of(entry.payload))
        except (BrokerError, RefusedError):
            return False
        return True


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        pass
