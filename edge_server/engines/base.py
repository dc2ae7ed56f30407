"""What every detector looks like to the server."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protos.messages import Detection

BGR = NDArray[np.uint8]  # (height, width, 3)


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as engines see it."""

    bgr: BGR = field(repr=False)
    encoded: bytes = field(default=b"", repr=False)  # as it came; what `remote` passes on
    truth: tuple[Detection, ...] = ()  # what `oracle` answers


class Engine(Protocol):
    """A detector. It knows nothing of gRPC; the scheduler calls it in a worker thread, one call at a time."""

    name: str  # "blazepose"
    task: str  # "person", "face" or "coco"
    labels: tuple[str, ...]
    max_batch: int  # 1: gains nothing from batches

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Detections of each picture, best score first, normalised boxes with their mean colour.

        At most `max_batch` pictures. Raises TagalongError for a failure that the next call may not have.
        """
        ...

    def close(self) -> None: ...
