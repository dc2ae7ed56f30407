"""Engines by name, the default set and what it falls back to."""

import sys

import numpy as np
import pytest

from common.errors import ConfigError, ModelError
from edge_server.engines import registry
from edge_server.engines.base import Picture
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection

NOTHING = ModelStore([])


@pytest.fixture
def no_models(tmp_path) -> ModelStore:
    return ModelStore([tmp_path])


def test_without_models_faces_are_found_by_haar_and_the_log_says_what_is_missing(no_models, caplog) -> None:
    engines = registry.for_tasks(no_models)
    assert {task: engine.name for task, engine in engines.items()} == {"face": "haar"}
    assert "pose_detection.tflite" in caplog.text
    assert "tagalong models pull blazeface" in caplog.text
    assert str(no_models.search[0]) in caplog.text


def test_an_engine_that_was_asked_for_is_never_replaced(no_models) -> None:
    with pytest.raises(ModelError, match="face_detection_full_range_sparse"):
        registry.for_tasks(no_models, engines={"face": "blazeface"})


def test_nothing_to_serve_is_an_error(no_models) -> None:
    with pytest.raises(ConfigError, match="tagalong models pull"):
        registry.for_tasks(no_models, tasks=["person"])


def test_only_the_tasks_asked_for_are_served(no_models) -> None:
    engines = registry.for_tasks(no_models, ["person", "coco"], {"person": "oracle", "coco": "oracle"})
    assert [(task, engine.task) for task, engine in engines.items()] == [("person", "person"), ("coco", "coco")]


def test_a_yolo_model_turns_coco_on(shared_models) -> None:
    engines = registry.for_tasks(ModelStore([shared_models]), yolo_model="yolox_nano.onnx")
    assert engines["coco"].name == "yolo"
    assert len(engines["coco"].labels) == 80


def test_a_yolo_model_that_is_missing_stops_the_start(tmp_path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        registry.for_tasks(NOTHING, ["coco"], {"coco": "yolo"}, yolo_model=tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("blazefase", {}, "Did you mean 'blazeface'"),
        ("haar", {"threads": 1}, "no option 'threads'"),
        ("blazepose", {"landmark": 0}, "Did you mean 'landmarks'"),
        ("blazepose", {"landmarks": "many"}, "landmarks is 'many', but has to be of type int"),
        ("blazepose", {"models": 1}, "no option 'models'"),
        ("remote", {}, "needs the option 'address'"),
        ("remote", {"address": "nowhere"}, "Give host:port"),
        ("remote", {"address": "a:1", "kind": "fase"}, "no kind 'fase'"),
        ("remote", {"address": "a:1", "kind": "face", "task": "coco"}, "does the task face"),
    ],
)
def test_a_wrong_name_or_option_is_named_with_what_is_allowed(name, options, expected) -> None:
    with pytest.raises(ConfigError, match=expected):
        registry.create(name, NOTHING, **options)


@pytest.mark.parametrize(
    ("task", "engine", "expected"),
    [("faces", "haar", "Did you mean 'face'"), ("person", "haar", "cannot do the task 'person'")],
)
def test_a_task_that_an_engine_cannot_do_is_named(task, engine, expected) -> None:
    with pytest.raises(ConfigError, match=expected):
        registry.for_tasks(NOTHING, [task], {task: engine})


def test_options_are_written_behind_the_name() -> None:
    assert registry.parse("haar") == ("haar", {})
    assert registry.parse("remote:address=10.0.0.2:50053,kind=face,timeout_s=0.2") == (
        "remote",
        {"address": "10.0.0.2:50053", "kind": "face", "timeout_s": 0.2},
    )
    assert registry.parse("blazepose:landmarks=0,closer=false") == ("blazepose", {"landmarks": 0, "closer": False})
    with pytest.raises(ConfigError, match="'landmarks' has no value"):
        registry.parse("blazepose:landmarks")


def test_a_library_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch, no_models) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    for module in ("edge_server.engines.litert", "edge_server.engines.blazeface"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ConfigError, match=r"ai_edge_litert.*pip install 'tagalong\[edge\]'"):
        registry.create("blazeface", no_models)
    assert registry.for_tasks(no_models)["face"].name == "haar"


def test_the_registry_itself_needs_no_detector_library() -> None:
    import subprocess

    code = (
        "import sys, edge_server.engines.registry; print(*{'cv2', 'onnxruntime', 'ai_edge_litert'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_oracle_answers_what_is_true_for_its_task() -> None:
    person = Detection("person", 0.9, Box(0.1, 0.1, 0.2, 0.5), (1, 2, 3))
    face = Detection("face", 1.0, Box(0.2, 0.1, 0.05, 0.1))
    picture = Picture(np.zeros((1, 1, 3), np.uint8), truth=(person, face))
    answers = {task: registry.create("oracle", NOTHING, task=task).detect([picture])[0] for task in registry.TASKS}
    assert answers == {"person": [person], "face": [face], "coco": [face, person]}
