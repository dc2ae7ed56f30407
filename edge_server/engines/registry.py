"""Which engines there are, how one is made by name, and what a server runs when nobody chose."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from common.errors import ConfigError, ModelError
from edge_server.engines.base import Engine
from edge_server.engines.specs import Entry, MissingLibraryError, make, nearest, parse
from edge_server.models.store import ModelStore

__all__ = ["Entry", "MissingLibraryError", "create", "for_tasks", "parse"]

log = logging.getLogger(__name__)


ENGINES: Mapping[str, Entry] = {
    "blazeface": Entry("blazeface", "BlazeFaceEngine", ("face",)),
    "haar": Entry("haar", "HaarEngine", ("face",)),
    "yunet": Entry("yunet", "YuNetEngine", ("face",)),
    "blazepose": Entry("blazepose", "BlazePoseEngine", ("person",)),
    "yolo": Entry("yolo", "YoloEngine", ("coco", "person")),
    "remote": Entry("remote", "RemoteEngine", ("person", "face", "coco")),
    "oracle": Entry("oracle", "OracleEngine", ("person", "face", "coco")),
}
TASKS = ("person", "face", "coco")
DEFAULT_TASKS = ("person", "face")
DEFAULTS: Mapping[str, str] = {"person": "blazepose", "face": "blazeface", "coco": "yolo"}


def create(name: str, models: ModelStore, /, **options: Any) -> Engine:
    """Make one engine. Raises ConfigError (no such engine or option, library not installed) or ModelError (no file)."""
    return cast(Engine, make(ENGINES, name, models, options))


def for_tasks(
    models: ModelStore,
    tasks: Sequence[str] | None = None,
    engines: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    yolo_model: str | Path | None = None,
) -> dict[str, Engine]:
    """The engines of a server by task.

    `tasks`: those to serve; None: person and face, and coco when `yolo_model` is given. `engines`: task -> engine,
    as `parse` reads it, where the default is not wanted. `options`: task -> further options of its engine.
    A default whose model is missing is replaced (face: haar) or left out (person) with a warning; an engine that was
    asked for by name and cannot be made raises. Raises ConfigError when nothing is left to serve.
    """
    chosen, given = dict(engines or {}), options or {}
    wanted = list(
        dict.fromkeys(tasks if tasks is not None else [*DEFAULT_TASKS, *chosen, *(["coco"] if yolo_model else [])])
    )
    made: dict[str, Engine] = {}
    try:
        for task in wanted:
            engine = _for_task(task, models, chosen.get(task), dict(given.get(task, {})), yolo_model)
            if engine is not None:
                made[task] = engine
    except Exception:  # whatever it is: what was made so far must not stay open
        for engine in made.values():
            engine.close()
        raise
    if not made:
        raise ConfigError(f"no engine could be started for {', '.join(wanted) or 'no task'}. Run: tagalong models pull")
    return made


def _for_task(
    task: str, models: ModelStore, name: str | None, options: dict[str, Any], yolo_model: str | Path | None
) -> Engine | None:
    if task not in TASKS:
        raise ConfigError(f"there is no task {task!r}. {nearest(task, TASKS)}")
    engine, written = parse(name or DEFAULTS[task])
    options = {**written, **options}
    if engine in ENGINES and task not in ENGINES[engine].tasks:
        raise ConfigError(f"engine {engine} cannot do the task {task!r}; it does {', '.join(ENGINES[engine].tasks)}.")
    if engine in ENGINES and len(ENGINES[engine].tasks) > 1:
        options.setdefault("task", task)
    if engine == "yolo" and yolo_model is not None:
        options.setdefault("model", yolo_model)
    try:
        return create(engine, models, **options)
    except (ModelError, MissingLibraryError) as error:
        if name is not None:
            raise
        if task != "face":
            log.warning("task %s is not served: %s", task, error)
            return None
        log.warning("faces are found by haar instead of %s: %s", engine, error)
        return create("haar", models)
