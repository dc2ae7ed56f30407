"""The agent before real server processes: one that sees people, one that dresses them."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ModelError
from edge_server.garments.catalogue import BUILT_IN, Catalogue
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection
from robot.agent import Agent
from robot.dressing_config import MirrorConfig
from robot.drivers.console import NoLights
from robot.hardware import Hardware
from robot.mirror_view import MirrorView, Phase
from robot.states import State
from robot.values import CameraModel, DriveCommand, Frame, Key
from sim.portrait import portrait
from tests.robot.edge_process import Edge, quietly, until
from tests.robot.test_agent import PaperBase, agent_of, running, settings
from tests.robot.truth_camera import TruthCamera

PERSON = Detection("person", 0.9, Box(0.4, 0.15, 0.2, 0.45), (217, 83, 30))


class PortraitCamera(TruthCamera):
    """A person before a plain wall, and the truth about her for the engine `oracle`."""

    def __init__(self) -> None:
        super().__init__(PERSON)
        self.model = CameraModel(640, 480)
        person = cv2.resize(portrait("#d9531e", False).bgr[:700], (320, 437))
        self._bgr = np.full((480, 640, 3), 200, np.uint8)
        self._bgr[43:, 160:480] = person

    async def latest(self) -> Frame:
        frame = await super().latest()
        return Frame(self._bgr, frame.number, frame.capture_s, frame.truth)


class FittingRoom(Edge):
    """An edge server that only dresses people."""

    async def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tagalong", "edge", "--id", "fitting-room", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--no-liquidedge", "--no-announce", "--ready-file", str(self._ready)]
        self.process = await asyncio.to_thread(quietly, [*command, "--task", "tryon", "--tryon", "local"])
        await until(self._ready.exists)
        self.port = json.loads(self._ready.read_text())["port"]


@pytest.fixture
def edges(tmp_path: Path) -> Iterator[tuple[Edge, Edge]]:
    try:
        for model in ("blazepose", "blazepose-landmarks"):
            ModelStore().path(model)
    except ModelError as error:
        pytest.skip(str(error))
    folders = [tmp_path / name for name in ("sees", "dresses")]
    for folder in folders:
        folder.mkdir()
    sees, dresses = Edge(folders[0]), FittingRoom(folders[1])
    yield sees, dresses
    sees.kill()
    dresses.kill()


def agent_before(*edges: Edge) -> tuple[Agent, PaperBase]:
    tasks = (["person"], ["tryon"])
    servers = [{"address": f"127.0.0.1:{e.port}", "tasks": t} for e, t in zip(edges, tasks, strict=False)]
    base = PaperBase()
    agent, _ = agent_of(settings(0, handover__servers=servers, mirror__keep_s=600.0), PortraitCamera(), base)
    return agent, base


def mirror_of(agent: Agent) -> MirrorView:
    view = agent.view().mirror
    assert view is not None
    return view


async def test_the_person_in_view_is_dressed_by_another_server_while_the_robot_stands(edges: tuple[Edge, Edge]) -> None:
    await asyncio.gather(*(edge.start() for edge in edges))
    agent, base = agent_before(*edges)
    told: set[str] = set()
    moved: list[DriveCommand] = []

    def watch(now_s: float, decision: object) -> None:
        view = mirror_of(agent)
        told.add(f"{view.phase}: {view.text}")
        if agent.core.state is State.MIRROR and not base.command.is_still:
            moved.append(base.command)

    agent.on_decision = watch
    async with running(agent):
        await until(lambda: agent.core.state is State.FOLLOW)
        agent.choose("tee-breton")
        agent.press(Key.MIRROR)
        await until(lambda: agent.core.state is State.FOLLOW)
        view = mirror_of(agent)
        assert (view.phase, view.garment, view.node) == (Phase.DRESSED, "tee-breton", "fitting-room"), view.text
        dressed = cv2.imdecode(np.frombuffer(view.picture, np.uint8), cv2.IMREAD_COLOR)
        assert dressed is not None
        before = PortraitCamera()._bgr
        changed = (np.abs(dressed.astype(int) - before).max(axis=2) > 60).mean()
        assert dressed.shape == before.shape
        assert 0.02 < changed < 0.4, "a shirt has changed, and not everything"
        agent.press(Key.FORGET)
        assert mirror_of(agent).picture == b""
    assert moved == []
    assert any(line.startswith("looking") for line in told)
    assert any(line.startswith("asking") for line in told)


async def test_without_a_server_for_it_the_robot_says_so_and_follows_on(edges: tuple[Edge, Edge]) -> None:
    sees, _ = edges
    await sees.start()
    agent, _ = agent_before(sees)
    async with running(agent):
        await until(lambda: agent.core.state is State.FOLLOW)
        agent.press(Key.MIRROR)
        await until(lambda: agent.core.state is State.FOLLOW)
        view = mirror_of(agent)
        assert view.phase is Phase.FAILED
        assert "no node that puts garments on" in view.text


async def test_a_server_that_dies_at_work_is_told_and_the_robot_follows_on(edges: tuple[Edge, Edge]) -> None:
    _, dresses = edges
    await asyncio.gather(*(edge.start() for edge in edges))
    agent, _ = agent_before(*edges)
    async with running(agent):
        await until(lambda: agent.core.state is State.FOLLOW)
        agent.press(Key.MIRROR)
        await until(lambda: mirror_of(agent).phase is Phase.ASKING)
        dresses.kill()
        await until(lambda: agent.core.state is State.FOLLOW)
        assert mirror_of(agent).phase is Phase.FAILED
        assert "fitting-room" in mirror_of(agent).text


async def test_when_the_servers_that_see_die_it_is_offline_and_dresses_nobody(edges: tuple[Edge, Edge]) -> None:
    sees, _ = edges
    await asyncio.gather(*(edge.start() for edge in edges))
    agent, base = agent_before(*edges)
    async with running(agent):
        await until(lambda: agent.core.state is State.FOLLOW)
        sees.kill()
        agent.press(Key.MIRROR)
        await until(lambda: agent.core.state is State.OFFLINE)
        await until(lambda: mirror_of(agent).phase in (Phase.READY, Phase.DRESSED))
        assert base.command.is_still
        agent.press(Key.MIRROR)
        assert agent.core.state is State.OFFLINE
        assert "No server answers" in mirror_of(agent).text


async def test_with_nobody_in_view_it_says_so() -> None:
    agent = Agent(settings(0), Hardware(TruthCamera(), PaperBase(), NoLights()))
    async with running(agent):
        await until(lambda: agent.core.state is State.SEARCH)
        agent.press(Key.MIRROR)
        assert "Nobody is in view" in mirror_of(agent).text


def test_what_is_offered_without_settings_is_in_the_servers_catalogue_under_that_id() -> None:
    assert set(MirrorConfig().garments) <= {entry.garment_id for entry in Catalogue((BUILT_IN,)).entries()}
