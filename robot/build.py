"""From settings to hardware."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points
from typing import cast

from rich.console import Console

from common.errors import ConfigError
from robot.cameras.config import OpencvCameraConfig
from robot.config import ConsoleBaseConfig, RobotConfig
from robot.drivers.lights_config import NoLightsConfig
from robot.hardware import Base, Camera, Hardware, Lights
from robot.values import Limits

PLUGINS = "tagalong.hardware"  # entry points: functions from RobotConfig to Hardware


def hardware_of(config: RobotConfig, console: Console) -> Hardware:
    """All of one robot. Kinds that are not built in come from another package, which brings all it has.

    Raises ConfigError for a kind that nobody brings.
    """
    own_camera, own_base = isinstance(config.camera, OpencvCameraConfig), isinstance(config.base, ConsoleBaseConfig)
    if own_camera and own_base:
        return Hardware(camera_of(config), base_of(config, console), lights_of(config, console))
    brought = _plugin(config.base.kind if own_camera else config.camera.kind)(config)
    return replace(
        brought,
        camera=camera_of(config) if own_camera else brought.camera,
        base=base_of(config, console) if own_base else brought.base,
        lights=lights_of(config, console) if own_base else brought.lights,
    )


def camera_of(config: RobotConfig) -> Camera:
    from robot.cameras.opencv import OpencvCamera

    assert isinstance(config.camera, OpencvCameraConfig)
    return OpencvCamera(config.camera)


def base_of(config: RobotConfig, console: Console) -> Base:
    from robot.drivers.console import ConsoleBase

    assert isinstance(config.base, ConsoleBaseConfig)
    limits = Limits(config.base.forward_max_mps, 0.6, config.base.turn_max_radps)
    return ConsoleBase(limits, console, reckons=config.base.reckons)


def lights_of(config: RobotConfig, console: Console) -> Lights:
    from robot.drivers.console import ConsoleLights, NoLights

    return NoLights() if isinstance(config.lights, NoLightsConfig) else ConsoleLights(console)


def _plugin(kind: str) -> Callable[[RobotConfig], Hardware]:
    for found in entry_points(group=PLUGINS, name=kind):
        try:
            return cast(Callable[[RobotConfig], Hardware], found.load())
        except ImportError as error:
            raise ConfigError(
                f"{kind!r} needs the library {error.name}, which is not installed. Run: pip install 'tagalong[{kind}]'"
            ) from error
    raise ConfigError(f"nothing installed here brings the hardware {kind!r}. Run: pip install 'tagalong[{kind}]'")
