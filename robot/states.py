"""The robot's states, as a table that fits on one screen, and what its light does in each.

`python -m robot.states` writes `docs/states.md` from the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

from transitions import Machine

from protos.messages import RGB
from robot.values import Effect, Light


class State(StrEnum):
    WAKEUP = "wakeup"
    SEARCH = "search"
    FOLLOW = "follow"
    IDLE = "idle"
    HIT = "hit"
    EXPLORE = "explore"
    OFFLINE = "offline"  # no server answers, or the wheels cannot be reached: stand still, keep looking
    MIRROR = "mirror"  # stand still: the person in view is shown wearing something else
    ESTOP = "estop"  # latched until released


class Event(StrEnum):
    AWAKE = "awake"  # the time in wakeup is over
    TARGET = "target"  # a target is selected and in view
    LOST = "lost"  # the target is gone
    TIRED = "tired"  # searched long enough
    HIT = "hit"
    ESCAPED = "escaped"  # the time in hit is over
    SILENT = "silent"  # no answer for too long, or the wheels cannot be reached
    ANSWERED = "answered"  # fresh answers again, no target in them
    KEY_SEARCH = "key_search"
    KEY_IDLE = "key_idle"
    KEY_EXPLORE = "key_explore"
    KEY_MIRROR = "key_mirror"
    DRESSED = "dressed"  # the picture is there
    GAVE_UP = "gave_up"  # there will be none: nobody to be seen, no server for it, too late
    ESTOP = "estop"
    RELEASE = "release"


class Transition(TypedDict, total=False):
    trigger: Event
    source: Sequence[State] | State
    dest: State
    conditions: str


SERVED = (State.SEARCH, State.FOLLOW, State.IDLE, State.HIT, State.EXPLORE, State.MIRROR)  # live on answers
AWAKE = (*SERVED, State.OFFLINE)
HITTABLE = (State.SEARCH, State.FOLLOW, State.IDLE, State.EXPLORE, State.MIRROR)

TRANSITIONS: tuple[Transition, ...] = (
    {"trigger": Event.AWAKE, "source": State.WAKEUP, "dest": State.SEARCH},
    {"trigger": Event.TARGET, "source": (State.SEARCH, State.IDLE), "dest": State.FOLLOW},
    {"trigger": Event.LOST, "source": State.FOLLOW, "dest": State.SEARCH},
    {"trigger": Event.TIRED, "source": State.SEARCH, "dest": State.IDLE},
    {"trigger": Event.HIT, "source": HITTABLE, "dest": State.HIT},
    {"trigger": Event.ESCAPED, "source": State.HIT, "dest": State.IDLE},
    {"trigger": Event.SILENT, "source": SERVED, "dest": State.OFFLINE},
    {"trigger": Event.KEY_MIRROR, "source": (State.SEARCH, State.FOLLOW, State.IDLE), "dest": State.MIRROR},
    *(
        row
        for over in (Event.DRESSED, Event.GAVE_UP)
        for row in (
            Transition(trigger=over, source=State.MIRROR, dest=State.IDLE, conditions="was_resting"),
            Transition(trigger=over, source=State.MIRROR, dest=State.FOLLOW, conditions="has_target"),
            Transition(trigger=over, source=State.MIRROR, dest=State.SEARCH),
        )
    ),
    # After an outage the robot takes up what it was told to do, and no more.
    {"trigger": Event.TARGET, "source": State.OFFLINE, "dest": State.FOLLOW, "conditions": "may_follow"},
    {"trigger": Event.ANSWERED, "source": State.OFFLINE, "dest": State.IDLE, "conditions": "was_resting"},
    {"trigger": Event.ANSWERED, "source": State.OFFLINE, "dest": State.EXPLORE, "conditions": "was_exploring"},
    {"trigger": Event.ANSWERED, "source": State.OFFLINE, "dest": State.SEARCH},
    {"trigger": Event.KEY_SEARCH, "source": (State.WAKEUP, *AWAKE), "dest": State.SEARCH},
    {"trigger": Event.KEY_IDLE, "source": (State.WAKEUP, *AWAKE), "dest": State.IDLE},
    {"trigger": Event.KEY_EXPLORE, "source": (State.WAKEUP, *AWAKE), "dest": State.EXPLORE},
    {"trigger": Event.ESTOP, "source": (State.WAKEUP, *AWAKE), "dest": State.ESTOP},
    {"trigger": Event.RELEASE, "source": State.ESTOP, "dest": State.WAKEUP},
)

LISTED = frozenset(
    (row["trigger"], source)
    for row in TRANSITIONS
    for source in ((row["source"],) if isinstance(row["source"], State) else row["source"])
)

NO_SERVER_RGB: RGB = (40, 40, 40)  # dim grey


@dataclass(frozen=True, slots=True)
class Blink:
    """A light effect without its colour."""

    effect: Effect
    hz: float = 0.0


LIGHTS: dict[State, Blink] = {
    # The first four as the LIQUID EDGE demonstrator shows them (LIQUIDEDGE.md); it has none for the rest.
    State.WAKEUP: Blink(Effect.FLASH, 1.0),
    State.SEARCH: Blink(Effect.FLASH, 5.0),
    State.FOLLOW: Blink(Effect.STEADY),
    State.IDLE: Blink(Effect.BREATHE, 0.25),
    State.HIT: Blink(Effect.FLASH, 10.0),
    State.EXPLORE: Blink(Effect.SCROLL, 1.0),
    State.OFFLINE: Blink(Effect.FLASH, 0.5),
    State.MIRROR: Blink(Effect.BREATHE, 1.5),  # quicker than idle: something is being made
    State.ESTOP: Blink(Effect.FLASH, 2.0),
}


def light_of(state: State, server_rgb: RGB | None) -> Light:
    """The state as an effect, the serving edge server as a colour; dim grey when there is none."""
    blink = LIGHTS[state]
    return Light(blink.effect, NO_SERVER_RGB if server_rgb is None else server_rgb, blink.hz)


class StateMachine:
    """Where the robot is in the table, since when, and what it did before."""

    def __init__(self, now_s: float) -> None:
        self.entered_s = now_s
        self.before = State.WAKEUP
        self.has_target = False  # told before each event that depends on it
        self._model = _Model(self)
        # Synchronous: the core is pure, no transition waits for anything.
        self._machine = Machine(
            model=self._model,
            states=State,
            initial=State.WAKEUP,
            transitions=list(TRANSITIONS),
            auto_transitions=False,
        )

    @property
    def state(self) -> State:
        return self._model.state

    def handle(self, now_s: float, event: Event) -> bool:
        """The one way in. True when the state changed; an event that the table does not list changes nothing."""
        before = self.state
        if (event, before) not in LISTED:  # cheap, for the ticks on which nothing happens
            return False
        self._model.trigger(event)
        if self.state is before:
            return False
        if before is not State.MIRROR:  # a picture is no job: what was done before it is taken up again
            self.before = before
        self.entered_s = now_s
        return True

    def clock_moved(self, now_s: float) -> None:
        """The clock jumped: times in the state count from here."""
        self.entered_s = now_s


class _Model:
    """What `transitions` decorates with `state` and `trigger`."""

    state: State
    trigger: Callable[[Event], bool]

    def __init__(self, machine: StateMachine) -> None:
        self._owner = machine

    def was_resting(self) -> bool:
        return self._owner.before is State.IDLE

    def has_target(self) -> bool:
        return self._owner.has_target

    def may_follow(self) -> bool:
        return not self.was_exploring()

    def was_exploring(self) -> bool:
        return self._owner.before is State.EXPLORE


BY_HAND = (Event.KEY_SEARCH, Event.KEY_IDLE, Event.KEY_EXPLORE, Event.ESTOP)


def as_markdown() -> str:
    """The page `docs/states.md`. What a person can always ask for is left out of the diagram, to keep it readable."""
    arrows: dict[tuple[str, str], list[str]] = {}
    table: list[str] = []
    for row in TRANSITIONS:
        sources = (row["source"],) if isinstance(row["source"], State) else row["source"]
        when = f" [{row['conditions']}]" if "conditions" in row else ""
        table.append(f"| {row['trigger']}{when} | {', '.join(sources)} | {row['dest']} |")
        for source in sources if row["trigger"] not in BY_HAND else ():
            arrows.setdefault((source, row["dest"]), []).append(f"{row['trigger']}{when}")
    diagram = [f"    {source} --> {dest}: {', '.join(events)}" for (source, dest), events in arrows.items()]
    lights = [f"| {s} | {b.effect} | {f'{b.hz:g} Hz' if b.hz else ''} |" for s, b in LIGHTS.items()]
    return "\n".join(
        [
            "# States of the robot",
            "",
            "Generated by `python -m robot.states` from the table in `robot/states.py`; do not edit.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {State.WAKEUP}",
            *diagram,
            "```",
            "",
            "| event | from | to |",
            "| --- | --- | --- |",
            *table,
            "",
            "The colour of the light is that of the serving edge server, dim grey when there is none.",
            "",
            "| state | light | rate |",
            "| --- | --- | --- |",
            *lights,
            "",
        ]
    )


if __name__ == "__main__":
    Path("docs/states.md").write_text(as_markdown(), encoding="utf-8")
