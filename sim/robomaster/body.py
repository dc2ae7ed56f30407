"""What the robot's electronics have of the world: motors, wheel counts, plates, lamps. Here DJI's axes end.

Outside: y to the right, angles clockwise and in degrees. The world: y to the left, counter-clockwise, radians.
"""

from dataclasses import dataclass
from typing import Protocol

from sim.robomaster.values import HitSide, Led, LedState, Position

HOME = Position()


@dataclass(frozen=True, slots=True)
class Touch:
    """The hull ran into something, or something into it."""

    side: HitSide
    speed_mps: float  # of the hull towards it
    thing: str = ""


@dataclass(frozen=True, slots=True)
class Sensed:
    """What wheels, gyroscope and plates say now."""

    position: Position = HOME
    x_mps: float = 0.0
    y_mps: float = 0.0
    turn_degps: float = 0.0
    wheel_angles_deg: tuple[float, float, float, float] = (
        0.0,
        0.0,
        0.0,
        0.0,
    )  # right front, left front, left rear, ...
    touches: tuple[Touch, ...] = ()  # since the last call


class Body(Protocol):
    """Never blocks. May be in another process than the world."""

    def sense(self) -> Sensed: ...

    def drive(self, x_mps: float, y_mps: float, turn_degps: float) -> None:
        """The motors hold it for 0.25 s and stop then."""
        ...

    def look(self, pitch_deg: float, yaw_deg: float) -> None:
        """Point the camera, seen from the hull."""
        ...

    def shine(self, led: Led, state: LedState) -> None: ...


class NoBody:
    """A robot on a stand, in no world: wheels turn as told, at once. For trying protocols."""

    def __init__(self) -> None:
        self.sensed = Sensed()
        self.looked = (0.0, 0.0)
        self.lamps: dict[Led, LedState] = {}

    def sense(self) -> Sensed:
        return self.sensed

    def drive(self, x_mps: float, y_mps: float, turn_degps: float) -> None:
        self.sensed = Sensed(self.sensed.position, x_mps, y_mps, turn_degps)

    def look(self, pitch_deg: float, yaw_deg: float) -> None:
        self.looked = (pitch_deg, yaw_deg)

    def shine(self, led: Led, state: LedState) -> None:
        self.lamps[led] = state
