"""What the emulated robot is told about driving is what the rover in the world does."""

import math

import pytest

from sim.robomaster.values import ActionRefused, ActionState, Led, Mode, Wheels
from tests.sim.robomaster.rover_in_world import Bench, room


def test_forward_is_x_right_is_y_and_clockwise_is_positive() -> None:
    bench = Bench()
    bench.rover.drive_speed(0.5, 0.3, 0.0)
    bench.run(2.0)
    x, y, _ = bench.where()
    assert x == pytest.approx(1.0, abs=0.2)
    assert y == pytest.approx(-0.6, abs=0.15)
    assert bench.rover.position().y_m == pytest.approx(-y, rel=0.05)
    bench.rover.drive_speed(0.0, 0.0, 45.0)
    bench.run(2.0)
    assert math.degrees(bench.where()[2]) == pytest.approx(-90, abs=10)
    assert bench.rover.attitude().yaw_deg == pytest.approx(90, abs=10)


def test_a_speed_holds_until_it_is_changed() -> None:
    bench = Bench()
    bench.rover.drive_speed(0.4, 0.0, 0.0)
    bench.run(5.0)
    assert bench.rover.velocity().body_x_mps == pytest.approx(0.4, abs=0.05)
    bench.rover.drive_speed(0.0, 0.0, 0.0)
    bench.run(0.5)
    assert bench.rover.status().static


def test_with_a_hold_time_a_speed_is_void_after_it() -> None:
    bench = Bench(hold_s=0.5)
    bench.rover.drive_speed(0.4, 0.0, 0.0)
    bench.run(1.5)
    assert bench.where()[0] < 0.3
    assert bench.rover.status().static


def test_the_motors_stop_when_nobody_steps_the_robot() -> None:
    bench = Bench()
    bench.rover.drive_speed(0.6, 0.0, 0.0)
    bench.run(2.0)
    bench.world.step(0.5)
    before = bench.where()[0]
    bench.world.step(0.5)
    assert bench.where()[0] - before < 0.005


def test_the_chassis_reaches_the_speed_of_the_real_one_and_no_more() -> None:
    bench = Bench(room(person=(-4.0, 4.0), world={"floor": [{"corner": [-5, -5], "opposite": [40, 5]}]}))
    bench.rover.drive_speed(9.0, 0.0, 0.0)
    bench.run(4.0)
    assert bench.rover.velocity().body_x_mps == pytest.approx(3.5, rel=0.15)
    bench.rover.drive_speed(0.0, 0.0, 600.0)
    bench.run(4.0)
    assert bench.rover.velocity().turn_degps == pytest.approx(600, rel=0.02)


def test_wheels_are_told_and_measured_one_by_one() -> None:
    bench = Bench()
    bench.rover.drive_wheels(Wheels(60, 60, 60, 60))
    bench.run(1.5)
    assert bench.rover.velocity().body_x_mps == pytest.approx(60 * 2 * math.pi * 0.05 / 60, rel=0.1)
    assert bench.rover.wheels().left_rear_rpm == pytest.approx(60, rel=0.15)
    bench.rover.drive_wheels(Wheels(-60, 60, -60, 60))  # the diagonals against each other: to the right
    bench.run(1.5)
    assert bench.rover.velocity().body_y_mps == pytest.approx(0.314, rel=0.1)
    assert abs(bench.rover.velocity().turn_degps) < 3
    assert len(set(bench.rover.wheel_angles())) > 1


@pytest.mark.parametrize(
    ("x_m", "y_m", "z_deg", "speed_mps", "turn_degps"),
    [(0.5, 0, 0, 0.7, 30), (-0.3, 0.4, 0, 0.5, 30), (0, 0, 90, 0.5, 45), (0, 0, -400, 0.5, 300), (1, 0.5, 180, 1, 90)],
)
def test_a_move_ends_within_a_centimetre_and_a_degree(
    x_m: float, y_m: float, z_deg: float, speed_mps: float, turn_degps: float
) -> None:
    bench = Bench()
    action = bench.finish(bench.rover.move(x_m, y_m, z_deg, speed_mps, turn_degps))
    assert action.state is ActionState.SUCCEEDED
    assert action.progress == 100
    x, y, heading = bench.where()
    slip = 0.02 * math.hypot(x_m, y_m)  # that wheel counts miss
    assert x == pytest.approx(x_m, abs=0.01 + slip)
    assert y == pytest.approx(-y_m, abs=0.01 + slip)
    assert math.degrees(heading) == pytest.approx(z_deg, abs=1.0)
    assert action.place == pytest.approx((x_m, y_m, z_deg), abs=0.5)
    bench.run(0.5)
    assert bench.where() == pytest.approx((x, y, heading), abs=0.005)


