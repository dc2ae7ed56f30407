"""What a light looks like at a moment."""

import pytest

from robot.lights import colour_at
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
