"""Settings of the edge server: file < environment (`TAGALONG_EDGE__PORT=50050`) < flags."""

import colorsys
import hashlib
import re
import socket
from typing import Literal, cast, get_args

from pydantic import Field, field_validator, model_validator

from common.settings import Strict
from common.tls import TlsConfig
from edge_server.images import MAX_IMAGE_PX
from edge_server.scheduler import SchedulerConfig
from protos.messages import RGB

ENV_PREFIX = "TAGALONG_EDGE"
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"  # one label of a DNS name: it is the announced instance name
HOST_PORT = r"^([^\s:]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$"

GRPC_STAGE = r"grpc://([^\s:/]+|\[[0-9A-Fa-f:]+\]):\d{1,5}"
ENGINE_STAGE = r"[a-z][a-z0-9_-]*(:\S+)?"  # also `local` and `none`

DetectionTask = Literal["person", "face", "coco"]
TryOnTask = Literal["pose", "parsing", "tryon"]
Task = Literal[DetectionTask, TryOnTask]
TRYON_TASKS: tuple[TryOnTask, ...] = get_args(TryOnTask)


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


class TryOnConfig(Strict):
    """The virtual mirror's three services. Not offered unless a task or a stage of them is asked for."""

    pose: str = ""
    """Who finds key points: `local`, `grpc://HOST:PORT`, an engine (`blazepose`, `triton:address=...`) or `none`.
    Empty: `local` where it is needed."""
    parsing: str = ""
    """The same for areas of the body."""
    tryon: str = ""
    """The same for putting garments on (`warp`, `viton:folder=...`)."""
    photo_px: int = Field(default=1024, ge=128, le=4096)
    """Longer side of the pictures worked on. More: finer results, and time with the square of it."""
    live_px: int = Field(default=512, ge=128, le=4096)
    """The same for live pictures."""
    max_waiting: int = Field(default=48, ge=1, le=1000)
    """Requests that may wait for one engine; more are refused at once."""
    max_per_user: int = Field(default=6, ge=1, le=1000)
    """The same for each user."""
    max_calls: int = Field(default=64, ge=1, le=10_000)
    """Calls open at a time; more are refused before their picture is read."""
    max_held_bytes: int = Field(default=512 * 1024 * 1024, ge=1024 * 1024)
    """Pictures in memory, as sent and unpacked; what would not fit is refused."""
    longest_s: float = Field(default=60.0, gt=0, le=3600)
    """A request is never served longer than this."""
    upload_s: float = Field(default=20.0, gt=0, le=600)
    """Longest wait for a request to arrive as a whole."""
    hung_s: float = Field(default=90.0, gt=0, le=3600)
    """An engine that works longer on one picture counts as hung: what waits for it is refused."""

    @field_validator(*TRYON_TASKS)
    @classmethod
    def _stage(cls, spec: str) -> str:
        if spec.startswith("grpc:") and not re.fullmatch(GRPC_STAGE, spec):
            raise ValueError("write another node as grpc://HOST:PORT")
        if spec and not re.fullmatch(ENGINE_STAGE, spec):
            raise ValueError("write local, none, grpc://HOST:PORT, or an engine such as warp or viton:folder=PATH")
        return spec

    def spec(self, task: TryOnTask) -> str:
        return {"pose": self.pose, "parsing": self.parsing, "tryon": self.tryon}[task]


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
    """What to offer: person, face, coco, pose, parsing, tryon; empty: all detectors that a model is there for."""
    engines: dict[DetectionTask, str] = Field(default_factory=dict)
    """Which engine does a task, for example `face: yunet`."""
    yolo_model: str | None = None
    """Path or name of a YOLO model; turns the task coco on."""
    tryon: TryOnConfig = TryOnConfig()
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

    @model_validator(mode="after")
    def _asked_stages_are_there(self) -> "EdgeConfig":
        for task in TRYON_TASKS:
            if task in self.tasks and self.tryon.spec(task) == "none":
                raise ValueError(f"tasks: {task} is to be offered, but tryon.{task} is none")
        return self

    @property
    def detection_tasks(self) -> tuple[DetectionTask, ...]:
        """Those asked for by name; none of them when only try-on was asked for. See `wants_detection`."""
        return tuple(cast(DetectionTask, task) for task in self.tasks if task not in TRYON_TASKS)

    @property
    def wants_detection(self) -> bool:
        return not self.tasks or bool(self.detection_tasks)

    @property
    def tryon_stages(self) -> dict[TryOnTask, str]:
        """Who does what: try-on needs the other two, parsing needs the pose. Empty: try-on is not offered."""
        asked = {task for task in TRYON_TASKS if task in self.tasks or self.tryon.spec(task) not in ("", "none")}
        if "tryon" in asked:
            asked.add("parsing")
        if "parsing" in asked:
            asked.add("pose")
        specs: dict[TryOnTask, str] = {task: self.tryon.spec(task) or "local" for task in TRYON_TASKS if task in asked}
        return {task: spec for task, spec in specs.items() if spec != "none"}

    def is_asked(self, task: TryOnTask) -> bool:
        """By name, not only because another one needs it."""
        return task in self.tasks or bool(self.tryon.spec(task))

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
