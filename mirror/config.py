"""Settings of the mirror: flags < defaults here; what a stranger may cost is bounded in one place."""

from pathlib import Path

from pydantic import Field, model_validator

from common.settings import Strict
from handover.config import HandoverConfig

ENV_PREFIX = "TAGALONG_MIRROR"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class LimitsConfig(Strict):
    """What users and strangers may cost."""

    keep_s: float = Field(default=600.0, gt=0, le=86_400)
    """A picture and all that was made of it are dropped so long after it came."""
    max_upload_bytes: int = Field(default=12_000_000, ge=1024)
    """Larger uploads are refused while they come. The page sends 100 to 400 kB."""
    max_image_px: int = Field(default=16_000_000, ge=64)
    """Larger pictures are refused from their header. The page makes them smaller itself."""
    picture_px: int = Field(default=1024, ge=64, le=4096)
    """Longer side of the picture that is dressed. Larger: finer and slower, by the square."""
    max_pictures: int = Field(default=4, ge=1)
    """Pictures one user may keep; the oldest one goes first."""
    max_results: int = Field(default=24, ge=1)
    """Results kept of one picture; the oldest one goes first."""
    max_bytes: int = Field(default=512_000_000, ge=1_000_000)
    """Of all users together; whose picture was used least lately loses it first."""
    max_uploads: int = Field(default=24, ge=1)
    """Uploads that are read and unpacked at the same time; others wait."""
    max_live: int = Field(default=8, ge=0)
    """Users of the live mode at the same time."""
    upload_s: float = Field(default=30.0, gt=0)
    """An upload that takes longer is given up."""


class MirrorConfig(Strict):
    """One mirror."""

    host: str = "0.0.0.0"
    """Address to listen on. 127.0.0.1: this machine only."""
    port: int = Field(default=8443, ge=0, le=65535)
    """0 picks a free one."""
    plain_http: bool = False
    """No certificate and no encryption; only for a mirror that this machine alone can reach."""
    local: bool = True
    """Run a node of its own inside, so that nothing else is needed."""
    garments: Path | None = None
    """A folder of garments beside those that come along (`tagalong garments add`)."""
    folder: Path | None = None
    """Where certificate and key are kept; empty: `tagalong/mirror` in the user's configuration folder."""
    try_on_s: float = Field(default=30.0, gt=0, le=600)
    """Longest wait for a try-on, queue and a second node included."""
    live_s: float = Field(default=5.0, gt=0, le=60)
    """The same for one picture of the live mode."""
    limits: LimitsConfig = LimitsConfig()
    handover: HandoverConfig = HandoverConfig()
    """How nodes are found, measured and chosen."""

    @model_validator(mode="after")
    def _plain_only_here(self) -> "MirrorConfig":
        if self.plain_http and self.host not in LOOPBACK:
            raise ValueError(
                f"plain_http: pictures would cross the network readable, and browsers give no webcam to {self.host}. "
                "Use it with host 127.0.0.1 only."
            )
        return self
