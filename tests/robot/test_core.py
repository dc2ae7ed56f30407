"""The core under any sequence of inputs, and one input at a time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protos.messages import Box, Detection
from robot.config import RobotConfig
from robot.core import MIRROR_MARGIN_S, AgentCore
from robot.decision import Decision
from robot.states import State
from robot.values import STILL, ArmourSide, CameraModel, Key, Odometry, Pose, Result, Sound
from tests.robot.closed_loop import SERVER

CONFIG = RobotConfig(robot_id="test")
MOVING = {State.SEARCH, State.FOLLOW, State.HIT, State.EXPLORE}


def person(x: float = 0.5, height: float = 0.4) -> Detection:
    return Detection("person", 0.9, Box(x - 0.1, 0.5 - height / 2, 0.2, height), (180, 40, 40))


def result(number: int, capture_s: float, received_s: float, *seen: Detection) -> Result:
    return Result(number, capture_s, received_s, seen, "edge-1", received_s - capture_s)


def driven(seconds: float, *seen: Detection) -> tuple[AgentCore, float]:
    """A core that has had answers 20 times a second, 40 ms old, for so long; and the time."""
    core, now_s = AgentCore(CONFIG, CameraModel(), 0.0), 0.0
    for tick in range(round(seconds * 50)):
        now_s = tick * 0.02
        if tick % 3 == 2:
            core.on_result(result(tick, now_s - 0.04, now_s, *seen))
        core.tick(now_s)
    return core, now_s


any_float = st.floats(allow_nan=True, allow_infinity=True)
boxes = st.builds(Box, *(st.one_of(st.floats(-0.2, 1.2), any_float) for _ in range(4)))
detections = st.one_of(
    st.builds(person, st.floats(0.2, 0.8), st.floats(0.1, 0.9)),
    st.builds(Detection, st.sampled_from(["person", "face", ""]), any_float, boxes),
)
inputs = st.one_of(
    st.tuples(st.just("tick"), st.one_of(st.just(0.02), st.floats(-1, 2))),
    st.tuples(st.just("result"), st.floats(-0.1, 0.6), st.lists(detections, max_size=2)),
    st.tuples(st.just("key"), st.sampled_from(list(Key))),
    st.tuples(st.just("hit"), st.sampled_from(list(ArmourSide))),
    st.tuples(st.just("mirrored"), st.booleans()),
    st.tuples(st.just("odometry"), any_float),
    st.tuples(st.just("run"), st.integers(1, 80)),  # a while of plain good answers, to get it moving
)


@settings(max_examples=60)
@given(st.lists(inputs, max_size=40))
def test_no_sequence_of_inputs_moves_the_robot_without_a_fresh_answer(steps: list[tuple[object, ...]]) -> None:
    core, now_s, number = AgentCore(CONFIG, CameraModel(), 0.0), 0.0, 0
    captures: set[float] = set()

    def answer(capture_s: float, *seen: Detection) -> None:
        nonlocal number
        number += 1
        captures.add(capture_s)
        core.on_result(result(number, capture_s, now_s, *seen))

    def tick(step_s: float) -> None:
        nonlocal now_s
        now_s += step_s
        decision = core.tick(now_s)
        command = decision.command
        if command.is_still:
            return
        assert all(map(math.isfinite, (command.forward_mps, command.left_mps, command.turn_radps)))
        assert abs(command.forward_mps) <= CONFIG.safety.max_forward_mps
        assert decision.state in MOVING
        assert not core.safety.estop
        newest = max((c for c in captures if c <= now_s), default=-math.inf)
        assert now_s - newest <= 0.28  # 0.3 less the time to the next tick

    for step in steps:
        match step:
            case ("tick", float(step_s)):
                tick(step_s)
            case ("result", float(age_s), list(seen)):
                answer(now_s - age_s, *seen)
            case ("key", Key() as key):
                core.on_key(now_s, key)
            case ("hit", ArmourSide() as side):
                core.on_hit(now_s, side)
            case ("mirrored", bool(is_dressed)):
                core.on_mirrored(now_s, is_dressed)
            case ("odometry", float(x_m)):
                core.on_odometry(Odometry(now_s, Pose(x_m, 0, 0), x_m))
            case ("run", int(ticks)):
                for count in range(ticks):
                    if count % 3 == 0:
                        answer(now_s - 0.03, person())
                    tick(0.02)


def test_an_answer_from_the_future_is_dropped_and_counted() -> None:
    core, now_s = driven(2.0, person())
    assert not core.on_result(result(900, now_s + 0.5, now_s))
    assert not core.on_result(result(901, math.nan, now_s))
    assert core.perception.dropped.from_future == 2
    assert core.state is State.FOLLOW


def test_an_answer_that_was_overtaken_is_dropped_and_counted() -> None:
    core, now_s = driven(2.0, person())
    assert not core.on_result(result(900, now_s - 0.2, now_s, person(0.9)))
    assert core.perception.dropped.late == 1


def test_impossible_boxes_are_dropped_and_the_good_one_beside_them_counts() -> None:
    bad = (
        Detection("person", 0.9, Box(math.nan, 0, 0.5, 0.5)),
        Detection("person", 0.9, Box(0.8, 0.2, 0.9, 0.5)),
        Detection("person", math.nan, Box(0.2, 0.2, 0.2, 0.2)),
        Detection("person", 0.9, Box(0.2, 0.2, -0.2, 0.2)),
    )
    core, _ = driven(2.0, *bad, person())
    assert core.state is State.FOLLOW
    assert len(core.tracks) == 1
    assert core.perception.dropped.bad_boxes > 100


def test_an_answer_without_boxes_is_an_answer() -> None:
    core, now_s = driven(2.0)
    assert core.state is State.SEARCH
    assert core.tick(now_s + 0.02).command.turn_radps > 0.3


def test_states_are_heard_once_and_seen_in_the_colour_of_the_server() -> None:
    core = AgentCore(CONFIG, CameraModel(), 0.0)
    core.on_server(0.0, SERVER)
    sounds = []
    for tick in range(150):
        now_s = tick * 0.02
        core.on_result(result(tick, now_s - 0.01, now_s, *([person()] if tick > 100 else [])))
        decision = core.tick(now_s)
        assert decision.light.rgb == SERVER.colour_rgb
        if decision.sound is not None:
            sounds.append(decision.sound)
    assert sounds == [Sound.SEARCH, Sound.FOLLOW]
    core.on_server(3.0, replace(SERVER, colour_rgb=(1, 2, 3)))
    assert core.tick(3.0).light.rgb == (1, 2, 3)


def test_quitting_stops_the_wheels() -> None:
    core, now_s = driven(2.0, person(0.3))
    core.on_key(now_s, Key.QUIT)
    assert core.tick(now_s + 0.02).command.is_still
    core.on_key(now_s, Key.QUIT)
    assert core.tick(now_s + 0.04).command.is_still


def test_looking_for_another_label_gives_up_the_target() -> None:
    core, now_s = driven(2.0, person())
    core.look_for("face")
    decision = core.tick(now_s + 0.02)
    assert decision.target is None
    assert decision.state is State.SEARCH


@pytest.mark.parametrize(("x", "height", "turns", "advances"), [(0.3, 0.2, 1, 1), (0.7, 0.2, -1, 1), (0.5, 0.9, 0, -1)])
def test_it_turns_to_the_target_and_keeps_its_distance(x: float, height: float, turns: int, advances: int) -> None:
    core, now_s = driven(1.6, person(x, height))
    command = core.tick(now_s + 0.02).command
    assert command.forward_mps * advances > 0.02
    assert abs(command.turn_radps) < 0.05 if turns == 0 else command.turn_radps * turns > 0.05


def test_wheels_that_cannot_be_reached_are_a_robot_that_is_offline_until_they_can() -> None:
    core, now_s = driven(2.0, person(0.8))
    assert core.state is State.FOLLOW

    core.on_base(False)
    decision = core.tick(now_s + 0.02)
    assert (decision.state, decision.command) == (State.OFFLINE, STILL)
    for number in range(1, 50):  # fresh answers with a person in them do not move it
        now_s += 0.04
        core.on_result(result(1000 + number, now_s - 0.03, now_s, person(0.8)))
        decision = core.tick(now_s)
        assert (decision.state, decision.command) == (State.OFFLINE, STILL)

    core.on_base(True)
    for number in range(50, 100):
        now_s += 0.04
        core.on_result(result(1000 + number, now_s - 0.03, now_s, person(0.8)))
        decision = core.tick(now_s)
    assert decision.state is State.FOLLOW
    assert not decision.command.is_still


def go_on(core: AgentCore, now_s: float, seconds: float, *seen: Detection) -> tuple[list[Decision], float]:
    """Fresh answers for so long; what was decided meanwhile, and the time."""
    decisions = []
    for tick in range(round(seconds * 50)):
        now_s += 0.02
        if tick % 2:
            core.on_result(result(round(now_s * 1e3), now_s - 0.03, now_s, *seen))
        decisions.append(core.tick(now_s))
    return decisions, now_s


def mirroring(*seen: Detection) -> tuple[AgentCore, float]:
    core, now_s = driven(2.0, *(seen or (person(0.7, 0.2),)))
    assert not core.tick(now_s).command.is_still
    core.on_key(now_s, Key.MIRROR)
    assert core.state is State.MIRROR
    return core, now_s


@pytest.mark.parametrize("is_dressed", [True, False])
def test_for_a_picture_it_stands_at_once_and_all_the_time_and_follows_again(is_dressed: bool) -> None:
    core, now_s = mirroring()
    decisions, now_s = go_on(core, now_s, 4.0, person(0.7, 0.2))
    assert {(d.state, d.command, d.wanted) for d in decisions} == {(State.MIRROR, STILL, STILL)}
    core.on_mirrored(now_s, is_dressed)
    decisions, _ = go_on(core, now_s, 1.0, person(0.7, 0.2))
    assert {d.state for d in decisions} == {State.FOLLOW}
    assert not decisions[-1].command.is_still


def test_with_nobody_in_view_any_more_it_searches_after_the_picture() -> None:
    core, now_s = mirroring()
    decisions, now_s = go_on(core, now_s, 4.0)
    assert {(d.state, d.command) for d in decisions} == {(State.MIRROR, STILL)}
    core.on_mirrored(now_s, True)
    assert core.tick(now_s + 0.02).state is State.SEARCH


def test_a_picture_that_nobody_ends_is_given_up() -> None:
    core, now_s = mirroring()
    decisions, _ = go_on(core, now_s, CONFIG.mirror.longest_s + MIRROR_MARGIN_S + 0.1, person(0.7, 0.2))
    assert decisions[-1].state is State.FOLLOW
    assert all(d.command.is_still for d in decisions if d.state is State.MIRROR)


def test_what_comes_of_a_picture_after_the_state_was_left_changes_nothing() -> None:
    core, now_s = mirroring()
    core.on_key(now_s, Key.EXPLORE)
    core.on_mirrored(now_s, True)
    assert core.state is State.EXPLORE


@pytest.mark.parametrize(
    ("key", "after"),
    [(Key.ESTOP, State.ESTOP), (Key.IDLE, State.IDLE), (Key.SEARCH, State.SEARCH), (Key.MIRROR, State.MIRROR)],
)
def test_other_keys_win_over_the_mirror(key: Key, after: State) -> None:
    core, now_s = mirroring()
    core.on_key(now_s, key)
    assert core.state is after


def test_a_hit_wins_over_the_mirror() -> None:
    core, now_s = mirroring()
    core.on_hit(now_s, ArmourSide.FRONT)
    assert core.tick(now_s + 0.02).state is State.HIT


def test_servers_that_fall_silent_win_over_the_mirror() -> None:
    core, now_s = mirroring()
    decisions = [core.tick(now_s + tick * 0.02) for tick in range(1, 50)]
    assert decisions[-1].state is State.OFFLINE
    assert all(d.command.is_still for d in decisions)


def test_wheels_that_cannot_be_reached_win_over_the_mirror() -> None:
    core, now_s = mirroring()
    core.on_base(False)
    assert core.tick(now_s + 0.02).state is State.OFFLINE


@pytest.mark.parametrize("key", [Key.EXPLORE, Key.ESTOP, Key.SEARCH])
def test_there_is_no_picture_of_nobody_nor_while_stopped_or_exploring(key: Key) -> None:
    core, now_s = driven(2.0, *(() if key is Key.SEARCH else (person(),)))
    core.on_key(now_s, key)
    before = core.state
    core.on_key(now_s, Key.MIRROR)
    assert core.state is before


def test_who_was_sent_away_may_ask_for_a_picture_and_stays_sent_away() -> None:
    core, now_s = driven(2.0, person())
    core.on_key(now_s, Key.IDLE)
    _, now_s = go_on(core, now_s, 0.5, person())
    core.on_key(now_s, Key.MIRROR)
    decisions, now_s = go_on(core, now_s, 1.0, person())
    assert decisions[-1].state is State.MIRROR
    core.on_mirrored(now_s, True)
    decisions, _ = go_on(core, now_s, 1.0, person())
    assert {(d.state, d.command) for d in decisions} == {(State.IDLE, STILL)}


@pytest.mark.parametrize("key", Key)
def test_the_key_to_forget_is_not_the_cores(key: Key) -> None:
    core, now_s = mirroring()
    core.on_key(now_s, key)
    before = core.state
    core.on_key(now_s, Key.FORGET)
    assert core.state is before
