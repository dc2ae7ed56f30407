"""What a source of radio levels is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RadioReading:
    """How well one network interface hears its access point."""

    level_dbm: float
    quality: float  # 0..100


class RadioSource(Protocol):
    def read(self) -> Mapping[str, RadioReading]:
        """By interface, what is known now. Raises DeviceError when there is nothing to read from."""
        ...
