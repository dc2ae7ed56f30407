"""What is pushed, how often, and when the next one is due. Time is the rover's own."""

from collections.abc import Callable
from enum import Enum

from protos.robomaster.text import Push, format_number
from sim.robomaster.rover import Rover

DEFAULT_HZ = 5


class Attribute(Enum):
    """(device, attribute)."""

    POSITION = ("chassis", "position")
    ATTITUDE = ("chassis", "attitude")
    STATUS = ("chassis", "status")
    GIMBAL = ("gimbal", "attitude")


def _position(rover: Rover) -> tuple[float, ...]:
    return rover.position()[:2]  # without the yaw, unlike the answer to a query


def _attitude(rover: Rover) -> tuple[float, ...]:
    attitude = rover.attitude()
    return attitude.pitch_deg, attitude.roll_deg, attitude.yaw_deg


def _status(rover: Rover) -> tuple[float, ...]:
    return rover.status().flags()


def _gimbal(rover: Rover) -> tuple[float, ...]:
    gimbal = rover.gimbal()
    return gimbal.pitch_deg, gimbal.yaw_deg


READERS: dict[Attribute, Callable[[Rover], tuple[float, ...]]] = {
    Attribute.POSITION: _position,
    Attribute.ATTITUDE: _attitude,
    Attribute.STATUS: _status,
    Attribute.GIMBAL: _gimbal,
}


class Pushes:
    """Each attribute has its rate and goes out in a datagram of its own."""

    def __init__(self) -> None:
        self._hz: dict[Attribute, int] = {}
        self._due_s: dict[Attribute, float] = {}

    @property
    def rates_hz(self) -> dict[Attribute, int]:
        return dict(self._hz)

    def on(self, attribute: Attribute, hz: int, now_s: float) -> None:
        """The first one is due at once."""
        self._hz[attribute], self._due_s[attribute] = hz, now_s

    def off(self, attribute: Attribute) -> None:
        self._hz.pop(attribute, None)

    def clear(self) -> None:
        self._hz.clear()

    def due(self, rover: Rover) -> list[str]:
        """Datagrams to be sent now."""
        found = []
        for attribute, hz in self._hz.items():
            if rover.now_s + 1e-9 < self._due_s[attribute]:
                continue
            period_s = 1 / hz
            next_s = self._due_s[attribute] + period_s
            self._due_s[attribute] = next_s if next_s > rover.now_s - period_s else rover.now_s + period_s
            words = tuple(format_number(value, 3) for value in READERS[attribute](rover))
            found.append(f"{Push(*attribute.value, words)};")
        return found
