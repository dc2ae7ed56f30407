"""What an effect looks like: the colour of a light at a moment."""

import math

from protos.messages import RGB
from robot.values import Effect, Light

DARK: RGB = (0, 0, 0)
SMOOTH_S = 1 / 30  # between two looks at an effect that changes all the time


def colour_at(light: Light, time_s: float, place: float = 0.0) -> RGB:
    """The colour to show. `place` 0..1 is the position along a strip of lights, for effects that move."""
    return _dimmed(light.rgb, _brightness(light, time_s, place))


def strip_at(light: Light, time_s: float, count: int) -> tuple[RGB, ...]:
    """The colours of a strip of `count` lights."""
    if light.effect is Effect.SCROLL:
        return tuple(colour_at(light, time_s, place / count) for place in range(count))
    return (colour_at(light, time_s),) * count


def until_change_s(light: Light, time_s: float) -> float:
    """How long the colours stay as they are at `time_s`; infinite for a light that does not move."""
    if light.hz <= 0 or light.effect in (Effect.OFF, Effect.STEADY):
        return math.inf
    if light.effect is not Effect.FLASH:
        return SMOOTH_S
    half_periods = time_s * light.hz * 2  # looked at on its edges, a fast flash is as even as a slow one
    return (math.floor(half_periods) + 1 - half_periods) / (light.hz * 2)


def without_shades(light: Light) -> Light:
    """The same for an LED that is only on or off: what would fade, flashes."""
    fades = light.effect in (Effect.BREATHE, Effect.SCROLL)
    return Light(Effect.FLASH, light.rgb, light.hz) if fades else light


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
