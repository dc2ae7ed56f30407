"""What a way to the rover brings for the robot: each protocol fills in one of these."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from common.supervise import Job
from robot.hardware import Armour, Base, Camera, Lights, Speaker
from robot.robomaster.config import RobomasterCameraConfig


class VideoSwitch(Protocol):
    """Turns the rover's video on; the camera then fetches it from TCP 40921."""

    async def start_video(self, resolution: str) -> str:
        """Returns the address to fetch it from. Waits a while for the rover; raises DeviceError that says why not."""
        ...

    async def stop_video(self) -> None:
        """Never raises: a rover that is gone sends none."""
        ...


@dataclass(frozen=True, slots=True)
class RoverParts:
    """One rover. `jobs` keep the connection; without them nothing is reached."""

    base: Base
    lights: Lights
    speaker: Speaker | None
    armour: Armour | None
    jobs: tuple[Job, ...]
    camera: Callable[[RobomasterCameraConfig], Camera]
    """Raises ConfigError where this rover gives no video."""
