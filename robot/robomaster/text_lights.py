"""The robot's light on the rover's lamps, as far as the text protocol can show it."""

import asyncio

from protos.robomaster.text import Value
from robot.values import Effect, Light

# The rover blinks and breathes at rates of its own: no command sets them, `Light.hz` is lost.
EFFECTS = {Effect.STEADY: "solid", Effect.FLASH: "blink", Effect.BREATHE: "pulse"}


def commands_of(light: Light) -> tuple[dict[str, Value], ...]:
    """Arguments of `led control`, one command each.

    Scrolling exists for the lamps on the gimbal only; those below breathe meanwhile.
    """
    red, green, blue = light.rgb
    colour: dict[str, Value] = {"r": red, "g": green, "b": blue}
    match light.effect:
        case Effect.OFF:
            return ({"comp": "all", "r": 0, "g": 0, "b": 0, "effect": "off"},)
        case Effect.SCROLL:
            below = {"comp": "bottom_all", **colour, "effect": EFFECTS[Effect.BREATHE]}
            return below, {"comp": "top_all", **colour, "effect": "scrolling"}
        case _:
            return ({"comp": "all", **colour, "effect": EFFECTS[light.effect]},)


class TextLights:
    """Keeps the light that is wanted; the session shows it, again after each reconnection."""

    def __init__(self) -> None:
        self.wanted: Light | None = None
        self.changed = asyncio.Event()

    async def show(self, light: Light) -> None:
        if light != self.wanted:
            self.wanted = light
            self.changed.set()
