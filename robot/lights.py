"""What an effect looks like: the colour of a light at a moment."""

import math

from protos.messages import RGB
from robot.values import Effect, Light

DARK: RGB = (0, 0, 0)


def colour_at(light: Light, time_s: float, place: float = 0.0) -> RGB:
    """The colour to show. `place` 0..1 is the position along a strip of lights, for effects that move."""
    return _dimmed(light.rgb, _brightness(light, time_s, place))


def _brightness(light: Light, time_s: float, place: float) -> float:
    phase = (time_s * light.hz) % 1.0
    match light.effect:
        case Effect.OFF:
            return 0.0
        case Effect.STEADY:
            return 1.0
        case Effect.FLASH:
            return 1.0 if phase < 0.5 else 0.0
        case Effect.BREATHE:
            return 0.5 - 0.5 * math.cos(2 * math.pi * phase)
        case Effect.SCROLL:  # a bright spot with a tail of a third of the strip
            return max(0.0, 1 - 3 * ((phase - place) % 1.0))


def _dimmed(rgb: RGB, share: float) -> RGB:
    red, green, blue = rgb
    return round(red * share), round(green * share), round(blue * share)