def test_a_move_takes_about_as_long_as_its_speed_says_and_tells_how_far_it_is() -> None:
    bench = Bench()
    began_s = bench.world.time_s
    action = bench.rover.move(2.0, speed_mps=0.5)
    seen = []
    while not action.is_over:
        bench.run(0.1)
        seen.append(action.progress)
    assert bench.world.time_s - began_s == pytest.approx(4.0, abs=1.2)
    assert seen == sorted(seen)
    assert len(set(seen)) > 20


def test_a_second_move_is_refused_and_a_speed_ends_the_first() -> None:
    bench = Bench()
    action = bench.rover.move(1.0)
    bench.run(0.3)
    with pytest.raises(ActionRefused, match="moving"):
        bench.rover.move(0.5)
    bench.rover.drive_speed(0.0, 0.0, 0.0)
    assert action.state is ActionState.FAILED
    bench.run(1.0)
    assert bench.where()[0] < 0.5


def test_a_wall_in_the_way_fails_the_move_after_a_while() -> None:
    bench = Bench(room(world={"walls": [{"line": [[0.8, -2], [0.8, 2]]}]}, person=(-3, 0)))
    action = bench.finish(bench.rover.move(2.0, speed_mps=0.5))
    assert action.state is ActionState.FAILED
    assert "in the way" in action.why
    assert action.progress < 50
    bench.run(0.5)
    assert bench.rover.status().static


def test_where_the_gimbal_leads_the_chassis_turns_after_it_and_not_by_command() -> None:
    bench = Bench()
    bench.rover.set_mode(Mode.GIMBAL_LEAD)
    bench.rover.drive_speed(0.0, 0.0, 90.0)
    bench.run(1.0)
    assert abs(bench.where()[2]) < 0.01
    bench.finish(bench.rover.gimbal_move(yaw_deg=60.0, yaw_degps=60.0))
    bench.run(3.0)
    assert math.degrees(bench.where()[2]) == pytest.approx(-60, abs=2)
    assert bench.rover.gimbal().yaw_deg == pytest.approx(0, abs=1)
    assert bench.rover.gimbal().yaw_ground_deg == pytest.approx(60, abs=2)


def test_a_gimbal_keeps_looking_where_it_looked_while_the_chassis_turns_freely() -> None:
    bench = Bench()
    bench.finish(bench.rover.move(z_deg_ccw=90.0, turn_degps=90.0))
    assert bench.rover.gimbal().yaw_deg == pytest.approx(90, abs=1.5)
    assert bench.rover.gimbal().yaw_ground_deg == pytest.approx(0, abs=1.5)


def test_where_the_chassis_leads_the_gimbal_looks_ahead() -> None:
    bench = Bench()
    bench.rover.set_mode(Mode.CHASSIS_LEAD)
    bench.rover.gimbal_speed(0.0, 90.0)
    bench.rover.drive_speed(0.0, 0.0, 60.0)
    bench.run(2.0)
    assert bench.rover.gimbal().yaw_deg == 0
    assert bench.world.rovers[0].look_rad == (0.0, 0.0)


def test_letting_go_of_the_robot_stops_all_of_it() -> None:
    bench = Bench()
    me, other = object(), object()
    gone: list[object] = []
    bench.rover.on_release.append(gone.append)
    assert bench.rover.claim(me)
    assert bench.rover.claim(me)
    assert not bench.rover.claim(other)
    bench.rover.drive_speed(0.5, 0.0, 0.0)
    bench.run(1.0)
    bench.rover.release(other)
    bench.run(0.5)
    assert not bench.rover.status().static
    sound = bench.rover.play_sound(0x101)
    bench.rover.release(me)
    assert gone == [me]
    assert sound.state is ActionState.FAILED
    bench.run(0.5)
    assert bench.rover.status().static
    assert bench.rover.claim(other)


def test_two_robots_in_one_world_go_their_own_ways_and_feel_each_other() -> None:
    bench = Bench(room(person=(-3, 3), more_rovers=[{"at": [1.2, 0.0]}]))
    hits: list[list[int]] = [[], []]
    for rover, felt in zip(bench.rovers, hits, strict=True):
        rover.on_hit.append(lambda hit, felt=felt: felt.append(hit.side))  # type: ignore[misc]
    bench.rovers[1].set_led([Led.BOTTOM_BACK], (255, 0, 0))
    bench.rovers[0].drive_speed(0.7, 0.0, 0.0)
    bench.run(2.5)
    assert hits[0][:1] == [2]  # front
    assert hits[1][:1] == [1]  # back
    seen = bench.world.snapshot().rovers
    assert seen[1].lamps[Led.BOTTOM_BACK] == (255, 0, 0)
    assert seen[0].lamps[Led.BOTTOM_BACK] != (255, 0, 0)
    assert seen[1].pose.x_m > 1.2
