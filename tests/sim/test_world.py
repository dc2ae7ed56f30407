"""The world without its pictures: motion, odometry, truth, collisions. No OpenGL needed."""

import math
from typing import Any

import numpy as np
import pytest

from common.errors import ConfigError
from robot.values import DriveCommand, wrap_rad
from sim import scenario
from sim.rover import Odometer
from sim.scenario import Scenario
from sim.scene import TIMESTEP_S
from sim.world import World

FLOOR = {"floor": [{"corner": [-5, -5], "opposite": [10, 5]}]}
ADA = {"id": "ada", "is_target": True, "path": [{"at": [3, 0]}]}


def made(people: list[dict[str, Any]] | None = None, **world: Any) -> Scenario:
    """An open floor with the rover at 0, 0 and one person 3 m ahead, changed as asked."""
    return Scenario.model_validate(
        {
            "name": "open-floor",
            "description": "An open floor.",
            "length_s": 20,
            "world": FLOOR | world,
            "people": people or [ADA],
            "access_points": [{"id": "ap", "at": [0, 2]}],
            "servers": [{"id": "edge-1", "access_point": "ap", "colour": "#2e86de"}],
        }
    )


def drive(world: World, command: DriveCommand, for_s: float) -> None:
    """As a robot does: the same command again every 20 ms."""
    for _ in range(round(for_s / 0.02)):
        world.drive(command)
        world.step(0.02)


def forward_mps(world: World) -> float:
    before = world.pose()
    world.step(0.005)
    after = world.pose()
    return math.dist((before.x_m, before.y_m), (after.x_m, after.y_m)) / 0.005


def follow(world: World, length_s: float) -> tuple[float, float, float]:
    """A naive loop on the truth: share of the time the target was visible, rms errors of bearing (deg) and distance."""
    seen, bearing, distance, ticks = 0, 0.0, 0.0, 0
    while world.time_s < length_s - 1e-9:
        truth = world.truth()
        ticks += 1
        if truth.target_visible:
            seen += 1
            bearing += truth.target_bearing_rad**2
            distance += (truth.target_distance_m - 1.5) ** 2
            ahead = max(-0.4, min(1.2, 2.5 * (truth.target_distance_m - 1.5)))
            world.drive(DriveCommand(forward_mps=ahead, turn_radps=3 * truth.target_bearing_rad))
        world.step(0.02)
    return seen / ticks, math.degrees(math.sqrt(bearing / seen)), math.sqrt(distance / seen)


def test_wheels_follow_a_command_with_the_lag_of_real_ones() -> None:
    world = World(made())
    drive(world, DriveCommand(forward_mps=0.5), 0.1)
    assert 0.02 < forward_mps(world) < 0.25  # not at once: 2 m/s² at most, then 90 ms behind
    drive(world, DriveCommand(forward_mps=0.5), 1.0)
    assert forward_mps(world) == pytest.approx(0.5, abs=0.01)


def test_a_mecanum_rover_goes_sideways_and_turns_on_the_spot() -> None:
    world = World(made())
    drive(world, DriveCommand(left_mps=0.4), 2.0)
    assert world.pose().y_m == pytest.approx(0.4 * 2.0, abs=0.15)
    assert world.pose().x_m == pytest.approx(0, abs=0.01)
    drive(world, DriveCommand(turn_radps=1.0), 2.0)
    assert world.pose().heading_rad == pytest.approx(2.0, abs=0.25)


def test_commands_beyond_the_limits_are_cut_and_told() -> None:
    world = World(made())
    sent = world.drive(DriveCommand(forward_mps=9.0, turn_radps=math.nan))
    assert sent == DriveCommand(forward_mps=1.2, turn_radps=0.0)


def test_wheels_stop_by_themselves_when_commands_cease() -> None:
    world = World(made())
    drive(world, DriveCommand(forward_mps=0.6), 2.0)
    world.step(0.15)
    assert forward_mps(world) == pytest.approx(0.6, abs=0.02)  # the watchdog's 0.2 s have not passed
    world.step(0.7)
    assert forward_mps(world) < 0.01


