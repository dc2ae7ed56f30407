"""`oracle`: answers what the simulator knows to be true. For tests, and for studies of all the rest."""

from collections.abc import Sequence

from edge_server.engines.base import Picture
from edge_server.engines.coco import COCO
from edge_server.engines.imaging import best_first
from protos.messages import Detection

LABELS = {"person": ("person",), "face": ("face",), "coco": COCO}


class OracleEngine:
    """Passes on the truth that came with the picture: what has the task's labels; all of it for `coco`."""

    name = "oracle"
    max_batch = 16

    def __init__(self, task: str = "person") -> None:
        self.task = task
        self.labels: tuple[str, ...] = LABELS.get(task, (task,))

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [best_first([each for each in picture.truth if self._wanted(each)]) for picture in pictures]

    def close(self) -> None: ...

    def _wanted(self, found: Detection) -> bool:
        return self.task == "coco" or found.label in self.labels
