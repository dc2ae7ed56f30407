"""From settings to a rover by the binary protocol."""

from common.errors import ConfigError
from common.supervise import Job
from robot.config import RobotConfig
from robot.hardware import Camera
from robot.robomaster.binary_rover import BinaryRover
from robot.robomaster.config import RobomasterBinaryConfig, RobomasterCameraConfig
from robot.robomaster.parts import RoverParts


def binary_rover_of(config: RobotConfig, base: RobomasterBinaryConfig) -> RoverParts:
    """Reaches for nothing before its jobs run."""
    rover = BinaryRover(base)

    def camera(wanted: RobomasterCameraConfig) -> Camera:
        if base.profile == "s1":
            raise ConfigError(
                "camera.kind robomaster: an S1 refuses its video to SDKs. Take the Pi's camera (camera.kind picamera2) "
                "or one on USB (opencv)"
            )
        from robot.cameras.robomaster import RobomasterCamera  # PyAV only where video is wanted

        return RobomasterCamera(wanted, rover.video)

    return RoverParts(
        base=rover.base,
        lights=rover.lights,
        speaker=rover.speaker,
        armour=rover.armour,
        jobs=(Job("rover", rover.run),),
        camera=camera,
    )
