"""The lamps of a rover: what each was told to do, and the colour that it shows at a moment."""

from dataclasses import dataclass
from enum import StrEnum

from protos.messages import RGB

DARK: RGB = (0, 0, 0)
RING = 8  # single lights behind one top lamp; a scroll goes round them, and `mask` names them


class Lamp(StrEnum):
    """Four round the bottom, one on either side of the gimbal."""

    BOTTOM_FRONT = "bottom_front"
    BOTTOM_BACK = "bottom_back"
    BOTTOM_LEFT = "bottom_left"
    BOTTOM_RIGHT = "bottom_right"
    TOP_LEFT = "top_left"
    TOP_RIGHT = "top_right"


BOTTOM = frozenset({Lamp.BOTTOM_FRONT, Lamp.BOTTOM_BACK, Lamp.BOTTOM_LEFT, Lamp.BOTTOM_RIGHT})
TOP = frozenset({Lamp.TOP_LEFT, Lamp.TOP_RIGHT})


class LampEffect(StrEnum):
    OFF = "off"
    SOLID = "solid"
    PULSE = "pulse"  # breathes: `on_s` brighter, `off_s` darker
    BLINK = "blink"
    SCROLLING = "scrolling"  # the lit lights of a ring go round; `on_s` a step, then dark for `off_s`


@dataclass(frozen=True, slots=True)
class Shine:
    """What one lamp does from now on."""

    rgb: RGB = DARK
    effect: LampEffect = LampEffect.SOLID
    on_s: float = 1.0
    off_s: float = 1.0
    mask: int = 0xFF  # of a ring's lights, the lowest bit first

    def colour_at(self, since_s: float) -> RGB:
        """What is seen `since_s` after it was told; of a ring, its first light."""
        red, green, blue = self.rgb
        share = self._brightness(since_s)
        return round(red * share), round(green * share), round(blue * share)

    def _brightness(self, since_s: float) -> float:
        period_s = max(self.on_s + self.off_s, 1e-3)
        at_s = since_s % period_s
        match self.effect:
            case LampEffect.OFF:
                return 0.0
            case LampEffect.SOLID:
                return float(self.mask & 1)
            case LampEffect.BLINK:
                return float(at_s < self.on_s)
            case LampEffect.PULSE:
                return at_s / self.on_s if at_s < self.on_s else 1.0 - (at_s - self.on_s) / max(self.off_s, 1e-3)
            case LampEffect.SCROLLING:
                step = int(since_s / period_s) % RING
                return float(bool(self.mask >> step & 1) and at_s < self.on_s)
