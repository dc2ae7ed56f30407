"""The rover stops when a key of the scenario asks for a picture, another server dresses the person, it follows on."""

import io
import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from rich.console import Console

from common.errors import DeviceError, ModelError
from edge_server.models.store import ModelStore
from robot.states import State
from sim import gl
from sim.lockstep import Moment
from sim.mirrored import MirrorWatch
from sim.plan import TRYON_MODELS
from sim.play import Options
from sim.play import play as play_it
from sim.scenario import Scenario, load
from tests.closed_loop.runs import changed, play

WALK = [{"at": [2.0, 0.0], "speed_mps": 0.5, "pause_s": 2.0}, {"at": [3.2, 0.1], "speed_mps": 0.5, "pause_s": 60.0}]
KEYS = [{"t_s": 6.0, "key": "mirror", "garment": "jacket-denim"}]


def short(**changes: Any) -> Scenario:
    person = {**load("mirror").people[0].model_dump(), "path": WALK}
    return changed("mirror", **{"length_s": 12.0, "people": [person], "keys": KEYS, **changes})


def test_in_real_time_the_person_is_dressed_and_the_picture_lies_beside_the_report(tmp_path: Path) -> None:
    try:
        gl.require()
        for name in TRYON_MODELS:
            ModelStore().path(name)
    except (DeviceError, ModelError) as error:
        pytest.skip(str(error))
    file = tmp_path / "short.yaml"
    file.write_text(yaml.safe_dump(short().model_dump(mode="json")))
    console = Console(file=io.StringIO(), width=200)
    options = Options(str(file), oracle=True, headless=True, report=tmp_path / "run" / "report.json")
    assert play_it(console, options), console.file.getvalue()  # type: ignore[attr-defined]

    report = json.loads((tmp_path / "run" / "report.json").read_text())
    (mirrored,) = report["mirror"]
    assert (mirrored["dressed"], mirrored["garment"], mirrored["node"]) == (True, "jacket-denim", "fitting-room")
    entered = [(entry["state"], entry["t"]) for entry in report["states"]]
    assert [state for state, _ in entered][-3:] == ["follow", "mirror", "follow"]
    assert entered[-2][1] >= 6.0
    assert entered[-1][1] - entered[-2][1] == pytest.approx(mirrored["took_s"], abs=0.01)
    picture = cv2.imread(str(tmp_path / "run" / "dressed.jpg"))
    assert picture is not None
    assert picture.shape[0] == 480
    lines = (tmp_path / "run" / "report.csv").read_text().splitlines()
    state, moving = (lines[0].split(",").index(name) for name in ("state", "moving"))
    in_mirror = [line.split(",") for line in lines[1:] if line.split(",")[state] == "mirror"]
    assert in_mirror
    assert {cells[moving] for cells in in_mirror} <= {"0", "False"}, "the wheels stand all the time"


def test_in_lockstep_the_state_has_its_time_and_no_picture_is_made(tmp_path: Path) -> None:
    moved: list[float] = []

    def watch(moment: Moment) -> None:
        if moment.decision.state is State.MIRROR and not moment.decision.command.is_still:
            moved.append(moment.time_s)

    one, two = (play(short(), tmp_path, watch=watch) for _ in range(2))
    assert one == two
    (mirrored,) = one["mirror"]
    assert mirrored == {
        "t": 6.0,
        "garment": "jacket-denim",
        "dressed": True,
        "took_s": 2.0,
        "node": "fitting-room",
        "why_not": None,
    }
    assert [entry["state"] for entry in one["states"]][-3:] == ["follow", "mirror", "follow"]
    assert moved == []


def test_in_lockstep_without_a_server_that_dresses_there_is_no_picture_and_it_follows_on(tmp_path: Path) -> None:
    servers = [server.model_dump() for server in load("mirror").servers if not server.tryon]
    report = play(short(servers=servers), tmp_path)
    assert [each["why_not"] for each in report["mirror"]] == ["no server dresses people"]
    assert report["states"][-1]["state"] == "follow"


def test_the_summary_says_why_nobody_was_dressed(tmp_path: Path) -> None:
    servers = [server.model_dump() for server in load("mirror").servers if not server.tryon]
    file = tmp_path / "short.yaml"
    file.write_text(yaml.safe_dump(short(servers=servers).model_dump(mode="json")))
    console = Console(file=io.StringIO(), width=200)
    options = Options(str(file), lockstep=True, oracle=True, headless=True, report=tmp_path / "run" / "report.json")
    assert not play_it(console, options)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "nobody was dressed at 6.0 s: no server dresses people" in said


def test_a_key_that_comes_to_nothing_is_no_request(tmp_path: Path) -> None:
    report = play(short(keys=[{"t_s": 0.2, "key": "mirror"}, {"t_s": 1.0, "key": "forget"}]), tmp_path)
    assert "mirror" not in report


def test_other_keys_are_pressed_too(tmp_path: Path) -> None:
    keys = [{"t_s": 5.0, "key": "mirror"}, {"t_s": 5.5, "key": "estop"}]
    report = play(short(keys=keys, length_s=9.0), tmp_path)
    assert report["states"][-1]["state"] == "estop"
    assert [each["why_not"] for each in report["mirror"]] == ["the robot did something else"]


def test_a_request_that_is_left_is_told_with_the_state_that_came_instead() -> None:
    from robot.mirror_view import MirrorView, Phase

    watch = MirrorWatch()
    view = MirrorView((("a", "A"),), "a")
    assert watch.look(1.0, State.FOLLOW, view) is None
    assert watch.look(2.0, State.MIRROR, view) is None
    assert watch.look(3.0, State.MIRROR, MirrorView((("a", "A"),), "a", Phase.ASKING)) is None
    ended = watch.look(4.0, State.OFFLINE, MirrorView((("a", "A"),), "a", Phase.ASKING))
    assert ended is not None
    assert (ended.t_s, ended.took_s, ended.dressed, ended.why_not) == (
        2.0,
        2.0,
        False,
        "the robot went over to offline",
    )
    assert watch.look(5.0, State.FOLLOW, view) is None
