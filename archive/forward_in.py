"""The forwarder's side to the local broker: messages into the spool, acknowledged once they are there."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable

from archive.config import ForwardConfig
from archive.counting import Counts
from archive.face import Face, hash_of, to_text
from archive.link import Link
from archive.mqtt import Mail, Mqtt
from archive.names import client_id
from archive.pictures import fields_in
from archive.spool import Entry, Spool, SpoolError
from archive.topics import FaceTopic
from common.errors import BadImageError

log = logging.getLogger(__name__)

TAKE_AT_ONCE = 200
PAUSE_S = 5.0  # with a full disk
BEST_EFFORT_WAITING = 100  # messages of QoS 0 that may wait to be looked at


def entry_of(mail: Mail, topic: FaceTopic, max_payload: int) -> Entry:
    """Raises BadImageError for a message that is no face."""
    robot = topic.robot_in(mail.topic)
    if robot is None:
        raise BadImageError(f"{mail.topic!r} names no robot")
    if len(mail.payload) > max_payload:
        raise BadImageError(f"{len(mail.payload)} bytes are more than max_payload_mb allows")
    face = Face.from_fields(fields_in(mail.payload) | dict(mail.fields), robot)
    stamp = to_text(face.time) if face.time else ""
    return Entry(robot, stamp, hash_of(mail.payload), json.dumps(face.fields()), mail.payload)


class Incoming:
    """Runs by its `link`."""

    def __init__(
        self,
        config: ForwardConfig,
        spool: Spool,
        counts: Counts,
        on_taken: Callable[[], None],
        send_now: Callable[[Entry], Awaitable[bool]],
    ) -> None:
        """`on_taken`: there is more in the spool. `send_now` is for QoS 0: whether it could."""
        self.disk_problem = ""
        self._spool, self._counts = spool, counts
        self._on_taken, self._send_now = on_taken, send_now
        self._topic = FaceTopic(config.local_topic)
        self._max_payload = round(config.max_payload_mb * 1e6)
        is_durable = config.qos > 0
        own = client_id(config.local, "forward")
        self.link = Link(
            "local broker",
            lambda: Mqtt(
                config.local,
                own,
                "local",
                is_persistent=is_durable,
                receive_maximum=2 * TAKE_AT_ONCE,
                max_payload=2 * self._max_payload,  # what is a little too large is refused by us, and counted
                max_waiting=0 if is_durable else BEST_EFFORT_WAITING,
            ),
            self._take if is_durable else self._pass_on,
        )

    async def _take(self, mqtt: Mqtt) -> None:
        """Into the spool, then acknowledged."""
        await mqtt.subscribe_to(self._topic.filter, 1)  # QoS 2 would be acknowledged before it is safe
        self.link.up()
        while True:
            mails = await mqtt.next_mail(TAKE_AT_ONCE)
            entries = [entry for mail in mails if (entry := self._entry_of(mail)) is not None]
            while entries:
                try:
                    new = await asyncio.to_thread(self._spool.put, entries, time.time())
                    self._counts.add("taken", new)
                    self._counts.add("again", len(entries) - new)
                    break
                except SpoolError as error:  # they stay with the local broker meanwhile
                    if self.disk_problem != str(error):
                        log.error("%s; tries again", error)
                    self.disk_problem = str(error)
                    mqtt.check()
                    await asyncio.sleep(PAUSE_S)
            self.disk_problem = ""
            for mail in mails:
                mqtt.acknowledge(mail)
            self._on_taken()

    async def _pass_on(self, mqtt: Mqtt) -> None:
        """Best effort: on to the remote broker at once, or not at all."""
        await mqtt.subscribe_to(self._topic.filter, 0)
        self.link.up()
        overflowed = 0
        while True:
            for mail in await mqtt.next_mail(TAKE_AT_ONCE):
                entry = self._entry_of(mail)
                if entry is None:
                    continue
                self._counts.add("taken")
                self._counts.add("delivered" if await self._send_now(entry) else "lost")
            self._counts.add("lost", mqtt.overflowed - overflowed)
            self._counts.add("taken", mqtt.overflowed - overflowed)
            overflowed = mqtt.overflowed

    def _entry_of(self, mail: Mail) -> Entry | None:
        """None for a message that is no face; counted and told."""
        try:
            return entry_of(mail, self._topic, self._max_payload)
        except BadImageError as error:
            self._counts.add("refused")
            log.warning("refused a message on %s: %s", mail.topic, error)
            return None
