"""What the offload bench is made of: a real server process, bare robots, a picture, processor time."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import grpc
import numpy as np

from common.errors import LinkError
from edge_server.engines.base import BGR
from protos.messages import EncodedFrame, FrameReply, Outcome, StreamOpen
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc

TASK = "person"
WIDTH_PX, HEIGHT_PX, QUALITY = 640, 480, 80
START_S = 30.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Robot:
    """One Track stream. `cpu_s` of all robots is this process's."""

    def __init__(self, channel: grpc.aio.Channel, picture: BGR) -> None:
        self._picture = picture
        self._call = offload_pb2_grpc.OffloadStub(channel).Track()
        self._number = 0
        self._sent_s: dict[int, float] = {}

    async def open(self, name: str) -> None:
        await self._call.write(pb.TrackRequest(open=StreamOpen(name, (TASK,)).to_pb()))
        await self._read()

    async def send(self) -> None:
        """Encode and send; the clock of the round trip starts in between."""
        image = encode(self._picture)
        self._number += 1
        frame = EncodedFrame(self._number, time.monotonic_ns(), image, WIDTH_PX, HEIGHT_PX)
        self._sent_s[self._number] = time.perf_counter()
        await self._call.write(pb.TrackRequest(frame=frame.to_pb()))

    async def receive(self) -> tuple[float, Outcome]:
        """Seconds since that frame was sent, and what became of it."""
        message = await self._read()
        reply = FrameReply.from_pb(message.result)
        return time.perf_counter() - self._sent_s.pop(reply.number), reply.outcome

    async def close(self) -> None:
        await self._call.done_writing()
        while await self._call.read() is not grpc.aio.EOF:
            pass

    async def _read(self) -> pb.TrackReply:
        message = await self._call.read()
        if message is grpc.aio.EOF:
            raise LinkError(f"the server ended the stream: {await self._call.details()}")
        return message


@contextmanager
def edge_process(engine: str, robots: int) -> Iterator[tuple[int, int]]:
    """A real `tagalong edge` on a free port of 127.0.0.1; gives its process id and port. Raises LinkError."""
    with TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "tagalong", "edge", "--id", "bench", "--host", "127.0.0.1", "--port", "0"]
        command += ["--no-liquidedge", "--no-announce", "--task", TASK, "--engine", f"{TASK}={engine}"]
        command += ["--capacity", str(robots), "--log-level", "warning", "--ready-file", str(ready)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            until_s = time.monotonic() + START_S
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until_s:
                    raise LinkError(f"the edge server did not start (status {process.poll()}); its messages are above")
                time.sleep(0.02)
            yield process.pid, int(json.loads(ready.read_text())["port"])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def drive(robot: Robot, in_flight: int, seconds: float, period_s: float = 0.0) -> list[tuple[float, Outcome]]:
    """Send for so long, with at most `in_flight` frames on their way; the answers of all.

    `period_s`: of the camera; a picture that finds no room is not sent, as on a robot. 0: as fast as it goes.
    """
    answers: list[tuple[float, Outcome]] = []
    room = asyncio.Semaphore(in_flight)
    on_their_way: asyncio.Queue[bool] = asyncio.Queue()  # True a frame; False: that was all

    async def send() -> None:
        due_s = time.perf_counter()
        until_s = due_s + seconds
        while time.perf_counter() < until_s:
            if not (period_s and room.locked()):
                await room.acquire()
                await robot.send()
                on_their_way.put_nowait(True)
            if period_s:
                due_s += period_s
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        on_their_way.put_nowait(False)

    async def receive() -> None:
        while await on_their_way.get():
            answers.append(await robot.receive())
            room.release()

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        group.create_task(receive())
    return answers


async def wait_quietly(robots: int) -> None:
    """Let the streams of a run that ended be forgotten before the next one begins."""
    await asyncio.sleep(0.05 * robots)


def sample_picture() -> BGR:
    """A person: the public-domain portrait that ships with scikit-image; without it, shapes on noise."""
    try:
        from skimage import data

        pixels = np.asarray(data.astronaut()[..., ::-1], np.uint8)
    except ImportError:
        pixels = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    return np.asarray(cv2.resize(pixels, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


def encode(picture: BGR) -> bytes:
    return cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()


def own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_of_s(pid: int) -> float:
    """Processor time of another process, all threads; steps of 10 ms, so only differences over seconds mean much."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S
