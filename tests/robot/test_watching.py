"""Those who look on: what they get, and that nothing they do reaches the robot."""

import asyncio
import logging
import math
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import ConfigError
from protos.messages import Box, Detection, Outcome
from robot import probes
from robot.agent import Agent
from robot.check import Mark, Probe, look
from robot.config import RobotConfig
from robot.decision import Decision
from robot.drivers.console import NoLights
from robot.hardware import Hardware
from robot.states import State
from robot.values import Frame, Key
from robot.watching import watchers_of
from tests.handover.edge_double import EdgeDouble, serving
from tests.robot.edge_process import PATIENCE_S, Edge, until
from tests.robot.onlooker import Onlooker, install
from tests.robot.test_agent import PERSON, PaperBase, running, scrape, settings
from tests.robot.truth_camera import TruthCamera

FACE = Detection("face", 0.9, Box(0.38, 0.41, 0.03, 0.05), (180, 140, 120))
GROUP = "tagalong.test-watchers"


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A server that offers persons and faces."""
    edge = Edge(tmp_path, "person", "face")
    yield edge
    edge.kill()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def agent_of(
    config: RobotConfig, watcher: Onlooker, base: PaperBase, camera: TruthCamera | None = None
) -> tuple[Agent, list[Decision]]:
    decisions: list[Decision] = []
    hardware = Hardware(camera or TruthCamera(PERSON, FACE), base, NoLights())
    agent = Agent(config, hardware, on_decision=lambda now_s, each: decisions.append(each), watchers=(watcher,))
    return agent, decisions


# ---- what they get ----


async def test_every_picture_and_every_answer_is_shown_with_the_robot_s_own_tracks(edge: Edge) -> None:
    await edge.start()
    watcher = Onlooker("face")
    agent, _ = agent_of(settings(edge.port), watcher, PaperBase())
    async with running(agent):
        await until(lambda: len(watcher.answers) >= 20)
        assert watcher.starts == 1
    assert watcher.ended
    numbers = [number for number, _ in watcher.seen]
    counts = agent.session.counts()
    assert numbers == list(range(1, counts.sent + counts.unsent + 1))
    assert len(watcher.answers) == counts.outcomes[Outcome.RESULT] - counts.overtaken

    captures = dict(watcher.seen)
    for answer in watcher.answers:
        assert answer.capture_s == captures[answer.number]
        assert answer.server_id == "edge-1"
        assert {each.label for each in answer.detections} == {"person", "face"}
        assert all(track.last_seen_s == answer.capture_s for track in answer.tracks)
        assert {track.label for track in answer.tracks} == {"person", "face"}
    faces = {track.track_id for answer in watcher.answers for track in answer.tracks if track.label == "face"}
    assert len(faces) == 1
    assert watcher.answers[-1].tracks[0].confirmed


async def test_what_was_not_seen_in_a_picture_is_no_track_of_it(edge: Edge) -> None:
    await edge.start()
    watcher, camera = Onlooker("face"), TruthCamera(PERSON, FACE)
    agent, _ = agent_of(settings(edge.port), watcher, PaperBase(), camera)
    async with running(agent):
        await until(lambda: len(watcher.answers) >= 5)
        camera.seen = (PERSON,)
        await until(lambda: len(watcher.answers[-1].detections) == 1)
        assert any(track.label == "face" for track in agent.core.tracks)  # remembered
        assert [track.label for track in watcher.answers[-1].tracks] == ["person"]


async def test_an_answer_that_the_tracker_cannot_use_comes_without_tracks(edge: Edge) -> None:
    class Ahead(TruthCamera):
        """Its clock is wrong: pictures from the future are of no use to drive by."""

        async def latest(self) -> Frame:
            frame = await super().latest()
            return replace(frame, capture_s=frame.capture_s + 60.0)

    await edge.start()
    watcher, base = Onlooker("face"), PaperBase()
    agent, decisions = agent_of(settings(edge.port), watcher, base, Ahead(PERSON, FACE))
    async with running(agent):
        await until(lambda: len(watcher.answers) >= 5)
    assert all(answer.detections and answer.tracks == () for answer in watcher.answers)
    assert all(decision.command.is_still for decision in decisions)


async def test_a_face_beside_its_person_is_nobody_else_to_the_mirror(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(PERSON, box=Box(0.8, 0.4, 0.1, 0.2), mean_rgb=(20, 20, 200))
    told: list[tuple[Box | None, tuple[Box, ...]]] = []
    await edge.start()
    agent, _ = agent_of(settings(edge.port), Onlooker("face"), PaperBase(), TruthCamera(PERSON, FACE, other))
    monkeypatch.setattr(agent.dressing, "answered", lambda number, target, others: told.append((target, others)))
    async with running(agent):
        await until(lambda: len(told) >= 15)
    target, others = told[-1]
    assert target is not None
    assert [box.cx for box in others] == [pytest.approx(0.85, abs=0.02)]


# ---- what servers are asked for ----


@asynccontextmanager
async def asked(double: EdgeDouble, watcher: Onlooker, **flags: object) -> AsyncIterator[Agent]:
    async with serving(double) as port:
        agent, _ = agent_of(settings(port, **flags), watcher, PaperBase())
        async with running(agent):
            yield agent


async def test_a_server_that_knows_no_faces_is_used_all_the_same() -> None:
    double, watcher = EdgeDouble("persons"), Onlooker("face")
    async with asked(double, watcher) as agent:
        await until(lambda: agent.view().state is State.FOLLOW and len(watcher.answers) > 5)
    assert double.hello is not None
    assert (list(double.hello.tasks), list(double.hello.extra_tasks)) == (["person"], ["face"])
    assert {each.label for answer in watcher.answers for each in answer.detections} == {"person"}


async def test_a_server_that_knows_only_faces_is_none_for_a_robot_that_follows_persons() -> None:
    double, watcher = EdgeDouble("faces"), Onlooker("face")
    double.offers = ("face",)
    async with asked(double, watcher, face_fallback=False) as agent:
        await until(lambda: any(view.server.tasks == ("face",) for view in agent.view().servers))
        await until(lambda: agent.view().state is State.OFFLINE and len(watcher.seen) > 5)
    assert double.hello is None
    assert watcher.answers == []


async def test_with_the_fallback_it_follows_faces_and_asks_for_them_once() -> None:
    double = EdgeDouble("faces")
    double.offers = ("face",)
    async with asked(double, Onlooker("face")):
        await until(lambda: double.hello is not None)
    assert double.hello is not None
    assert (list(double.hello.tasks), list(double.hello.extra_tasks)) == (["face"], [])


@pytest.mark.parametrize(("extra", "labels"), [("face", ["dog"]), ("coco", [])])
async def test_the_one_class_that_is_followed_takes_nothing_from_those_who_look_on(
    extra: str, labels: list[str]
) -> None:
    double = EdgeDouble("coco")
    double.offers = ("coco",)
    async with asked(double, Onlooker(extra), target__label="dog"):
        await until(lambda: double.hello is not None)
    assert double.hello is not None
    assert (list(double.hello.tasks), list(double.hello.labels)) == (["coco"], labels)


# ---- what they do wrong ----


@pytest.mark.parametrize("call", ["saw", "answered", "run"])
async def test_one_that_fails_changes_nothing_about_driving_and_stopping(
    edge: Edge, call: str, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    await edge.start()
    watcher, base = Onlooker("face", fails=call), PaperBase()
    agent, decisions = agent_of(settings(edge.port, metrics_port=free_port), watcher, base)
    with caplog.at_level(logging.ERROR, "robot.watching"):
        async with running(agent):
            await until(lambda: base.command.forward_mps > 0.1)
            assert agent.core.state is State.FOLLOW
            await until(lambda: agent.view().watcher_failures.get(("Onlooker", call), 0) >= 2)
            metrics = await asyncio.to_thread(scrape, free_port)
            edge.kill()
            await until(lambda: agent.view().state is State.OFFLINE)
            assert base.command.is_still
            await edge.start()
            await until(lambda: agent.view().state is State.FOLLOW and base.command.forward_mps > 0.1)
    assert base.command.is_still
    assert max(each.result_age_s for each in decisions if not each.command.is_still) < 0.28
    assert f'tagalong_robot_watcher_failures_total{{call="{call}",watcher="Onlooker"}}' in metrics
    assert set(agent.view().watcher_failures) == {("Onlooker", call)}
    told = [record for record in caplog.records if record.name == "robot.watching"]
    assert len(told) == 1
    assert call in told[0].getMessage()
    assert told[0].exc_info is not None
    if call == "run":
        assert watcher.starts >= 2
        assert len(watcher.answers) > 0
    else:
        assert watcher.starts == 1


async def test_one_that_fails_at_its_end_holds_up_nobody() -> None:
    class Clumsy(Onlooker):
        async def run(self) -> None:
            try:
                await super().run()
            finally:
                raise RuntimeError("the broker hung up first")

    watcher, base = Clumsy(), PaperBase()
    agent, _ = agent_of(settings(0), watcher, base)
    async with running(agent) as task:
        await until(lambda: watcher.starts == 1 and agent.view().decision is not None)
        agent.press(Key.QUIT)
        await asyncio.wait_for(task, PATIENCE_S)
    assert watcher.starts == 1
    assert agent.view().watcher_failures == {("Clumsy", "run"): 1}
    assert base.stops >= 1


async def test_one_that_fails_costs_the_others_nothing(edge: Edge) -> None:
    await edge.start()
    good, hardware = Onlooker("face"), Hardware(TruthCamera(PERSON, FACE), PaperBase(), NoLights())
    bad = [Onlooker(fails=call) for call in ("saw", "answered", "run")]
    agent = Agent(settings(edge.port), hardware, watchers=(*bad, good))
    async with running(agent):
        await until(lambda: len(good.answers) >= 5)
    assert {each.label for each in good.answers[-1].detections} == {"person", "face"}
    assert not math.isnan(good.answers[-1].capture_s)


async def test_one_whose_run_comes_to_its_end_goes_on_looking(edge: Edge) -> None:
    class Brief(Onlooker):
        async def run(self) -> None:
            self.starts += 1

    await edge.start()
    watcher = Brief("face")
    agent, _ = agent_of(settings(edge.port), watcher, PaperBase())
    async with running(agent):
        await until(lambda: len(watcher.answers) >= 5)
    assert watcher.starts == 1


# ---- how they come ----


def wanting(**archive: object) -> RobotConfig:
    return RobotConfig.model_validate({"archive": {"enabled": True, **archive}})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is searched for packages; the robot looks for watchers of a group that only they can have."""
    monkeypatch.setattr("robot.watching.PLUGINS", GROUP)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    sys.modules.pop("onlooking", None)


