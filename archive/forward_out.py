"""The forwarder's side to the remote broker: faces out of the spool, receipts back."""

import asyncio
import json
import logging
import time
from collections.abc import Sequence

from archive import receipts
from archive.config import ForwardConfig
from archive.link import Link
from archive.mqtt import BrokerError, Mqtt, RefusedError
from archive.names import client_id
from archive.pictures import content_type_of
from archive.spool import Entry, Spool
from archive.topics import FaceTopic
from archive.window import Window
from common.backoff import Backoff

log = logging.getLogger(__name__)

SEND_AT_ONCE = 200
TICK_S = 0.5
MAX_GOING_BYTES = 16_000_000  # in memory on their way out
NOBODY_S = 0.5, 15.0  # pause after the broker has said that nobody subscribes there; doubles up to the second
BEST_EFFORT_BACKLOG = 100  # messages of QoS 0 that may wait for the socket


class Outgoing:
    """Runs by its `link`. `arrived` holds what need not be kept any more, until somebody takes it out."""

    def __init__(self, config: ForwardConfig, spool: Spool) -> None:
        self.arrived: dict[int, str] = {}  # number in the spool -> outcome
        self._config, self._spool = config, spool
        self._topic = FaceTopic(config.remote_topic)
        self._window = Window(config.window, config.resend_s)
        own = client_id(config.remote, "forward")
        self._reply_to = receipts.topic_of(own) if config.confirm == "store" else ""
        self._more = asyncio.Event()  # something to send
        self._going_bytes = 0
        self._unanswered_since_s: float | None = None
        self._nobody = Backoff(*NOBODY_S)
        self._nobody_until_s = 0.0
        self._mqtt: Mqtt | None = None
        self.link = Link("remote broker", lambda: Mqtt(config.remote, own, "remote"), self._use)

    @property
    def under_way(self) -> int:
        """Faces sent and not confirmed."""
        return len(self._window)

    @property
    def resent(self) -> int:
        return self._window.resent

    def wake(self) -> None:
        """There may be more in the spool."""
        self._more.set()

    async def send_now(self, entry: Entry) -> bool:
        """QoS 0: whether it could go at once."""
        mqtt = self._mqtt
        if mqtt is None or mqtt.backlog > BEST_EFFORT_BACKLOG:
            return False
        try:
            topic = self._topic.of(entry.robot)
            await mqtt.send(topic, entry.payload, 0, json.loads(entry.fields), content_type_of(entry.payload))
        except (BrokerError, RefusedError):
            return False
        return True

    def tell_of_silence(self) -> None:
        """Faces go out and no receipt comes: somebody has to know why the queue only grows."""
        now_s = time.monotonic()
        if not self._reply_to or self.link.problem or not len(self._window):
            self._unanswered_since_s = None
        elif self._unanswered_since_s is None:
            self._unanswered_since_s = now_s
        elif now_s - self._unanswered_since_s > self._config.resend_s:
            self._unanswered_since_s = now_s
            log.warning(
                "no receipts for %.0f s, %d faces wait. Is `tagalong archive store` running behind %s? "
                "If something else takes the faces there, set confirm to broker",
                self._config.resend_s, self._spool.count, self._config.remote.url,
            )  # fmt: skip

    # ---- one connection ----

    async def _use(self, mqtt: Mqtt) -> None:
        """Until it breaks."""
        if self._reply_to and self._config.qos:
            await mqtt.subscribe_to(self._reply_to, 1)
        self._window.connected(time.monotonic())
        self._going_bytes = 0  # also those of tasks that were cancelled before they began
        self._mqtt = mqtt
        self.link.up()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(mqtt.gone(), name="remote broker is watched")
                if self._config.qos:
                    group.create_task(self._send_all(mqtt, group), name="faces go out")
                    if self._reply_to:
                        group.create_task(self._read_receipts(mqtt), name="receipts come in")
        finally:
            self._mqtt = None

    async def _send_all(self, mqtt: Mqtt, group: asyncio.TaskGroup) -> None:
        await self._send_again(mqtt)
        while True:
            self._more.clear()
            if (wait_s := self._nobody_until_s - time.monotonic()) > 0:
                await asyncio.sleep(min(wait_s, TICK_S))
                continue
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
            if (entry := await asyncio.to_thread(self._spool.one, number)) is None:
                self._window.arrived([number])
            elif number in self._window:  # no receipt for it came meanwhile
                self._window.send(time.monotonic(), number)
                self._going_bytes += len(entry.payload)
                await self._send(mqtt, entry)

    def _has_new(self) -> bool:
        return self._going_bytes < MAX_GOING_BYTES and self._spool.count > len(self._window) + len(self.arrived)

    async def _next_entries(self) -> list[Entry]:
        """Those to send again, then new ones as far as there is room."""
        entries: list[Entry] = []
        room_bytes = MAX_GOING_BYTES - self._going_bytes
        for number in self._window.overdue(time.monotonic(), SEND_AT_ONCE):
            if room_bytes <= 0:
                return entries
            entry = await asyncio.to_thread(self._spool.one, number)
            if entry is None:
                self._window.arrived([number])  # dropped for room or age
                continue
            entries.append(entry)
            room_bytes -= len(entry.payload)
        room = min(self._window.room - len(entries), SEND_AT_ONCE)
        if room > 0 and room_bytes > 0:
            entries += await asyncio.to_thread(self._spool.after, self._window.newest, room, room_bytes)
        return entries

    async def _send(self, mqtt: Mqtt, entry: Entry) -> None:
        number = entry.number
        try:
            is_taken = await mqtt.send(
                self._topic.of(entry.robot),
                entry.payload,
                self._config.qos,
                json.loads(entry.fields),
                content_type_of(entry.payload),
                self._reply_to,
                receipts.ticket(self._spool.name, number) if self._reply_to else b"",
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
        now_s = time.monotonic()
        if not is_taken:  # no store ever was there; once there was one, the broker keeps what comes
            self._window.not_sent(now_s, number, 0.0)
            if now_s >= self._nobody_until_s:
                self._nobody_until_s = now_s + self._nobody.next_s()
            return
        self._nobody.reset()
        if self._reply_to:
            self._window.sent(now_s, number)
        else:
            self._settle([number], "delivered")

    async def _read_receipts(self, mqtt: Mqtt) -> None:
        while True:
            for mail in await mqtt.next_mail(SEND_AT_ONCE):
                receipt = receipts.read(mail.payload, self._spool.name)
                self._settle(receipt.stored, "delivered")
                self._settle(receipt.refused, "rejected")
                mqtt.acknowledge(mail)

    def _settle(self, numbers: Sequence[int], outcome: str) -> None:
        self.arrived.update(dict.fromkeys(self._window.arrived(numbers), outcome))
        self._unanswered_since_s = None
        self._more.set()


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        pass
