"""From a message to an object: what is kept, and why something is not. Pure: time is passed in, nothing is written."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from archive.config import StoreConfig
from archive.face import Face, hash_of
from archive.keys import Key
from archive.mqtt import Mail
from archive.pictures import fields_in, to_png
from archive.topics import FaceTopic
from common.errors import BadImageError

OLDEST = datetime(2015, 1, 1, tzinfo=UTC)  # a clock that was never set begins in 1970


@dataclass(frozen=True, slots=True)
class Accepted:
    """To be stored."""

    key: Key
    face: Face
    png: bytes = field(repr=False)
    clock_is_wrong: bool = False  # its time was not believed


def accept(mail: Mail, topic: FaceTopic, config: StoreConfig, now: datetime) -> Accepted:
    """Raises BadImageError for a message that cannot be stored, whenever it comes."""
    robot = topic.robot_in(mail.topic)
    if robot is None:
        raise BadImageError(f"{mail.topic!r} names no robot")
    if len(mail.payload) > config.max_payload_mb * 1e6:
        raise BadImageError(f"{len(mail.payload)} bytes are more than max_payload_mb ({config.max_payload_mb:g})")
    fields = fields_in(mail.payload) | dict(mail.fields)
    said = Face.from_fields(fields, robot)
    face = said.trusted(now, config.clock_ahead_s, OLDEST)
    png = to_png(mail.payload, face.fields(), config.max_image_px)
    return Accepted(Key.of(face, hash_of(mail.payload)), face, png, clock_is_wrong=face.time != said.time)
