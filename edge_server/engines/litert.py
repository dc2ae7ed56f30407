"""One network in LiteRT: a square picture in, its output tensors out."""

import os
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from common.errors import ModelError
from edge_server.engines.base import BGR

Floats = NDArray[np.float32]


class LiteRtNetwork:
    """A .tflite file with one square RGB input. One thread at a time: the interpreter has one set of tensors."""

    def __init__(self, file: Path, threads: int, low: float, high: float) -> None:
        """`low`, `high`: what black and white become. Raises ModelError for a file that is no such network."""
        try:
            self._interpreter = Interpreter(model_path=os.fspath(file), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{file} is not a network that LiteRT can run ({error}). Run: tagalong models pull"
            ) from error
        entry = self._interpreter.get_input_details()[0]
        self._input = entry["index"]
        self.side_px = int(entry["shape"][1])
        self._outputs = {
            tuple(int(n) for n in out["shape"]): out["index"] for out in self._interpreter.get_output_details()
        }
        self._gain, self._low = (high - low) / 255, low
        self._tensor = np.empty((1, self.side_px, self.side_px, 3), np.float32)

    def run(self, square: BGR) -> None:
        """Run on a picture of `side_px` x `side_px`; read the answer with `output`."""
        np.multiply(cv2.cvtColor(square, cv2.COLOR_BGR2RGB), self._gain, out=self._tensor[0], dtype=np.float32)
        self._tensor += self._low
        self._interpreter.set_tensor(self._input, self._tensor)
        self._interpreter.invoke()

    def output(self, *shape: int) -> Floats:
        """A copy of the output of this shape."""
        return np.asarray(self._interpreter.get_tensor(self._outputs[shape]), np.float32)
