"""Where model files are found at run time. Nothing is fetched here."""

import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from common.errors import ModelError
from edge_server.models.manifest import MANIFEST, ByHand, Model

FOLDER_VARIABLE = "TAGALONG_MODELS"


class State(StrEnum):
    READY = "ready"
    MISSING = "missing"
    WRONG_HASH = "wrong hash"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one model: the file that counts, or None."""

    model: Model
    state: State
    path: Path | None


def user_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder `tagalong models pull` fills: $XDG_CACHE_HOME or ~/.cache, then tagalong/models."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tagalong" / "models"


def default_search(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """$TAGALONG_MODELS first (one folder, or several as in PATH), then the user cache."""
    given = environ.get(FOLDER_VARIABLE, "")
    return (*(Path(part) for part in given.split(os.pathsep) if part), user_cache(environ))


class ModelStore:
    """Model files in a list of folders; each file's SHA-256 is checked when it is first asked for."""

    def __init__(self, search: Sequence[Path] | None = None, manifest: Mapping[str, Model] = MANIFEST) -> None:
        self.search = tuple(search) if search is not None else default_search()
        self.manifest = manifest
        self._checked: dict[tuple[Path, int, int], str] = {}

    def model(self, name: str) -> Model:
        """By name or by file name. Raises ModelError that suggests the nearest name."""
        for model in self.manifest.values():
            if name in (model.name, model.file):
                return model
        near = difflib.get_close_matches(name, list(self.manifest), n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(self.manifest)}."
        raise ModelError(f"there is no model {name!r} in the manifest. {advice}")

    def find(self, name: str) -> Found:
        """The first file with the right content; else the first with the wrong one."""
        model = self.model(name)
        wrong: Path | None = None
        for folder in self.search:
            path = folder / model.file
            if not path.is_file():
                continue
            if self._hash(path) == model.sha256:
                return Found(model, State.READY, path)
            wrong = wrong or path
        return Found(model, State.WRONG_HASH if wrong else State.MISSING, wrong)

    def path(self, name: str) -> Path:
        """The file of a model. Raises ModelError that says which file to put where, or what to run."""
        found = self.find(name)
        if found.state is State.READY and found.path is not None:
            return found.path
        model = found.model
        if found.path is not None:
            raise ModelError(
                f"{found.path} is not the model {model.name}: its SHA-256 is {self._hash(found.path)[:16]}…, not "
                f"{model.sha256[:16]}…. Remove it and {how_to_get(model, self.search)}"
            )
        places = " or ".join(str(folder) for folder in self.search)
        raise ModelError(
            f"the model {model.name} ({model.file}) is not in {places}. To get it, {how_to_get(model, self.search)}"
        )

    def _hash(self, path: Path) -> str:
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._checked:
            self._checked[key] = sha256_of(path)
        return self._checked[key]


def sha256_of(path: Path) -> str:
    """In hexadecimal. Raises ModelError when the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error


def how_to_get(model: Model, search: Sequence[Path]) -> str:
    """The next step, as the end of a message."""
    if isinstance(model.source, ByHand):
        return f"put {model.file} (from {model.source.where}) into {search[0]}"
    return f"run: tagalong models pull {model.name}   or put {model.file} into {search[0]}"
