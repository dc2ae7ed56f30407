"""The command as a process of its own: what it prints, how it ends, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.robot.onlooker import install

ROBOT = "import typer; from robot.cli import robot; typer.run(robot)"
# stdin becomes the terminal this process runs in, as in a shell
IN_A_TERMINAL = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {ROBOT}"
ENVIRONMENT = {**os.environ, "TAGALONG_INTERFACES": "127.0.0.1", "TERM": "dumb", "COLUMNS": "120"}


def robot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ROBOT, "--no-discovery", *arguments]
    env = ENVIRONMENT | environment
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--camera", "/nowhere.avi"], 1, "camera /nowhere.avi: there is no such file"),
        (["--driver", "wheels"], 2, "'console', 'robomaster-text'"),
        (["--keep-distance", "0"], 2, "servo.keep_distance_m"),
        (["--config", "/nowhere.yaml"], 2, "/nowhere.yaml: cannot be read"),
        (["--server", "nowhere"], 2, "handover.servers.0.address"),
        (["--broker", "mqtt://127.0.0.1:1"], 2, "Add --archive"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_a_traceback(arguments: list[str], code: int, says: str) -> None:
    done = robot(*arguments)
    assert done.returncode == code
    lines = [line for line in done.stderr.splitlines() if line.startswith("tagalong robot: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in done.stderr


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return path


def test_a_film_that_ends_is_a_good_end_with_a_summary_and_a_log(film: Path, tmp_path: Path) -> None:
    done = robot("--camera", str(film), "--log", str(tmp_path / "run.csv"), "--id", "pi-1")
    assert done.returncode == 0, done.stderr
    assert "robot pi-1: looks for person" in done.stdout
    assert "sent 0 frames" in done.stdout
    assert (tmp_path / "run.csv").read_text().startswith("time,state,server")


WATCHER = """
from common.errors import ConfigError

def watcher(config, clock):
    raise ConfigError(f"archive: {dict(config.archive)} will not do")
"""


@pytest.mark.parametrize(
    ("flags", "archive"),
    [
        (["--archive"], {"enabled": True}),
        (["--archive", "--broker", "mqtt://10.0.0.7:1"], {"enabled": True, "broker": {"url": "mqtt://10.0.0.7:1"}}),
    ],
)
def test_the_archive_is_turned_on_by_flags_and_its_wrong_settings_stop_the_start(
    film: Path, tmp_path: Path, flags: list[str], archive: dict[str, object]
) -> None:
    install(tmp_path / "site", "tagalong.watchers", WATCHER)
    paths = os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parents[2])])
    done = robot("--camera", str(film), *flags, PYTHONPATH=paths)
    assert done.returncode == 2
    assert f"tagalong robot: archive: {archive} will not do" in done.stderr
    assert "Traceback" not in done.stderr
    assert robot("--camera", str(film), "--no-archive", PYTHONPATH=paths).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_good_order_when_told_to_and_leaves_the_terminal_usable(
    picture: Path, number: signal.Signals
) -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, "--no-discovery", "--camera", str(picture)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        while "flash 5 Hz" not in process.stdout.readline():  # awake: everything runs
            assert process.poll() is None
        assert not termios.tcgetattr(theirs)[3] & termios.ICANON
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert "sent 0 frames" in output
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