CODE = """
from common.errors import ConfigError
from tests.robot.onlooker import Onlooker

def watcher(config, clock):
    if "colour" in config.archive:
        raise ConfigError("archive.colour: there is no such key")
    made = Onlooker("face")
    made.made_of = config.archive["broker"], clock()
    return made
"""


def test_what_the_settings_ask_for_is_made_by_the_package_that_brings_it(site: Path) -> None:
    install(site, GROUP, CODE)
    made = watchers_of(wanting(broker={"url": "mqtt://127.0.0.1:1"}), lambda: 7.0)["archive"]
    assert made.tasks == ("face",)
    assert made.made_of == ({"url": "mqtt://127.0.0.1:1"}, 7.0)  # type: ignore[attr-defined]


def test_nothing_is_made_or_imported_where_it_is_not_asked_for(site: Path) -> None:
    install(site, GROUP, "raise RuntimeError('imported')")
    assert watchers_of(RobotConfig(), lambda: 0.0) == {}
    off = RobotConfig.model_validate({"archive": {"enabled": False, "broker": {"url": "mqtt://127.0.0.1:1"}}})
    assert watchers_of(off, lambda: 0.0) == {}


async def test_a_check_asks_them_and_one_that_fails_is_named(site: Path) -> None:
    assert await probes.watchers(RobotConfig()) == []
    code = CODE.replace("return made", "made.fails = config.archive.get('fails', '')\n    return made")
    install(site, GROUP, code)
    (found,) = await probes.watchers(wanting(broker="here"))
    assert (found.what, found.mark, found.found) == ("archive", Mark.GOOD, "all that it needs is there")
    (found,) = await look(wanting(broker="here", fails="probe"), [Probe("watchers", 5.0, probes.watchers)])
    assert (found.mark, found.found) == (Mark.BAD, "RuntimeError: probe went wrong")
    (found,) = await look(wanting(colour="red"), [Probe("watchers", 5.0, probes.watchers)])
    assert (found.mark, found.found) == (Mark.BAD, "archive.colour: there is no such key")


def test_a_wrong_setting_of_theirs_stops_the_start(site: Path) -> None:
    install(site, GROUP, CODE)
    with pytest.raises(ConfigError, match=r"archive\.colour: there is no such key"):
        watchers_of(wanting(colour="red"), lambda: 0.0)


def test_one_that_is_not_installed_is_named_with_what_to_install(site: Path) -> None:
    with pytest.raises(ConfigError, match=r"'archive'\. Run: pip install 'tagalong\[archive\]'"):
        watchers_of(wanting(), lambda: 0.0)


def test_a_library_that_it_misses_is_named_with_what_to_install(site: Path) -> None:
    install(site, GROUP, "import no_such_mqtt_library")
    with pytest.raises(ConfigError, match=r"no_such_mqtt_library.*pip install 'tagalong\[archive\]'"):
        watchers_of(wanting(), lambda: 0.0)


@pytest.mark.parametrize("enabled", ["yes please", 1, None])
def test_on_is_true_and_nothing_else(enabled: object) -> None:
    with pytest.raises(ValueError, match="enabled is true or false"):
        RobotConfig.model_validate({"archive": {"enabled": enabled}})
