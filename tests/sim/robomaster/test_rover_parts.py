"""Gimbal, lamps, sounds, plates and boards of the emulated robot."""

import math

import pytest

from sim.lamps import BOTTOM
from sim.robomaster.identity import Identity
from sim.robomaster.values import (
    ActionRefused,
    ActionState,
    Attitude,
    Battery,
    Esc,
    Hit,
    HitKind,
    HitSide,
    Led,
    LedEffect,
    SoundMode,
)
from tests.sim.robomaster.rover_in_world import Bench, room


def test_a_gimbal_moves_to_angles_at_its_speed_and_stops_at_its_limits() -> None:
    bench = Bench()
    began_s = bench.world.time_s
    action = bench.finish(bench.rover.gimbal_move(20.0, 90.0, 60.0, 45.0, absolute=True))
    assert action.state is ActionState.SUCCEEDED
    assert bench.world.time_s - began_s == pytest.approx(2.0, abs=0.1)
    assert (bench.rover.gimbal().pitch_deg, bench.rover.gimbal().yaw_deg) == pytest.approx((20, 90), abs=0.1)
    bench.finish(bench.rover.gimbal_move(-90.0, 400.0, 300.0, 300.0))
    assert (bench.rover.gimbal().pitch_deg, bench.rover.gimbal().yaw_deg) == pytest.approx((-25, 250), abs=0.1)
    bench.finish(bench.rover.gimbal_recenter(200.0, 300.0))
    assert (bench.rover.gimbal().pitch_deg, bench.rover.gimbal().yaw_deg) == (0, 0)


def test_a_gimbal_turns_at_a_speed_until_told_otherwise() -> None:
    bench = Bench()
    bench.rover.gimbal_speed(10.0, -30.0)
    bench.run(1.0)
    bench.rover.gimbal_speed(0.0, 0.0)
    bench.run(1.0)
    assert (bench.rover.gimbal().pitch_deg, bench.rover.gimbal().yaw_deg) == pytest.approx((10, -30), abs=0.5)


def test_the_camera_of_the_world_looks_along_the_gimbal() -> None:
    bench = Bench(room(person=(0.0, -3.0)))  # to the right
    assert not bench.world.truth().target_visible
    bench.finish(bench.rover.gimbal_move(0.0, 90.0, 90.0, 180.0))
    assert bench.world.truth().target_visible
    (found,) = bench.world.truth_detections()
    assert found.box.cx == pytest.approx(0.5, abs=0.03)
    bench.finish(bench.rover.gimbal_move(10.0, 0.0, 90.0, 90.0))
    (lower,) = bench.world.truth_detections()
    assert lower.box.y > found.box.y + 0.1  # who looks up sees things further down in the picture


def test_what_the_turned_camera_draws_is_what_the_truth_says() -> None:
    import cv2
    import numpy as np

    bench = Bench(room(person=(0.0, -3.0)))
    bench.finish(bench.rover.gimbal_move(8.0, 80.0, 90.0, 180.0))
    hsv = cv2.cvtColor(bench.world.render(), cv2.COLOR_BGR2HSV)
    orange = (abs(hsv[:, :, 0].astype(int) - 9) < 5) & (hsv[:, :, 1] > 140)
    _, columns = np.nonzero(orange)
    (true,) = bench.world.truth_detections()
    assert columns.mean() / 640 == pytest.approx(true.box.cx, abs=0.03)
    bench.world.close()


def test_a_suspended_gimbal_goes_with_the_chassis_and_ignores_commands() -> None:
    bench = Bench()
    action = bench.rover.gimbal_move(0.0, 90.0, 30.0, 30.0)
    bench.run(0.5)
    bench.rover.gimbal_suspend()
    assert action.state is ActionState.FAILED
    with pytest.raises(ActionRefused, match="suspended"):
        bench.rover.gimbal_move(0.0, 10.0)
    bench.rover.gimbal_speed(50.0, 50.0)
    before = bench.rover.gimbal().yaw_deg
    bench.finish(bench.rover.move(z_deg_ccw=30.0, turn_degps=90.0))
    assert bench.rover.gimbal().yaw_deg == before
    bench.rover.gimbal_resume()
    bench.finish(bench.rover.gimbal_move(0.0, 10.0))


