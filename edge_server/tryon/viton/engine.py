"""`VitonEngine`: a learned try-on network from a folder, put behind the same Protocol as the embedded one."""

import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, ModelError
from edge_server.models.store import sha256_of
from edge_server.tryon.values import BGR, Garment, Person, Progress, TryOnError
from edge_server.tryon.viton.areas import covered
from edge_server.tryon.viton.manifest import MANIFEST, InputSpec, Manifest, OutputSpec, StageSpec, load
from edge_server.tryon.viton.networks import DEVICES, Network, open_network, shape_of
from edge_server.tryon.viton.steps import Floats, Outputs, Steps, channels_of
from edge_server.tryon.viton.window import Window, around, whole

MAX_BYTES = 1 << 30  # of all inputs and outputs together
TICK_S = 0.05  # how soon somebody who does not want the answer any more is heard
FEATHER = 0.006  # heights of the picture: the result is blended in over so much, inside the garment's area


class VitonEngine:
    """Implements `values.TryOnEngine`. `device`: auto (CUDA where there is one), cpu, cuda."""

    def __init__(self, folder: str | Path, device: str = "auto", threads: int = 2) -> None:
        """Raises ConfigError (manifest, device, no library) or ModelError (files)."""
        self._folder = Path(str(folder))
        self._manifest = load(self._folder)
        if device not in DEVICES:
            raise ConfigError(f"viton: device is {device!r}; there are {', '.join(DEVICES)}.")
        self.name = f"viton-{self._manifest.name}"
        self._shapes = _shapes(self._folder / MANIFEST, self._manifest)  # before anything of that size is made
        for file, expected in self._manifest.sha256.items():
            found = sha256_of(self._folder / file)
            if found != expected.lower():
                raise ModelError(
                    f"{self._folder / file} is not the file of the manifest: its SHA-256 is {found[:16]}…, not "
                    f"{expected[:16].lower()}…. Fetch it anew."
                )
        self._networks = {
            stage.name: open_network(self._folder, stage, self._shapes[stage.name], threads, device)
            for stage in self._manifest.stages
        }

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        manifest = self._manifest
        if garment.kind not in manifest.kinds:
            allowed = ", ".join(manifest.kinds)
            raise TryOnError(f"The network {manifest.name} cannot put on {garment.kind}. It can: {allowed}.")
        area = covered(person.parsing.labels, garment.kind, manifest.area_grow, manifest.agnostic.neck)
        if not area.any():
            raise TryOnError(f"Nothing of the body that {garment.kind} would cover is in the picture. Step back.")
        progress(0.0, "preparing the picture")
        height, width = person.bgr.shape[:2]
        if manifest.view == "person":
            window = around(person.pose.mask, manifest.size_px)
        else:
            window = whole(width, height, manifest.size_px)
        steps = Steps(manifest, person, garment, window, progress)
        outputs: dict[str, Floats] = {}
        for number, stage in enumerate(manifest.stages):
            share = 0.15 + 0.75 * number / len(manifest.stages)
            feed = {entry.name: self._input(stage, entry, steps, outputs) for entry in stage.inputs}
            found = _watched(self._networks[stage.name], feed, progress, share, f"network: {stage.name}")
            for output in stage.outputs:
                outputs[f"{stage.name}.{output.name}"] = self._output(stage, output, found[output.name])
        progress(0.92, "putting the picture together")
        result = _composed(manifest, steps, outputs)
        dressed = _pasted(person.bgr, result, window, area if manifest.keep_outside else None)
        progress(1.0, "done")
        return dressed

    def close(self) -> None:
        self._networks.clear()

    def _input(self, stage: StageSpec, entry: InputSpec, steps: Steps, outputs: Outputs) -> NDArray[Any]:
        size_px = entry.size_px or self._manifest.size_px
        planes = np.concatenate([steps.part(part, size_px, outputs) for part in entry.parts])
        planes = planes if entry.layout == "NCHW" else planes.transpose(1, 2, 0)
        if entry.dtype.startswith(("int", "uint")):
            planes = np.rint(planes)
        return np.ascontiguousarray(planes[None], np.dtype(entry.dtype))

    def _output(self, stage: StageSpec, output: OutputSpec, found: NDArray[Any]) -> Floats:
        expected = self._shapes[stage.name][output.name]
        where = f"{self._folder / stage.file}: output {output.name!r}"
        if found.shape != expected:
            raise ModelError(f"{where} has the shape {list(found.shape)}, but by the manifest it is {list(expected)}.")
        planes = np.asarray(found[0], np.float32)
        if not np.isfinite(planes).all():
            raise ModelError(f"{where} holds numbers that are none (NaN or infinite). Check normalisation and dtype.")
        return planes if output.layout == "NCHW" else np.ascontiguousarray(planes.transpose(2, 0, 1))


