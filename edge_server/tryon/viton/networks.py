"""One file of a try-on network, run by ONNX Runtime or PyTorch; what it says of itself is held against the manifest."""

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, ModelError
from edge_server.engines.specs import MissingLibraryError
from edge_server.tryon.viton.manifest import InputSpec, OutputSpec, StageSpec

log = logging.getLogger(__name__)
Array = NDArray[Any]
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
DEVICES = ("auto", "cpu", "cuda")
_ONNX_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


class Network(Protocol):
    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by the manifest's names. Raises ModelError."""
        ...

    def stop(self) -> None:
        """From another thread: end the run as soon as can be."""
        ...


def shape_of(spec: InputSpec | OutputSpec, channels: int, size_px: tuple[int, int]) -> tuple[int, ...]:
    """Of a tensor with one picture."""
    width, height = spec.size_px or size_px
    return (1, channels, height, width) if spec.layout == "NCHW" else (1, height, width, channels)


def open_network(
    folder: Path, stage: StageSpec, shapes: Mapping[str, tuple[int, ...]], threads: int, device: str
) -> Network:
    """`shapes` of inputs and outputs, by name. Raises ModelError, or ConfigError (no library, no such device)."""
    file = folder / stage.file
    if not file.is_file():
        raise ModelError(f"{file} does not exist. Put the file of stage {stage.name} there, or correct the manifest.")
    match file.suffix:
        case ".onnx":
            return OnnxNetwork(file, stage, shapes, threads, device)
        case ".pt" | ".ts" | ".torchscript":
            return TorchNetwork(file, stage, device)
    raise ModelError(f"{file}: the suffix {file.suffix!r} is not known. Use .onnx, or .pt, .ts, .torchscript.")


class OnnxNetwork:
    """Names, types and sizes are checked before the first run."""

    def __init__(
        self, file: Path, stage: StageSpec, shapes: Mapping[str, tuple[int, ...]], threads: int, device: str
    ) -> None:
        try:
            import onnxruntime

            from edge_server.engines.onnx_session import open_session
        except ImportError as error:
            raise MissingLibraryError(
                f"{file.name} needs the library {error.name or error}. Run: pip install 'tagalong[edge]'"
            ) from error
        if device == "cuda" and CUDA not in onnxruntime.get_available_providers():
            raise ConfigError("viton: device=cuda, but this ONNX Runtime has no CUDA. Run: pip install onnxruntime-gpu")
        self._file, self._options_class = file, onnxruntime.RunOptions
        self._session = open_session(file, threads, (CPU,) if device == "cpu" else (CUDA, CPU))
        self._outputs = [output.name for output in stage.outputs]
        self._running: Any = None
        self._check(stage, shapes)
        log.info("%s runs by ONNX Runtime, %s", file.name, self._session.get_providers()[0])

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        from edge_server.engines.onnx_session import first_line

        self._running = self._options_class()
        self._running.log_severity_level = 4  # what it says is told below, once
        try:
            found = self._session.run(self._outputs, dict(feed), self._running)
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(f"{self._file} failed ({first_line(error)}).") from error
        finally:
            self._running = None
        return dict(zip(self._outputs, map(np.asarray, found), strict=True))

    def stop(self) -> None:
        running = self._running
        if running is not None:
            running.terminate = True

    def _check(self, stage: StageSpec, shapes: Mapping[str, tuple[int, ...]]) -> None:
        inputs = {each.name: each for each in self._session.get_inputs()}
        outputs = {each.name: each for each in self._session.get_outputs()}
        given = [entry.name for entry in stage.inputs]
        for name in inputs.keys() - set(given):
            raise ModelError(f"{self._file} wants the input {name!r}, which the manifest does not give it.")
        for entry in stage.inputs:
            self._same("input", entry.name, inputs, shapes[entry.name])
            dtype = _ONNX_DTYPES.get(inputs[entry.name].type, inputs[entry.name].type)
            if dtype != entry.dtype:
                raise ModelError(f"{self._file}: input {entry.name!r} is {dtype}, but the manifest says {entry.dtype}.")
        for output in stage.outputs:
            self._same("output", output.name, outputs, shapes[output.name])

    def _same(self, what: str, name: str, known: Mapping[str, Any], shape: tuple[int, ...]) -> None:
        if name not in known:
            raise ModelError(f"{self._file} has no {what} {name!r}; it has {', '.join(known)}.")
        there = known[name].shape
        fixed = [(mine, theirs) for mine, theirs in zip(shape, there, strict=False) if isinstance(theirs, int)]
        if len(there) not in (0, len(shape)) or any(mine != theirs for mine, theirs in fixed):
            raise ModelError(
                f"{self._file}: {what} {name!r} has the shape {list(there)}, but by the manifest it is {list(shape)}. "
                "Correct size_px, layout, channels or parts."
            )


class TorchNetwork:
    """TorchScript. Load only files that you trust: they are programs."""

    def __init__(self, file: Path, stage: StageSpec, device: str) -> None:
        try:
            self._torch = importlib.import_module("torch")
        except ImportError as error:
            raise MissingLibraryError(f"{file.name} needs the library torch. Run: pip install torch") from error
        has_cuda = bool(self._torch.cuda.is_available())
        if device == "cuda" and not has_cuda:
            raise ConfigError("viton: device=cuda, but PyTorch sees no CUDA here. Leave the option out, or use cpu.")
        self._device = "cuda" if has_cuda and device != "cpu" else "cpu"
        self._file = file
        self._inputs = [entry.name for entry in stage.inputs]
        self._outputs = [output.name for output in stage.outputs]
        try:
            self._module = self._torch.jit.load(str(file), map_location=self._device).eval()
            names = [each.name for each in self._module.forward.schema.arguments][1:]  # without self
        except (RuntimeError, ValueError, AttributeError) as error:
            why = str(error).strip().partition("\n")[0]
            raise ModelError(f"{file} is not a network that PyTorch can run ({why}).") from error
        if sorted(names) != sorted(self._inputs):
            raise ModelError(
                f"{file} takes {', '.join(names)}, but the manifest gives it {', '.join(self._inputs)}. Use its names."
            )
        log.info("%s runs by PyTorch, %s", file.name, self._device)

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        torch = self._torch
        tensors = {name: torch.from_numpy(array).to(self._device) for name, array in feed.items()}
        try:
            with torch.inference_mode():
                found = self._module(**tensors)
        except (RuntimeError, torch.jit.Error) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelError(f"{self._file} failed ({lines[-1]}).") from error
        named = (
            found
            if isinstance(found, dict)
            else dict(zip(self._outputs, found if isinstance(found, tuple | list) else (found,), strict=False))
        )
        missing = [name for name in self._outputs if not isinstance(named.get(name), torch.Tensor)]
        if missing:
            raise ModelError(f"{self._file} has no output {', '.join(missing)}; correct the manifest.")
        return {name: named[name].cpu().numpy() for name in self._outputs}

    def stop(self) -> None:
        """PyTorch cannot be stopped in the middle: the run ends, and its outputs are dropped."""
