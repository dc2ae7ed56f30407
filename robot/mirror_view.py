"""What of the mirror can be seen from outside."""

from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """How far a request has come."""

    READY = "ready"  # none, or what came of it was dropped
    LOOKING = "looking"  # for a sharp picture of the person
    ASKING = "asking"  # a server is at it
    DRESSED = "dressed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class MirrorView:
    """The mirror at one moment."""

    garments: tuple[tuple[str, str], ...]  # id and name
    chosen: str  # id of the garment for the next request
    phase: Phase = Phase.READY
    text: str = ""  # a sentence for the person: progress, or why not
    share: float = 0.0  # 0..1 of the server's work
    picture: bytes = field(default=b"", repr=False)  # JPEG, when dressed
    garment: str = ""  # id of what is worn in it
    node: str = ""  # server that is asked, or that made the picture
    took_s: float = 0.0  # from the request to the picture

    @property
    def garment_name(self) -> str:
        return dict(self.garments).get(self.garment, self.garment)
