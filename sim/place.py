"""What does not move: floor, walls, furniture, as a scenario's file says it. Metres; x right, y up seen from above."""

from typing import Annotated, Literal

from pydantic import Field

from common.settings import Strict

XY = tuple[float, float]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Wall(Strict):
    """A wall along a line of two or more points."""

    line: list[XY] = Field(min_length=2)
    height_m: float = Field(default=2.5, gt=0, le=10)
    thickness_m: float = Field(default=0.12, gt=0, le=1)
    colour: Colour = "#7fa3b0"
    """Of the lower part; the upper part is nearly white."""
    loss_db: float = Field(default=6.0, ge=0, le=60)
    """What the wall takes from a radio signal that crosses it; 6 dB suits plasterboard at 5 GHz."""


class BoxItem(Strict):
    """A cupboard, a table, a screen: stops the rover and hides people."""

    kind: Literal["box"]
    at: XY
    size: tuple[float, float, float]
    turn_deg: float = 0.0
    colour: Colour = "#a9805b"


class CylinderItem(Strict):
    kind: Literal["cylinder"]
    at: XY
    radius_m: float = Field(gt=0, le=5)
    height_m: float = Field(gt=0, le=10)
    colour: Colour = "#8d9499"


Furniture = Annotated[BoxItem | CylinderItem, Field(discriminator="kind")]


class FloorArea(Strict):
    """A rectangle that is floor, from one corner to the other."""

    corner: XY
    opposite: XY


class Place(Strict):
    """What does not move."""

    floor: list[FloorArea] = Field(min_length=1)
    floor_colour: Colour = "#b08d66"
    ceiling: bool = True
    walls: list[Wall] = Field(default=[])
    furniture: list[Furniture] = Field(default=[])


def rgb(colour: str) -> tuple[int, int, int]:
    """Of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
