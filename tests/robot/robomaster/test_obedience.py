"""Whether a stop was obeyed is read off the positions."""

import math

from robot.robomaster.obedience import Disobeyed, Obedience
from robot.values import STILL, DriveCommand, Pose


def run(
    speed_mps: float = 0.0, turn_radps: float = 0.0, from_s: float = 1.0, to_s: float = 4.0, hear: bool = True
) -> list[Disobeyed]:
    """It drove at 1 m/s, was stopped at 1.0 s, and goes on at `speed_mps` from `from_s` on."""
    obedience = Obedience()
    obedience.commanded(0.0, DriveCommand(1.0))
    obedience.commanded(1.0, STILL)
    found, pose = [], Pose()
    for step in range(round(to_s / 0.02)):
        now_s = step * 0.02
        obedience.commanded(now_s, DriveCommand(1.0) if now_s < 1.0 else STILL)
        forward, turn = (1.0, 0.0) if now_s < from_s else (speed_mps, turn_radps)
        pose = Pose(pose.x_m + forward * 0.02, pose.y_m, math.remainder(pose.heading_rad + turn * 0.02, math.tau))
        if hear:
            obedience.measured(now_s, pose)
        if (verdict := obedience.verdict(now_s)) is not None:
            found.append(verdict)
    return found


def test_a_rover_that_stands_soon_has_obeyed() -> None:
    assert run() == []
    assert run(from_s=1.3) == []  # braking takes its time


def test_a_rover_that_drives_on_has_not_and_that_is_said_again_and_again_with_figures() -> None:
    found = run(speed_mps=1.0)
    assert 0.5 < found[0].after_s < 1.1
    assert abs(found[0].speed_mps - 1.0) < 0.01
    assert [each.times for each in found] == list(range(1, len(found) + 1))
    assert len(found) >= 8
    assert "1.00 m/s" in str(found[0])


def test_turning_on_is_driving_on_also_across_half_a_turn() -> None:
    found = run(turn_radps=2.0, to_s=6.0)
    assert len(found) > 10
    assert all(abs(each.turn_radps - 2.0) < 0.01 for each in found)


def test_a_rover_that_gives_in_late_is_left_alone_from_then_on() -> None:
    found = run(speed_mps=0.0, from_s=2.5, to_s=6.0)
    assert found
    assert max(each.after_s for each in found) < 2.0


def test_without_positions_nothing_is_claimed() -> None:
    assert run(speed_mps=1.0, hear=False) == []


def test_a_new_command_to_move_ends_the_question() -> None:
    obedience = Obedience()
    obedience.commanded(0.0, DriveCommand(1.0))
    obedience.commanded(0.1, STILL)
    assert obedience.waiting
    obedience.commanded(0.2, DriveCommand(1.0))
    assert not obedience.waiting
    for step in range(100):
        obedience.measured(step * 0.02, Pose(step * 0.02))
    assert obedience.verdict(2.0) is None
