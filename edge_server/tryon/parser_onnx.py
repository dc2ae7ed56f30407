"""`onnx:manifest=FILE`: areas of the body by a learned network, of which a manifest says how it wants its input.

    file: parser.onnx              # beside the manifest
    input: {name: image, width: 384, height: 512, colours: rgb, mean: [0.5, 0.5, 0.5], spread: [0.5, 0.5, 0.5]}
    output: labels                 # (1, labels, height, width) scores, or (1, height, width) numbers
    labels:                        # what the network's label 0, 1, 2 ... is here
      - background
      - [hair]
      - [torso, left_upper_arm, right_upper_arm, left_lower_arm, right_lower_arm]      # "upper clothes"

Data sets cut people up in other ways than this project (a shirt with its sleeves, an arm as a whole). So a label may
name several areas; which of them a pixel is, the engine `derived` tells.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from common.errors import ModelError
from common.settings import Strict, load_settings
from edge_server.engines.onnx_session import first_line, open_session
from edge_server.tryon.parsing import DerivedParsing
from edge_server.tryon.values import BGR, Area, BodyPose, Parsing

MANIFEST = "parser.yaml"  # when a folder is given
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")

AreaName = Literal[
    "background", "hair", "face", "neck", "torso", "left_upper_arm", "right_upper_arm", "left_lower_arm",
    "right_lower_arm", "left_hand", "right_hand", "legs",
]  # fmt: skip
Three = tuple[float, float, float]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class InputManifest(Strict):
    name: str
    """The input's name in the network."""
    width: int = Field(ge=16, le=2048)
    """Pixels across that it is run with."""
    height: int = Field(ge=16, le=2048)
    """Pixels down."""
    colours: Literal["rgb", "bgr"] = "rgb"
    """Order of the three channels."""
    mean: Three = (0.0, 0.0, 0.0)
    """Taken off each channel, which runs from 0 to 1."""
    spread: Three = (1.0, 1.0, 1.0)
    """Then each channel is divided by this."""
    fit: Literal["stretch", "letterbox"] = "stretch"
    """How the picture gets that size: `letterbox` keeps its proportions, in the middle, with black around it."""


class ParserManifest(Strict):
    file: str
    """The network, relative to the manifest."""
    input: InputManifest
    output: str
    """The output's name in the network."""
    labels: tuple[Annotated[tuple[AreaName, ...], BeforeValidator(_listed), Field(min_length=1)], ...] = Field(
        min_length=2, max_length=256
    )
    """Area or areas of each label of the network, in its order."""


class OnnxParsing:
    """Implements `values.ParsingEngine`."""

    name = "onnx"

    def __init__(self, manifest: str | Path, threads: int = 2) -> None:
        """Raises ConfigError (manifest) or ModelError (network)."""
        path = Path(manifest)
        path = path / MANIFEST if path.is_dir() else path
        self._manifest = load_settings(ParserManifest, path)
        self._file = path.parent / self._manifest.file
        self._session = open_session(self._file, threads, PROVIDERS)
        for what, wanted, there in (
            ("input", self._manifest.input.name, self._session.get_inputs()),
            ("output", self._manifest.output, self._session.get_outputs()),
        ):
            names = [each.name for each in there]
            if wanted not in names:
                raise ModelError(f"{path}: {self._file.name} has no {what} {wanted!r}; it has {', '.join(names)}.")
        self._areas = np.array([_bits(names) for names in self._manifest.labels], np.uint16)
        self._derived = DerivedParsing()

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        allowed = self._areas[self._label_map(bgr)]
        return self._derived.parse(bgr, pose, allowed)

    def close(self) -> None: ...

    def _label_map(self, bgr: BGR) -> NDArray[np.intp]:
        """The network's label of each pixel of the picture."""
        wants = self._manifest.input
        to_input = _fit(wants, bgr.shape[1], bgr.shape[0])
        flags = cv2.INTER_AREA if to_input[0, 0] < 1 else cv2.INTER_LINEAR
        square = _placed(bgr, to_input, (wants.width, wants.height), flags)
        if wants.colours == "rgb":
            square = square[:, :, ::-1]
        tensor = (square.astype(np.float32) / 255 - np.array(wants.mean, np.float32)) / np.array(
            wants.spread, np.float32
        )
        feed = {wants.name: np.ascontiguousarray(tensor.transpose(2, 0, 1)[None])}
        try:
            output = np.asarray(self._session.run([self._manifest.output], feed)[0])
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(
                f"{self._file} cannot be run on {wants.width}x{wants.height} pixels ({first_line(error)}). "
                "Correct width and height in its manifest."
            ) from error
        return self._read(output, np.linalg.inv(np.vstack([to_input, (0, 0, 1)]))[:2], bgr)

    def _read(self, output: NDArray[Any], to_picture: NDArray[np.float64], bgr: BGR) -> NDArray[np.intp]:
        count, wants = len(self._areas), self._manifest.input
        size = (bgr.shape[1], bgr.shape[0])
        rows, columns = output.shape[-2:] if output.ndim >= 3 else (0, 0)
        to_picture = to_picture @ np.diag([wants.width / max(columns, 1), wants.height / max(rows, 1), 1.0])
        to_picture[:, 2] += to_picture[:, :2] @ (0.5, 0.5) - 0.5  # from corners of pixels to their middles
        if output.ndim == 4 and output.shape[:2] == (1, count):
            best = np.full((size[1], size[0]), -np.inf, np.float32)
            labels = np.zeros((size[1], size[0]), np.intp)
            for label, scores in enumerate(output[0].astype(np.float32)):
                here = cv2.warpAffine(scores, to_picture, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                labels[here > best] = label
                np.maximum(best, here, out=best)
            return labels
        if output.ndim == 3 and output.shape[0] == 1 and np.isin(output, np.arange(count)).all():
            flags, border = cv2.INTER_NEAREST, cv2.BORDER_REPLICATE
            numbers = cv2.warpAffine(output[0].astype(np.uint8), to_picture, size, flags=flags, borderMode=border)
            return np.asarray(numbers, np.intp)
        raise ModelError(
            f"{self._file}: the output {self._manifest.output!r} has the shape {output.shape}, its manifest names "
            f"{count} labels. Needed: (1, {count}, height, width), or (1, height, width) of 0..{count - 1}."
        )


def _bits(names: tuple[AreaName, ...]) -> int:
    """A set of areas as `DerivedParsing.parse` takes it; background stands for none."""
    return sum(1 << int(Area[name.upper()]) for name in set(names) if name != "background")


def _fit(wants: InputManifest, width: int, height: int) -> NDArray[np.float64]:
    """2x3: from pixels of the picture to pixels of the input."""
    sx, sy = wants.width / width, wants.height / height
    if wants.fit == "letterbox":
        sx = sy = min(sx, sy)
    return np.array([[sx, 0, (wants.width - sx * width) / 2], [0, sy, (wants.height - sy * height) / 2]])


def _placed(bgr: BGR, matrix: NDArray[np.float64], size: tuple[int, int], flags: int) -> BGR:
    """The picture scaled into an input of that size, black around it."""
    height, width = bgr.shape[:2]
    inner = (max(round(width * matrix[0, 0]), 1), max(round(height * matrix[1, 1]), 1))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    placed = np.zeros((size[1], size[0], 3), np.uint8)
    placed[top : top + inner[1], left : left + inner[0]] = cv2.resize(bgr, inner, interpolation=flags)
    return placed
