"""The loop closed on simulated time: what the robot does, not which method was called."""

import math

import pytest

from robot.config import RobotConfig
from robot.safety import StopReason
from robot.states import State
from robot.values import ArmourSide, Key, Pose
from tests.robot.closed_loop import Loop, Moment, rms, standing, walk

CONFIG = RobotConfig(robot_id="test")
# like the corridor: 0.5 to 0.9 m/s, with stops, round a corner
WALK = walk((2, 0), (6, 0, 0.7, 1.5), (10, 0, 0.9, 1.0), (10, 6, 0.6, 2.0), (10, 12, 0.9, 1.0), (10, 16, 0.5, 5.0))


def following(person_x: float = 3.0, seed: int = 1) -> Loop:
    """A loop that is driving straight ahead after a person who walks away."""
    loop = Loop(CONFIG, walk((person_x, 0), (60, 0, 0.8, 0)), seed)
    loop.run(4.0)
    assert loop.is_in(State.FOLLOW)
    assert loop.speed.forward_mps > 0.5
    return loop


def searching(config: RobotConfig = CONFIG) -> Loop:
    loop = Loop(config, standing(-3, 0))
    loop.run(2.0)
    assert loop.is_in(State.SEARCH)
    assert loop.speed.turn_radps == pytest.approx(math.radians(24), abs=0.01)
    return loop


def moves_until(moments: list[Moment]) -> float:
    """Time of the last tick with a command to move."""
    return max((m.time_s for m in moments if not m.decision.command.is_still), default=-math.inf)


def oldest_while_moving(moments: list[Moment]) -> float:
    return max(m.decision.result_age_s for m in moments if not m.decision.command.is_still)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("gives_odometry", [True, False])
def test_a_walking_person_is_followed_round_a_corner_and_through_stops(seed: int, gives_odometry: bool) -> None:
    loop = Loop(CONFIG, WALK, seed)
    loop.gives_odometry = gives_odometry
    loop.run(3.0)  # wakes up, closes in
    moments = loop.run(42.0)
    assert {m.decision.state for m in moments} == {State.FOLLOW}
    assert math.degrees(rms([m.bearing_rad for m in moments])) < 3
    assert rms([m.distance_m - 1.5 for m in moments]) < 0.2
    assert loop.core.safety.stops == 0


def test_the_latency_is_taken_out_the_estimate_is_of_now() -> None:
    loop = following()
    moments = loop.run(6.0)
    off_m = [m.decision.distance_m - m.distance_m for m in moments if m.decision.distance_m is not None]
    assert len(off_m) == len(moments)
    assert abs(sum(off_m) / len(off_m)) < 0.03  # 0.06 m behind without: 0.8 m/s for 80 ms


def test_wheels_get_no_motion_300_ms_after_the_last_picture_when_the_server_dies_while_following() -> None:
    loop = following()
    loop.silence()
    died_s = loop.time_s
    moments = loop.run(2.0)
    assert moves_until(moments) < died_s + 0.3
    assert oldest_while_moving(moments) < 0.28
    assert loop.core.safety.stops == 1
    assert loop.is_in(State.OFFLINE)
    assert loop.speed.forward_mps == pytest.approx(0, abs=0.001)
    assert StopReason.OLD_RESULT in {m.decision.reason for m in moments}

    loop.answering = True
    states = [m.decision.state for m in loop.run(3.0)]
    assert State.SEARCH not in states  # straight back to the same person
    assert states[-1] is State.FOLLOW
    assert loop.speed.forward_mps > 0.5


def test_wheels_get_no_motion_300_ms_after_the_last_picture_when_the_server_dies_while_searching() -> None:
    loop = searching()
    loop.silence()
    died_s = loop.time_s
    moments = loop.run(2.0)
    assert moves_until(moments) < died_s + 0.3
    assert oldest_while_moving(moments) < 0.28
    assert loop.is_in(State.OFFLINE)
    assert loop.speed.is_still or abs(loop.speed.turn_radps) < 1e-3

    loop.answering = True
    loop.run(1.0)
    assert loop.is_in(State.SEARCH)
    assert loop.run(25.0)[-1].decision.state is State.FOLLOW  # found behind it


