"""Which engines there are, how one is made by name, and what a server runs when nobody chose."""

import difflib
import importlib
import inspect
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from common.errors import ConfigError, ModelError
from edge_server.engines.base import Engine
from edge_server.models.store import ModelStore

log = logging.getLogger(__name__)


class MissingLibraryError(ConfigError):
    """An engine's library is not installed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an engine's class is, and the tasks it can do. The module is imported when the engine is made."""

    module: str
    cls: str
    tasks: tuple[str, ...]


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
    if name not in ENGINES:
        raise ConfigError(f"there is no engine {name!r}. {_nearest(name, ENGINES)}")
    entry = ENGINES[name]
    try:
        cls = getattr(importlib.import_module(f"edge_server.engines.{entry.module}"), entry.cls)
    except ImportError as error:
        raise MissingLibraryError(
            f"engine {name} needs the library {error.name or error}, which is not installed. "
            "Run: pip install 'tagalong[edge]'"
        ) from error
    known = inspect.signature(cls).parameters
    for option in options:
        if option not in known or option == "models":
            raise ConfigError(
                f"engine {name} has no option {option!r}. {_nearest(option, [k for k in known if k != 'models'])}"
            )
        _check_type(name, option, known[option].default, options[option])
    for option, about in known.items():
        if option != "models" and about.default is inspect.Parameter.empty and option not in options:
            raise ConfigError(f"engine {name} needs the option {option!r}. Write: {name}:{option}=...")
    given = {"models": models, **options} if "models" in known else options
    return cast(Engine, cls(**given))


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """An engine with its options as written on a command line: `blazepose:landmarks=0,threads=1`.

    Raises ConfigError when an option has no value.
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        option, equals, value = part.partition("=")
        if not equals or not option:
            raise ConfigError(f"engine {text!r}: write NAME:OPTION=VALUE,OPTION=VALUE; {part!r} has no value.")
        options[option.strip()] = _value(value.strip())
    return name, options


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_type(engine: str, option: str, default: Any, value: Any) -> None:
    """Numbers and switches only; what else an option may be is for the engine to say."""
    kind = type(default)
    if kind not in (bool, int, float) or type(value) is kind or (kind is float and type(value) is int):
        return
    raise ConfigError(
        f"engine {engine}: {option} is {value!r}, but has to be of type {kind.__name__}, for example {default}."
    )


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
        raise ConfigError(f"there is no task {task!r}. {_nearest(task, TASKS)}")
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


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
