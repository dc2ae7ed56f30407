"""The real engines in lockstep: what they find does not depend on how long they take."""

import os
from collections.abc import Sequence

import cv2
import numpy as np

from edge_server.engines.base import Engine, Picture
from edge_server.engines.registry import for_tasks, parse
from edge_server.models.store import ModelStore
from protos.messages import Detection, EncodedFrame
from sim.plan import Plan


class Detector:
    """Runs the engines once for each frame, however many servers see it."""

    def __init__(self, engines: dict[str, Engine]) -> None:
        self.engines = engines
        self._frame: int = -1
        self._found: dict[str, tuple[Detection, ...]] = {}

    def detect(self, frame: EncodedFrame, tasks: Sequence[str]) -> tuple[Detection, ...]:
        if frame.number != self._frame:
            self._frame, self._found = frame.number, {}
        for task in tasks:
            if task not in self._found:
                self._found[task] = tuple(self.engines[task].detect([self._picture(frame)])[0])
        return tuple(found for task in tasks for found in self._found[task])

    @staticmethod
    def _picture(frame: EncodedFrame) -> Picture:
        if not frame.image:  # the oracle needs no pixels
            return Picture(np.zeros((1, 1, 3), np.uint8), b"", frame.truth)
        bgr = cv2.imdecode(np.frombuffer(frame.image, np.uint8), cv2.IMREAD_COLOR)
        return Picture(np.asarray(bgr, np.uint8), frame.image, frame.truth)


def engines_of(plan: Plan) -> dict[str, Engine]:
    """One of each, for all servers: only one works at a time, so it may have the threads that real ones go without."""
    engines: dict[str, Engine] = {}
    for server in plan.scenario.servers:
        for task, text in server.engines.items():
            if task not in engines:
                options = {task: {"threads": os.cpu_count() or 1}} if "threads" in parse(text)[1] else {}
                engines |= for_tasks(ModelStore(), (task,), {task: text}, options)
    return engines