def test_without_any_server_it_stands_and_says_offline() -> None:
    loop = Loop(CONFIG, standing(2, 0))
    loop.silence()
    loop.core.on_server(loop.time_s, None)
    moments = loop.run(5.0)
    assert all(m.decision.command.is_still for m in moments)
    assert [m.decision.state for m in moments][-1] is State.OFFLINE
    assert moments[-1].decision.light.rgb == (40, 40, 40)
    assert loop.core.safety.stops == 0


def test_answers_that_are_always_too_old_never_move_it() -> None:
    loop = Loop(CONFIG, standing(4, 0))
    loop.latency_s = (0.35, 0.4)
    assert all(m.decision.command.is_still for m in loop.run(5.0))


def test_slow_answers_make_it_slower() -> None:
    usual, slow = following(), following()
    slow.latency_s = (0.16, 0.18)
    assert rms([m.speed.forward_mps for m in slow.run(4.0)]) < rms([m.speed.forward_mps for m in usual.run(4.0)]) - 0.1


@pytest.mark.parametrize(("x", "y", "way"), [(1.0, 6.0, 1), (1.0, -6.0, -1)])
def test_a_lost_person_is_searched_on_the_side_where_they_went(x: float, y: float, way: int) -> None:
    loop = Loop(CONFIG, walk((2, 0), (x, y, 3.0, 0)))  # runs off
    loop.run(4.0)
    loop.visible = False
    loop.run(4.0)
    assert loop.is_in(State.SEARCH)
    assert loop.speed.turn_radps == pytest.approx(way * math.radians(24), abs=0.01)
    assert loop.speed.forward_mps == pytest.approx(0, abs=0.01)


def test_a_search_without_success_ends_idle_and_the_next_person_to_appear_is_followed() -> None:
    loop = searching()
    loop.visible = False
    moments = loop.run(26.0)
    assert loop.is_in(State.IDLE)
    turned = [m for m in moments if m.decision.state is State.SEARCH]
    assert turned[-1].time_s - loop.began_s == pytest.approx(1.0 + 25.0, abs=0.1)
    assert moments[-1].decision.command.is_still
    loop.visible = True
    loop.pose = Pose(0, 0, math.pi)
    loop.run(1.0)
    assert loop.is_in(State.FOLLOW)


def test_it_does_not_drive_on_blindly_towards_somebody_who_vanished() -> None:
    loop = following()
    loop.visible = False
    moments = loop.run(5.0)
    blind = [m.time_s for m in moments if m.speed.forward_mps > 0.05]
    assert max(blind) - moments[0].time_s < CONFIG.servo.coast_s + 0.7
    assert moments[-1].decision.state is State.SEARCH


def test_the_emergency_stop_stops_at_once_and_holds_until_released() -> None:
    loop = following()
    loop.core.on_key(loop.time_s, Key.ESTOP)
    moments = loop.run(3.0)
    assert all(m.decision.command.is_still for m in moments)
    assert {m.decision.state for m in moments} == {State.ESTOP}
    for key in (Key.SEARCH, Key.IDLE, Key.EXPLORE):
        loop.core.on_key(loop.time_s, key)
    loop.core.on_hit(loop.time_s, ArmourSide.BACK)
    assert all(m.decision.command.is_still for m in loop.run(1.0))
    loop.core.on_key(loop.time_s, Key.ESTOP)
    states = [m.decision.state for m in loop.run(3.0)]
    assert states[0] is State.WAKEUP
    assert states[-1] is State.FOLLOW


