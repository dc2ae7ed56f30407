"""A real agent in a process of its own, over the wire to a rover: `python -m tests.closed_loop.rover_agent FILE`.

FILE is a robot's YAML. Its camera always shows a person far ahead (engine `oracle` finds it), so the agent drives.
"""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from common.logs import LogLevel, set_up_logs
from protos.messages import Box, Detection
from robot.agent import Agent
from robot.build import hardware_of
from robot.config import RobotConfig
from robot.values import Key
from tests.robot.truth_camera import TruthCamera

FAR_AHEAD = Detection("person", 0.9, Box(0.45, 0.4, 0.1, 0.2), (180, 40, 40))


async def run(file: Path) -> None:
    config = RobotConfig.load(file)
    hardware = replace(hardware_of(config, Console(file=sys.stderr)), camera=TruthCamera(FAR_AHEAD))
    agent = Agent(config, hardware)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, agent.press, Key.QUIT)
    await agent.run()


if __name__ == "__main__":
    set_up_logs(LogLevel.INFO)
    asyncio.run(run(Path(sys.argv[1])))
