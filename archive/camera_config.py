"""Settings of what publishes faces: which crops, how they are cut out, where they go."""

import socket
from typing import Annotated, Literal

from pydantic import Field

from archive.broker_config import BrokerConfig
from archive.config import Qos, Topic
from archive.topics import LOCAL
from common.settings import Strict
from handover.config import HandoverConfig
from robot.cameras.config import EncoderConfig, OpencvCameraConfig, Picamera2Config
from robot.config import SimCameraConfig


class ChoiceConfig(Strict):
    """Which crops are published."""

    all: bool = False
    """Every face of every picture, instead of the best ones of each track."""
    settle_s: float = Field(default=0.8, ge=0, le=60)
    """A new face is watched so long before its best crop so far is published."""
    better: float = Field(default=1.25, ge=1, le=100)
    """After that only a crop that is so many times as good as the best one published."""
    every_s: float = Field(default=5.0, ge=0, le=3600)
    """And of one track not more often than this."""
    min_confidence: float = Field(default=0.6, ge=0, le=1)
    """Less certain faces are left out; what detectors take for a face in clothes and furniture has 0.3 to 0.57."""
    min_side_px: int = Field(default=24, ge=1, le=4096)
    """Smaller faces are left out."""
    max_per_s: float = Field(default=20.0, ge=0, le=1000)
    """Crops a second of one camera, all tracks together; what is over is left out and counted. 0: no limit."""


class CropConfig(Strict):
    """What is cut out, and how it is written."""

    margin: float = Field(default=0.25, ge=0, le=2)
    """Around the face's box, as a share of its size: hair and chin too."""
    format: Literal["png", "jpeg"] = "png"
    """png keeps every pixel as the camera gave it; jpeg is a fifth of the size."""
    jpeg_quality: int = Field(default=92, ge=10, le=100)
    """For jpeg only."""
    max_side_px: int = Field(default=640, ge=16, le=4096)
    """Larger crops are scaled down to this."""


class PublisherConfig(Strict):
    """From faces to messages."""

    broker: BrokerConfig = BrokerConfig()
    """The local broker."""
    topic: Topic = LOCAL
    """Where faces go; {robot} is the name of robot or camera."""
    qos: Qos = 1
    """1: kept until the broker has it. 0: best effort. 2: the broker gets it once."""
    choice: ChoiceConfig = ChoiceConfig()
    """Which crops."""
    crop: CropConfig = CropConfig()
    """What is cut out."""
    outbox: int = Field(default=500, ge=1, le=100_000)
    """Crops that wait for the broker, in memory; the oldest is dropped for a new one, and counted."""


class RobotArchiveConfig(PublisherConfig):
    """`archive:` in a robot's settings."""

    enabled: bool = False
    """Nothing is published unless somebody says so."""


class PreviewConfig(Strict):
    """The page that shows what the camera sees and what was published."""

    enabled: bool = False
    """Off by default."""
    host: str = "127.0.0.1"
    """0.0.0.0 lets the whole network watch."""
    port: int = Field(default=8081, ge=0, le=65535)
    """0 picks a free one."""
    blur: bool = False
    """Faces are made unrecognisable on the page, before a picture leaves the program."""


class CameraConfig(PublisherConfig):
    """`tagalong archive camera`: a camera without a robot."""

    robot_id: str = Field(default_factory=socket.gethostname, min_length=1, max_length=64)
    """Name in topics and keys; the host's name unless given."""
    camera: Annotated[OpencvCameraConfig | Picamera2Config | SimCameraConfig, Field(discriminator="kind")] = (
        OpencvCameraConfig()
    )
    """Where pictures come from."""
    local: bool = True
    """Find faces here too, if no edge server does."""
    encoder: EncoderConfig = EncoderConfig()
    """How pictures go to the detector."""
    handover: HandoverConfig = HandoverConfig()
    """Which edge servers find faces."""
    preview: PreviewConfig = PreviewConfig()
    """The page to watch it."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """/metrics and /healthz; 0: none."""
