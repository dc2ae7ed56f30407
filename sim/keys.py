"""Keys that a scenario presses at set times, as a person would."""

from typing import Literal

from pydantic import Field

from common.settings import Strict
from robot.values import Key


class KeyPress(Strict):
    t_s: float = Field(ge=0)
    """Simulated time at which it is pressed."""
    key: Literal["search", "idle", "explore", "estop", "mirror", "forget"]
    garment: str = Field(default="", pattern=r"^[a-z0-9-]{0,63}$")
    """With `mirror`: what to put on, of the robot's `mirror.garments`; empty: what is chosen already."""

    @property
    def pressed(self) -> Key:
        return Key(self.key)
