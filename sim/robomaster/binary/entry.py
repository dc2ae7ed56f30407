"""A row of the table of commands, and what handlers answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from protos.robomaster.ids import Command, Host
from protos.robomaster.payloads import Empty
from sim.robomaster.binary.desk import Desk


class Answer(Protocol):
    """Any answer's payload."""

    def pack(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """How a command's payload is read, who carries it out, and what part of the robot it is for."""

    handle: Callable[[Desk, Any], Answer | None]
    """Given the payload. None: done, with nothing to tell. Raises Refused."""
    unpack: Callable[[bytes], Any] = Empty.unpack
    to: int | None = Host.SERVICE
    """None: whichever part; for sensor boards and servos the request names it, or the address does."""
    answer_bytes: int = 1
    is_always: bool = False
    """Outside SDK mode as well."""

    def is_for(self, receiver: int) -> bool:
        return self.to is None or receiver == self.to


Entries = dict[Command, Entry]
