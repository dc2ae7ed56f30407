"""Settings: one frozen model a package, from YAML, environment and flags, checked at the start.

A later source wins: defaults < file < environment (`TAGALONG_ROBOT__SAFETY__MAX_AGE_S`) < flags. A wrong key stops the
start, is named with its place, and the nearest right key is suggested.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from common.errors import ConfigError

# In the environment these are what they are, not YAML: a password of digits, or one that begins with an asterisk.
SECRET = ("password", "secret_access_key")
LITERAL = ("username", "access_key_id", *SECRET)


class Strict(BaseModel):
    """Frozen; an unknown key is an error; a line under a field says what changing it does."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)


def load_settings(
    model: type[Model],
    file: Path | None = None,
    env_prefix: str = "",
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Model:
    """Read, merge and check settings.

    `overrides` are flags by dotted key (`{"camera.kind": "opencv"}`); None means "flag not given".
    Raises ConfigError that names source, key, value and what is allowed.
    """
    data = read_yaml(file) if file else {}
    if env_prefix:
        _merge(data, _from_environ(env_prefix, environ))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(data, key.split("."), value)
    return check(model, data, str(file) if file else "settings")


def check(model: type[Model], data: Mapping[str, Any], source: str) -> Model:
    """Validate plain data. Raises ConfigError with one line an error."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_explain(model, detail) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{source}: {line}" for line in lines)) from error


def read_yaml(file: Path) -> dict[str, Any]:
    """Raises ConfigError when the file is missing, is not YAML or is not a mapping."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}). Give the path of a YAML file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: holds a {type(data).__name__}, not keys with values.")
    return data


def _from_environ(prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, text in sorted(environ.items()):
        if name.startswith(prefix + "__"):
            path = name[len(prefix) + 2 :].lower().split("__")
            _put(data, path, text if path[-1] in LITERAL or not text else _read_value(name, text))
    return data


def _read_value(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: {text!r} is not YAML: {error}") from error


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = data.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = data[part] = {}
        data = inner
    data[path[-1]] = value


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        mine = into.get(key)
        if isinstance(mine, dict) and isinstance(value, Mapping):
            _merge(mine, value)
        else:
            into[key] = value


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        known = _keys_beside(model, detail["loc"])
        near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
        advice = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known)}"
        return f"{key}: there is no such key; {advice}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    return f"{key}: {detail['msg'].removeprefix('Value error, ')}, got {_shown(detail['loc'], detail['input'])}"


def _shown(loc: tuple[int | str, ...], value: Any) -> str:
    """Without secrets: messages end in logs."""
    if loc and loc[-1] in SECRET:
        return "***"
    if isinstance(value, Mapping):
        return repr({name: "***" if name in SECRET else inner for name, inner in value.items()})
    return repr(value)


def _keys_beside(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys allowed where a wrong one stands; follows nested models, lists and tagged unions."""
    models: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        fields = [inner for each in models if (inner := each.model_fields.get(str(part)))]
        if fields:
            models = [found for field in fields for found in _models_in(field.annotation)]
        elif isinstance(part, str):  # the tag of a union, such as "opencv"
            tagged = [each for each in models if part in _tags(each)]
            models = tagged or models
    return sorted({name for each in models for name in each.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()
