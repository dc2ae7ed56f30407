"""`tagalong sim --robomaster`, and runs over the wire, as a user meets them."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from common.errors import ConfigError
from protos.robomaster.ids import TEXT_PORT
from sim import scenario
from sim.plan import make_plan
from sim.wire_kinds import Driver, Eyes
from sim.wired import free_address
from tagalong.cli import app

SIM = [sys.executable, "-m", "tagalong", "sim"]
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def sim(*arguments: str) -> tuple[int, str]:
    """In this process: exit code and what was said."""
    done = CliRunner().invoke(app, ["sim", *arguments])
    return done.exit_code, done.output


def test_two_robots_say_how_to_reach_them_and_what_happens_until_they_are_ended() -> None:
    arguments = ["--robomaster", "--ip", "127.0.30.40", "--ip", "127.0.30.41", "--web", "--web-port", "0"]
    with subprocess.Popen([*SIM, *arguments], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        said: list[str] = []
        assert process.stdout is not None

        def read_until(words: str) -> None:
            for line in process.stdout or ():
                said.append(line)
                if words in line:
                    return
            pytest.fail(f"it ended without {words!r}: {said}")

        try:
            read_until("Ready")
            assert any(f"nc 127.0.30.41 {TEXT_PORT}" in line for line in said)
            assert any('ROBOT_IP_STR = "127.0.30.40"' in line for line in said)
            with socket.create_connection(("127.0.30.41", TEXT_PORT), timeout=10) as program:
                program.sendall(b"command;chassis move x 0.1;")
                read_until("a program has connected")
                read_until("move done at x 0.1")
            read_until("the program has gone")
            assert "127.0.30.41" in said[-1]
            process.send_signal(signal.SIGINT)
            read_until("stopped")
        finally:
            process.kill()
    assert any("The page is at http://127.0.0.1" in line for line in said)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--robomaster", "--ip", "192.0.2.9"], "192.0.2.9' is no IPv4 address of this machine"),
        (["--robomaster", "--ip", ""], "'' is no IPv4 address of one robot"),
        (["--robomaster", "--ip", "localhost"], "'localhost' is no IPv4 address of one robot"),
        (["--robomaster", "--ip", "0.0.0.0"], "'0.0.0.0' is no IPv4 address of one robot"),
        (["--robomaster", "--ip", "127.0.30.42", "--ip", "127.0.30.42"], "address of its own"),
        (["--robomaster", "static"], "plays a video"),
        (["--robomaster", "--lockstep"], "--lockstep belongs to a run"),
        (["--ip", "127.0.30.42"], "--ip is the address of a --robomaster"),
        (["--lockstep", "--driver", "robomaster-text"], "needs real time"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_line(arguments: list[str], says: str) -> None:
    code, said = sim(*arguments)
    assert code == 2
    assert says in said
    assert len(said.splitlines()) == 1


def test_a_taken_port_ends_it_with_advice() -> None:
    with socket.create_server(("127.0.30.43", TEXT_PORT)):
        code, said = sim("--robomaster", "--ip", "127.0.30.43")
    assert code == 1
    assert f"127.0.30.43:{TEXT_PORT}" in said


def test_a_run_over_the_wire_has_the_settings_of_its_driver() -> None:
    corridor = scenario.load("corridor")
    plan = make_plan(corridor, overrides={"base": {"rate_hz": 25}}, oracle=True, driver=Driver.TEXT)
    assert plan.robot.base.kind == "robomaster-text"
    assert plan.driver is Driver.TEXT
    with pytest.raises(ConfigError, match="only with --driver"):
        make_plan(corridor, oracle=True, eyes=Eyes.ROBOMASTER)
    with pytest.raises(ConfigError, match="oracle"):
        make_plan(corridor, oracle=True, driver=Driver.TEXT, eyes=Eyes.ROBOMASTER)
    with pytest.raises(ConfigError, match="video"):
        make_plan(scenario.load("static"), oracle=True, driver=Driver.BINARY)


def test_a_run_takes_an_address_on_which_no_robot_is() -> None:
    first = free_address()
    with socket.create_server((first, TEXT_PORT)):
        assert free_address() != first
