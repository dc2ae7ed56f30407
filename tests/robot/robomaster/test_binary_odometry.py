"""From pushes to odometry, and from a light to the rover's lamps: pure, without a rover."""

import math

import pytest

from protos.robomaster.ids import Effect as Lamp
from protos.robomaster.ids import LedBits
from robot.robomaster.binary_lights import led_orders
from robot.robomaster.binary_odometry import PushedOdometry
from robot.values import Effect, Light, Odometry


def fed(at_s: float = 10.0, x_m: float = 1.0, y_m: float = 0.5, yaw_deg: float = 90.0) -> PushedOdometry:
    pushed = PushedOdometry()
    pushed.on_yaw(at_s, yaw_deg)
    pushed.on_position(at_s, x_m, y_m)
    return pushed


def newest(pushed: PushedOdometry) -> Odometry:
    told = pushed.newest()
    assert told is not None
    return told


def test_nothing_is_known_before_position_and_attitude_have_come() -> None:
    pushed = PushedOdometry()
    assert pushed.newest() is None
    pushed.on_position(1.0, 0.0, 0.0)
    assert pushed.newest() is None
    pushed.on_yaw(1.0, 0.0)
    assert newest(pushed).time_s == 1.0


def test_what_lies_right_and_clockwise_there_lies_left_and_counter_clockwise_here() -> None:
    pushed = fed(yaw_deg=90.0)
    pushed.on_speed(10.0, 0.3, 0.2)
    pushed.on_turn(10.0, 0.7)
    told = newest(pushed)
    assert (told.pose.x_m, told.pose.y_m, told.pose.heading_rad) == pytest.approx((1.0, -0.5, -math.pi / 2))
    assert (told.forward_mps, told.left_mps, told.turn_radps) == pytest.approx((0.3, -0.2, -0.7))


def test_older_part_is_carried_on_to_the_time_of_the_newer_one() -> None:
    pushed = fed(10.0, 0.0, 0.0, 0.0)
    pushed.on_speed(10.0, 1.0, 0.0)
    pushed.on_turn(10.0, -1.0)
    pushed.on_position(10.02, 0.02, 0.0)
    assert newest(pushed).pose.heading_rad == pytest.approx(0.02)
    pushed.on_yaw(10.04, 0.0)
    assert newest(pushed).pose.x_m == pytest.approx(0.04)
    pushed.on_yaw(20.0, 0.0)  # positions ceased: no more than a tenth of a second is believed
    assert newest(pushed).pose.x_m == pytest.approx(0.12)


def test_rover_switched_off_and_on_counts_from_zero_and_ours_goes_on() -> None:
    pushed = fed(10.0, 2.0, -1.0, 90.0)
    before = newest(pushed).pose
    pushed.restart()
    assert pushed.newest() is None
    pushed.on_yaw(40.0, 0.0)
    pushed.on_position(40.0, 0.0, 0.0)
    after = newest(pushed).pose
    assert (after.x_m, after.y_m, after.heading_rad) == pytest.approx((before.x_m, before.y_m, before.heading_rad))
    pushed.on_position(40.5, 0.3, 0.0)  # ahead, which is where it looked before: down our y
    assert newest(pushed).pose.y_m == pytest.approx(before.y_m - 0.3, abs=0.01)


def test_rover_that_was_only_out_of_reach_is_where_it_says() -> None:
    pushed = fed(10.0, 2.0, 0.0, 0.0)
    pushed.newest()
    pushed.restart()
    pushed.on_yaw(13.0, 0.0)
    pushed.on_position(13.0, 2.5, 0.0)
    assert newest(pushed).pose.x_m == pytest.approx(2.5)


def test_numbers_that_are_none_change_nothing() -> None:
    pushed = fed()
    before = newest(pushed)
    pushed.on_position(11.0, math.nan, 0.0)
    pushed.on_yaw(11.0, math.inf)
    pushed.on_speed(11.0, math.nan, 0.0)
    assert newest(pushed) == before


@pytest.mark.parametrize(
    ("light", "effect", "on_ms"),
    [
        (Light(Effect.STEADY, (1, 2, 3)), Lamp.ON, None),
        (Light(Effect.FLASH, (1, 2, 3), 1.0), Lamp.FLASH, 500),
        (Light(Effect.FLASH, (1, 2, 3), 5.0), Lamp.FLASH, 100),
        (Light(Effect.BREATHE, (1, 2, 3), 0.25), Lamp.BREATH, 2000),
        (Light(Effect.FLASH, (1, 2, 3), 0.001), Lamp.FLASH, 0x7FFF),
        (Light(Effect.FLASH, (1, 2, 3)), Lamp.FLASH, 1000),
    ],
)
def test_rate_of_a_light_is_the_time_that_lamps_are_on(light: Light, effect: Lamp, on_ms: int | None) -> None:
    (order,) = led_orders(light)
    assert (order.parts, order.effect, (order.red, order.green, order.blue)) == (LedBits.ALL, effect, light.rgb)
    assert on_ms is None or (order.on_ms, order.off_ms) == (on_ms, on_ms)


def test_scroll_goes_round_on_top_and_breathes_below() -> None:
    below, above = led_orders(Light(Effect.SCROLL, (9, 9, 9), 1.0))
    assert (below.parts, below.effect) == (LedBits.BOTTOM_ALL, Lamp.BREATH)
    assert (above.parts, above.effect, above.leds) == (LedBits.TOP_ALL, Lamp.SCROLLING, 0x0F)


def test_rover_that_had_only_turned_and_was_switched_off_and_on_looks_where_it_looked() -> None:
    pushed = fed(10.0, 0.0, 0.0, 120.0)
    before = newest(pushed).pose
    pushed.restart()
    pushed.on_yaw(40.0, 0.5)
    pushed.on_position(40.0, 0.0, 0.0)
    assert newest(pushed).pose.heading_rad == pytest.approx(before.heading_rad, abs=0.01)
