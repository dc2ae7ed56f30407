"""Settings of the state `mirror`."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from common.settings import Strict

GarmentId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]


class MirrorConfig(Strict):
    """Pictures of people wearing something else."""

    garments: Mapping[GarmentId, str] = Field(
        default={
            "tee-breton": "Breton T-shirt",
            "hoodie-mustard": "Hoodie, mustard",
            "jacket-denim": "Denim jacket",
            "polo-claret": "Polo shirt, claret",
        },
        min_length=1,
        max_length=50,
    )
    """What can be chosen: ids of the servers' catalogue (`tagalong garments list`) and the names to show."""
    look_s: float = Field(default=3.0, ge=0.5, le=10)
    """Longest wait for a sharp picture with the followed person in it."""
    try_on_s: float = Field(default=20.0, gt=0, le=60)
    """Longest wait for a server to dress the person, a second server included."""
    keep_s: float = Field(default=60.0, gt=0, le=3600)
    """The result is dropped so long after it came; it is kept in memory only."""

    @property
    def longest_s(self) -> float:
        return self.look_s + self.try_on_s