def test_a_second_move_of_the_gimbal_is_refused() -> None:
    bench = Bench()
    bench.rover.gimbal_move(0.0, 90.0)
    with pytest.raises(ActionRefused):
        bench.rover.gimbal_recenter()


def test_lamps_show_their_effects_in_the_world() -> None:
    bench = Bench()

    def seen(led: Led) -> tuple[int, int, int]:
        return bench.world.snapshot().rovers[0].lamps[led]

    bench.rover.set_led(BOTTOM, (255, 10, 0))
    assert seen(Led.BOTTOM_LEFT) == (255, 10, 0)
    assert seen(Led.TOP_LEFT) != (255, 10, 0)
    bench.rover.set_led([Led.TOP_LEFT], (0, 0, 200), LedEffect.BLINK, 0.5, 0.5)
    colours = []
    for _ in range(4):
        bench.run(0.25)
        colours.append(seen(Led.TOP_LEFT)[2])
    assert colours == [200, 0, 0, 200]
    bench.rover.set_led([Led.TOP_RIGHT], (100, 100, 100), LedEffect.PULSE, 1.0, 1.0)
    bench.run(0.5)
    assert seen(Led.TOP_RIGHT)[0] == pytest.approx(50, abs=3)
    bench.rover.set_led([Led.TOP_RIGHT], (100, 0, 0), LedEffect.SCROLLING, 0.03, 0.04, mask=0x0F)
    lit = set()
    for _ in range(200):
        bench.run(0.005)
        lit.add(seen(Led.TOP_RIGHT)[0])
    assert lit == {0, 100}
    bench.rover.set_led(BOTTOM, (255, 10, 0), LedEffect.OFF)
    assert seen(Led.BOTTOM_LEFT) == (0, 0, 0)
    assert bench.rover.leds[Led.BOTTOM_LEFT].effect is LedEffect.OFF


def test_lamps_are_seen_in_the_picture_from_above() -> None:
    bench = Bench(room(world={"floor": [{"corner": [-2, -2], "opposite": [2, 2]}]}, person=(-1.5, 1.5)))
    bench.rover.set_led([Led.BOTTOM_FRONT], (255, 0, 255))
    bench.rover.set_led(list(BOTTOM - {Led.BOTTOM_FRONT}), (0, 0, 0))
    picture = bench.world.render_top()
    column, row = bench.world.eye.to_top_px(0.35, 0.0)
    blue, green, red = (int(each) for each in picture[round(row), round(column)])
    assert min(blue, red) > green + 60
    bench.world.close()


def test_sounds_take_their_time_and_replace_each_other() -> None:
    bench = Bench()
    first = bench.rover.play_sound(0x101, times=2)
    bench.run(1.0)
    assert 40 < first.progress < 60
    second = bench.rover.play_sound(0x107)
    assert first.state is ActionState.FAILED
    bench.finish(second, 1.0)
    assert second.state is ActionState.SUCCEEDED
    assert bench.rover.sounds_played == [0x101, 0x107]
    assert bench.rover.sounds_playing == ()


def test_an_uploaded_sound_is_as_long_as_its_file() -> None:
    bench = Bench()
    with pytest.raises(ActionRefused, match="uploaded"):
        bench.rover.play_sound(0xE3)
    bench.rover.store_audio(3, bytes(96_000 * 2))
    action = bench.rover.play_sound(0xE3)
    with pytest.raises(ActionRefused):
        bench.rover.play_sound(0x101, mode=SoundMode.IGNORE)
    bench.run(1.9)
    assert not action.is_over
    bench.run(0.2)
    assert action.state is ActionState.SUCCEEDED


