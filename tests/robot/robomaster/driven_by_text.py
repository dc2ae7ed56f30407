"""A program to be stopped and killed: drives the rover at the given address ahead, for ever."""

import asyncio
import sys

from common.supervise import Job, supervise
from robot.robomaster.config import RobomasterTextConfig
from robot.robomaster.text_rover import TextRover
from robot.values import DriveCommand


async def drive(ip: str, local_ip: str) -> None:
    rover = TextRover(RobomasterTextConfig(ip=ip, local_ip=local_ip))

    async def ahead() -> None:
        while True:
            await rover.base.drive(DriveCommand(0.8))
            await asyncio.sleep(0.02)

    await supervise([Job("rover", rover.run), Job("ahead", ahead)])


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], sys.argv[2]))
