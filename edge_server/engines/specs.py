"""Engines by name with options, as written on a command line: `blazepose:landmarks=0,threads=1`."""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from edge_server.models.store import ModelStore


class MissingLibraryError(ConfigError):
    """An engine's library is not installed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an engine's class is, and the tasks it can do. The module is imported when the engine is made."""

    module: str  # of the package `edge_server.engines`, or a whole name with dots
    cls: str
    tasks: tuple[str, ...] = ()
    extra: str = "edge"  # what of Tagalong installs its libraries


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options. Raises ConfigError when an option has no value."""
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        option, equals, value = part.partition("=")
        if not equals or not option:
            raise ConfigError(f"engine {text!r}: write NAME:OPTION=VALUE,OPTION=VALUE; {part!r} has no value.")
        options[option.strip()] = _value(value.strip())
    return name, options


def make(known: Mapping[str, Entry], name: str, models: ModelStore, options: Mapping[str, Any], what: str = "") -> Any:
    """One engine. Raises ConfigError (no such engine or option, library not installed) or ModelError (no file).

    `what`: the kind of engine, for messages.
    """
    if name not in known:
        raise ConfigError(f"there is no {what + ' ' if what else ''}engine {name!r}. {nearest(name, known)}")
    entry = known[name]
    module = entry.module if "." in entry.module else f"edge_server.engines.{entry.module}"
    try:
        cls = getattr(importlib.import_module(module), entry.cls)
    except ImportError as error:
        raise MissingLibraryError(
            f"engine {name} needs the library {error.name or error}, which is not installed. "
            f"Run: pip install 'tagalong[{entry.extra}]'"
        ) from error
    takes = inspect.signature(cls).parameters
    possible = [each for each in takes if each != "models"]
    for option in options:
        if option not in possible:
            raise ConfigError(f"engine {name} has no option {option!r}. {nearest(option, possible)}")
        _check_type(name, option, takes[option].default, options[option])
    for option, about in takes.items():
        if option != "models" and about.default is inspect.Parameter.empty and option not in options:
            raise ConfigError(f"engine {name} needs the option {option!r}. Write: {name}:{option}=...")
    return cls(**({"models": models, **options} if "models" in takes else options))


def nearest(name: str, known: Iterable[str]) -> str:
    """The next step for somebody who wrote a name that does not exist."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There are: {', '.join(names)}." if names else "It has none."


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
