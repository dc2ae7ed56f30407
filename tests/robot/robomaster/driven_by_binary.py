"""A program to be stopped and killed: drives a rover by the binary protocol until it cannot.

Arguments: the rover's address, `udp` or `tcp`.
"""

import asyncio
import sys

from common.supervise import Job, supervise
from robot.robomaster.binary_rover import BinaryRover
from robot.robomaster.config import RobomasterBinaryConfig
from robot.values import DriveCommand


async def drive(ip: str, protocol: str) -> None:
    rover = BinaryRover(RobomasterBinaryConfig.model_validate({"ip": ip, "protocol": protocol}))

    async def control() -> None:
        while True:
            await rover.base.drive(DriveCommand(0.8))
            await asyncio.sleep(0.02)

    await supervise([Job("rover", rover.run), Job("control", control)])


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], sys.argv[2]))