def _shapes(file: Path, manifest: Manifest) -> dict[str, dict[str, tuple[int, ...]]]:
    """Of every tensor, by stage and name. Raises ModelError when they would not fit into memory."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    outputs: dict[str, int] = {}
    total = 0
    for stage in manifest.stages:
        mine: dict[str, tuple[int, ...]] = {}
        for entry in stage.inputs:
            channels = sum(channels_of(part, outputs) for part in entry.parts)
            mine[entry.name] = shape_of(entry, channels, manifest.size_px)
            total += 4 * math.prod(mine[entry.name])  # made as float32, whatever it becomes
        for output in stage.outputs:
            mine[output.name] = shape_of(output, output.channels, manifest.size_px)
            outputs[f"{stage.name}.{output.name}"] = output.channels
            total += 4 * math.prod(mine[output.name])
        if len(mine) < len(stage.inputs) + len(stage.outputs):
            raise ModelError(f"{file}: stage {stage.name} has two tensors of one name.")
        shapes[stage.name] = mine
    if total > MAX_BYTES:
        raise ModelError(
            f"{file}: its inputs and outputs take {total / 1e9:.1f} GB; at most {MAX_BYTES / 1e9:.1f} GB are allowed. "
            "Use a smaller size_px."
        )
    return shapes


def _watched(
    network: Network, feed: Mapping[str, NDArray[Any]], progress: Progress, share: float, what: str
) -> dict[str, NDArray[Any]]:
    """Run in a thread beside this one, which goes on asking `progress` whether the answer is still wanted."""
    found: list[dict[str, NDArray[Any]]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(network.run(feed))
        except BaseException as error:  # raised again below, in the thread that was called
            failed.append(error)

    progress(share, what)
    running = threading.Thread(target=run, name=what, daemon=True)
    running.start()
    try:
        running.join(TICK_S)
        while running.is_alive():
            progress(share, what)
            running.join(TICK_S)
    except BaseException:  # not wanted any more, or this process ends
        while running.is_alive():
            network.stop()  # again and again: it may not have begun yet
            running.join(TICK_S)
        raise
    if failed:
        raise failed[0]
    return found[0]


def _composed(manifest: Manifest, steps: Steps, outputs: Outputs) -> BGR:
    """BGR of the canvas."""
    spec = manifest.result
    size = manifest.size_px
    picture = _picture(outputs[spec.picture], spec.range, spec.colours, size)
    if spec.mask is not None:
        low, high = spec.mask_range
        mask = np.clip((_at(outputs[spec.mask], size) - low) / (high - low), 0, 1)
        if spec.base in ("person", "warped_garment"):
            base = steps.picture(spec.base).astype(np.float32)
        else:
            base = _picture(outputs[spec.base], spec.range, spec.colours, size)
        picture = mask * picture + (1 - mask) * base
    return np.rint(picture).astype(np.uint8)


def _picture(planes: Floats, ends: tuple[float, float], colours: str, size: tuple[int, int]) -> Floats:
    image = np.clip((_at(planes, size) - ends[0]) / (ends[1] - ends[0]), 0, 1) * 255
    return np.asarray(image[:, :, ::-1] if colours == "rgb" else image, np.float32)


def _at(planes: Floats, size: tuple[int, int]) -> Floats:
    """(height, width, channels) of that size."""
    image = np.ascontiguousarray(planes.transpose(1, 2, 0))
    if (image.shape[1], image.shape[0]) != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).reshape(size[1], size[0], -1)
    return np.asarray(image, np.float32)


def _pasted(bgr: BGR, result: BGR, window: Window, area: NDArray[np.bool_] | None) -> BGR:
    """The result back in the picture. `area`: where it may change anything; None: wherever the network looked."""
    x, y, width, height = window.picture
    here = (slice(y, y + height), slice(x, x + width))
    patch = window.back(result)
    dressed = bgr.copy()
    if area is None:
        dressed[here] = patch
        return dressed
    feather_px = max(1.0, FEATHER * bgr.shape[0])
    depth = cv2.distanceTransform(area.astype(np.uint8), cv2.DIST_L2, 3)[here]
    share = np.clip(np.asarray(depth, np.float32) / feather_px, 0, 1)[:, :, None]
    blended = np.rint(patch * share + dressed[here] * (1 - share)).astype(np.uint8)
    dressed[here] = np.where(share > 0, blended, dressed[here])
    return dressed
