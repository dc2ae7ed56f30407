"""Writes docs/configuration.md from the settings themselves: `python -m tagalong.reference > docs/configuration.md`."""

import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from robot.robomaster.config import Ipv4

Told = dict[tuple[type[BaseModel], ...], str]  # models whose keys stand on the page, and where

HEAD = """# Configuration

<!-- Written by `python -m tagalong.reference`; change the settings' own descriptions instead. -->

Settings come from four places; a later one wins: the defaults below, a YAML file (`--config FILE`), the environment,
and flags. A wrong key or value stops the start and is named, with what is allowed.

```yaml
# robot.yaml: tagalong robot --config robot.yaml
target: {label: person}
servo: {keep_distance_m: 1.2}
handover:
  policy: {kind: latency, hysteresis_share: 0.3}
  servers:
    - {address: "192.0.2.10:50050"}
```

In the environment a dot becomes two underscores: `TAGALONG_ROBOT__SERVO__KEEP_DISTANCE_M=1.2`,
`TAGALONG_EDGE__SCHEDULER__CAPACITY=16`, `TAGALONG_ARCHIVE_STORE__RETENTION_DAYS=30`. Values are read as YAML, logins as
they stand. A scenario's `robot:` takes the robot's keys too.
"""


def page() -> str:
    """The whole page, as Markdown."""
    from archive.camera_config import CameraConfig
    from archive.config import ForwardConfig, GalleryConfig, LogConfig, StoreConfig
    from archive.running import ENV_PREFIX as ARCHIVE_PREFIX
    from edge_server.config import ENV_PREFIX as EDGE_PREFIX
    from edge_server.config import EdgeConfig
    from mirror.config import ENV_PREFIX as MIRROR_PREFIX
    from mirror.config import MirrorConfig
    from robot.config import ENV_PREFIX as ROBOT_PREFIX
    from robot.config import RobotConfig

    parts = [HEAD]
    told: Told = {}
    for title, model, prefix in (
        ("Robot", RobotConfig, ROBOT_PREFIX),
        ("Edge server", EdgeConfig, EDGE_PREFIX),
        ("Mirror", MirrorConfig, MIRROR_PREFIX),
        ("Archive: camera", CameraConfig, f"{ARCHIVE_PREFIX}_CAMERA"),
        ("Archive: log", LogConfig, f"{ARCHIVE_PREFIX}_LOG"),
        ("Archive: forward", ForwardConfig, f"{ARCHIVE_PREFIX}_FORWARD"),
        ("Archive: store", StoreConfig, f"{ARCHIVE_PREFIX}_STORE"),
        ("Archive: gallery", GalleryConfig, f"{ARCHIVE_PREFIX}_GALLERY"),
    ):
        parts.append(f"## {title}\n\nEnvironment: `{prefix}__...`\n")
        parts.extend(_tables(model, "", title, told))
    return "\n".join(parts)


def _tables(model: type[BaseModel], prefix: str, title: str, told: Told) -> Iterator[str]:
    """One table for the model's own fields, then those of the models in it; of one that stands above already, where."""
    rows, inner = [], []
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        models = list(_models(info.annotation))
        if models:
            inner.append((key, info, models))
        else:
            rows.append(f"| `{key}` | {_kind(info)} | {_default(info)} | {_clean(info.description)} |")
    if rows:
        yield "\n".join(["| key | allowed | default | |", "| --- | --- | --- | --- |", *rows, ""])
    for key, info, models in inner:
        is_list = "tuple" in str(info.annotation) or "list" in str(info.annotation)
        listed = " (a list)" if is_list else ""
        inner_prefix = "" if is_list else f"{key}."
        if tuple(models) in told:
            yield f"### `{key}`{listed}\n\n{_clean(info.description)} Its keys are {told[tuple(models)]}.\n"
            continue
        told[tuple(models)] = f"those of `{key}` under [{title}](#{title.lower().replace(':', '').replace(' ', '-')})"
        if len(models) == 1:
            yield f"### `{key}`{listed}\n\n{_clean(info.description or models[0].__doc__)}\n"
            yield from _tables(models[0], inner_prefix, title, told)
            continue
        yield f"### `{key}`{listed}\n\n{_clean(info.description)}\n"
        for each in models:
            kind = each.model_fields.get("kind")
            tag = f"`{key}`, `kind: {kind.default}`" if kind is not None else f"`{key}`"
            yield f"#### {tag}\n\n{_clean(each.__doc__)}\n"
            yield from _tables(each, inner_prefix, title, told)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _kind(info: FieldInfo) -> str:
    bounds = []
    for each in info.metadata:
        match each:
            case annotated_types.Gt(gt):
                bounds.append(f"> {gt}")
            case annotated_types.Ge(ge):
                bounds.append(f"≥ {ge}")
            case annotated_types.Lt(lt):
                bounds.append(f"< {lt}")
            case annotated_types.Le(le):
                bounds.append(f"≤ {le}")
    return " ".join([_type(info.annotation), ", ".join(bounds)]).strip()


def _type(annotation: Any) -> str:
    names = {
        float: "number",
        int: "whole number",
        str: "text",
        bool: "true, false",
        Path: "path",
        SecretStr: "text",
        type(None): "nothing",
        Any: "anything",
    }
    if annotation in names:
        return names[annotation]
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return "IPv4 address" if annotation == Ipv4 else _type(args[0])
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in args)
    if origin in (typing.Union, UnionType):
        return " or ".join(_type(each) for each in args)
    if origin in (tuple, list):
        return f"list of {_type(args[0])}"
    if origin is not None and len(args) == 2:
        return f"{_type(args[0])}: {_type(args[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{each.value}`" for each in annotation)
    return getattr(annotation, "__name__", str(annotation))


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return "needed" if info.default_factory is None else "see right"
    value = info.default
    if isinstance(value, Enum):
        value = value.value
    if value is None or value in ((), [], {}, ""):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{round(value, 4) if isinstance(value, float) else value}`"


def _clean(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
