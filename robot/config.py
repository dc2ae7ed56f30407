"""All settings of one robot: file, environment (`TAGALONG_ROBOT__SERVO__KEEP_DISTANCE_M`) and flags."""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from common.settings import Strict, load_settings
from handover.config import HandoverConfig
from robot.approach import ApproachConfig
from robot.behaviour import BehaviourConfig
from robot.cameras.config import EncoderConfig, OpencvCameraConfig, Picamera2Config
from robot.dressing_config import MirrorConfig
from robot.drivers.lights_config import LightsConfig
from robot.robomaster.config import (
    DjiSdkConfig,
    RobomasterBinaryConfig,
    RobomasterCameraConfig,
    RobomasterTextConfig,
)
from robot.safety import SafetyConfig
from robot.servo import ServoConfig
from robot.target import TargetConfig
from robot.tracker import TrackerConfig

ENV_PREFIX = "TAGALONG_ROBOT"
TASK_OF_LABEL = {"person": "person", "face": "face"}  # every other label is a class of `coco`


def _of_kind(kind: str) -> Callable[[Any], Any]:
    """`camera: {source: film.avi}` needs no `kind`: where none is given it is this one."""
    return lambda data: {"kind": kind, **data} if isinstance(data, Mapping) else data


class SimCameraConfig(Strict):
    """The simulator's camera, of the package `sim`."""

    kind: Literal["sim"] = "sim"
    scenario: str = "corridor"
    """Name or file of the scenario whose world it looks at. Its servers and faults are not started."""


class ConsoleBaseConfig(Strict):
    """No wheels: prints what it would do."""

    kind: Literal["console"] = "console"
    forward_max_mps: float = Field(default=1.2, gt=0, le=5)
    """What the wheels on paper can do."""
    turn_max_radps: float = Field(default=2.5, gt=0, le=10)
    """What the wheels on paper can do."""
    reckons: bool = False
    """On: its odometry is where commands would have taken it. Off: it stands, as a webcam on a desk does."""


class SimBaseConfig(Strict):
    """The simulator's rover, in the world that the camera looks at."""

    kind: Literal["sim"] = "sim"


class WebConfig(Strict):
    """The page to watch the robot. Needs `tagalong[web]`."""

    enabled: bool = False
    """Off by default: it costs memory and a little time on a Pi."""
    host: str = "127.0.0.1"
    """0.0.0.0 lets the whole network watch, and press keys."""
    port: int = Field(default=8080, ge=0, le=65535)
    """0 picks a free one."""


class LogConfig(Strict):
    """The CSV log."""

    path: Path | None = None
    """Where to write it; none: no log."""
    max_mb: float = Field(default=50.0, gt=0)
    """At this size the file is renamed to `.1` (replacing an older one) and begun anew."""


class RobotConfig(Strict):
    """One robot."""

    robot_id: str = Field(default_factory=socket.gethostname, min_length=1, max_length=64)
    """Name towards servers and in logs; the host's name unless given."""
    camera: Annotated[
        OpencvCameraConfig | Picamera2Config | RobomasterCameraConfig | SimCameraConfig,
        Field(discriminator="kind"),
        BeforeValidator(_of_kind("opencv")),
    ] = OpencvCameraConfig()
    """Where pictures come from."""
    base: Annotated[
        ConsoleBaseConfig | RobomasterTextConfig | RobomasterBinaryConfig | DjiSdkConfig | SimBaseConfig,
        Field(discriminator="kind"),
        BeforeValidator(_of_kind("console")),
    ] = ConsoleBaseConfig()
    """What drives."""
    lights: LightsConfig | None = None
    """Where the light is shown. Not given: on the rover itself where `base` is a RoboMaster, else in the terminal."""
    target: TargetConfig = TargetConfig()
    """What is followed (`target.label`), and when it counts as lost."""
    tasks: tuple[str, ...] = ()
    """What servers are asked for; empty: what `target.label` needs (person, face, else coco)."""
    face_fallback: bool = True
    """Follow faces while no server offers the wanted task but some offer `face`."""
    heights_m: Mapping[str, float] = Field(default={"person": 0.9, "face": 0.22})
    """Height of what a box of each label shows: turns the box into a distance. A person's box by `blazepose`, too."""
    default_height_m: float = Field(default=0.5, gt=0, le=10)
    """The same for labels without an entry."""
    encoder: EncoderConfig = EncoderConfig()
    """How pictures are sent."""
    tracker: TrackerConfig = TrackerConfig()
    """From boxes to tracks."""
    approach: ApproachConfig = ApproachConfig()
    """From the target's boxes to its place on the ground."""
    servo: ServoConfig = ServoConfig()
    """From the target's place to motion."""
    behaviour: BehaviourConfig = BehaviourConfig()
    """Times and speeds of the states."""
    safety: SafetyConfig = SafetyConfig()
    """Limits that hold in every state."""
    handover: HandoverConfig = HandoverConfig()
    """Which servers, and when to move."""
    log: LogConfig = LogConfig()
    """The CSV log."""
    mirror: MirrorConfig = MirrorConfig()
    """Pictures of people wearing something else, on request (key `m`). Where no server offers `tryon`, it says so."""
    web: WebConfig = WebConfig()
    """The page to watch the robot."""
    archive: Mapping[str, Any] = Field(default={})
    """Publishing of faces over MQTT, see docs/archive.md: `archive: {enabled: true, broker: {url: ...}}`. Needs
    `tagalong[archive]`, whose own settings these are: they are checked where `enabled` is true."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the Prometheus metrics; 0: none."""
    keyboard: bool = True
    """Take keys from the terminal, where there is one."""

    @field_validator("archive")
    @classmethod
    def _archive_is_on_or_off(cls, archive: Mapping[str, Any]) -> Mapping[str, Any]:
        if not isinstance(enabled := archive.get("enabled", False), bool):
            raise ValueError(f"enabled is true or false, not {enabled!r}")
        return archive

    @property
    def wanted_tasks(self) -> tuple[str, ...]:
        return self.tasks or (TASK_OF_LABEL.get(self.target.label, "coco"),)

    @classmethod
    def load(cls, file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> "RobotConfig":
        """Raises ConfigError."""
        return load_settings(cls, file, ENV_PREFIX, overrides)
