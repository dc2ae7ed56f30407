"""`tagalong sim` as typed at a shell: what it says, how it ends, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from common.errors import DeviceError
from sim import gl

SIM = [sys.executable, "-m", "tagalong", "sim"]
ENVIRONMENT = {**os.environ, "TERM": "dumb", "COLUMNS": "160"}

SMALL = {
    "name": "small",
    "description": "One server, one person.",
    "length_s": 30,
    "world": {"floor": [{"corner": [-1, -2], "opposite": [9, 2]}]},
    "people": [{"id": "ada", "is_target": True, "path": [{"at": [2, 0]}]}],
    "access_points": [{"id": "ap", "at": [4, 1]}],
    "servers": [{"id": "edge-1", "access_point": "ap", "colour": "#2e86de", "engines": {"person": "oracle"}}],
}


def sim(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SIM, *map(str, arguments)], capture_output=True, text=True, timeout=90, env=ENVIRONMENT, check=False
    )


def scenario_file(folder: Path, **changes: object) -> Path:
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **changes}))
    return file


def needs_drawing() -> None:
    try:
        gl.require()
    except DeviceError as error:
        pytest.skip(str(error))


def test_list_tells_each_scenario_with_a_line() -> None:
    done = sim("--list")
    assert done.returncode == 0
    for name in ("corridor", "lab", "outage", "static"):
        assert any(line.startswith(name) and len(line) > 40 for line in done.stdout.splitlines()), done.stdout


def test_lockstep_writes_report_picture_and_trace(tmp_path: Path) -> None:
    done = sim(scenario_file(tmp_path, length_s=4), "--lockstep", "--headless", "--report", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert list(report)[:5] == ["scenario", "seed", "sim_seconds", "wall_seconds", "lockstep"]
    assert report["offload"]["result"] > 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4 * 50 + 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lenght_s": 3}, "lenght_s: there is no such key; did you mean 'length_s'?"),
        ({"robot": {"servo": {"keep_distanse_m": 1}}}, "did you mean 'keep_distance_m'?"),
        ({"length_s": -1}, "length_s: Input should be greater than 0, got -1"),
        ({"faults": [{"kind": "kill", "t_s": 1, "server": "edge-9"}]}, "no server 'edge-9'"),
        ({"faults": [{"kind": "explode", "t_s": 1}]}, "'kill'"),
        ({"servers": []}, "servers"),
        ({"world": None, "people": [], "video": "/nowhere.avi"}, "/nowhere.avi"),
    ],
)
def test_a_wrong_scenario_is_named_with_what_is_right(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    done = sim(scenario_file(tmp_path, **changes), "--lockstep", "--headless", "--report", tmp_path / "out.json")
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["coridor", "/nowhere/at-all.yaml"])
def test_a_missing_scenario_is_named(name: str) -> None:
    done = sim(name, "--lockstep", "--headless")
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_does_not_start_shows_its_last_lines(tmp_path: Path) -> None:
    needs_drawing()
    servers = [{**SMALL["servers"][0], "engines": {"person": "oracle:no_such_option=1"}}]  # type: ignore[index]
    done = sim(scenario_file(tmp_path, servers=servers), "--headless", "--report", tmp_path / "out.json")
    assert done.returncode == 1
    assert "edge server edge-1 ended with 2 before it was ready" in done.stderr
    assert "no_such_option" in done.stderr, "the server's own words"
    assert "Traceback" not in done.stderr


def children_of(pid: int) -> set[int]:
    """The servers that a simulator has started (they are wrapped by `common.child`, which is told its parent's id)."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"edge" in words and _is_descendant(entry.name, pid):
            found.add(int(entry.name))
    return found


def _is_descendant(name: str, ancestor: int) -> bool:
    pid = int(name) if name.isdigit() else 0
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("moment", ["while servers start", "while it follows"])
def test_ctrl_c_at_any_moment_ends_every_child(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    needs_drawing()
    file, log = scenario_file(tmp_path), tmp_path / "robot.csv"
    settings = tmp_path / "robot.yaml"
    settings.write_text(yaml.safe_dump({"log": {"path": str(log)}}))
    command = [*SIM, str(file), "--headless", "--robot", str(settings), "--report", str(tmp_path / "out.json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True
    ) as process:
        try:
            children: set[int] = set()
            due_s = time.monotonic() + 60
            while time.monotonic() < due_s:
                children = children_of(process.pid)
                follows = log.is_file() and "follow" in log.read_text()
                if children and (moment == "while servers start" or follows):
                    break
                time.sleep(0.02)
            assert children, process.communicate(timeout=5)
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode in (130, 143), errors
    assert "Traceback" not in errors
    left = {pid for pid in children if Path(f"/proc/{pid}").exists()}
    assert not left
