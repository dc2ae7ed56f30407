"""A rover at one end of a cable, the agent at the other: `unshare -rn python -m tests.closed_loop.rover_cable ...`.

This process has the robot, in its network namespace; edge server and agent live in another one. A pair of virtual
interfaces is the cable. Prints what happened as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from common.supervise import Job
from sim.robomaster.emulator import Emulator
from tests.closed_loop.rover_runs import AgentProcess, Watcher, beside, body_in, log_in, open_space
from tests.robot.edge_process import Edge, until

ROBOT, PI = "192.168.2.1", "192.168.2.2"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def ip_over_there(*arguments: str, pid: int) -> None:
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *arguments], check=True)


async def far_end(folder: Path, driver: str) -> None:
    """The agent's computer: waits for its end of the cable, then runs edge server and agent until told to end."""
    ip("link", "set", "lo", "up")
    await asyncio.to_thread(sys.stdin.readline)
    ip("address", "add", f"{PI}/24", "dev", "pi")
    ip("link", "set", "pi", "up")
    edge = Edge(folder)
    await edge.start()
    agent = AgentProcess(folder, edge.port, {"kind": driver, "connection": "ap"})
    try:
        agent.start()
        await asyncio.to_thread(sys.stdin.readline)
    finally:
        agent.end()
        edge.kill()


async def near_end(folder: Path, driver: str, far: "subprocess.Popen[str]") -> dict[str, object]:
    ip("link", "set", "lo", "up")
    ip("link", "add", "robot", "type", "veth", "peer", "name", "pi")
    ip("link", "set", "pi", "netns", str(far.pid))
    ip("address", "add", f"{ROBOT}/24", "dev", "robot")
    ip("link", "set", "robot", "up")
    assert far.stdin is not None
    far.stdin.write("go\n")
    far.stdin.flush()
    clock = open_space()
    watcher, emulator = Watcher(clock), Emulator(body_in(clock), ROBOT, hold_s=None)
    async with beside(Job("watcher", watcher.run), *emulator.jobs()):
        await until(lambda: watcher.mps > 0.5)
        ip_over_there("link", "set", "pi", "down", pid=far.pid)
        cut_s = time.monotonic()
        await until(lambda: "state: offline" in log_in(folder))
        await asyncio.sleep(max(0.0, cut_s + 1.0 - time.monotonic()))
        still_after_s = watcher.still_after_s(cut_s)
        ip_over_there("link", "set", "pi", "up", pid=far.pid)
        await until(lambda: watcher.mps > 0.5)
    return {"still_after_s": still_after_s, "offline": True, "drives_again": True}


def main(folder: Path, driver: str, role: str = "near") -> None:
    if role == "far":
        asyncio.run(far_end(folder, driver))
        return
    command = ["unshare", "-n", sys.executable, "-m", "tests.closed_loop.rover_cable", str(folder), driver, "far"]
    far = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, stdout=sys.stderr)
    try:
        print(json.dumps(asyncio.run(near_end(folder, driver, far))))
    finally:
        far.communicate("end\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