def test_a_wall_stops_the_rover_and_counts_once() -> None:
    world = World(made(walls=[{"line": [[1.5, -2], [1.5, 2]]}]))
    drive(world, DriveCommand(forward_mps=0.5), 4.0)
    assert world.pose().x_m == pytest.approx(1.5 - 0.06 - 0.16, abs=0.03)  # half a wall, half a rover
    assert world.truth().collisions == 1
    drive(world, DriveCommand(forward_mps=-0.5), 1.5)
    drive(world, DriveCommand(forward_mps=0.5), 3.0)
    assert world.truth().collisions == 2


def test_furniture_is_as_hard_as_walls() -> None:
    world = World(made(furniture=[{"kind": "cylinder", "at": [1.0, 0.1], "radius_m": 0.2, "height_m": 0.5}]))
    drive(world, DriveCommand(forward_mps=0.4), 3.0)
    assert world.truth().collisions >= 1
    assert world.pose().x_m < 1.0


def test_touching_a_person_counts_but_pushes_nobody() -> None:
    world = World(made([{**ADA, "path": [{"at": [1.0, 0.0]}]}]))
    drive(world, DriveCommand(forward_mps=0.5), 3.0)
    assert world.truth().collisions == 1
    assert world.pose().x_m > 1.0
    assert (world.truth().people[0].x_m, world.truth().people[0].y_m) == (1.0, 0.0)


def test_standing_beside_everything_touches_nothing() -> None:
    world = World(scenario.load("corridor"))
    world.step(3.0)
    assert world.truth().collisions == 0


def test_odometry_starts_at_nothing_and_is_nearly_right() -> None:
    loaded = scenario.load("corridor")
    world = World(loaded)
    assert world.odometry().pose.x_m == world.odometry().pose.heading_rad == 0
    drive(world, DriveCommand(forward_mps=0.4), 10.0)
    way = world.pose().x_m - loaded.rover.at[0]
    assert world.odometry().pose.x_m == pytest.approx(way, rel=0.04)
    assert world.odometry().pose.x_m != way
    assert world.odometry().time_s == world.time_s == pytest.approx(10.0)
    assert abs(math.degrees(world.odometry().pose.heading_rad)) < 0.5


def test_heading_drifts_about_half_a_degree_a_minute() -> None:
    drifts = []
    for seed in range(1, 5):
        odometer = Odometer(np.random.default_rng(seed))
        for _ in range(round(60 / TIMESTEP_S)):
            odometer.update(0.0, 0.0, 0.0)
        drifts.append(abs(math.degrees(odometer.read(60.0).pose.heading_rad)))
    assert all(0.1 < drift < 1.0 for drift in drifts), drifts


def test_same_seed_same_world_to_the_last_bit() -> None:
    def run(seed: int) -> list[object]:
        world = World(scenario.load("lab"), seed)
        seen: list[object] = []
        for number in range(100):
            world.drive(DriveCommand(forward_mps=0.3, turn_radps=0.2 * math.sin(number / 20)))
            world.step(0.02)
            seen += [world.odometry(), world.truth(), world.truth_detections()]
        return seen

    assert repr(run(3)) == repr(run(3))
    assert repr(run(3)) != repr(run(4))


def test_asking_changes_nothing() -> None:
    asked, left_alone = World(scenario.load("lab")), World(scenario.load("lab"))
    for _ in range(100):
        for world in (asked, left_alone):
            world.drive(DriveCommand(forward_mps=0.3))
            world.step(0.02)
        asked.truth()
        asked.truth_detections()
        asked.snapshot()
    assert asked.pose() == left_alone.pose()
    assert asked.odometry() == left_alone.odometry()


def test_bearing_and_distance_are_those_of_the_map() -> None:
    world = World(made([{**ADA, "path": [{"at": [2.0, 1.0]}]}]))
    truth = world.truth()
    assert truth.target_bearing_rad == pytest.approx(math.atan2(1, 2))
    assert truth.target_distance_m == pytest.approx(math.sqrt(5))
    drive(world, DriveCommand(turn_radps=0.5), 2.0)
    turned = world.truth()
    assert wrap_rad(turned.target_bearing_rad + turned.rover.heading_rad) == pytest.approx(math.atan2(1, 2), abs=1e-6)


