"""The service: systemd finds nothing to complain about, and the script that installs it can be run again and again."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from robot.cameras.config import Picamera2Config
from robot.config import RobotConfig

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = FOLDER / "tagalong-robot.service"
INSTALL = FOLDER / "install.sh"
EXPOSURE_AT_MOST = 2.0  # of systemd-analyze's 0 to 10; what is left is the network and the devices a robot needs


class Repeating(configparser.ConfigParser):
    """Keys as written; the last of a repeated key is kept."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit() -> Repeating:
    parser = Repeating(strict=False, interpolation=None)
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def systemd(*command: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed here")
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    program = tmp_path / "tagalong"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/tagalong/bin/tagalong", str(program)))
    done = systemd("systemd-analyze", "verify", "--man=no", str(copy))
    ours = [line for line in done.stderr.splitlines() if UNIT.stem in line]  # not what this machine's own units have
    assert ours == []
    assert done.returncode == 0, done.stderr


def test_it_may_touch_little() -> None:
    done = systemd("systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT))
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE_AT_MOST


def test_the_watchdog_leaves_time_for_a_slow_machine_and_starting_again_has_limits() -> None:
    service, head = unit()["Service"], unit()["Unit"]
    assert service["Type"] == "notify"
    assert 2 <= float(service["WatchdogSec"]) <= 10
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"  # ConfigError, see robot/cli.py
    assert float(head["StartLimitIntervalSec"]) > float(head["StartLimitBurst"]) * float(service["RestartSec"])
    assert service["KillMode"] == "control-group"


def test_the_user_of_the_unit_is_made_with_the_groups_that_cameras_pins_and_serial_lines_need() -> None:
    done = systemd("systemd-sysusers", "--dry-run", str(FOLDER / "sysusers.conf"))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in (FOLDER / "sysusers.conf").read_text().splitlines() if not line.startswith("#")]
    user = unit()["Service"]["User"]
    assert [line[1] for line in lines if line[0] == "u"] == [user]
    assert {line[2] for line in lines if line[:2] == ["m", user]} == {"video", "gpio", "spi", "dialout"}


def test_the_settings_that_are_installed_are_valid() -> None:
    config = RobotConfig.load(FOLDER / "robot.yaml")
    assert isinstance(config.camera, Picamera2Config)
    assert not config.keyboard


FAKE_PYTHON = """#!/bin/sh
echo "$0 $*" >> "$CALLS"
case "$*" in
*"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*find_spec*) exit 0 ;;
*"import picamera2"*) [ -e "$CALLS.mended" ] ;;
*simplejpeg*) touch "$CALLS.mended" ;;
esac
"""


def test_the_script_installs_all_that_the_unit_names_and_keeps_settings_when_run_again(tmp_path: Path) -> None:
    python, calls, root = tmp_path / "python", tmp_path / "calls", tmp_path / "root"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "CALLS": str(calls), "DESTDIR": str(root)}

    def install() -> str:
        done = subprocess.run(["sh", INSTALL], env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "enable --now tagalong-robot" in install()
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {
        "etc/systemd/system/tagalong-robot.service",
        "etc/sysusers.d/tagalong.conf",
        "etc/tagalong/robot.yaml",
        "opt/tagalong/bin/python",
        "opt/tagalong/share/raspberry-pi.md",
    }
    made = calls.read_text()
    assert "-m venv --system-site-packages" in made
    assert f"--constraint {FOLDER.parents[1]}/constraints.txt {FOLDER.parents[1]}[robot,robomaster,web]" in made
    assert made.count("simplejpeg") == 1
    named = re.findall(r"/(?:opt|etc)/tagalong/\S+", UNIT.read_text(encoding="utf-8"))
    assert {name[1:] for name in named} - {"opt/tagalong/bin/tagalong"} <= files  # that one comes by pip

    settings = root / "etc/tagalong/robot.yaml"
    settings.write_text("robot_id: mine\n")
    assert "are kept" in install()
    assert settings.read_text() == "robot_id: mine\n"
    again = calls.read_text().removeprefix(made)
    assert "venv" not in again
    assert "simplejpeg" not in again


def test_without_root_the_script_says_how_to_run_it() -> None:
    command = ["sh", str(INSTALL)]
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    try:
        readable = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    except FileNotFoundError:
        pytest.skip("setpriv is not installed here")
    if "Permission denied" in readable.stderr:
        pytest.skip("the checkout cannot be read without root")
    assert readable.returncode == 1
    assert "needs root. Run: sudo" in readable.stderr
