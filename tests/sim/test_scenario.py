"""Scenario files: those that come with the simulator, and what a wrong one is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from common.errors import ConfigError
from sim import scenario
from sim.scenario import Scenario

EVE = {"id": "eve", "is_target": True, "path": [{"at": [3, 0]}]}


def corridor_with(tmp_path: Path, **changes: Any) -> Path:
    """The corridor's file with some keys replaced."""
    data = yaml.safe_load((Path(scenario.__file__).parent / "scenarios" / "corridor.yaml").read_text())
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({**data, **changes}))
    return file


def refusal(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        scenario.load(file)
    return str(caught.value)


@pytest.mark.parametrize("name", [name for name, _ in scenario.available()])
def test_built_in_scenarios_load_under_their_own_name(name: str) -> None:
    assert scenario.load(name).name == name


def test_the_list_has_one_line_for_each_scenario() -> None:
    listed = dict(scenario.available())
    assert {"corridor", "lab", "static", "outage"} <= set(listed)
    assert all(line and "\n" not in line for line in listed.values())


def test_corridor_is_the_run_that_was_promised() -> None:
    corridor = scenario.load("corridor")
    assert corridor.length_s == 60
    assert [(fault.kind, fault.t_s, fault.server) for fault in corridor.faults] == [("kill", 45, "active")]
    assert len({server.access_point for server in corridor.servers}) == len(corridor.servers) == 3
    assert len({server.colour for server in corridor.servers}) == 3


def test_an_unknown_scenario_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"no scenario 'coridor'.*corridor, faces, lab"):
        scenario.load("coridor")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "gone.yaml") in refusal(tmp_path / "gone.yaml")


def test_a_wrong_key_is_named_with_the_nearest_right_one(tmp_path: Path) -> None:
    message = refusal(corridor_with(tmp_path, lenght_s=60))
    assert "mine.yaml" in message
    assert "lenght_s" in message
    assert "did you mean 'length_s'?" in message


def test_a_wrong_key_deep_inside_is_named_with_its_place(tmp_path: Path) -> None:
    people = [{"id": "eve", "is_target": True, "pth": [], "path": [{"at": [3, 0]}]}]
    message = refusal(corridor_with(tmp_path, people=people))
    assert "people.0.pth" in message
    assert "'path'" in message


def test_a_wrong_key_of_furniture_is_looked_up_among_its_kind(tmp_path: Path) -> None:
    world = {
        "floor": [{"corner": [0, 0], "opposite": [5, 5]}],
        "furniture": [{"kind": "cylinder", "at": [1, 1], "radius_m": 0.1, "height_m": 1, "radius": 1}],
    }
    message = refusal(corridor_with(tmp_path, world=world))
    assert "did you mean 'radius_m'?" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"faults": [{"kind": "kill", "t_s": 5, "server": "edge-9"}]}, "edge-9"),
        ({"faults": [{"kind": "kill", "t_s": 70, "server": "active"}]}, "after the end"),
        ({"faults": [{"kind": "explode", "t_s": 5, "server": "active"}]}, "explode"),
        ({"people": []}, "is_target"),
        ({"people": [{"id": "eve", "path": [{"at": [3, 0]}]}]}, "is_target"),
        ({"people": [{"id": "eve", "is_target": True, "path": []}]}, "people.0.path"),
        ({"people": [{"id": "eve", "is_target": True, "path": [{"at": [3, 0]}, {"at": [3, 0]}]}]}, "in a row"),
        ({"people": [EVE] * 2}, "twice"),
        ({"people": [{**EVE, "appears_s": 9, "leaves_s": 4}]}, "leaves"),
        ({"servers": [{"id": "edge-1", "access_point": "nowhere", "colour": "#112233"}], "faults": []}, "nowhere"),
        ({"servers": []}, "servers"),
        ({"servers": [{"id": "e", "access_point": "ap-end", "colour": "#112233", "engines": {}}]}, "tryon"),
        ({"keys": [{"t_s": 5, "key": "quit"}]}, "keys.0.key"),
        ({"keys": [{"t_s": 70, "key": "mirror"}]}, "after the end"),
        ({"keys": [{"t_s": 7, "key": "mirror", "garment": "../x"}]}, "keys.0.garment"),
        ({"video": "made"}, "either world or video"),
        ({"length_s": -1}, "length_s"),
        ({"world": {"floor": [{"corner": [0, 0], "opposite": [1, 1]}], "floor_colour": "brown"}}, "floor_colour"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert said in refusal(corridor_with(tmp_path, **changes))


def test_a_video_is_looked_up_beside_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "walk.avi").write_bytes(b"")
    file = tmp_path / "table.yaml"
    base = scenario.load("static").model_dump()
    file.write_text(yaml.safe_dump({**base, "video": "walk.avi", "rover": {}}))
    assert scenario.load(file).video == str(tmp_path / "walk.avi")


def test_settings_of_the_robot_pass_through_unread(tmp_path: Path) -> None:
    assert scenario.load(corridor_with(tmp_path, robot={"safety": {"max_age_s": 0.2}})).robot == {
        "safety": {"max_age_s": 0.2}
    }


def test_the_model_is_plain_data() -> None:
    corridor = scenario.load("corridor")
    assert Scenario.model_validate(corridor.model_dump()) == corridor
