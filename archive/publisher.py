"""From crops to messages at the local broker. Nobody who publishes waits: what the broker cannot take does, bounded."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from archive.camera_config import PublisherConfig
from archive.counting import Counts
from archive.face import Face
from archive.link import Link
from archive.mqtt import BrokerError, Mqtt, RefusedError
from archive.names import client_id
from archive.pictures import content_type_of
from archive.topics import FaceTopic, check_robot

log = logging.getLogger(__name__)

UNDER_WAY = 20  # messages sent and not yet confirmed; Mosquitto takes so many by default
TRY_AGAIN_S = 2.0
BEST_EFFORT_WAITING = 20  # messages of QoS 0 that may wait for the socket
OUTCOMES = (
    "offered",  # to be published: all below but `skipped` and `limited` add up to it, with those that wait
    "published",
    "dropped",  # the outbox was full, or QoS 0 without a broker
    "refused",  # the broker will never take it
    "skipped",  # not looked at: faces came faster than they could be cut out
    "limited",  # over max_per_s
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One crop, ready to go."""

    face: Face
    image: bytes = field(repr=False)


class Publisher:
    """`put` from the event loop, `run` beside."""

    def __init__(
        self, config: PublisherConfig, robot_id: str, program: str = "camera", setting: str = "broker"
    ) -> None:
        """`setting`: where the broker stands in the settings, for messages to people.

        Raises ConfigError for a name that cannot be in a topic, or files that cannot be read.
        """
        check_robot(robot_id)
        self.counts = Counts("publish", OUTCOMES, "Crops by what became of them")
        self._config, self._robot_id, self._setting = config, robot_id, setting
        self._topic = FaceTopic(config.topic).of(robot_id)
        self._outbox: deque[Letter] = deque()
        self._filled = asyncio.Event()
        self._sending = 0
        # Clean at each start: what a broker may still hold under this name is from a connection that is gone.
        own = client_id(config.broker, f"{program}-{robot_id}")
        self.link = Link("local broker", lambda: Mqtt(config.broker, own, setting), self._send_all)
        self.counts.gauge("waiting", "Crops in the outbox", lambda: self.waiting)
        self.counts.gauge("broker_up", "1 while connected to the broker", lambda: float(not self.link.problem))

    @property
    def waiting(self) -> int:
        return len(self._outbox) + self._sending

    def put(self, letter: Letter) -> None:
        """The oldest gives way when the outbox is full."""
        self.counts.add("offered")
        if self._config.qos == 0 and not self.link.is_up.is_set():
            self.counts.add("dropped")
            return
        while len(self._outbox) >= self._config.outbox:
            self._outbox.popleft()
            self.counts.add("dropped")
        self._outbox.append(letter)
        self._filled.set()

    async def run(self) -> None:
        """Until cancelled; what waits then is lost with the process."""
        await self.link.run()

    async def probe(self) -> str:
        """In place of `run`: whether the broker lets it in. Raises BrokerError, and ConfigError for files.

        Under another name than its own: of two clients with one name a broker throws the first one out, and that
        would be a robot at work.
        """
        nameless = self._config.broker.model_copy(update={"client_id": None})
        async with Mqtt(self._config.broker, client_id(nameless, f"check-{self._robot_id}"), self._setting):
            return f"{self._config.broker.url} answers; faces go to {self._topic}"

    async def drained(self) -> None:
        """Waits until nothing waits; for the end of a video."""
        while self.waiting:  # noqa: ASYNC110  # once, at the end
            await asyncio.sleep(0.02)

    async def _send_all(self, mqtt: Mqtt) -> None:
        self.link.up()
        async with asyncio.TaskGroup() as group:
            group.create_task(mqtt.gone(), name="local broker is watched")
            for _ in range(UNDER_WAY):
                group.create_task(self._send_on(mqtt), name="faces go out")

    async def _send_on(self, mqtt: Mqtt) -> None:
        """One after the other. A letter is never between the outbox and `_send`, where a break would lose it."""
        while True:
            while not self._outbox:
                self._filled.clear()
                await self._filled.wait()
            await self._send(mqtt, self._outbox.popleft())

    async def _send(self, mqtt: Mqtt, letter: Letter) -> None:
        self._sending += 1
        try:
            if self._config.qos == 0 and mqtt.backlog > BEST_EFFORT_WAITING:
                self.counts.add("dropped")
                return
            kind = content_type_of(letter.image)
            await mqtt.send(self._topic, letter.image, self._config.qos, letter.face.fields(), kind)
            self.counts.add("published")
        except RefusedError as error:
            if error.is_final:
                self.counts.add("refused")
                log.error("%s", error)
            else:
                log.warning("%s. Check the broker's access list and archive.broker.username", error)
                try:
                    await asyncio.sleep(TRY_AGAIN_S)
                finally:  # also when the connection breaks meanwhile
                    self._back(letter)
        except (BrokerError, asyncio.CancelledError):
            self._back(letter)
            raise
        finally:
            self._sending -= 1

    def _back(self, letter: Letter) -> None:
        """Not sent: first in line again, unless there is no room for it."""
        if self._config.qos and len(self._outbox) < self._config.outbox:
            self._outbox.appendleft(letter)
            self._filled.set()
        else:
            self.counts.add("dropped")
