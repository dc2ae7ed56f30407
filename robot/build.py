"""From settings to hardware. Only the code of what is asked for is imported."""

from collections.abc import Callable
from typing import cast

from rich.console import Console

from common.errors import ConfigError
from common.supervise import Job
from robot.cameras.config import OpencvCameraConfig, Picamera2Config
from robot.config import ConsoleBaseConfig, RobotConfig, SimBaseConfig, SimCameraConfig
from robot.drivers.lights_config import ConsoleLightsConfig, RobomasterLightsConfig
from robot.hardware import Base, Camera, Hardware, Lights
from robot.plugins import plugin
from robot.robomaster.config import (
    DjiSdkConfig,
    RobomasterBinaryConfig,
    RobomasterCameraConfig,
    RobomasterTextConfig,
    RoverConfig,
)
from robot.robomaster.parts import RoverParts
from robot.values import Limits

PLUGINS = "tagalong.hardware"  # entry points: functions from RobotConfig to Hardware


def hardware_of(config: RobotConfig, console: Console) -> Hardware:
    """All of one robot; nothing is reached for yet. Kinds that are not built in come from another package.

    Raises ConfigError for a kind that nobody brings, a library that is missing, and parts that do not go together.
    """
    rover = _rover_of(config)
    from_afar = isinstance(config.camera, SimCameraConfig) or isinstance(config.base, SimBaseConfig)
    brought = _plugin("sim")(config) if from_afar else None
    lights, jobs = _lights_of(config, console, rover, brought)
    return Hardware(
        camera=_camera_of(config, rover, brought),
        base=_base_of(config, console, rover, brought),
        lights=lights,
        speaker=rover.speaker if rover else None,
        armour=rover.armour if rover else None,
        jobs=(*(rover.jobs if rover else ()), *jobs),
    )


def _rover_of(config: RobotConfig) -> RoverParts | None:
    match config.base:
        case RobomasterTextConfig() as base:
            from robot.robomaster.build import rover_of

            return rover_of(config, base)
        case RobomasterBinaryConfig() as base:
            from robot.robomaster.binary_build import binary_rover_of

            return binary_rover_of(config, base)
        case DjiSdkConfig() as base:
            from robot.robomaster.dji_sdk import dji_rover_of

            return dji_rover_of(config, base)
    return None


def _camera_of(config: RobotConfig, rover: RoverParts | None, brought: Hardware | None) -> Camera:
    match config.camera:
        case OpencvCameraConfig() as camera:
            from robot.cameras.opencv import OpencvCamera

            return OpencvCamera(camera)
        case Picamera2Config() as camera:
            from robot.cameras.picamera2 import Picamera2Camera

            return Picamera2Camera(camera)
        case RobomasterCameraConfig() as camera:
            if rover is None:
                raise ConfigError(
                    f"camera.kind robomaster: the base is {config.base.kind}, not a rover that sends video. "
                    "Take base.kind robomaster-text or robomaster-binary, or another camera"
                )
            return rover.camera(camera)
    assert brought is not None
    return brought.camera


def _base_of(config: RobotConfig, console: Console, rover: RoverParts | None, brought: Hardware | None) -> Base:
    match config.base:
        case ConsoleBaseConfig() as base:
            from robot.drivers.console import ConsoleBase

            return ConsoleBase(Limits(base.forward_max_mps, 0.6, base.turn_max_radps), console, reckons=base.reckons)
        case RoverConfig():
            assert rover is not None
            return rover.base
    assert brought is not None
    return brought.base


def _lights_of(
    config: RobotConfig, console: Console, rover: RoverParts | None, brought: Hardware | None
) -> tuple[Lights, tuple[Job, ...]]:
    from robot.drivers.animated import lights_of

    if config.lights is None and rover is not None:
        return rover.lights, ()
    if config.lights is None and brought is not None and isinstance(config.base, SimBaseConfig):
        return brought.lights, ()
    if isinstance(config.lights, RobomasterLightsConfig):
        if rover is None:
            raise ConfigError(
                f"lights.kind robomaster: the base is {config.base.kind}, not a RoboMaster. "
                "Take base.kind robomaster-text or robomaster-binary, or lights: console"
            )
        return rover.lights, ()
    return lights_of(config.lights or ConsoleLightsConfig(), console)


def _plugin(kind: str) -> Callable[[RobotConfig], Hardware]:
    return cast(Callable[[RobotConfig], Hardware], plugin(PLUGINS, kind, f"the hardware {kind!r}"))
