"""A program to be stopped and killed: drives a "rover" over one connection, with a guard, until it cannot.

Arguments: `tcp` or `udp`, address, port.
"""

import asyncio
import socket
import sys

from robot.robomaster.guard import Guard

STOPS = [b";stop 1;", b"stop 2;"]
BYE = b"bye;"


async def drive(kind: str, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as wire:
        wire.connect((host, port))
        wire.setblocking(False)
        guard = await Guard.start(wire.fileno(), STOPS, last_words=BYE)
        while True:
            wire.send(b"go;")
            guard.feed(moving=True)
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], sys.argv[2], int(sys.argv[3])))
