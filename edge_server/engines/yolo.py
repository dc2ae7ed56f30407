"""`yolo`: the 80 COCO classes, by an ONNX file (YOLOX heads, ONNX Runtime) or Darknet files (OpenCV DNN)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, ModelError
from edge_server.engines.base import BGR, Picture
from edge_server.engines.coco import COCO
from edge_server.engines.imaging import best_first, check, detection, suppress
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection

MAX_CANDIDATES = 300  # the best of them go into suppression: a picture full of noise must not cost seconds
DEFAULT_MODELS = ("yolox-nano", "yolo-fastest")


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a network saw in one picture, before suppression."""

    boxes: NDArray[np.float32]  # (n, 4): x, y, w, h, normalised
    scores: NDArray[np.float32]  # (n,)
    classes: NDArray[np.int64]  # (n,)


class Network(Protocol):
    """A loaded file; knows its own input and output layout."""

    class_count: int
    max_batch: int

    def candidates(self, pictures: Sequence[BGR], confidence: float) -> list[Candidates]: ...


class YoloEngine:
    """`model`: a path, or a name of the manifest; None: the first of yolox-nano and yolo-fastest that is there.

    The kind follows from the suffix: .onnx, or .cfg/.weights (each beside the other). Names of the classes come from
    `<model>.names` or `coco.names` beside the model, else the 80 of COCO. `task` "person" keeps only persons; those
    boxes cover the whole visible person, other than those of `blazepose`.
    """

    name = "yolo"

    def __init__(
        self,
        models: ModelStore,
        model: str | Path | None = None,
        task: str = "coco",
        confidence: float = 0.4,
        iou: float = 0.45,
        threads: int = 2,
    ) -> None:
        """Raises ModelError for a file that is missing or no such network."""
        file = find_model(models, model)
        self._network = _load(file, threads)
        self._names = _names(file, self._network.class_count)
        if task == "person" and "person" not in self._names:
            raise ConfigError(f"{file} knows no class 'person', so it cannot do the task person.")
        self.task = task
        self.labels: tuple[str, ...] = ("person",) if task == "person" else self._names
        self.max_batch = self._network.max_batch
        self._confidence, self._iou = confidence, iou

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        for picture in pictures:
            check(picture.bgr)
        if not pictures:
            return []
        found = self._network.candidates([picture.bgr for picture in pictures], self._confidence)
        return [self._detections(picture.bgr, each) for picture, each in zip(pictures, found, strict=True)]

    def close(self) -> None: ...

    def _detections(self, bgr: BGR, found: Candidates) -> list[Detection]:
        keep = np.isfinite(found.boxes).all(axis=1) & np.isfinite(found.scores)
        if self.task == "person":
            keep &= found.classes == self._names.index("person")
        order = np.flatnonzero(keep)
        order = order[np.argsort(-found.scores[order], kind="stable")][:MAX_CANDIDATES]
        boxes, scores, classes = found.boxes[order], found.scores[order], found.classes[order]
        kept = suppress(boxes, scores, self._iou, classes)
        return best_first(
            [detection(self._names[classes[at]], float(scores[at]), Box(*map(float, boxes[at])), bgr) for at in kept]
        )


def find_model(models: ModelStore, model: str | Path | None) -> Path:
    """The file of a path or a name. Raises ModelError that says what is missing."""
    if model is None:
        for name in DEFAULT_MODELS:
            try:
                return models.path(name)
            except ModelError:
                continue
        return models.path(DEFAULT_MODELS[0])
    path = Path(model)
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        known = {known.file for known in models.manifest.values()}
        if len(path.parts) > 1 or path.name not in known:
            raise ModelError(f"the YOLO model {path} does not exist. Give the path of an .onnx or .weights file.")
    return models.path(str(model))


def _load(file: Path, threads: int) -> Network:
    if file.suffix == ".onnx":
        from edge_server.engines.yolo_onnx import YoloxNetwork

        return YoloxNetwork(file, threads)
    if file.suffix in (".cfg", ".weights"):
        cfg, weights = file.with_suffix(".cfg"), file.with_suffix(".weights")
        for part in (cfg, weights):
            if not part.is_file():
                raise ModelError(f"{file} needs {part.name} beside it, in {part.parent}. Put it there.")
        return DarknetNetwork(cfg, weights)
    raise ModelError(f"{file}: the suffix {file.suffix!r} is not known. Give an .onnx, .cfg or .weights file.")


def _names(file: Path, count: int) -> tuple[str, ...]:
    for beside in (file.with_suffix(".names"), file.with_name("coco.names")):
        if not beside.is_file():
            continue
        names = tuple(line.strip() for line in beside.read_text("utf-8", "replace").splitlines() if line.strip())
        if len(names) == count:
            return names
        if beside.stem == file.stem:
            raise ModelError(f"{beside} has {len(names)} names, but {file.name} has {count} classes. Correct it.")
    if count == len(COCO):
        return COCO
    raise ModelError(f"{file} has {count} classes. Put their names, one a line, into {file.with_suffix('.names')}.")


class DarknetNetwork:
    """.cfg and .weights by OpenCV DNN; the picture is stretched to the network's size, as Darknet trains."""

    max_batch = 1

    def __init__(self, cfg: Path, weights: Path) -> None:
        try:
            self._net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
        except cv2.error as error:
            raise ModelError(f"{cfg} and {weights.name} are not a network OpenCV can read ({error.err}).") from error
        self._outputs = self._net.getUnconnectedOutLayersNames()
        settings = dict(
            line.replace(" ", "").split("=", 1)
            for line in cfg.read_text("utf-8", "replace").splitlines()
            if "=" in line and not line.lstrip().startswith("#")
        )  # the last `classes` counts, as all heads have the same; width and height stand once
        try:
            self._size = int(settings["width"]), int(settings["height"])
            self.class_count = int(settings["classes"])
        except (KeyError, ValueError) as error:
            raise ModelError(f"{cfg}: width, height or classes is missing or no number.") from error

    def candidates(self, pictures: Sequence[BGR], confidence: float) -> list[Candidates]:
        return [self._one(bgr, confidence) for bgr in pictures]

    def _one(self, bgr: BGR, confidence: float) -> Candidates:
        self._net.setInput(cv2.dnn.blobFromImage(bgr, 1 / 255, self._size, swapRB=True, crop=False))
        rows = np.concatenate([out.reshape(-1, 5 + self.class_count) for out in self._net.forward(self._outputs)])
        classes = rows[:, 5:].argmax(axis=1)  # OpenCV has multiplied objectness into the classes already
        scores = rows[np.arange(len(rows)), 5 + classes]
        sure = scores >= confidence
        boxes = rows[sure, :4].copy()
        boxes[:, :2] -= boxes[:, 2:] / 2
        return Candidates(boxes, scores[sure], classes[sure])
