"""Things that take their time: how they are started, how they report, and the sounds."""

# ruff: noqa: RUF009 - the calls make dataclass fields

from dataclasses import dataclass
from typing import Any, Self

from protos.robomaster.ids import Accept, ActionState, PlayMode, PushRate
from protos.robomaster.wire import AckPayload, Payload, wire


@dataclass(frozen=True, slots=True)
class Control:
    """Start or cancel, and how often to report."""

    cancel: bool = False
    rate: PushRate = PushRate.HZ_10

    def __int__(self) -> int:
        return int(self.cancel) | self.rate << 2

    @classmethod
    def of(cls, number: int) -> Self:
        """Raises ValueError for a rate that nobody knows."""
        return cls(bool(number & 1), PushRate(number >> 2))


def control() -> Any:
    """The field of every action's request."""
    return wire("B", kind=Control.of, default=Control())


def action_state() -> Any:
    """The field of every action's push. What the bits above say (sounds: why it failed) is left out."""
    return wire("B", kind=lambda number: ActionState(number & 3), default=ActionState.RUNNING)


@dataclass(frozen=True, slots=True)
class StartAction(Payload):
    """What every request for an action begins with."""

    action_id: int = wire("B")
    control: Control = control()


@dataclass(frozen=True, slots=True)
class ActionAck(AckPayload):
    """The answer to any of them. The first push must come after it."""

    ret: int = wire("B", default=0)
    accept: Accept = wire("B", kind=Accept, default=Accept.STARTED)


@dataclass(frozen=True, slots=True)
class PlaySound(Payload):
    action_id: int = wire("B")
    control: Control = control()
    sound_id: int = wire("I", default=0)
    mode: PlayMode = wire("B", kind=PlayMode, default=PlayMode.REPLACE)
    gap_ms: int = wire("H", default=0)
    times: int = wire("B", default=1)


@dataclass(frozen=True, slots=True)
class SoundPush(Payload):
    action_id: int = wire("B")
    percent: int = wire("B", default=0)
    state: ActionState = action_state()
    sound_id: int = wire("I", default=0)
