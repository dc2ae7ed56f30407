"""From settings to a rover by the text protocol."""

from common.supervise import Job
from robot.config import RobotConfig
from robot.robomaster.config import RobomasterTextConfig
from robot.robomaster.parts import RoverParts
from robot.robomaster.rover_camera import camera_over
from robot.robomaster.text_rover import TextRover, check_library


def rover_of(config: RobotConfig, base: RobomasterTextConfig) -> RoverParts:
    """Reaches for nothing before its jobs run. Raises ConfigError for a library that is missing."""
    check_library(base)
    rover = TextRover(base)
    return RoverParts(
        base=rover.base,
        lights=rover.lights,
        speaker=None,  # the text protocol has no command for sounds
        armour=rover.hits,
        jobs=(Job("rover", rover.run),),
        camera=camera_over(rover, base),
    )
