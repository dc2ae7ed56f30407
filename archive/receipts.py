"""What a store tells a forwarder: these faces are safe, those will never be.

The forwarder names its topic and its own number of each face (MQTT 5 response topic and correlation data); the store
answers for many at once with one small JSON message. It is an acknowledgement from end to end (Saltzer, Reed and Clark,
1984): what brokers in between promise does not matter then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from archive.topics import RECEIPTS

MAX_NUMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """Numbers of the forwarder."""

    stored: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()


def topic_of(forwarder: str) -> str:
    return f"{RECEIPTS}/{forwarder}"


def is_topic(topic: str) -> bool:
    """Whether the store may answer there: not to wherever a message asks it to."""
    levels = topic.split("/")
    return len(levels) == 2 and levels[0] == RECEIPTS and bool(levels[1]) and not set("+#") & set(topic)


def write(stored: Sequence[bytes], refused: Sequence[bytes]) -> bytes:
    """From the correlation data as they came; what is no number was not asked by a forwarder of ours."""
    return json.dumps({"stored": _numbers(stored), "refused": _numbers(refused)}, separators=(",", ":")).encode()


def read(payload: bytes) -> Receipt:
    """Empty for what is no receipt."""
    try:
        data = json.loads(payload)
        lists = [data.get("stored", []), data.get("refused", [])]
    except (ValueError, AttributeError, RecursionError):
        return Receipt()
    if not all(isinstance(each, list) and len(each) <= MAX_NUMBERS for each in lists):
        return Receipt()
    stored, refused = (tuple(n for n in each if type(n) is int) for each in lists)
    return Receipt(stored, refused)


def _numbers(texts: Sequence[bytes]) -> list[int]:
    return [int(text) for text in texts if text.isdigit() and len(text) < 19]
