"""What a store tells a forwarder: these faces are safe, those will never be.

The forwarder names its topic and gives each face a ticket (MQTT 5 response topic and correlation data): the name of its
spool and the face's number in it. The store answers for many at once with one small JSON message. It is an
acknowledgement from end to end (Saltzer, Reed and Clark, 1984): what brokers in between promise does not matter then.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from archive.topics import RECEIPTS

MAX_TICKETS = 10_000
_TICKET = re.compile(r"([0-9a-f]{16})\.(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Numbers in one spool."""

    stored: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


def topic_of(client_id: str) -> str:
    """Brokers let a client read its own receipts only (deploy/mosquitto/acl)."""
    return f"{RECEIPTS}/{client_id}"


def is_topic(topic: str) -> bool:
    """Whether the store may answer there: not to wherever a message asks it to."""
    levels = topic.split("/")
    return len(levels) == 2 and levels[0] == RECEIPTS and bool(levels[1]) and not set("+#") & set(topic)


def ticket(spool: str, number: int) -> bytes:
    """`spool`: 16 hexadecimal digits that no other spool has: a receipt for another one, or one that was deleted, must
    not take faces out of this one."""
    return f"{spool}.{number}".encode()


def write(stored: Sequence[bytes], refused: Sequence[bytes]) -> bytes:
    """From tickets as they came; what is none was not asked by a forwarder of ours."""
    return json.dumps({"stored": _tickets(stored), "refused": _tickets(refused)}, separators=(",", ":")).encode()


def read(payload: bytes, spool: str) -> Receipt:
    """What it says of that spool; empty for what is no receipt."""
    try:
        data = json.loads(payload)
        lists = [data.get("stored", []), data.get("refused", [])]
    except (ValueError, AttributeError, RecursionError):
        return Receipt()
    if not all(isinstance(each, list) and len(each) <= MAX_TICKETS for each in lists):
        return Receipt()
    stored, refused = (tuple(_numbers(each, spool)) for each in lists)
    return Receipt(stored, refused)


def _tickets(texts: Sequence[bytes]) -> list[str]:
    return [text.decode("ascii") for text in texts if text.isascii() and _TICKET.fullmatch(text.decode("ascii"))]


def _numbers(tickets: list[object], spool: str) -> list[int]:
    found = [_TICKET.fullmatch(each) for each in tickets if isinstance(each, str)]
    return [int(each[2]) for each in found if each is not None and each[1] == spool]
