"""What is sent when: rate, stalls, stops."""

import pytest

from robot.robomaster.flow import REST_S, ZEROS, Flow
from robot.values import STILL, DriveCommand

AHEAD = DriveCommand(0.5)


def take_until(flow: Flow, start_s: float, end_s: float, answer: bool = True) -> list[tuple[float, DriveCommand]]:
    """Looks every millisecond; the rover answers at once, or not at all."""
    sent = []
    for step in range(round((end_s - start_s) * 1000)):
        now_s = start_s + step / 1000
        command = flow.take(now_s)
        if command is not None:
            sent.append((now_s, command))
            if answer:
                flow.answered(flow.number)
    return sent


def test_a_speed_that_does_not_change_is_sent_at_a_steady_rate() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    sent = take_until(flow, 0.0, 1.0)
    assert 38 <= len(sent) <= 45
    assert {command for _, command in sent} == {AHEAD}


def test_of_many_commands_in_one_period_only_the_newest_is_sent() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    assert flow.take(0.0) == AHEAD
    for speed in (0.1, 0.2, 0.3):
        flow.want(DriveCommand(speed))
        assert flow.take(0.005) is None
    assert flow.take(0.025) == DriveCommand(0.3)


def test_a_stop_does_not_wait_for_its_turn_and_is_repeated() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    flow.take(0.0)
    flow.want(STILL)
    assert flow.take(0.001) == STILL
    assert not flow.moving
    sent = take_until(flow, 0.002, 5.002)
    assert all(command == STILL for _, command in sent)
    fast = [at_s for at_s, _ in sent if at_s < ZEROS / 40]
    assert len(fast) >= ZEROS - 2
    assert sent[-1][0] - sent[-2][0] == pytest.approx(REST_S, abs=0.01)  # it goes on for as long as it stands


def test_without_answers_motion_ceases_within_a_fifth_of_a_second_and_ends_in_a_stop() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    sent = take_until(flow, 0.0, 3.0, answer=False)
    motion = [at_s for at_s, command in sent if not command.is_still]
    assert motion[-1] <= 0.2
    assert len(motion) <= 8
    assert [command for _, command in sent[len(motion) :]] == [STILL]
    assert flow.stalls == 1


def test_after_a_stall_it_goes_on_with_what_is_wanted_now() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    take_until(flow, 0.0, 1.0, answer=False)
    flow.want(DriveCommand(0.2))
    assert flow.take(1.0) is None
    flow.answered(flow.number)
    assert flow.take(1.001) == DriveCommand(0.2)
    assert flow.waiting_s(1.101) == pytest.approx(0.1)


def test_a_stop_gets_out_in_a_stall_and_few_of_them_pile_up() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    for at_s in (0.0, 0.025, 0.05):
        assert flow.take(at_s) == AHEAD
    flow.want(STILL)
    assert flow.take(0.051) == STILL
    assert len(take_until(flow, 0.3, 2.3, answer=False)) <= 2.0 / REST_S + 1


def test_one_answer_that_never_came_is_made_up_for_by_a_later_one() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    for step in range(1, 40):
        assert flow.take(step * 0.025) == AHEAD
        if step % 3 == 0:
            flow.answered(flow.number)
    assert flow.stalls == 0


def test_where_speeds_are_never_answered_nothing_stalls() -> None:
    flow = Flow(rate_hz=40, answers=False)
    flow.want(AHEAD)
    assert len(take_until(flow, 0.0, 1.0, answer=False)) >= 38
    assert flow.waiting_s(1.0) == 0


def test_a_new_connection_begins_with_a_stop() -> None:
    flow = Flow(rate_hz=40)
    flow.want(AHEAD)
    flow.take(0.0)
    flow.reset()
    assert flow.take(0.0) == STILL


def test_after_a_long_pause_what_was_wanted_before_it_is_void() -> None:
    flow = Flow(40.0)
    flow.want(AHEAD, until_s=0.25)
    assert flow.take(0.0) == AHEAD
    flow.answered(flow.number)
    assert flow.take(0.2) == AHEAD
    flow.answered(flow.number)
    assert flow.take(30.0) == STILL  # the process was stopped meanwhile
    flow.want(AHEAD, until_s=30.3)
    assert flow.take(30.05) == AHEAD
