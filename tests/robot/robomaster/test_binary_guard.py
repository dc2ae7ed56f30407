"""A program that drives a rover by the binary protocol is stopped or killed: its guard makes the rover stand."""

import asyncio
import signal
import sys

import pytest

from robot.robomaster.obedience import STILL_MPS
from tests.robot.robomaster import driven_by_binary
from tests.robot.robomaster.binary_emulated import robot_at, speed_of, until

CASES = {
    ("udp", signal.SIGKILL): "127.0.50.40",
    ("udp", signal.SIGSTOP): "127.0.50.41",
    ("tcp", signal.SIGKILL): "127.0.50.42",
    ("tcp", signal.SIGSTOP): "127.0.50.43",
}


@pytest.mark.parametrize(("protocol", "number"), list(CASES))
async def test_rover_stands_soon_after_its_program_got_a_signal(protocol: str, number: signal.Signals) -> None:
    ip = CASES[protocol, number]
    async with robot_at(ip) as robot:
        program = await asyncio.create_subprocess_exec(sys.executable, "-m", driven_by_binary.__name__, ip, protocol)
        try:
            await until(lambda: speed_of(robot) > 0.7)
            program.send_signal(number)
            at_s = robot.world.time_s
            await until(lambda: speed_of(robot) < STILL_MPS)
            assert robot.world.time_s - at_s < 0.5
        finally:
            if program.returncode is None:
                program.kill()
            await program.wait()
