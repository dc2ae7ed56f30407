"""Settings of the archive's programs that take messages, one model each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from archive.broker_config import BrokerConfig
from archive.topics import LOCAL, REMOTE, FaceTopic
from common.settings import Strict


def _is_topic(pattern: str) -> str:
    FaceTopic(pattern)
    return pattern


Topic = Annotated[str, AfterValidator(_is_topic)]
Qos = Literal[0, 1, 2]


class LogConfig(Strict):
    """`tagalong archive log`."""

    broker: BrokerConfig = BrokerConfig()
    """The broker to listen to."""
    topic: Topic = LOCAL
    """Which topic; {robot} stands for every name."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """/metrics and /healthz; 0: none."""


class SpoolConfig(Strict):
    """The queue on disk. At a limit the oldest go first, counted."""

    path: Path | None = None
    """The SQLite file; none: `tagalong/archive/forward.db` in the user's state folder."""
    max_mb: float = Field(default=2000.0, ge=1, le=1_000_000)
    """Pictures kept, in all."""
    max_age_s: float = Field(default=7 * 86_400.0, gt=0)
    """Older ones are dropped."""
    keep_free_mb: float = Field(default=200.0, ge=0)
    """Of the disk; with less left, the oldest go first."""


class ForwardConfig(Strict):
    """`tagalong archive forward`: from the local broker to the remote one."""

    local: BrokerConfig = BrokerConfig()
    """Where faces come from."""
    local_topic: Topic = LOCAL
    """Which."""
    remote: BrokerConfig
    """Where they go."""
    remote_topic: Topic = REMOTE
    """Under which name."""
    qos: Qos = 1
    """0: best effort, without a queue; what cannot go at once is lost and counted."""
    confirm: Literal["store", "broker"] = "store"
    """Who has to have a face before it leaves the queue. store: `tagalong archive store` has said that the object is
    safe, whatever brokers lose. broker: the remote broker has taken it."""
    window: int = Field(default=256, ge=1, le=10_000)
    """Faces under way at the same time."""
    resend_s: float = Field(default=30.0, ge=1, le=3600)
    """Without a receipt for so long, a face is sent again; twice as long the next time."""
    spool: SpoolConfig = SpoolConfig()
    """The queue on disk."""
    max_payload_mb: float = Field(default=2.0, gt=0, le=100)
    """Larger messages are refused and counted."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """/metrics and /healthz; 0: none."""

    @model_validator(mode="after")
    def _goes_together(self) -> "ForwardConfig":
        if self.qos and self.confirm == "store" and self.remote.protocol != "5":
            raise ValueError("confirm store needs MQTT 5: set remote.protocol to 5, or confirm to broker")
        if self.local.url == self.remote.url and self.local_topic == self.remote_topic:
            raise ValueError(f"remote_topic: {self.remote_topic} is the local topic too; that would go round for ever")
        return self


class S3Config(Strict):
    """For s3:// addresses; what is not given comes from the usual AWS_... environment."""

    endpoint: str | None = Field(default=None, pattern=r"^https?://.+")
    """Address of an S3-compatible service; none: Amazon's."""
    region: str | None = None
    """Some services want one; us-east-1 is a common answer."""
    access_key_id: str | None = None
    """Who asks."""
    secret_access_key: str | None = Field(default=None, repr=False)
    """The secret. Best given by the environment."""
    virtual_hosts: bool = False
    """BUCKET.HOST instead of HOST/BUCKET."""


class StorageConfig(Strict):
    """The place where objects lie."""

    url: str = "file://./faces"
    """file:///folder, file://./folder (from here), s3://BUCKET/PREFIX or memory://. gs:// and az:// work too."""
    s3: S3Config = S3Config()
    """Of s3:// addresses."""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    """Of one request."""


class StoreConfig(Strict):
    """`tagalong archive store`: from the remote broker into object storage."""

    broker: BrokerConfig = BrokerConfig()
    """The remote broker."""
    topic: Topic = REMOTE
    """Which topic; {robot} stands for every name."""
    storage: StorageConfig = StorageConfig()
    """Where objects go."""
    batch: int = Field(default=64, ge=1, le=1000)
    """Faces written at the same time; one index line each, one index object for all."""
    retention_days: float | None = Field(default=None, gt=0)
    """Faces older than this are deleted, hour by hour; none: kept until somebody forgets them."""
    clock_ahead_s: float = Field(default=300.0, ge=0)
    """A face from further in the future than this is filed as undated: its robot's clock is wrong."""
    max_payload_mb: float = Field(default=2.0, gt=0, le=100)
    """Larger messages are refused and counted."""
    max_image_px: int = Field(default=16_000_000, ge=64)
    """Larger pictures are refused from their header."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """/metrics and /healthz; 0: none."""


class GalleryConfig(Strict):
    """`tagalong archive gallery`."""

    storage: StorageConfig = StorageConfig()
    """Where objects lie."""
    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own needs a password."""
    port: int = Field(default=8090, ge=0, le=65535)
    """0 picks a free one."""
    password: str | None = Field(default=None, min_length=8, repr=False)
    """Asked for by the browser, with any user name."""


class ForgetConfig(Strict):
    """`tagalong archive forget`."""

    model_config = ConfigDict(extra="ignore")  # the store's file will do

    storage: StorageConfig = StorageConfig()
    """Where objects lie."""
