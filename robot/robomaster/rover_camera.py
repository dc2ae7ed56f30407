"""The camera of a rover whose base is set: which rovers send video, and which do not."""

from collections.abc import Callable

from common.errors import ConfigError
from robot.hardware import Camera
from robot.robomaster.config import RobomasterBinaryConfig, RobomasterCameraConfig, RobomasterTextConfig
from robot.robomaster.parts import VideoSwitch


def camera_over(
    switch: VideoSwitch, base: RobomasterTextConfig | RobomasterBinaryConfig
) -> Callable[[RobomasterCameraConfig], Camera]:
    """For `RoverParts.camera`."""

    def camera(wanted: RobomasterCameraConfig) -> Camera:
        if base.profile == "s1":
            raise ConfigError(
                "camera.kind robomaster: an opened S1 refuses to send its video. Take a Raspberry Pi's camera "
                "(camera.kind picamera2) or one on USB (opencv)"
            )
        if base.connection == "uart" and wanted.ip is None:
            raise ConfigError(
                "camera.kind robomaster: no video comes by a serial line. Set camera.ip to the rover's address too, or "
                "take another camera"
            )
        from robot.cameras.robomaster import RobomasterCamera  # PyAV only where video is wanted

        return RobomasterCamera(wanted, switch)

    return camera
