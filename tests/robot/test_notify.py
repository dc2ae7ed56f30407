"""What systemd hears of a robot: a real `tagalong robot` in front of a socket like systemd's."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.settings import load_settings
from handover.values import Server
from robot.agent import Agent
from robot.config import RobotConfig
from robot.decision import Decision
from robot.drivers.console import ConsoleBase, NoLights
from robot.hardware import Hardware
from robot.notify import Notifier, Service
from robot.states import State
from robot.values import DriveCommand, Light
from tests.robot.edge_process import until
from tests.robot.truth_camera import TruthCamera

ROBOT = "import typer; from robot.cli import robot; typer.run(robot)"


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def hear(self, wait_s: float = 0.0) -> list[str]:
        """All lines so far."""
        self._socket.settimeout(wait_s)
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().split("\n")
                self._socket.settimeout(0.0)
        except (TimeoutError, BlockingIOError):
            return self.heard

    def hear_until(self, line: str, times: int = 1, within_s: float = 60.0) -> None:
        end_s = time.monotonic() + within_s
        while self.hear(0.1).count(line) < times:
            assert time.monotonic() < end_s, f"{line} was not heard {times} times: {self.heard}"

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.close()


def decision(now_s: float, state: State = State.SEARCH, server: str | None = None) -> Decision:
    return Decision(now_s, state, Light(), server=Server(server, "192.0.2.1:1") if server else None)


def test_a_real_robot_is_ready_feeds_the_watchdog_and_tells_when_it_stops(manager: Manager, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.full((48, 64, 3), 90, np.uint8))
    told = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000", "TAGALONG_INTERFACES": "127.0.0.1"}
    command = [sys.executable, "-c", ROBOT, "--no-discovery", "--camera", str(picture), "--repeat"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **told}
    )
    try:
        manager.hear_until("READY=1")
        manager.hear_until("WATCHDOG=1", times=4)
        assert "STOPPING=1" not in manager.heard
        assert any(line.startswith("STATUS=wakeup") for line in manager.heard)
        process.send_signal(signal.SIGTERM)
        manager.hear_until("STOPPING=1")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    finally:
        process.kill()
        process.communicate()
    manager.hear()
    assert manager.heard.count("READY=1") == manager.heard.count("STOPPING=1") == 1
    assert manager.heard.index("READY=1") < manager.heard.index("STOPPING=1")


def test_a_robot_without_a_camera_is_never_ready(manager: Manager) -> None:
    command = [sys.executable, "-c", ROBOT, "--no-discovery", "--camera", "/nowhere.avi"]
    environment = {**os.environ, "NOTIFY_SOCKET": manager.address}
    assert subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).returncode == 1
    assert "READY=1" not in manager.hear()
    assert "STOPPING=1" in manager.heard


class StuckBase(ConsoleBase):
    """Wheels whose driver hangs when told to."""

    stuck = False

    async def drive(self, command: DriveCommand) -> DriveCommand:
        if self.stuck:
            await asyncio.Event().wait()
        return await super().drive(command)


async def test_a_control_loop_that_hangs_feeds_no_watchdog_though_all_else_goes_on(manager: Manager) -> None:
    given = {"handover.zeroconf": False, "keyboard": False}
    camera, base = TruthCamera(), StuckBase()
    with Service(Notifier(manager.address, watchdog_s=0.05)) as service:
        agent = Agent(
            load_settings(RobotConfig, None, "", given),
            Hardware(camera, base, NoLights()),
            on_decision=service.on_decision,
        )
        service.wait_for(lambda: bool(agent.view().jpeg))
        task = asyncio.create_task(agent.run())
        await until(lambda: manager.hear().count("WATCHDOG=1") > 3 and "READY=1" in manager.heard)
        base.stuck = True
        pictures = camera._number
        await until(lambda: camera._number > pictures + 2)  # the tick in which it got stuck is over
        fed, pictures = manager.hear().count("WATCHDOG=1"), camera._number
        await until(lambda: camera._number > pictures + 5)  # at 20 a second: five times the watchdog's time
        assert manager.hear().count("WATCHDOG=1") == fed
        task.cancel()
        await asyncio.wait([task])


def test_it_is_fed_at_half_the_watchdogs_time_and_after_a_jump_of_the_clock(manager: Manager) -> None:
    service = Service(Notifier(manager.address, watchdog_s=2.0))
    for tick in range(251):  # five seconds
        service.on_decision(100 + tick * 0.02, decision(100.0))
    assert manager.hear().count("WATCHDOG=1") == 6
    service.on_decision(7.0, decision(7.0))
    assert manager.hear().count("WATCHDOG=1") == 7
    service.__exit__(None, None, None)


def test_the_status_tells_state_and_server_at_most_once_a_second_and_brings_no_lines_of_others(
    manager: Manager,
) -> None:
    service = Service(Notifier(manager.address))
    service.on_decision(0.0, decision(0.0, State.SEARCH))
    service.on_decision(0.1, decision(0.1, State.FOLLOW, "hall"))
    service.on_decision(0.2, decision(0.2, State.IDLE, "hall"))
    service.on_decision(1.2, decision(1.2, State.FOLLOW, "häll\nWATCHDOG=trigger"))
    told = [line for line in manager.hear() if line.startswith("STATUS=")]
    assert told == ["STATUS=search, server none", "STATUS=follow, server häll WATCHDOG=trigger"]
    assert "WATCHDOG=trigger" not in manager.heard
    service.__exit__(None, None, None)


def test_it_is_not_ready_before_the_first_picture(manager: Manager) -> None:
    service = Service(Notifier(manager.address))
    seen: list[int] = []
    service.wait_for(lambda: bool(seen))
    service.on_decision(0.0, decision(0.0))
    assert "READY=1" not in manager.hear()
    seen.append(1)
    service.on_decision(0.02, decision(0.02))
    assert "READY=1" in manager.hear()
    service.__exit__(None, None, None)


def test_an_abstract_address_a_full_socket_and_no_manager_at_all_do_no_harm(tmp_path: Path) -> None:
    manager = Manager(f"@tagalong-test-{os.getpid()}")
    notifier = Notifier(manager.address)
    assert notifier.tell(READY="1")
    assert manager.hear() == ["READY=1"]
    for _ in range(10_000):  # a manager that reads nothing
        if not notifier.tell(WATCHDOG="1"):
            break
    else:
        pytest.fail("the socket never filled up")
    notifier.close()
    manager.close()
    gone = Notifier(str(tmp_path / "nobody"))
    assert not gone.tell(READY="1")
    gone.close()
    with Service(Notifier(None)) as service:
        service.on_decision(0.0, decision(0.0))


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "5000000"}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_time_comes_from_the_environment(environ: dict[str, str], watchdog_s: float | None) -> None:
    notifier = Notifier.from_environ(environ)
    assert notifier.watchdog_s == watchdog_s
    assert not notifier.is_there