@pytest.mark.parametrize(
    ("x_mps", "y_mps", "walls", "side"),
    [
        (0.6, 0.0, [[1, -2], [1, 2]], HitSide.FRONT),
        (-0.6, 0.0, [[-1, -2], [-1, 2]], HitSide.BACK),
        (0.0, 0.6, [[-2, -1], [2, -1]], HitSide.RIGHT),
        (0.0, -0.6, [[-2, 1], [2, 1]], HitSide.LEFT),
    ],
)
def test_the_plate_that_meets_a_wall_tells(x_mps: float, y_mps: float, walls: list[list[int]], side: HitSide) -> None:
    bench = Bench(room(person=(-4, 4), world={"walls": [{"line": walls}]}))
    hits: list[Hit] = []
    bench.rover.on_hit.append(hits.append)
    bench.rover.drive_speed(x_mps, y_mps, 0.0)
    bench.run_until(lambda: bool(hits), 4.0)
    bench.run(1.0)  # pushing on against the wall is the same touch
    assert [(hit.side, hit.kind) for hit in hits] == [(side, HitKind.COLLISION)]
    assert hits[0].strength_mps == pytest.approx(0.6, abs=0.1)


def test_a_light_touch_is_felt_by_sensitive_plates_only() -> None:
    felt = {}
    for sensitivity in (1, 10):
        bench = Bench(room(person=(-4, 4), world={"walls": [{"line": [[0.7, -2], [0.7, 2]]}]}))
        hits: list[Hit] = []
        bench.rover.on_hit.append(hits.append)
        bench.rover.set_armor_sensitivity(sensitivity)
        bench.rover.drive_speed(0.2, 0.0, 0.0)
        bench.run(4.0)
        felt[sensitivity] = len(hits)
    assert felt == {1: 0, 10: 1}


def test_a_person_who_walks_into_the_robot_is_felt() -> None:
    path = [{"at": [2.0, 0.0], "speed_mps": 0.8}, {"at": [-2.0, 0.0]}]
    bench = Bench(room(people=[{"id": "ada", "is_target": True, "path": path}]))
    hits: list[Hit] = []
    bench.rover.on_hit.append(hits.append)
    bench.run(3.0)
    assert hits
    assert hits[0].side is HitSide.FRONT


def test_the_boards_tell_of_rest_motion_and_impact() -> None:
    bench = Bench(room(person=(-4, 4), world={"walls": [{"line": [[1.5, -2], [1.5, 2]]}]}))
    assert bench.rover.status().static
    assert bench.rover.imu().acc_z_g == -1
    assert bench.rover.battery().percent == 100
    bench.rover.drive_speed(0.6, 0.0, 0.0)
    bench.run(0.2)
    assert bench.rover.imu().acc_x_g > 0.05
    bench.run_until(lambda: bench.rover.status().impact_x, 5.0)
    assert not bench.rover.status().impact_y
    bench.run(1.5)
    assert bench.rover.status().slip
    assert not bench.rover.status().impact_x
    bench.rover.drive_speed(0.0, 0.0, 90.0)
    bench.run(2.0)
    assert bench.rover.imu().gyro_z_radps == pytest.approx(math.pi / 2, abs=0.2)
    assert len(bench.rover.status().flags()) == 11


def test_the_battery_drains_slowly() -> None:
    bench = Bench()
    bench.rover.drive_speed(0.0, 0.0, 300.0)
    bench.run(120.0)
    battery = bench.rover.battery()
    assert 90 <= battery.percent < 100
    assert 11.5 < battery.voltage_v < 12.5


def test_an_opened_s1_answers_zeros_where_the_real_one_does() -> None:
    bench = Bench(identity=Identity.s1())
    bench.rover.drive_speed(0.3, 0.0, 60.0)
    bench.run(1.0)
    rover = bench.rover
    assert rover.attitude() == Attitude()
    assert rover.battery() == Battery(0.0, 0.0, 0.0, 0)
    assert rover.esc() == Esc()
    assert rover.imu().acc_z_g == 0
    assert not rover.has_camera
    assert rover.identity.firmware.startswith("00.06")
