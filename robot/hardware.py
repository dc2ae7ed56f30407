"""Hardware as small Protocols: all that the control loop asks for. A driver is an adapter that inherits nothing."""

from typing import Protocol

from robot.values import CameraModel, DriveCommand, Frame, Light, Odometry


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

    async def drive(self, command: DriveCommand) -> DriveCommand:
        """Set the speed; returns what was really sent, after limits. Never waits for an acknowledgement."""
        ...

    async def stop(self) -> None: ...

    def odometry(self) -> Odometry | None:
        """The newest known pose and speed; None when the base has none."""
        ...


class Lights(Protocol):
    async def show(self, light: Light) -> None: ...


class EndOfVideo(Exception):
    """A video file has been played to its end: the run is over, nothing is wrong."""
