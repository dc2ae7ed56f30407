"""One frame's way through the worker threads."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import BadImageError, TagalongError
from edge_server.engines.base import BGR, Engine, Picture
from edge_server.images import ImageHeader, decode_image
from protos.messages import Detection, Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one frame, with everything a service needs to say so."""

    outcome: Outcome
    detections: dict[str, list[Detection]]  # by task; a task that failed is missing
    queue_s: float = 0.0
    decode_s: float = 0.0
    inference_s: float = 0.0  # the longest of its tasks: they run side by side
    retry_after_s: float = 0.0
    message: str = ""
    bad_image: bool = False


class FrameWork:
    """An image to look at. Worker threads write into it, one task each; it is read after they are done."""

    def __init__(
        self,
        image: bytes,
        header: ImageHeader,
        on_answer: Callable[[Answer], None],
        truth: tuple[Detection, ...] = (),
    ) -> None:
        self.image = image
        self.header = header
        self.on_answer = on_answer  # called once, in the event loop
        self.truth = truth
        self.detections: dict[str, list[Detection]] = {}
        self.errors: dict[str, str] = {}
        self.bad_image = False
        self.decode_s = 0.0
        self.inference_s = 0.0
        self._lock = threading.Lock()  # two engines may want the same pixels at the same time
        self._pixels: BGR | None = None

    def picture(self) -> Picture:
        """Decodes at the first call. Raises BadImageError, at every call alike."""
        with self._lock:
            if self.bad_image:
                raise BadImageError("the image cannot be decoded")
            if self._pixels is None:
                began_s = time.perf_counter()
                try:
                    self._pixels = decode_image(self.image, self.header)
                except BadImageError:
                    self.bad_image = True
                    raise
                finally:
                    self.decode_s = time.perf_counter() - began_s
            return Picture(self._pixels, self.image, self.truth)

    def answer(self, outcome: Outcome, queue_s: float, retry_after_s: float) -> Answer:
        return Answer(
            outcome=outcome,
            detections=self.detections,
            queue_s=queue_s,
            decode_s=self.decode_s,
            inference_s=self.inference_s,
            retry_after_s=0.0 if self.bad_image else retry_after_s,
            message="; ".join(dict.fromkeys(self.errors.values())),
            bad_image=self.bad_image,
        )


def serve(engine: Engine, works: Sequence[FrameWork]) -> list[int]:
    """Decode and detect, in the engine's own thread. Returns the positions that got no answer."""
    pictures: list[Picture] = []
    good: list[int] = []
    for position, work in enumerate(works):
        try:
            pictures.append(work.picture())
            good.append(position)
        except BadImageError as error:
            work.errors[engine.task] = str(error)
    if pictures:
        began_s = time.perf_counter()
        try:
            found = engine.detect(pictures)
            if len(found) != len(pictures):
                raise TagalongError(f"{engine.name} answered {len(found)} of {len(pictures)} pictures")
        except Exception as error:  # an engine is foreign code: whatever it raises costs this batch, not the server
            log.warning("engine %s failed: %s: %s", engine.name, type(error).__name__, error)
            for position in good:
                works[position].errors[engine.task] = f"{engine.task}: engine {engine.name} failed: {error}"
            return list(range(len(works)))
        took_s = time.perf_counter() - began_s
        for position, detections in zip(good, found, strict=True):
            work = works[position]
            work.detections[engine.task] = detections
            work.inference_s = max(work.inference_s, took_s)
    return [position for position in range(len(works)) if position not in good]
