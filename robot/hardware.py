"""Hardware as small Protocols: all that the control loop asks for. A driver is an adapter that inherits nothing."""

from dataclasses import dataclass
from typing import Protocol

from common.supervise import Job
from robot.values import ArmourSide, CameraModel, DriveCommand, Frame, Light, Odometry, Sound


class Camera(Protocol):
    """A source of pictures that keeps only the newest one."""

    model: CameraModel

    async def open(self) -> None:
        """Raises DeviceError when there is no such camera."""
        ...

    async def latest(self) -> Frame:
        """Wait for a picture newer than the last one returned.

        Raises DeviceError when the camera is gone, EndOfVideo at the end of a file.
        """
        ...

    async def close(self) -> None: ...


class Base(Protocol):
    """The wheels of one robot. A base stops by itself when `drive` is not called for its watchdog time."""

    @property
    def ready(self) -> bool:
        """False while the wheels cannot be reached: nothing they are told arrives, and the robot is `offline`."""
        ...

    async def drive(self, command: DriveCommand) -> DriveCommand:
        """Set the speed; returns what was really sent, after limits. Never waits for an acknowledgement."""
        ...

    async def stop(self) -> None: ...

    def odometry(self) -> Odometry | None:
        """The newest known pose and speed; None when the base has none."""
        ...


class Lights(Protocol):
    async def show(self, light: Light) -> None: ...


class Speaker(Protocol):
    async def play(self, sound: Sound) -> None:
        """Start it; never waits for its end."""
        ...


class Armour(Protocol):
    async def next_hit(self) -> ArmourSide:
        """Wait for a plate to be hit."""
        ...


@dataclass(frozen=True, slots=True)
class Hardware:
    """All that one robot is made of."""

    camera: Camera
    base: Base
    lights: Lights
    speaker: Speaker | None = None
    armour: Armour | None = None
    jobs: tuple[Job, ...] = ()  # what keeps it going: connections, animations; run as long as the agent


class EndOfVideo(Exception):
    """A video file has been played to its end: the run is over, nothing is wrong."""
