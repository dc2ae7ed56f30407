"""Finds a Python that runs DJI's package, or makes one in the user's cache."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "robomaster==0.1.1.68"
SHIMS = Path(__file__).with_name("shims")
MAKING_S = 300.0


@dataclass(frozen=True, slots=True)
class SdkPython:
    """How to start a script that imports `robomaster`."""

    program: str
    has_video: bool  # DJI's decoder is compiled for Python 3.8
    environment: dict[str, str] = field(default_factory=dict)


class NoSdkError(Exception):
    """It cannot be had here; the message says why."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tagalong"


def find() -> SdkPython:
    """Raises NoSdkError. May take a minute the first time, and needs the package index then."""
    if wanted := os.environ.get("TAGALONG_DJI_PYTHON"):
        found = SdkPython(wanted, has_video=True)
        if why := _fault(found):
            raise NoSdkError(f"TAGALONG_DJI_PYTHON={wanted} does not import robomaster: {why}")
        return found
    home = cache() / "dji-sdk"
    made = SdkPython(str(home / "bin/python"), has_video=True)
    if _fault(made) is None:
        return made
    whys = []
    for make in (lambda: _environment(home), lambda: _unpacked(cache() / "dji-sdk-unpacked")):
        try:
            found = make()
        except (NoSdkError, OSError, subprocess.SubprocessError) as error:
            whys.append(str(error))
            continue
        why = _fault(found)
        if why is None:
            return found
        whys.append(why)
    raise NoSdkError(f"DJI's package is not here and could not be installed: {'; '.join(whys)}")


def _fault(python: SdkPython) -> str | None:
    """Why it does not import the package; None: it does."""
    try:
        done = subprocess.run(
            [python.program, "-c", "from robomaster import robot"],
            env=os.environ | python.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _environment(home: Path) -> SdkPython:
    """Under Python 3.8, as DJI made it: nothing is changed."""
    old = next(iter(_python38()), None)
    if old is None:
        raise NoSdkError("there is no Python 3.8")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        _run(old, "-m", "venv", str(home))
        python = str(home / "bin/python")
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", PACKAGE)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    return SdkPython(python, has_video=True)


def _python38() -> list[str]:
    places = [shutil.which("python3.8"), *map(str, sorted(Path.home().glob(".pyenv/versions/3.8*/bin/python3.8")))]
    works = []
    for place in places:
        if place is None:
            continue
        said = subprocess.run(  # pyenv's shim is there for every version, and works for those that are switched on
            [place, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=False
        )
        if said.stdout.strip() == "(3, 8)":
            works.append(place)
    return works


def _unpacked(home: Path) -> SdkPython:
    """The package's Python files beside this Python's own modules, and small stand-ins for those that are missing."""
    if sys.version_info >= (3, 13):
        raise NoSdkError("under Python 3.13 audioop is missing")
    if not (home / "robomaster").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        tool = home / "tool"
        venv.create(tool, with_pip=True)
        wheel = ("--python-version", "3.8", "--implementation", "cp", "--abi", "cp38")
        options = ("--quiet", "--disable-pip-version-check", "--retries", "1", "--no-deps", "--only-binary=:all:")
        platform = ("--platform", "manylinux2014_x86_64", "--dest", str(home))
        _run(str(tool / "bin/python"), "-m", "pip", "download", *options, *wheel, *platform, PACKAGE)
        with zipfile.ZipFile(next(home.glob("robomaster-*.whl"))) as archive:
            archive.extractall(home, [name for name in archive.namelist() if name.startswith("robomaster/")])
        shutil.rmtree(tool, ignore_errors=True)
    return SdkPython(sys.executable, has_video=False, environment={"PYTHONPATH": f"{home}{os.pathsep}{SHIMS}"})


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAKING_S, check=False)
    if done.returncode:
        raise NoSdkError(f"{' '.join(command[1:4])}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
