"""Settings of the edge server: file < environment (`TAGALONG_EDGE__PORT=50050`) < flags."""

import colorsys
import hashlib
import re
import socket
from typing import Literal

from pydantic import Field, field_validator, model_validator

from common.settings import Strict
from common.tls import TlsConfig
from edge_server.images import MAX_IMAGE_PX
from edge_server.scheduler import SchedulerConfig
from protos.messages import RGB

ENV_PREFIX = "TAGALONG_EDGE"
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"  # one label of a DNS name: it is the announced instance name
HOST_PORT = r"^([^\s:]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$"

Task = Literal["person", "face", "coco"]


class LiquidEdgeConfig(Strict):
    """The three services of the LIQUID EDGE demonstrator. A port of 0 picks a free one."""

    enabled: bool = True
    """Off: none of the three is offered. Only one server on a machine can have the usual ports."""
    object_port: int = Field(default=50051, ge=0, le=65535)
    """ObjectDetection, the aggregator."""
    face_port: int = Field(default=50053, ge=0, le=65535)
    """FaceDetection."""
    yolo_port: int = Field(default=50055, ge=0, le=65535)
    """YoloDetection."""
    object: bool = True
    """Offer ObjectDetection."""
    face: bool = True
    """Offer FaceDetection."""
    yolo: bool = True
    """Offer YoloDetection."""
    face_host: str | None = Field(default=None, pattern=HOST_PORT)
    """host:port of another FaceDetection: the aggregator asks there, and none is offered here."""
    yolo_host: str | None = Field(default=None, pattern=HOST_PORT)
    """host:port of another YoloDetection: the aggregator asks there, and none is offered here."""
    worker_deadline_s: float = Field(default=0.5, gt=0, le=10)
    """Longest wait of the aggregator for another server; then the answer goes out without that one's part."""


class AnnounceConfig(Strict):
    """Zeroconf."""

    enabled: bool = True
    """Off: robots need this server's address in their settings."""
    address: str | None = Field(default=None, pattern=HOST_PORT)
    """host:port to announce in place of the bound one: behind NAT, in a container, behind a proxy."""
    interfaces: tuple[str, ...] = ()
    """Addresses or names of the interfaces to announce on; empty: all."""
    group: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,24}$")
    """Robots see only servers of their own group: several labs on one network, several simulators on one machine."""


class LimitsConfig(Strict):
    """What strangers may cost us."""

    max_image_px: int = Field(default=MAX_IMAGE_PX, ge=64)
    """Larger images are refused from their header. 16 MP decode to 48 MB."""
    max_message_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """Larger messages are refused by gRPC. A 640x480 frame has 30 to 200 kB, 12 MP at high quality 6 MB."""
    max_streams: int = Field(default=256, ge=1)
    """Open Track streams, also idle ones; more are refused at once."""
    outbox: int = Field(default=64, ge=4)
    """Answers that may wait for a client; while there are more, no frames are read from it."""
    unread_s: float = Field(default=2.0, gt=0)
    """A client that takes no answer for so long loses its stream."""
    idle_s: float = Field(default=5.0, gt=0)
    """A stream without frames for so long gives its place back (and gets it again with its next frame)."""
    hung_s: float = Field(default=3.0, gt=0)
    """An engine that works longer on one batch counts as hung: what waits for it is refused."""


class EdgeConfig(Strict):
    """One edge server."""

    id: str = Field(default="", pattern=rf"^$|{ID_PATTERN}")
    """Name of this server among all that a robot can reach; empty: host name and port."""
    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = Field(default=50050, ge=0, le=65535)
    """Port of the native protocol, of health and reflection; 0 picks a free one."""
    zone: str = Field(default="", max_length=63)
    """Free text. `onboard` means on the robot itself: chosen last."""
    colour: str = Field(default="", pattern=r"^$|^#[0-9a-fA-F]{6}$")
    """The light of a robot served from here, `#rrggbb`; empty: made from the id."""
    tasks: tuple[Task, ...] = ()
    """What to offer: person, face, coco; empty: all that a model is there for."""
    engines: dict[Task, str] = Field(default_factory=dict)
    """Which engine does a task, for example `face: yunet`."""
    yolo_model: str | None = None
    """Path or name of a YOLO model; turns the task coco on."""
    scheduler: SchedulerConfig = SchedulerConfig()
    liquidedge: LiquidEdgeConfig = LiquidEdgeConfig()
    announce: AnnounceConfig = AnnounceConfig()
    limits: LimitsConfig = LimitsConfig()
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of /metrics and /healthz; 0: off."""
    tls: TlsConfig = TlsConfig()

    @field_validator("host")
    @classmethod
    def _no_port_in_host(cls, host: str) -> str:
        if re.fullmatch(r"[^:\[\]]+:\d+", host):
            raise ValueError("give the address without a port; the port is `port`")
        return host

    @model_validator(mode="after")
    def _key_with_certificate(self) -> "EdgeConfig":
        if len(self.announce.group) + len(self.id) > 62:  # a DNS label holds 63
            raise ValueError(f"id and announce.group together are longer than 62 characters: {self.id!r}")
        if self.tls.enabled and not (self.tls.certificate and self.tls.key):
            raise ValueError("tls: a server needs both tls.certificate and tls.key")
        return self

    def named(self, port: int) -> "EdgeConfig":
        """With an id for the port that was bound, where none was given."""
        if self.id:
            return self
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname().split(".")[0]).strip("-") or "edge"
        return self.model_copy(update={"id": f"{host[:56]}-{port}"})

    @property
    def colour_rgb(self) -> RGB:
        """As set, else a bright colour that is always the same for the same id."""
        if self.colour:
            return (int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16))
        hue = int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:2], "big") / 65536
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.8, 0.95)
        return (round(red * 255), round(green * 255), round(blue * 255))
