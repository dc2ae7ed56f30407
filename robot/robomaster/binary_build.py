"""From settings to a rover by the binary protocol."""

from common.supervise import Job
from robot.config import RobotConfig
from robot.robomaster.binary_rover import BinaryRover
from robot.robomaster.config import RobomasterBinaryConfig
from robot.robomaster.parts import RoverParts
from robot.robomaster.rover_camera import camera_over


def binary_rover_of(config: RobotConfig, base: RobomasterBinaryConfig) -> RoverParts:
    """Reaches for nothing before its jobs run."""
    rover = BinaryRover(base)
    return RoverParts(
        base=rover.base,
        lights=rover.lights,
        speaker=rover.speaker,
        armour=rover.armour,
        jobs=(Job("rover", rover.run),),
        camera=camera_over(rover.video, base),
    )
