"""A network file opened by ONNX Runtime, with the settings that suit a server of several engines."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from common.errors import ModelError

CPU = ("CPUExecutionProvider",)


def open_session(file: Path, threads: int, providers: Sequence[str] = CPU) -> onnxruntime.InferenceSession:
    """`providers`: those that are installed are used, in this order. Raises ModelError."""
    if not file.is_file():
        raise ModelError(f"{file} does not exist. Put the network there, or correct the path.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # 2 ms slower, a quarter of the CPU (FACTS.md): these cores are shared with other servers.
    options.log_severity_level = 3
    installed = set(onnxruntime.get_available_providers())
    chosen = [each for each in providers if each in installed] or list(CPU)
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=chosen)
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelError(f"{file} is not a network that ONNX Runtime can run ({first_line(error)}).") from error


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
