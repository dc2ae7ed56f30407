"""Nothing moves on an old result."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ConfigError
from common.settings import check
from robot.safety import Safety, SafetyConfig, StopReason
from robot.values import STILL, DriveCommand

AHEAD = DriveCommand(0.5, 0.0, 0.3)


def test_a_fresh_result_lets_a_wish_pass_unchanged() -> None:
    verdict = Safety(SafetyConfig()).judge(10.0, AHEAD, 9.9)
    assert (verdict.command, verdict.reason, verdict.stopped) == (AHEAD, None, False)


def test_an_ageing_result_slows_down_and_then_stops() -> None:
    safety = Safety(SafetyConfig())
    speeds = [safety.judge(10 + age, AHEAD, 10.0).command.forward_mps for age in (0.1, 0.17, 0.2, 0.22, 0.25)]
    assert speeds[0] == speeds[1] == 0.5
    assert 0 == speeds[4] < speeds[3] < speeds[2] < 0.5
    assert safety.stops == 1


@pytest.mark.parametrize(
    ("now_s", "wanted", "capture_s", "reason"),
    [
        (10.0, AHEAD, None, StopReason.NO_RESULT),
        (10.0, AHEAD, 9.7, StopReason.OLD_RESULT),
        (10.0, AHEAD, 10.1, StopReason.CLOCK),
        (10.0, AHEAD, math.nan, StopReason.CLOCK),
        (math.nan, AHEAD, 9.9, StopReason.CLOCK),
        (9.0, AHEAD, 8.95, StopReason.CLOCK),
        (10.5, AHEAD, 10.45, StopReason.HEARTBEAT),
        (10.0, DriveCommand(math.nan, 0, 0.1), 9.95, StopReason.NOT_A_NUMBER),
        (10.0, DriveCommand(0.1, 0, math.inf), 9.95, StopReason.NOT_A_NUMBER),
    ],
)
def test_each_refusal_has_its_reason(
    now_s: float, wanted: DriveCommand, capture_s: float | None, reason: StopReason
) -> None:
    safety = Safety(SafetyConfig())
    assert safety.judge(9.98, AHEAD, 9.95).command == AHEAD
    verdict = safety.judge(now_s, wanted, capture_s)
    assert (verdict.command, verdict.reason, verdict.stopped) == (STILL, reason, True)
    assert safety.stops == 1


def test_after_a_missed_heartbeat_it_may_go_on_at_the_next_tick() -> None:
    safety = Safety(SafetyConfig())
    safety.judge(1.0, AHEAD, 0.95)
    assert safety.judge(1.5, AHEAD, 1.45).reason is StopReason.HEARTBEAT
    assert safety.judge(1.52, AHEAD, 1.45).command == AHEAD


def test_the_emergency_stop_stays_until_it_is_released() -> None:
    safety = Safety(SafetyConfig())
    safety.press_estop()
    for tick in range(100):
        verdict = safety.judge(tick * 0.02, AHEAD, tick * 0.02)
        assert (verdict.command, verdict.reason) == (STILL, StopReason.ESTOP)
    safety.release_estop()
    assert safety.judge(2.0, AHEAD, 1.99).command == AHEAD


def test_a_wish_to_stand_is_no_safety_stop() -> None:
    safety = Safety(SafetyConfig())
    verdict = safety.judge(10.0, STILL, None)
    assert (verdict.reason, verdict.stopped, safety.stops) == (None, False, 0)


def test_settings_that_leave_no_time_to_slow_down_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"slow_age_s .* lower it"):
        check(SafetyConfig, {"slow_age_s": 0.3}, "robot.yaml")


any_float = st.floats(allow_nan=True, allow_infinity=True)
commands = st.builds(DriveCommand, any_float, any_float, any_float)
times = st.one_of(any_float, st.floats(0, 2))
steps = st.lists(st.tuples(times, commands, st.one_of(st.none(), times), st.booleans()), max_size=30)


@given(steps)
def test_no_sequence_of_inputs_moves_the_robot_on_an_old_result_or_too_fast(
    steps: list[tuple[float, DriveCommand, float | None, bool]],
) -> None:
    config = SafetyConfig()
    safety = Safety(config)
    for now_s, wanted, capture_s, press in steps:
        if press:
            safety.press_estop()
        sent = safety.judge(now_s, wanted, capture_s).command
        assert all(map(math.isfinite, (sent.forward_mps, sent.left_mps, sent.turn_radps)))
        if sent.is_still:
            continue
        assert not safety.estop
        assert capture_s is not None
        assert 0 <= now_s - capture_s <= config.max_age_s - 0.02
        assert abs(sent.forward_mps) <= config.max_forward_mps
        assert abs(sent.left_mps) <= config.max_left_mps
        assert abs(sent.turn_radps) <= config.max_turn_radps


def test_after_a_stop_for_old_results_it_takes_clearly_fresher_ones_to_go_on() -> None:
    safety = Safety(SafetyConfig())
    assert not safety.judge(10.0, AHEAD, 9.8).command.is_still
    assert safety.judge(10.05, AHEAD, 9.8).reason is StopReason.OLD_RESULT
    assert safety.judge(10.06, AHEAD, 9.86).reason is StopReason.OLD_RESULT  # would have been fresh enough before
    assert safety.judge(10.08, AHEAD, 9.95).command == AHEAD
    assert safety.stops == 1
