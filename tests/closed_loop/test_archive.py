"""The simulated robot follows somebody and archives faces beside, over a real broker."""

import asyncio
from pathlib import Path

import pytest

from archive.config import LogConfig
from archive.face import Face
from archive.logger import run_logger
from archive.mqtt import Mail
from archive.on_robot import watcher
from archive.pictures import fields_in, to_png
from common.errors import ConfigError
from common.supervise import Job, supervise
from robot.config import RobotConfig
from sim.plan import make_plan
from sim.realtime import RealTime
from tests.archive.brokers import broker
from tests.closed_loop.runs import changed, needs_pictures
from tests.closed_loop.test_realtime import play

ENGINES = {"person": "blazepose:landmarks=0,threads=1", "face": "blazeface:threads=1"}
SERVER = {"id": "edge-1", "access_point": "ap-door", "colour": "#2e86de", "engines": ENGINES}


async def test_a_robot_that_follows_publishes_faces_and_drives_as_safely_as_without(tmp_path: Path) -> None:
    needs_pictures()
    async with broker("local", tmp_path) as local:
        archive = {"enabled": True, "broker": {"url": local.url}, "choice": {"min_confidence": 0.4}}
        scenario = changed(
            "mirror", length_s=9.0, servers=[SERVER], keys=[], robot={"archive": archive, "robot_id": "rover-7"}
        )
        got: list[tuple[Face, Mail]] = []
        run = RealTime(make_plan(scenario), tmp_path)
        reports = []

        async def drive() -> None:
            reports.append(await play(run))

        listen = Job(
            "log",
            lambda: run_logger(LogConfig.model_validate({"broker": {"url": local.url}}), lambda *m: got.append(m)),
        )
        await supervise([listen, Job("run", drive, ends_all=True)])
    (report,) = reports
    assert "follow" in [entry["state"] for entry in report["states"]]
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["safety"]["collisions"] == 0
    assert report["offload"]["unaccounted"] == 0
    assert got
    for face, mail in got:
        assert (face.robot, face.edge) == ("rover-7", "edge-1")
        assert face.time is not None
        assert face.fields() == fields_in(mail.payload) == dict(mail.fields)  # beside the picture, and in it
        assert to_png(mail.payload, {}, 1_000_000) == mail.payload


async def test_nobody_at_the_broker_is_nothing_to_a_robot(tmp_path: Path) -> None:
    needs_pictures()
    archive = {"enabled": True, "broker": {"url": "mqtt://127.0.0.1:9"}}
    scenario = changed("mirror", length_s=6.0, servers=[SERVER], keys=[], robot={"archive": archive})
    report = await play(RealTime(make_plan(scenario), tmp_path))
    assert "follow" in [entry["state"] for entry in report["states"]]
    assert report["safety"]["max_moving_age_ms"] <= 300


@pytest.mark.parametrize(
    ("robot_id", "archive", "message"),
    [
        ("hall/1", {}, r"robot_id: 'hall/1' cannot be part of an MQTT topic"),
        ("#", {}, "robot_id"),
        ("hall", {"brokre": {}}, r"brokre: there is no such key; did you mean 'broker'\?"),
        ("hall", {"broker": {"url": "http://x"}}, r"broker\.url: write mqtt://HOST:PORT"),
        ("hall", {"topic": "faces/#"}, "exactly one of them {robot}"),
    ],
)
async def test_settings_that_cannot_be_stop_the_start_and_are_named(
    robot_id: str, archive: dict[str, object], message: str
) -> None:
    config = RobotConfig.model_validate({"robot_id": robot_id, "archive": {"enabled": True, **archive}})
    with pytest.raises(ConfigError, match=message):
        watcher(config, asyncio.get_running_loop().time)
