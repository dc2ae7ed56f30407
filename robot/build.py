"""From settings to hardware."""

from rich.console import Console

from common.errors import ConfigError
from robot.cameras.config import OpencvCameraConfig
from robot.config import ConsoleBaseConfig, RobotConfig
from robot.hardware import Base, Camera, Lights
from robot.values import Limits

USE_SIM = "lives in the simulator: run `tagalong sim`"


def camera_of(config: RobotConfig) -> Camera:
    """Raises ConfigError for a camera that only the simulator has."""
    if not isinstance(config.camera, OpencvCameraConfig):
        raise ConfigError(
            f"camera.kind: {config.camera.kind!r} {USE_SIM}, or give --camera 0, a video file or rtsp://..."
        )
    from robot.cameras.opencv import OpencvCamera

    return OpencvCamera(config.camera)


def base_of(config: RobotConfig, console: Console) -> Base:
    """Raises ConfigError for a base that only the simulator has."""
    if not isinstance(config.base, ConsoleBaseConfig):
        raise ConfigError(f"base.kind: {config.base.kind!r} {USE_SIM}, or give --driver console")
    from robot.drivers.console import ConsoleBase

    limits = Limits(config.base.forward_max_mps, 0.6, config.base.turn_max_radps)
    return ConsoleBase(limits, console, reckons=config.base.reckons)


def lights_of(config: RobotConfig, console: Console) -> Lights:
    from robot.drivers.console import ConsoleLights, NoLights

    return ConsoleLights(console) if config.lights == "console" else NoLights()
