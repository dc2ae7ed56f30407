"""From settings to a rover by the text protocol."""

from common.errors import ConfigError
from common.supervise import Job
from robot.config import RobotConfig
from robot.hardware import Camera
from robot.robomaster.config import RobomasterCameraConfig, RobomasterTextConfig
from robot.robomaster.parts import RoverParts
from robot.robomaster.text_rover import TextRover, check_library


def rover_of(config: RobotConfig, base: RobomasterTextConfig) -> RoverParts:
    """Reaches for nothing before its jobs run. Raises ConfigError for a library that is missing."""
    check_library(base)
    rover = TextRover(base)

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
        from robot.cameras.robomaster import RobomasterCamera

        return RobomasterCamera(wanted, rover)

    return RoverParts(
        base=rover.base,
        lights=rover.lights,
        speaker=None,  # the text protocol has no command for sounds
        armour=rover.hits,
        jobs=(Job("rover", rover.run),),
        camera=camera,
    )
