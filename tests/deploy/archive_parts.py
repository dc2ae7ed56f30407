"""What tests of the archive's deployment share: its page, its commands, and Mosquitto on a settings file of theirs."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archive.broker.private import find_program, free_port
from archive.config import ForwardConfig, GalleryConfig, LogConfig, StoreConfig
from archive.running import ENV_PREFIX
from common.settings import Strict, load_settings
from tagalong.cli import load
from tests.deploy.containerfile import ARCHIVE, TOP

DEPLOY = TOP / "deploy"
PAGE = (TOP / "docs" / "archive-deployment.md").read_text(encoding="utf-8")
BROKER_IMAGE = "eclipse-mosquitto:2.0.22"
MODELS: dict[str, type[Strict]] = {
    "forward": ForwardConfig,
    "gallery": GalleryConfig,
    "log": LogConfig,
    "store": StoreConfig,
}


def blocks(language: str, word: str) -> list[str]:
    """Of the page: those of a language in which a word stands."""
    return [text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in text]


def settings_of(words: list[str], environ: Mapping[str, str], file: Path | None = None) -> Any:
    """What `tagalong archive WORDS` would make of its flags, environment and file, by its own parsers."""
    program, *flags = words
    given = load("archive").commands[program].make_context(program, flags).params  # a wrong flag raises
    assert {name for name, value in given.items() if value is not None} <= {"config", "log_level"}
    return load_settings(
        MODELS[program], file, f"{ENV_PREFIX}_{program.upper()}", {}, {**ARCHIVE.environment(), **environ}
    )


def page_credentials(folder: Path) -> None:
    """Certificates and logins by the page's own commands, for brokers on this machine."""
    (commands,) = blocks("sh", "openssl req")
    for program in ("openssl", "mosquitto_passwd"):
        if find_program(program) is None:
            pytest.skip(f"{program} is not installed")
    commands = commands.replace("archive.example.org", "localhost").replace("edge.example.org", "localhost")
    script = folder / "credentials.sh"
    script.write_text(commands, encoding="utf-8")
    done = subprocess.run(
        ["sh", "-eu", str(script)], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def password(folder: Path, name: str) -> SecretStr:
    return SecretStr((folder / f"{name}.password").read_text(encoding="utf-8").strip())


def without(text: str, keys: set[str]) -> list[str]:
    """Lines of a Mosquitto settings file, sorted; no comments, none of these keys."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return sorted(line for line in lines if line.split()[0] not in keys)


@contextmanager
def mosquitto(file: Path, places: Mapping[str, Path], more: Mapping[str, Path] = {}) -> Iterator[dict[int, int]]:
    """Runs on `file`, with places of the container in folders of ours and on free ports; which: by those in the file.

    `more`: included files, which are rewritten too, by the name under which they are put into the folder beside.
    """
    program = find_program("mosquitto")
    if program is None:
        pytest.skip("mosquitto is not installed")
    folder = places["/var/lib/mosquitto/"]
    ports: dict[int, int] = {}

    def moved(text: str) -> str:
        for old, new in places.items():
            text = text.replace(old, f"{new}/" if old.endswith("/") else str(new))

        def listener(found: re.Match[str]) -> str:
            ports[int(found[1])] = free_port()
            return f"listener {ports[int(found[1])]} 127.0.0.1"

        return re.sub(r"^listener (\d+).*$", listener, text, flags=re.MULTILINE)

    for name, source in more.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(moved(source.read_text(encoding="utf-8")), encoding="utf-8")
    own = folder / "mosquitto.conf"
    root = "user root\n" if os.geteuid() == 0 else ""
    own.write_text(moved(file.read_text(encoding="utf-8")) + root, encoding="utf-8")
    child = subprocess.Popen([program, "-c", str(own)], stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    try:
        said: list[str] = []
        for line in child.stderr:
            said.append(line)
            if line.rstrip().endswith("running"):
                break
        else:
            pytest.fail("mosquitto ended: " + "".join(said))
        yield ports
    finally:
        child.terminate()
        child.communicate(timeout=30)


def kubectl(*arguments: str) -> str:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