def test_told_to_idle_it_leaves_the_person_in_view_alone_until_somebody_appears_anew() -> None:
    loop = following()
    loop.core.on_key(loop.time_s, Key.IDLE)
    assert {m.decision.state for m in loop.run(2.0)} == {State.IDLE}
    loop.visible = False
    assert {m.decision.state for m in loop.run(4.0)} == {State.IDLE}
    loop.visible = True
    loop.run(1.5)
    assert loop.is_in(State.FOLLOW)


def test_idle_and_an_outage_do_not_make_it_search() -> None:
    loop = following()
    loop.core.on_key(loop.time_s, Key.IDLE)
    loop.visible = False
    loop.run(1.0)
    loop.silence()
    assert loop.run(1.0)[-1].decision.state is State.OFFLINE
    loop.answering = True
    assert loop.run(1.0)[-1].decision.state is State.IDLE


@pytest.mark.parametrize(
    ("side", "x", "y"),
    [(ArmourSide.FRONT, -1, 0), (ArmourSide.BACK, 1, 0), (ArmourSide.LEFT, 0, -1), (ArmourSide.RIGHT, 0, 1)],
)
def test_hit_it_escapes_away_from_the_plate_for_two_seconds_and_rests(side: ArmourSide, x: int, y: int) -> None:
    loop = Loop(CONFIG, standing(1.5, 0))
    loop.run(3.0)
    before, loop.visible = loop.pose, False
    loop.core.on_hit(loop.time_s, side)
    assert {m.decision.state for m in loop.run(1.98)} == {State.HIT}
    loop.run(0.5)
    assert loop.is_in(State.IDLE)
    assert loop.pose.x_m - before.x_m == pytest.approx(x * 0.24, abs=0.03)
    assert loop.pose.y_m - before.y_m == pytest.approx(y * 0.24, abs=0.03)


def test_an_escape_too_needs_fresh_answers_and_leave_to_do_it() -> None:
    loop = searching()
    loop.silence()
    loop.core.on_hit(loop.time_s, ArmourSide.FRONT)
    began_s = loop.time_s
    assert moves_until(loop.run(2.0)) < began_s + 0.3

    forbidden = CONFIG.model_copy(update={"behaviour": CONFIG.behaviour.model_copy(update={"escape": False})})
    loop = searching(forbidden)
    loop.core.on_hit(loop.time_s, ArmourSide.FRONT)
    assert all(m.decision.command.is_still for m in loop.run(1.5))


def test_exploring_looks_about_on_the_spot_and_follows_nobody() -> None:
    loop = Loop(CONFIG, standing(2, 0))
    loop.core.on_key(loop.time_s, Key.EXPLORE)
    moments = loop.run(40.0)
    assert {m.decision.state for m in moments} == {State.EXPLORE}
    assert math.hypot(loop.pose.x_m, loop.pose.y_m) < 0.01
    ways = {round(m.decision.command.turn_radps, 2) for m in moments}
    assert {0.26, -0.26} <= ways


@pytest.mark.parametrize("jump_s", [-3600.0, -5.0, -0.2, 0.7, 5.0, 3600.0])
def test_a_clock_that_jumps_stops_it_and_it_follows_again_by_itself(jump_s: float) -> None:
    loop = following()
    loop.under_way.clear()
    loop.time_s += jump_s
    loop.began_s += jump_s
    moments = loop.run(6.0)
    assert moments[0].decision.command.is_still
    assert loop.core.safety.stops == 1
    for moment in moments:
        assert moment.decision.command.is_still or 0 <= moment.decision.result_age_s < 0.28
    assert loop.is_in(State.FOLLOW)
    assert loop.speed.forward_mps > 0.5


def test_a_silent_base_is_told_its_odometry_by_the_commands() -> None:
    loop = searching()
    loop.gives_odometry = False
    loop.run(3.0)
    before = loop.core.perception.odometry
    loop.run(2.0)
    after = loop.core.perception.odometry
    assert before is not None
    assert after is not None
    assert after.pose.heading_rad - before.pose.heading_rad == pytest.approx(2 * math.radians(24), abs=0.05)
