"""Every state against every event."""

from pathlib import Path

import pytest

from robot.states import LIGHTS, NO_SERVER_RGB, TRANSITIONS, Event, State, StateMachine, as_markdown, light_of
from robot.values import Effect

WAY_TO: dict[State, list[Event]] = {
    State.WAKEUP: [],
    State.SEARCH: [Event.AWAKE],
    State.FOLLOW: [Event.AWAKE, Event.TARGET],
    State.IDLE: [Event.KEY_IDLE],
    State.HIT: [Event.AWAKE, Event.HIT],
    State.EXPLORE: [Event.KEY_EXPLORE],
    State.OFFLINE: [Event.AWAKE, Event.SILENT],
    State.MIRROR: [Event.AWAKE, Event.TARGET, Event.KEY_MIRROR],
    State.ESTOP: [Event.ESTOP],
}
S = State
LEADS_TO: dict[Event, dict[State, State]] = {
    Event.AWAKE: {S.WAKEUP: S.SEARCH},
    Event.TARGET: {S.SEARCH: S.FOLLOW, S.IDLE: S.FOLLOW, S.OFFLINE: S.FOLLOW},
    Event.LOST: {S.FOLLOW: S.SEARCH},
    Event.TIRED: {S.SEARCH: S.IDLE},
    Event.HIT: dict.fromkeys((S.SEARCH, S.FOLLOW, S.IDLE, S.EXPLORE, S.MIRROR), S.HIT),
    Event.ESCAPED: {S.HIT: S.IDLE},
    Event.SILENT: dict.fromkeys((S.SEARCH, S.FOLLOW, S.IDLE, S.HIT, S.EXPLORE, S.MIRROR), S.OFFLINE),
    Event.ANSWERED: {S.OFFLINE: S.SEARCH},
    Event.KEY_SEARCH: {s: S.SEARCH for s in State if s is not S.ESTOP},
    Event.KEY_IDLE: {s: S.IDLE for s in State if s is not S.ESTOP},
    Event.KEY_EXPLORE: {s: S.EXPLORE for s in State if s is not S.ESTOP},
    Event.KEY_MIRROR: dict.fromkeys((S.SEARCH, S.FOLLOW, S.IDLE), S.MIRROR),
    Event.DRESSED: {S.MIRROR: S.SEARCH},
    Event.GAVE_UP: {S.MIRROR: S.SEARCH},
    Event.ESTOP: dict.fromkeys(State, S.ESTOP),
    Event.RELEASE: {S.ESTOP: S.WAKEUP},
}


def machine_in(state: State) -> StateMachine:
    machine = StateMachine(0.0)
    for event in WAY_TO[state]:
        machine.handle(1.0, event)
    assert machine.state is state
    return machine


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_each_event_leads_where_it_should_from_each_state(state: State, event: Event) -> None:
    machine = machine_in(state)
    expected = LEADS_TO[event].get(state, state)
    assert machine.handle(5.0, event) is (expected is not state)
    assert machine.state is expected
    if expected is not state:
        assert machine.entered_s == 5.0
        assert machine.before is (S.FOLLOW if state is S.MIRROR else state)


@pytest.mark.parametrize(
    ("before", "after"), [(S.IDLE, S.IDLE), (S.EXPLORE, S.EXPLORE), (S.FOLLOW, S.SEARCH), (S.HIT, S.SEARCH)]
)
def test_after_an_outage_it_takes_up_what_it_was_told_to_do(before: State, after: State) -> None:
    machine = machine_in(before)
    machine.handle(5.0, Event.SILENT)
    machine.handle(6.0, Event.ANSWERED)
    assert machine.state is after


def test_an_outage_does_not_turn_exploring_into_following() -> None:
    machine = machine_in(S.EXPLORE)
    machine.handle(5.0, Event.SILENT)
    assert not machine.handle(6.0, Event.TARGET)


@pytest.mark.parametrize("over", [Event.DRESSED, Event.GAVE_UP])
def test_after_a_picture_it_takes_up_what_it_did_before(over: Event) -> None:
    for way, has_target, after in (
        (WAY_TO[S.FOLLOW], True, S.FOLLOW),
        (WAY_TO[S.FOLLOW], False, S.SEARCH),
        (WAY_TO[S.IDLE], True, S.IDLE),
    ):
        machine = StateMachine(0.0)
        for event in (*way, Event.KEY_MIRROR):
            machine.handle(1.0, event)
        machine.has_target = has_target
        machine.handle(5.0, over)
        assert machine.state is after


def test_an_outage_during_a_picture_does_not_turn_resting_into_searching() -> None:
    machine = StateMachine(0.0)
    for event in (*WAY_TO[S.IDLE], Event.KEY_MIRROR, Event.SILENT, Event.ANSWERED):
        machine.handle(1.0, event)
    assert machine.state is S.IDLE


def test_only_a_release_leaves_the_emergency_stop() -> None:
    assert {row["trigger"] for row in TRANSITIONS if row["source"] is State.ESTOP} == {Event.RELEASE}


def test_every_state_has_a_light_of_its_own() -> None:
    assert set(LIGHTS) == set(State)
    assert len(set(LIGHTS.values())) == len(State)


def test_the_colour_of_the_light_is_that_of_the_serving_server() -> None:
    assert light_of(State.FOLLOW, (0, 255, 0)).rgb == (0, 255, 0)
    assert light_of(State.FOLLOW, None).rgb == NO_SERVER_RGB
    assert light_of(State.SEARCH, None).effect is Effect.FLASH


def test_the_page_in_docs_shows_the_table_as_it_is() -> None:
    page = Path(__file__).parents[2] / "docs/states.md"
    assert page.read_text(encoding="utf-8") == as_markdown(), "run: python -m robot.states"