def test_a_person_behind_the_rover_is_not_visible() -> None:
    world = World(made([{**ADA, "path": [{"at": [-2.0, 0.0]}]}]))
    assert not world.truth().target_visible
    assert world.truth_detections() == ()


def test_a_screen_hides_a_person_and_half_a_screen_does_not() -> None:
    screen = {"kind": "box", "size": [0.05, 0.8, 1.9]}
    hidden = World(made(furniture=[{**screen, "at": [1.5, 0.0]}]))
    assert hidden.truth().people[0].visible_share == 0
    assert hidden.truth_detections() == ()
    half = World(made(furniture=[{**screen, "at": [1.5, 0.4]}]))
    assert 0.3 <= half.truth().people[0].visible_share < 1
    assert len(half.truth_detections()) == 1


def test_a_low_bench_hides_nobody_and_a_person_in_front_does() -> None:
    bench = World(made(furniture=[{"kind": "box", "at": [1.5, 0.0], "size": [0.4, 2.0, 0.45]}]))
    assert bench.truth().target_visible
    ben = {"id": "ben", "path": [{"at": [1.5, 0.0]}], "clothes": "#2456b8"}
    world = World(made([ADA, ben]))
    assert not world.truth().target_visible
    assert len(world.truth_detections()) == 1


def test_people_come_and_go_at_their_times() -> None:
    world = World(made([ADA, {"id": "ben", "path": [{"at": [3.0, 1.2]}], "appears_s": 1.0, "leaves_s": 2.0}]))
    seen = []
    for _ in range(3):
        seen.append(len(world.truth_detections()))
        world.step(1.0)
    assert seen == [1, 2, 1]


def test_boxes_grow_as_one_over_distance() -> None:
    near = World(made([{**ADA, "path": [{"at": [1.5, 0.0]}]}])).truth_detections()[0]
    far = World(made([{**ADA, "path": [{"at": [3.0, 0.0]}]}])).truth_detections()[0]
    assert near.box.h == pytest.approx(2 * far.box.h)
    assert near.box.cx == pytest.approx(0.5, abs=1e-6)
    world = World(made())
    assert world.camera.distance_m(far.box.h, 0.85) == pytest.approx(3.0)  # the height that a robot is told to expect


def test_differently_dressed_people_have_different_colours() -> None:
    ben = {"id": "ben", "path": [{"at": [3.0, -1.0]}], "clothes": "#2456b8"}
    one, other = World(made([ADA, ben])).truth_detections()
    assert sum(abs(a - b) for a, b in zip(one.mean_rgb, other.mean_rgb, strict=True)) > 80


def test_a_video_is_no_world() -> None:
    with pytest.raises(ConfigError, match="plays a video"):
        World(scenario.load("static"))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_corridor_can_be_followed_without_touching_anything(seed: int) -> None:
    world = World(scenario.load("corridor"), seed)
    visible, bearing_deg, distance_m = follow(world, 60.0)
    assert visible > 0.99
    assert bearing_deg < 3
    assert distance_m < 0.35
    assert world.truth().collisions == 0


def test_the_lab_hides_the_target_twice_for_about_a_second() -> None:
    loaded = scenario.load("lab")
    world = World(loaded)
    hidden_s, spells = 0.0, []
    while world.time_s < loaded.length_s - 1e-9:
        truth = world.truth()
        if truth.target_visible:
            if hidden_s:
                spells.append(hidden_s)
            hidden_s = 0.0
        else:
            hidden_s += 0.02
        ahead = max(-0.4, min(1.2, 2.5 * (truth.target_distance_m - 1.5)))
        world.drive(DriveCommand(forward_mps=ahead, turn_radps=3 * truth.target_bearing_rad))
        world.step(0.02)
    assert len(spells) == 2  # ben crosses in front, then the screen
    assert 0.1 < spells[0] < 1.0
    assert 0.8 < spells[1] < 1.2
    assert world.truth().collisions == 0
