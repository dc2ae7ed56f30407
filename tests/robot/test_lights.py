"""What a light looks like at a moment."""

import math

import pytest

from robot.lights import SMOOTH_S, colour_at, strip_at, until_change_s, without_shades
from robot.values import Effect, Light

GREEN = (0, 200, 100)


@pytest.mark.parametrize(
    ("light", "time_s", "place", "expected"),
    [
        (Light(Effect.OFF, GREEN), 0.3, 0.0, (0, 0, 0)),
        (Light(Effect.STEADY, GREEN), 0.3, 0.0, GREEN),
        (Light(Effect.FLASH, GREEN, 1.0), 0.25, 0.0, GREEN),
        (Light(Effect.FLASH, GREEN, 1.0), 0.75, 0.0, (0, 0, 0)),
        (Light(Effect.FLASH, GREEN, 5.0), 0.75, 0.0, (0, 0, 0)),
        (Light(Effect.BREATHE, GREEN, 0.5), 0.0, 0.0, (0, 0, 0)),
        (Light(Effect.BREATHE, GREEN, 0.5), 0.5, 0.0, (0, 100, 50)),
        (Light(Effect.BREATHE, GREEN, 0.5), 1.0, 0.0, GREEN),
        (Light(Effect.SCROLL, GREEN, 1.0), 0.5, 0.5, GREEN),
        (Light(Effect.SCROLL, GREEN, 1.0), 0.5, 0.0, (0, 0, 0)),
    ],
)
def test_colour_at(light: Light, time_s: float, place: float, expected: tuple[int, int, int]) -> None:
    assert colour_at(light, time_s, place) == expected


def test_scrolling_is_a_bright_spot_with_a_tail_that_goes_along_the_strip_once_a_period() -> None:
    light = Light(Effect.SCROLL, GREEN, 1.0)
    brightest = [max(range(8), key=lambda place: strip_at(light, step / 8, 8)[place][1]) for step in range(8)]
    assert brightest == list(range(8))
    tail = [strip_at(light, 0.5, 8)[place][1] for place in (4, 3, 2, 1)]
    assert tail == sorted(tail, reverse=True)
    assert tail[0] == 200
    assert tail[-1] == 0


def test_every_other_effect_shows_one_colour_all_along_the_strip() -> None:
    assert strip_at(Light(Effect.BREATHE, GREEN, 0.5), 0.5, 3) == ((0, 100, 50),) * 3


@pytest.mark.parametrize("hz", [0.5, 1.0, 5.0, 10.0])
def test_a_flash_looked_at_when_told_to_has_just_changed(hz: float) -> None:
    light, time_s = Light(Effect.FLASH, GREEN, hz), 123.456
    for _ in range(50):
        before, time_s = colour_at(light, time_s), time_s + until_change_s(light, time_s) + 1e-7
        assert colour_at(light, time_s) != before


@pytest.mark.parametrize(
    ("light", "expected_s"),
    [
        (Light(Effect.OFF, GREEN), math.inf),
        (Light(Effect.STEADY, GREEN, 2.0), math.inf),
        (Light(Effect.FLASH, GREEN, 0.0), math.inf),
        (Light(Effect.BREATHE, GREEN, 0.25), SMOOTH_S),
        (Light(Effect.SCROLL, GREEN, 1.0), SMOOTH_S),
    ],
)
def test_a_light_that_stands_is_never_looked_at_again_and_one_that_fades_often(light: Light, expected_s: float) -> None:
    assert until_change_s(light, 7.0) == expected_s


def test_without_shades_what_would_fade_flashes_at_the_same_rate() -> None:
    assert without_shades(Light(Effect.BREATHE, GREEN, 0.25)) == Light(Effect.FLASH, GREEN, 0.25)
    assert without_shades(Light(Effect.STEADY, GREEN)) == Light(Effect.STEADY, GREEN)
