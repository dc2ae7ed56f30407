"""What the handlers of commands work with: the rover, its streams, and the settings that last until `quit`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from protos.robomaster import unverified
from protos.robomaster.text import Call, format_number
from sim.robomaster.action import Action
from sim.robomaster.rover import Rover
from sim.robomaster.text.pushes import Pushes
from sim.robomaster.values import Mode

OK = "ok"
Answer = str | Action
"""A reply, or what the reply waits for."""


class Stream(Protocol):
    """Video or sound. `start` raises DeviceError where it cannot be had."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(slots=True)
class Desk:
    """One for all clients, since only one of them has the rover."""

    rover: Rover
    video: Stream | None = None
    audio: Stream | None = None
    pushes: Pushes = field(default_factory=Pushes)
    events: set[str] = field(default_factory=set)  # those that are on: "armor hit", "sound applause"
    settings: dict[str, str] = field(default_factory=dict)  # that nothing in the world depends on

    def reset(self) -> None:
        """As it was before the client came. Lamps stay as they are: they are no setting."""
        self.pushes.clear()
        self.events.clear()
        self.settings.clear()
        for stream in (self.video, self.audio):
            if stream is not None:
                stream.stop()
        self.rover.set_mode(Mode.FREE)
        self.rover.set_armor_sensitivity(unverified.SENSITIVITY_DEFAULT)
        self.rover.gimbal_resume()


Handler = Callable[[Desk, Call], Answer]
"""Raises ActionRefused or DeviceError: the robot answers `fail`."""


def numbers(*values: float) -> str:
    """A reply of several values."""
    return " ".join(format_number(value, 3) for value in values)


def started(action: Action, call: Call) -> Answer:
    """A move is answered when it is over, unless told otherwise."""
    wait = unverified.MOVE_REPLIES_AT_END and call.word("wait_for_complete", "true") == "true"
    return action if wait else OK
