"""Actions tell how far they are: pushes at the rate that the request named, and the last word several times.

DJI's package ends an action at percent 100 even if the state says that it goes on, and waits for ever for a last push
that was lost. So there are never 100 percent before the end, and the end is told more than once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from protos.robomaster.ids import ActionState as WireState
from protos.robomaster.ids import Command, PushRate
from sim.robomaster.action import Action
from sim.robomaster.binary.outbox import Push
from sim.robomaster.values import ActionState

LAST_WORDS = 3
LAST_WORDS_PERIOD_S = 0.1
ACTIONS_MAX = 32  # that are told about at a time

WIRE_STATES = {
    ActionState.RUNNING: WireState.RUNNING,
    ActionState.SUCCEEDED: WireState.SUCCEEDED,
    ActionState.FAILED: WireState.FAILED,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What every push of an action begins with."""

    action_id: int
    percent: int
    state: WireState


Words = Callable[[Report, Action], bytes]
"""Packs the push of one kind of action, with where it is now."""


@dataclass(slots=True)
class _Told:
    action: Action
    action_id: int
    command: Command
    sender: int
    period_s: float
    words: Words
    due_s: float
    last_words: int = LAST_WORDS


class Progress:
    """The actions of one client that still have something to say."""

    def __init__(self) -> None:
        self._told: list[_Told] = []

    def follow(
        self, action: Action, action_id: int, command: Command, sender: int, rate: PushRate, words: Words, now_s: float
    ) -> None:
        """Push `command` until the action is over. A new one of the same id and kind takes the old one's place."""
        self._told = [told for told in self._told if (told.action_id, told.command) != (action_id, command)]
        self._told = self._told[-ACTIONS_MAX + 1 :]
        self._told.append(_Told(action, action_id, command, sender, 1 / rate.hz, words, now_s))

    def clear(self) -> None:
        self._told.clear()

    def due(self, now_s: float) -> list[Push]:
        pushes = []
        for told in self._told:
            is_over = told.action.is_over
            if now_s < told.due_s and not (is_over and told.last_words == LAST_WORDS):  # the end is told at once
                continue
            told.due_s = now_s + (min(told.period_s, LAST_WORDS_PERIOD_S) if is_over else told.period_s)
            told.last_words -= is_over
            pushes.append(Push(told.command, told.words(_report(told), told.action), told.sender))
        self._told = [told for told in self._told if told.last_words > 0]
        return pushes


def _report(told: _Told) -> Report:
    percent = int(told.action.progress)
    if told.action.state is not ActionState.SUCCEEDED:
        percent = min(percent, 99)
    return Report(told.action_id, percent, WIRE_STATES[told.action.state])
