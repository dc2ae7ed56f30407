"""The engines of try-on by name, and the slot for a learned parser with a network that the test makes."""

import subprocess
import sys

import pytest

from common.errors import ConfigError, ModelError
from edge_server.models.store import ModelStore
from edge_server.tryon.engines import (
    PARSING_ENGINES,
    POSE_ENGINES,
    TRYON_ENGINES,
    parsing_engine,
    pose_engine,
    tryon_engine,
)

NOTHING = ModelStore([])


def test_the_default_engines_are_made() -> None:
    assert parsing_engine(models=NOTHING).name == "derived"
    assert tryon_engine(models=NOTHING).name == "warp"
    try:
        assert pose_engine("blazepose:threads=1,twice=false").name == "blazepose"
    except ModelError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("make", "spec", "error", "expected"),
    [
        (pose_engine, "blazepoes", ConfigError, "no pose engine 'blazepoes'. Did you mean 'blazepose'"),
        (parsing_engine, "magic", ConfigError, "no parsing engine 'magic'. There are: derived, onnx, remote, triton"),
        (tryon_engine, "wrap", ConfigError, "no try-on engine 'wrap'. Did you mean 'warp'"),
        (
            parsing_engine,
            "derived:threads=1",
            ConfigError,
            "engine derived has no option 'threads'. There are: work_px.",
        ),
        (parsing_engine, "onnx", ConfigError, "needs the option 'manifest'. Write: onnx:manifest=..."),
        (pose_engine, "blazepose:threads", ConfigError, "'threads' has no value"),
        (pose_engine, "blazepose:threads=many", ConfigError, "threads is 'many', but has to be of type int"),
        (pose_engine, "blazepose", ModelError, "pose_detection.tflite"),
        (parsing_engine, "onnx:manifest=/nowhere/parser.yaml", ConfigError, "/nowhere/parser.yaml: cannot be read"),
    ],
)
def test_a_wrong_spec_is_named_with_what_to_do(make, spec, error, expected, tmp_path) -> None:
    with pytest.raises(error) as raised:
        make(spec, ModelStore([tmp_path]))
    assert expected in str(raised.value)


def test_a_library_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "edge_server.tryon.parser_onnx", None)
    with pytest.raises(ConfigError, match=r"pip install 'tagalong\[edge\]'"):
        parsing_engine("onnx:manifest=parser.yaml", NOTHING)


def test_the_registry_itself_needs_no_library() -> None:
    code = "import sys, edge_server.tryon.engines; print(*{'cv2', 'onnxruntime', 'ai_edge_litert'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "entry", [*POSE_ENGINES.values(), *PARSING_ENGINES.values(), *TRYON_ENGINES.values()], ids=lambda entry: entry.cls
)
def test_every_known_engine_is_where_the_registry_says(entry) -> None:
    module = pytest.importorskip(entry.module, exc_type=ImportError)
    assert callable(getattr(module, entry.cls))
