"""`tagalong archive log`: a line a message, and the place to hang actions of your own on."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from archive.config import LogConfig
from archive.counting import Counts
from archive.face import Face, to_text
from archive.link import Link
from archive.mqtt import Mail, Mqtt
from archive.names import client_id
from archive.pictures import fields_in
from archive.topics import FaceTopic
from common.errors import BadImageError

MAX_WAITING = 1000
HEAD = f"{'time':27} {'robot':16} {'track':14} {'bytes':>8} {'confidence':>10}  edge"


def line_of(face: Face, mail: Mail, now: datetime) -> str:
    """Columns are separated by spaces; nothing that a message says can begin a new line or colour the terminal."""
    stamp = to_text(face.time or now)
    names = [_plain(text) or "-" for text in (face.robot, face.track, face.edge)]
    return f"{stamp} {names[0]:16} {names[1]:14} {len(mail.payload):8} {face.confidence:10.2f}  {names[2]}"


def print_line(face: Face, mail: Mail) -> None:
    print(line_of(face, mail, datetime.now(UTC)), flush=True)


async def run_logger(config: LogConfig, on_face: Callable[[Face, Mail], None] = print_line) -> None:
    """Until cancelled; `on_face` is called for each message that is a face, in order. It must be quick."""
    topic = FaceTopic(config.topic)
    counts = Counts("log", ("seen", "refused", "missed"), "Messages seen")
    # A name of its own, and best effort: a log that is not running misses nothing that anybody waits for.
    own = client_id(config.broker, f"log-{id(counts) % 10_000}")

    async def read(mqtt: Mqtt) -> None:
        await mqtt.subscribe_to(topic.filter, 0)
        link.up()
        missed = 0
        while True:
            for mail in await mqtt.next_mail(100):
                try:
                    face = _face_of(mail, topic)
                except BadImageError as error:
                    counts.add("refused")
                    print(f"{mail.topic!r}: {error}", file=sys.stderr, flush=True)
                    continue
                counts.add("seen")
                on_face(face, mail)
            counts.add("missed", mqtt.overflowed - missed)
            missed = mqtt.overflowed

    link = Link("broker", lambda: Mqtt(config.broker, own, max_waiting=MAX_WAITING), read)
    if on_face is print_line:
        print(HEAD, flush=True)
    with counts.served(config.metrics_port, lambda: link.problem):
        await link.run()


def _face_of(mail: Mail, topic: FaceTopic) -> Face:
    robot = topic.robot_in(mail.topic)
    if robot is None:
        raise BadImageError("the topic names no robot")
    return Face.from_fields(fields_in(mail.payload) | dict(mail.fields), robot)


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() and sign != " " else "_" for sign in text)
