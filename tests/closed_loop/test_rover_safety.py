"""Whoever dies, the wheels in the world stand half a second later. Real processes, real sockets, over both protocols.

The emulated robot holds its last speed for ever, as the real one may: that it stops here is the client's doing, or the
motors' when the robot's own computer dies.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from common.supervise import Job
from sim.robomaster.emulator import Emulator
from sim.robomaster.remote import RemoteEmulator
from tests.closed_loop.rover_runs import AgentProcess, Watcher, beside, body_in, open_space
from tests.robot.edge_process import Edge, until

WITHIN_S = 0.5
BRISK_MPS = 0.5  # so fast it drives when something happens to it
DRIVERS = ["robomaster-text", "robomaster-binary"]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    edge = Edge(tmp_path)
    await edge.start()
    yield edge
    edge.kill()


@pytest.fixture
def agents() -> Iterator[list[AgentProcess]]:
    """Ends every agent that a test starts."""
    started: list[AgentProcess] = []
    yield started
    for agent in started:
        agent.end()


def start_agent(agents: list[AgentProcess], folder: Path, edge: Edge, driver: str, ip: str) -> AgentProcess:
    agent = AgentProcess(folder, edge.port, {"kind": driver, "connection": "sta", "ip": ip})
    agents.append(agent)
    agent.start()
    return agent


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("driver", DRIVERS)
async def test_the_wheels_stand_when_the_agent_is(
    tmp_path: Path, edge: Edge, agents: list[AgentProcess], driver: str, how: signal.Signals
) -> None:
    ip = f"127.0.70.{1 + 2 * DRIVERS.index(driver) + (how is signal.SIGSTOP)}"
    clock = open_space()
    watcher, emulator = Watcher(clock), Emulator(body_in(clock), ip, hold_s=None)
    async with beside(Job("watcher", watcher.run), *emulator.jobs()):
        await emulator.ready()
        agent = start_agent(agents, tmp_path, edge, driver, ip)
        await until(lambda: watcher.mps > BRISK_MPS)
        agent.signal(how)
        end_s = time.monotonic()
        await until(lambda: time.monotonic() > end_s + 1.5)
        assert watcher.still_after_s(end_s) <= WITHIN_S, agent.log


@pytest.mark.parametrize("driver", DRIVERS)
async def test_the_motors_stand_when_the_robot_s_computer_dies_and_the_agent_goes_offline(
    tmp_path: Path, edge: Edge, agents: list[AgentProcess], driver: str
) -> None:
    ip = f"127.0.70.{11 + DRIVERS.index(driver)}"
    clock = open_space()
    watcher = Watcher(clock)
    with RemoteEmulator(body_in(clock), ip) as robot:
        async with beside(Job("watcher", watcher.run), Job("robot", robot.run)):
            agent = start_agent(agents, tmp_path, edge, driver, ip)
            await until(lambda: watcher.mps > BRISK_MPS)
            robot.signal(signal.SIGKILL)
            end_s = time.monotonic()
            await until(lambda: "state: offline" in agent.log)
            await asyncio.sleep(max(0.0, end_s + 1.0 - time.monotonic()))
            assert watcher.still_after_s(end_s) <= WITHIN_S, agent.log


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_robot_that_boots_again_is_driven_again(
    tmp_path: Path, edge: Edge, agents: list[AgentProcess], driver: str
) -> None:
    ip = f"127.0.70.{21 + DRIVERS.index(driver)}"
    clock = open_space()
    watcher = Watcher(clock)
    async with beside(Job("watcher", watcher.run)):
        with RemoteEmulator(body_in(clock), ip) as robot:
            async with beside(Job("robot", robot.run)):
                agent = start_agent(agents, tmp_path, edge, driver, ip)
                await until(lambda: watcher.mps > BRISK_MPS)
                robot.signal(signal.SIGKILL)
                await until(lambda: "state: offline" in agent.log)
        await until(lambda: watcher.looks[-1].stands)
        with RemoteEmulator(body_in(clock), ip) as robot:
            async with beside(Job("robot", robot.run)):
                await until(lambda: watcher.mps > BRISK_MPS)


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_wheels_stand_when_the_cable_is_pulled(tmp_path: Path, driver: str) -> None:
    """In network namespaces: a cable between the robot and the agent's computer, pulled at the agent's end."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs unshare (util-linux) and ip (iproute2)")
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("network namespaces are not allowed here")
    command = ["unshare", "-rn", sys.executable, "-m", "tests.closed_loop.rover_cable", str(tmp_path), driver]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["still_after_s"] <= WITHIN_S
    assert told["offline"], "the agent drives on"
    assert told["drives_again"], "the cable is back and nothing moves"
