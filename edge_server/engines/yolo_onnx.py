"""YOLOX networks in ONNX Runtime: undecoded heads of strides 8, 16, 32."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from edge_server.engines.base import BGR
from edge_server.engines.imaging import letterbox
from edge_server.engines.onnx_session import open_session
from edge_server.engines.yolo import Candidates

STRIDES = (8, 16, 32)
PADDING = 114  # grey that YOLOX is trained with, right of the picture and below it
DYNAMIC_BATCH = 4  # where the file leaves the batch open; more only adds to the wait on two cores


class YoloxNetwork:
    """Input BGR 0..255, (n, 3, side, side); output (n, cells, 5 + classes), scores already 0..1."""

    def __init__(self, file: Path, threads: int) -> None:
        self._session = open_session(file, threads)
        entry, output = self._session.get_inputs()[0], self._session.get_outputs()[0]
        batch, _, height, width = (*entry.shape, 0, 0, 0, 0)[:4]
        self._grid, self._stride = _cells(width) if isinstance(width, int) and width > 0 else _cells(32)
        last = output.shape[-1] if output.shape else None
        if height != width or not isinstance(last, int) or last < 6 or output.shape[1] not in (len(self._grid), None):
            raise ModelError(
                f"{file} is no YOLOX network: input {entry.shape}, output {output.shape}. Export it with square input "
                "and undecoded heads (YOLOX tools/export_onnx.py without --decode_in_inference)."
            )
        self._input, self._side = entry.name, int(width)
        self.class_count = last - 5
        self.max_batch = batch if isinstance(batch, int) else DYNAMIC_BATCH

    def candidates(self, pictures: Sequence[BGR], confidence: float) -> list[Candidates]:
        boxed = [letterbox(bgr, self._side, PADDING, centred=False) for bgr in pictures]
        tensor = np.stack([square.transpose(2, 0, 1) for square, _ in boxed]).astype(np.float32)
        output = self._session.run(None, {self._input: tensor})[0]
        return [
            self._decode(rows, bgr, fit.scale, confidence)
            for rows, bgr, (_, fit) in zip(output, pictures, boxed, strict=True)
        ]

    def _decode(self, rows: NDArray[Any], bgr: BGR, scale: float, confidence: float) -> Candidates:
        likely = np.flatnonzero(rows[:, 4] >= confidence)  # no class can score higher than that
        picked = rows[likely]
        classes = picked[:, 5:].argmax(axis=1)
        scores = picked[:, 4] * picked[np.arange(len(picked)), 5 + classes]
        sure = scores >= confidence
        likely, picked = likely[sure], picked[sure]
        stride = self._stride[likely, None]
        centre = (picked[:, 0:2] + self._grid[likely]) * stride
        size = np.exp(np.minimum(picked[:, 2:4], 10.0)) * stride
        frame = np.array([bgr.shape[1], bgr.shape[0]], np.float32) * scale
        boxes = np.concatenate([(centre - size / 2) / frame, size / frame], axis=1)
        return Candidates(boxes.astype(np.float32), scores[sure], classes[sure])


def _cells(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    grids, strides = [], []
    for stride in STRIDES:
        count = side // stride
        x, y = np.meshgrid(np.arange(count), np.arange(count))
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full(count * count, stride))
    return np.concatenate(grids).astype(np.float32), np.concatenate(strides).astype(np.float32)
