"""Settings say what is wrong, where, and what is allowed."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from common.errors import ConfigError
from common.settings import Strict, load_settings


class Webcam(Strict):
    kind: Literal["webcam"] = "webcam"
    index: int = 0


class Film(Strict):
    kind: Literal["film"] = "film"
    path: Path = Path("x.avi")


class Wheels(Strict):
    speed_mps: float = Field(default=0.5, gt=0, le=2)


class Robot(Strict):
    camera: Annotated[Webcam | Film, Field(discriminator="kind")] = Webcam()
    wheels: Wheels = Wheels()
    servers: tuple[Wheels, ...] = ()


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text("wheels: {speed_mps: 0.1}\ncamera: {kind: webcam, index: 1}\n")
    environ = {"ROBOT__WHEELS__SPEED_MPS": "0.2", "ROBOT__CAMERA__INDEX": "2", "OTHER": "x"}
    got = load_settings(Robot, file, "ROBOT", {"camera.index": 3, "wheels.speed_mps": None}, environ)
    assert got == Robot(camera=Webcam(index=3), wheels=Wheels(speed_mps=0.2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wheels: {sped_mps: 1}", "wheels.sped_mps: there is no such key; did you mean 'speed_mps'?"),
        ("wheels: {speed_mps: 9}", "wheels.speed_mps: Input should be less than or equal to 2, got 9"),
        ("camera: {kind: webcam, indexx: 1}", "did you mean 'index'?"),
        ("camera: {kind: radar}", "'webcam', 'film'"),
        ("servers: [{sped_mps: 1}]", "servers.0.sped_mps: there is no such key; did you mean 'speed_mps'?"),
        ("[1, 2]", "holds a list"),
        ("a: [", "is not YAML"),
        ("wheels: {speed_mps: .nan}", "wheels.speed_mps"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(Robot, file)
    assert expected in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_settings(Robot, tmp_path / "nowhere.yaml")


def test_a_login_in_the_environment_is_taken_as_it_stands() -> None:
    class Login(Strict):
        username: str = ""
        password: str = ""

    class Client(Strict):
        login: Login = Login()

    environ = {"T__LOGIN__PASSWORD": "0123", "T__LOGIN__USERNAME": "*pi: [x"}
    client = load_settings(Client, env_prefix="T", environ=environ)
    assert (client.login.username, client.login.password) == ("*pi: [x", "0123")


def test_a_variable_that_is_no_yaml_is_named() -> None:
    with pytest.raises(ConfigError, match=r"T__WHEELS__SPEED_MPS: '\[1' is not YAML"):
        load_settings(Robot, env_prefix="T", environ={"T__WHEELS__SPEED_MPS": "[1"})


def test_no_message_holds_a_password() -> None:
    class Login(Strict):
        username: str = ""
        password: str = Field(default="", min_length=8)

        @model_validator(mode="after")
        def _both(self) -> "Login":
            if not self.username:
                raise ValueError("username: is missing")
            return self

    for login in ({"password": "hunter2"}, {"password": "hunter2hunter2"}):
        with pytest.raises(ConfigError) as told:
            load_settings(Login, overrides=login)
        assert "hunter2" not in str(told.value)
        assert "***" in str(told.value)
