"""Settings of the robot, and what is said about wrong ones."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from rich.console import Console

from common.errors import ConfigError
from common.settings import load_settings
from robot.build import hardware_of
from robot.cameras.config import OpencvCameraConfig
from robot.config import ENV_PREFIX, ConsoleBaseConfig, RobotConfig, SimCameraConfig


def test_the_defaults_follow_a_person_seen_by_the_first_webcam() -> None:
    config = RobotConfig()
    assert config.wanted_tasks == ("person",)
    assert config.camera == OpencvCameraConfig(source="0")
    assert config.base == ConsoleBaseConfig()
    assert config.robot_id
    assert not config.web.enabled


@pytest.mark.parametrize(("label", "task"), [("person", "person"), ("face", "face"), ("dog", "coco")])
def test_the_label_decides_what_servers_are_asked_for(label: str, task: str) -> None:
    assert load_settings(RobotConfig, None, "", {"target.label": label}).wanted_tasks == (task,)


def test_file_environment_and_flags_meet(tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("camera: {source: film.avi}\nservo: {keep_distance_m: 2.0}\nheights_m: {person: 0.8}\n")
    environ = {f"{ENV_PREFIX}__SERVO__KEEP_DISTANCE_M": "2.5", f"{ENV_PREFIX}__BASE__RECKONS": "true"}
    flags = {"handover.servers": [{"address": "127.0.0.1:50050"}], "target.label": None}
    config = load_settings(RobotConfig, file, ENV_PREFIX, flags, environ)
    assert config.camera == OpencvCameraConfig(source="film.avi")
    assert config.servo.keep_distance_m == 2.5
    assert config.heights_m["person"] == 0.8
    assert isinstance(config.base, ConsoleBaseConfig)
    assert config.base.reckons
    assert config.handover.servers[0].address == "127.0.0.1:50050"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("servo: {keep_distnce_m: 2}", "did you mean 'keep_distance_m'?"),
        (
            "servo: {keep_distance_m: 0.1}",
            "servo.keep_distance_m: Input should be greater than or equal to 0.4, got 0.1",
        ),
        ("camera: {kind: opencv, sorce: 1}", "did you mean 'source'?"),
        ("camera: {sorce: 1}", "did you mean 'source'?"),
        ("base: {kind: wheels}", "'console', 'robomaster-text'"),
        ("safety: {max_age_s: 0.2}", "slow_age_s"),
        ("handover: {servers: [{address: nowhere}]}", "handover.servers.0.address"),
        ("trget: {}", "did you mean 'target'?"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        RobotConfig.load(file)
    assert expected in str(caught.value)


def test_hardware_that_nobody_brings_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot.build.PLUGINS", "tagalong.nothing-here")
    with pytest.raises(ConfigError, match=r"tagalong\[sim\]"):
        hardware_of(RobotConfig(camera=SimCameraConfig()), Console())


def settings_in(annotation: Any) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found = {annotation}
        inner = [field.annotation for field in annotation.model_fields.values()]
    else:
        inner = list(get_args(annotation))
    return found.union(*(settings_in(each) for each in inner))


@pytest.mark.parametrize("model", sorted(settings_in(RobotConfig), key=str), ids=str)
def test_every_setting_says_what_changing_it_does(model: type[BaseModel]) -> None:
    silent = [name for name, field in model.model_fields.items() if name != "kind" and not field.description]
    assert not silent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("camera: {kind: robomaster}", "base.kind robomaster-text"),
        ("lights: robomaster", "not a RoboMaster"),
        ("{camera: {kind: robomaster}, base: {kind: robomaster-text, profile: s1}}", "picamera2"),
        ("{camera: {kind: robomaster}, base: {kind: robomaster-binary, profile: s1}}", "picamera2"),
        ("{camera: {kind: robomaster}, base: {kind: robomaster-text, connection: uart}}", "camera.ip"),
    ],
)
def test_parts_that_do_not_go_together_are_named(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        hardware_of(RobotConfig.load(file), Console())


@pytest.mark.parametrize("kind", ["robomaster-text", "robomaster-binary"])
def test_a_rover_brings_its_lights_unless_others_are_asked_for(kind: str) -> None:
    rover = hardware_of(RobotConfig.model_validate({"base": {"kind": kind}}), Console())
    assert rover.armour is not None
    assert [job.name for job in rover.jobs] == ["rover"]
    assert (rover.speaker is not None) == (kind == "robomaster-binary")
    led = hardware_of(RobotConfig.model_validate({"base": {"kind": kind}, "lights": "gpio"}), Console())
    assert type(led.lights) is not type(rover.lights)
    assert [job.name for job in led.jobs] == ["rover", "lights"]
