"""The shell around the core, with real servers in processes of their own over real gRPC."""

import asyncio
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from common.errors import ConfigError, DeviceError
from common.settings import load_settings
from protos.messages import Box, Detection, Outcome
from robot.agent import Agent
from robot.config import RobotConfig
from robot.decision import Decision
from robot.drivers.console import NoLights
from robot.hardware import Hardware
from robot.states import State
from robot.values import STILL, ArmourSide, DriveCommand, Key, Odometry, Pose, Sound
from tests.robot.edge_process import PATIENCE_S, Edge, until
from tests.robot.truth_camera import TruthCamera


class PaperBase:
    """Remembers the last command."""

    def __init__(self) -> None:
        self.command = STILL
        self.stops = 0
        self.ready = True

    async def drive(self, command: DriveCommand) -> DriveCommand:
        self.command = command
        return command

    async def stop(self) -> None:
        self.stops += 1
        self.command = STILL

    def odometry(self) -> Odometry:
        return Odometry(asyncio.get_running_loop().time(), Pose())


PERSON = Detection("person", 0.9, Box(0.35, 0.4, 0.1, 0.2), (180, 40, 40))


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(tmp_path)
    yield edge
    edge.kill()


def settings(port: int, **flags: object) -> RobotConfig:
    servers = [{"address": f"127.0.0.1:{port}"}] if port else []
    given = {"handover.servers": servers, "handover.zeroconf": False, "robot_id": "test", "keyboard": False}
    given |= {"behaviour.wakeup_s": 0.1, "handover.reconnect_cap_s": 0.3, "handover.penalty.first_s": 0.3}
    return load_settings(RobotConfig, None, "", given | {key.replace("__", "."): value for key, value in flags.items()})


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(agent.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def agent_of(config: RobotConfig, camera: TruthCamera, base: PaperBase) -> tuple[Agent, list[Decision]]:
    decisions: list[Decision] = []
    agent = Agent(
        config, Hardware(camera, base, NoLights()), on_decision=lambda now_s, decision: decisions.append(decision)
    )
    return agent, decisions


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_it_follows_stops_when_its_only_server_dies_or_freezes_and_follows_again(
    edge: Edge, how: signal.Signals
) -> None:
    await edge.start()
    base = PaperBase()
    agent, decisions = agent_of(settings(edge.port), TruthCamera(PERSON), base)
    async with running(agent):
        await until(lambda: base.command.forward_mps > 0.1)
        assert agent.core.state is State.FOLLOW
        assert decisions[-1].light.rgb == (0, 255, 0)

        edge.send(how)
        await until(lambda: agent.view().state is State.OFFLINE)
        assert base.command.is_still

        if how is signal.SIGKILL:
            edge.kill()
            await edge.start()
        else:
            edge.send(signal.SIGCONT)
        await until(lambda: agent.view().state is State.FOLLOW and base.command.forward_mps > 0.1)
    assert base.command.is_still
    moving = [d.result_age_s for d in decisions if not d.command.is_still]
    assert max(moving) < 0.28
    assert agent.core.safety.stops >= 1
    counts = agent.session.counts()
    assert counts.pending == counts.unaccounted == 0
    assert counts.outcomes[Outcome.RESULT] > 0


async def test_without_any_server_it_looks_about_for_one_and_stands() -> None:
    base = PaperBase()
    agent, decisions = agent_of(settings(0), TruthCamera(PERSON), base)
    async with running(agent):
        await until(lambda: agent.view().state is State.OFFLINE)
        await until(lambda: agent.view().jpeg != b"")  # the page still has a picture
    assert all(decision.command.is_still for decision in decisions)
    counts = agent.session.counts()
    assert (counts.sent, counts.unaccounted) == (0, 0)


@pytest.mark.parametrize("tasks", [["face"], []], ids=["as announced", "known by address only"])
async def test_faces_are_followed_where_no_server_knows_persons(tmp_path: Path, tasks: list[str]) -> None:
    edge = Edge(tmp_path, "face")
    try:
        await edge.start()
        face = Detection("face", 0.9, Box(0.4, 0.4, 0.05, 0.06), (180, 140, 120))
        base = PaperBase()
        server = {"address": f"127.0.0.1:{edge.port}", "tasks": tasks}
        agent, _ = agent_of(settings(0, handover__servers=[server]), TruthCamera(face), base)
        async with running(agent):
            await until(lambda: base.command.forward_mps > 0.1)
            assert agent.view().label == "face"
    finally:
        edge.kill()


async def test_the_end_of_a_film_is_a_normal_end() -> None:
    base = PaperBase()
    agent, _ = agent_of(settings(0), TruthCamera(most=3), base)
    await asyncio.wait_for(agent.run(), PATIENCE_S)
    assert base.stops >= 1


async def test_a_camera_that_comes_back_is_used_again() -> None:
    camera = TruthCamera()
    agent, _ = agent_of(settings(0), camera, PaperBase())
    async with running(agent):
        await until(lambda: agent.view().camera_fps > 0)
        camera.failing = True
        await until(lambda: camera.opened == 2)
        jpeg = agent.view().jpeg
        assert jpeg
        await until(lambda: agent.view().jpeg is not jpeg)


class NoCamera(TruthCamera):
    async def open(self) -> None:
        raise DeviceError("camera 0: cannot be opened.")


async def test_no_camera_at_the_start_is_an_error_and_the_wheels_are_stopped() -> None:
    base = PaperBase()
    agent, _ = agent_of(settings(0), NoCamera(), base)
    with pytest.raises(DeviceError, match="camera 0"):
        await asyncio.wait_for(agent.run(), PATIENCE_S)
    assert base.stops >= 1


async def test_a_base_that_fails_ends_the_run_with_its_error() -> None:
    class Broken(PaperBase):
        async def drive(self, command: DriveCommand) -> DriveCommand:
            raise DeviceError("base: the cable is out")

    agent, _ = agent_of(settings(0), TruthCamera(), Broken())
    with pytest.raises(DeviceError, match="cable"):
        await asyncio.wait_for(agent.run(), PATIENCE_S)


async def test_the_quit_key_ends_the_run() -> None:
    agent, _ = agent_of(settings(0), TruthCamera(), PaperBase())
    async with running(agent) as task:
        await until(lambda: agent.view().decision is not None)
        agent.press(Key.QUIT)
        await asyncio.wait_for(task, PATIENCE_S)


async def test_log_and_metrics_tell_about_the_run(edge: Edge, tmp_path: Path, free_port: int) -> None:
    await edge.start()
    config = settings(edge.port, log__path=tmp_path / "run.csv", metrics_port=free_port)
    agent, _ = agent_of(config, TruthCamera(PERSON), PaperBase())
    async with running(agent):
        await until(lambda: agent.session.counts().outcomes.get(Outcome.RESULT, 0) > 5)
        text = await asyncio.to_thread(scrape, free_port)
    assert 'tagalong_robot_state{state="follow"}' in text
    assert 'tagalong_robot_frames_total{outcome="result"}' in text
    assert 'tagalong_robot_rtt_seconds_count{server="edge-1"}' in text
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "time,state,server,rtt,detections,x,y,heading,fps"
    assert any(",edge-1," in line for line in lines)


async def test_a_page_on_a_taken_port_is_told_at_once(free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        agent, _ = agent_of(settings(0, web__enabled=True, web__port=free_port), TruthCamera(), PaperBase())
        with pytest.raises(ConfigError, match=str(free_port)):
            await asyncio.wait_for(agent.run(), PATIENCE_S)


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bell:
    """A speaker that remembers."""

    def __init__(self) -> None:
        self.played: list[Sound] = []

    async def play(self, sound: Sound) -> None:
        self.played.append(sound)


class Plate:
    """Armour that is hit when a test says so."""

    def __init__(self) -> None:
        self.hits: asyncio.Queue[ArmourSide] = asyncio.Queue()

    async def next_hit(self) -> ArmourSide:
        return await self.hits.get()


async def test_wheels_out_of_reach_send_it_offline_a_hit_makes_it_flee_and_states_are_heard(edge: Edge) -> None:
    await edge.start()
    base, bell, plate = PaperBase(), Bell(), Plate()
    config = settings(edge.port, behaviour__escape=True)
    agent = Agent(config, Hardware(TruthCamera(PERSON), base, NoLights(), bell, plate))
    async with running(agent):
        await until(lambda: base.command.forward_mps > 0.1)
        assert Sound.FOLLOW in bell.played

        base.ready = False
        await until(lambda: agent.view().state is State.OFFLINE)
        assert base.command.is_still
        base.ready = True
        await until(lambda: base.command.forward_mps > 0.1)

        plate.hits.put_nowait(ArmourSide.FRONT)
        await until(lambda: agent.view().state is State.HIT and base.command.forward_mps < -0.1)
