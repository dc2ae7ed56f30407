"""The archive's unit: systemd finds nothing to complain about, and the settings beside it fit it and the programs."""

import re
import shlex
from pathlib import Path

import pytest

from archive.config import ForwardConfig, StoreConfig
from common.settings import load_settings
from tests.deploy.archive_parts import blocks
from tests.deploy.test_systemd import FOLDER, Repeating, systemd

UNIT = FOLDER / "tagalong-archive@.service"
EXPOSURE_AT_MOST = 1.5  # of systemd-analyze's 0 to 10; what is left is the network
PROGRAMS = ("forward", "store")


def unit(instance: str) -> Repeating:
    parser = Repeating(strict=False, interpolation=None)
    text = UNIT.read_text(encoding="utf-8").replace("%i", instance).replace("%S", "/var/lib")
    parser.read_string(text)
    return parser


def copy(folder: Path, instance: str) -> Path:
    program = folder / "tagalong"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    target = folder / UNIT.name.replace("@", f"@{instance}")
    target.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/tagalong/bin/tagalong", str(program)))
    return target


@pytest.mark.parametrize("program", PROGRAMS)
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path, program: str) -> None:
    done = systemd("systemd-analyze", "verify", "--man=no", str(copy(tmp_path, program)))
    assert [line for line in done.stderr.splitlines() if "tagalong-archive" in line] == []
    assert done.returncode == 0, done.stderr


def test_it_may_touch_little(tmp_path: Path) -> None:
    done = systemd("systemd-analyze", "security", "--offline=true", "--no-pager", str(copy(tmp_path, "forward")))
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE_AT_MOST


def test_starting_again_has_limits_and_does_not_try_wrong_settings() -> None:
    service, head = unit("forward")["Service"], unit("forward")["Unit"]
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"  # ConfigError, see archive/running.py
    assert float(head["StartLimitIntervalSec"]) > float(head["StartLimitBurst"]) * float(service["RestartSec"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_settings_beside_it_are_valid_and_name_what_the_unit_hands_in(program: str) -> None:
    service = unit(program)["Service"]
    assert shlex.split(service["ExecStart"])[1:3] == ["archive", program]
    file = FOLDER / f"archive-{program}.yaml"
    assert service["ExecStart"].endswith(f"--config /etc/tagalong/{file.name}")
    state = Path("/var/lib") / service["StateDirectory"]
    assert service["WorkingDirectory"] == str(state)
    if program == "forward":
        forward = load_settings(ForwardConfig, file)
        broker, written = forward.remote, forward.spool.path
    else:
        store = load_settings(StoreConfig, file)
        broker, written = store.broker, Path(store.storage.url.removeprefix("file://"))
    assert written is not None
    assert written.is_relative_to(state)
    name, _, source = service["LoadCredential"].partition(":")
    assert broker.password_file == Path(f"/run/credentials/tagalong-archive@{program}.service/{name}")
    assert source == f"/etc/tagalong/archive-{program}.password"


def test_both_can_run_on_one_machine() -> None:
    forward = load_settings(ForwardConfig, FOLDER / "archive-forward.yaml")
    store = load_settings(StoreConfig, FOLDER / "archive-store.yaml")
    assert forward.metrics_port != store.metrics_port


def test_the_pages_commands_put_all_that_the_unit_names_in_place() -> None:
    (commands,) = blocks("sh", "enable --now tagalong-archive@forward")
    named = re.findall(r"/(?:opt|etc)/tagalong/[\w./-]+\w", UNIT.read_text("utf-8").replace("%i", "forward"))
    named += re.findall(r"/etc/tagalong/[\w./-]+", (FOLDER / "archive-forward.yaml").read_text("utf-8"))
    optional = {"/opt/tagalong/bin/tagalong", "/etc/tagalong/archive-forward.env", "/etc/tagalong/archive-NAME.yaml"}
    installed = {
        words[-1] for line in commands.splitlines() if (words := shlex.split(line)) and "install" in words[1:2]
    }
    assert set(named) - optional <= installed
    assert f"/etc/systemd/system/{UNIT.name}" in installed
