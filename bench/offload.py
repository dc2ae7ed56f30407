"""`python -m bench offload`: what does a frame's way over a real edge server cost, against the same work in-process?

One frame at a time is measured in turn, in-process and through the server, so that a busy machine slows both alike;
ratios are of medians of one run. The robots are bare streams in one process: they encode, send and read.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import grpc
import numpy as np
from rich.table import Table

from bench import tables
from bench.offload_parts import (
    TASK,
    Robot,
    cpu_of_s,
    drive,
    edge_process,
    encode,
    own_cpu_s,
    sample_picture,
    wait_quietly,
)
from common.errors import TagalongError
from edge_server.engines.base import BGR, Engine, Picture
from edge_server.engines.registry import for_tasks
from edge_server.images import check_image, decode_image
from edge_server.models.store import ModelStore
from protos.messages import Outcome

ROBOTS = (1, 2, 4, 8)
CAMERA_S = 1 / 30
WARM_UP = 20  # frames before anything counts


@dataclass(frozen=True, slots=True)
class Latency:
    """From sending a frame to its answer (in-process: decode and detect), in milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        p50, p95, p99 = np.percentile(np.asarray(seconds) * 1e3, (50, 95, 99))
        return cls(round(float(p50), 3), round(float(p95), 3), round(float(p99), 3))


@dataclass(frozen=True, slots=True)
class Way:
    """How robots send."""

    name: str
    in_flight: int
    period_s: float = 0.0  # of the camera; 0: as fast as answers come


WAYS = (
    Way("stop and wait", 1),  # what the robot of LIQUID EDGE does
    Way("camera 30/s, two in flight", 2, CAMERA_S),  # what ours does
)


@dataclass(frozen=True, slots=True)
class Row:
    """One way of running."""

    name: str
    robots: int  # 0: in-process
    frames: int
    fps: float  # of all robots together
    ms: Latency
    robot_cpu_ms: float  # a frame: encode, send, read; in-process: encode, decode, detect
    server_cpu_ms: float  # a frame
    ratio: float  # to in-process: of the median round trip one at a time, of frames/s with several in flight
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    engine: str
    image_bytes: int
    cpus: int
    overhead_ms: float  # one frame at a time: median of the differences, server less in-process
    in_process_fps: float  # decode and detect, again and again
    rows: list[Row]


def run(engine_name: str, frames: int, seconds: float) -> Report:
    """Raises TagalongError when the engine or the server does not start."""
    engine = for_tasks(ModelStore(), tasks=[TASK], engines={TASK: engine_name})[TASK]
    try:
        with edge_process(engine_name, max(ROBOTS)) as (pid, port):
            return asyncio.run(_measure(engine, pid, f"127.0.0.1:{port}", frames, seconds))
    finally:
        engine.close()


async def _measure(engine: Engine, pid: int, address: str, frames: int, seconds: float) -> Report:
    picture = sample_picture()
    here, away, overhead_ms = await _one_at_a_time(engine, pid, address, picture, frames)
    rows = [here, away]
    alone_fps = _in_process_fps(engine, encode(picture), seconds / 2)
    fastest = Way("two in flight", 2)  # the engine never waits: for one robot, whose frames do not meet others
    for way, robots in ((fastest, 1), *((way, robots) for way in WAYS for robots in ROBOTS)):
        await wait_quietly(robots)
        rows.append(await _fleet(way, pid, address, picture, robots, seconds, alone_fps))
    size = len(encode(picture))
    return Report(engine.name, size, os.cpu_count() or 1, overhead_ms, round(alone_fps, 1), rows)


async def _one_at_a_time(engine: Engine, pid: int, address: str, picture: BGR, frames: int) -> tuple[Row, Row, float]:
    """Rows of in-process and server, and the median overhead in ms."""
    here_s, away_s, here_cpu_s, away_cpu_s = [], [], [], []
    outcomes: Counter[Outcome] = Counter()
    async with grpc.aio.insecure_channel(address) as channel:
        robot = Robot(channel, picture)
        await robot.open("bench")
        server_s = cpu_of_s(pid)
        for _ in range(WARM_UP + frames):
            start_cpu_s = own_cpu_s()
            image = encode(picture)
            start_s = time.perf_counter()
            _decode_and_detect(engine, image)
            here_s.append(time.perf_counter() - start_s)
            here_cpu_s.append(own_cpu_s() - start_cpu_s)
            await robot.send()
            took_s, outcome = await robot.receive()
            away_s.append(took_s)
            away_cpu_s.append(own_cpu_s() - start_cpu_s - here_cpu_s[-1])
            outcomes[outcome] += 1
        server_ms = (cpu_of_s(pid) - server_s) / (WARM_UP + frames) * 1e3
        await robot.close()
    here_s, away_s = here_s[WARM_UP:], away_s[WARM_UP:]
    here = Row("in-process", 0, frames, _fps(here_s), Latency.of(here_s), _median_ms(here_cpu_s), 0.0, 1.0, {})
    away = Row(
        name="one at a time",
        robots=1,
        frames=frames,
        fps=_fps(away_s),
        ms=Latency.of(away_s),
        robot_cpu_ms=_median_ms(away_cpu_s),
        server_cpu_ms=round(server_ms, 2),
        ratio=round(float(np.median(away_s) / np.median(here_s)), 3),
        outcomes=_plain(outcomes),
    )
    return here, away, _median_ms([away - here for here, away in zip(here_s, away_s, strict=True)])


async def _fleet(way: Way, pid: int, address: str, picture: BGR, robots: int, seconds: float, alone_fps: float) -> Row:
    channels = [
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(robots)
    ]
    try:
        fleet = [Robot(channel, picture) for channel in channels]
        for number, robot in enumerate(fleet):
            await robot.open(f"bench {way.name} {robots}-{number}")
        start_s, own_s, server_s = time.perf_counter(), own_cpu_s(), cpu_of_s(pid)
        answers = [
            answer
            for each in await asyncio.gather(*(drive(robot, way.in_flight, seconds, way.period_s) for robot in fleet))
            for answer in each
        ]
        took_s, own_s, server_s = time.perf_counter() - start_s, own_cpu_s() - own_s, cpu_of_s(pid) - server_s
        for robot in fleet:
            await robot.close()
    finally:
        for channel in channels:
            await channel.close()
    results = [rtt_s for rtt_s, outcome in answers if outcome is Outcome.RESULT]
    return Row(
        name=way.name,
        robots=robots,
        frames=len(answers),
        fps=round(len(results) / took_s, 1),
        ms=Latency.of(results or [float("nan")]),
        robot_cpu_ms=round(own_s / len(answers) * 1e3, 2),
        server_cpu_ms=round(server_s / len(answers) * 1e3, 2),
        ratio=round(len(results) / took_s / alone_fps, 3),
        outcomes=_plain(Counter(outcome for _, outcome in answers)),
    )


def _in_process_fps(engine: Engine, image: bytes, seconds: float) -> float:
    start_s = time.perf_counter()
    frames = 0
    while time.perf_counter() - start_s < seconds:
        _decode_and_detect(engine, image)
        frames += 1
    return frames / (time.perf_counter() - start_s)


def _decode_and_detect(engine: Engine, image: bytes) -> None:
    engine.detect([Picture(decode_image(image, check_image(image)), image)])


def _fps(seconds: Sequence[float]) -> float:
    return round(len(seconds) / sum(seconds), 1)


def _median_ms(seconds: Sequence[float]) -> float:
    return round(float(np.median(seconds)) * 1e3, 3)


def _plain(outcomes: Counter[Outcome]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in outcomes.items()}


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 2 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="bench offload", description="A frame's way over a real edge server")
    parser.add_argument(
        "--engine", default="blazepose", help="engine for persons (default blazepose); oracle: transport"
    )
    parser.add_argument("--frames", type=int, default=300, help="frames one at a time (default 300)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each run in flight (default 4)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(argv)
    if options.frames < 1 or options.seconds <= 0:
        parser.error("--frames and --seconds: give more than 0")
    try:
        report = run(options.engine, options.frames, options.seconds)
    except TagalongError as error:
        print(f"bench offload: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(asdict(report), indent=1))
    else:
        _print_table(report)
    return 0


def _print_table(report: Report) -> None:
    title = f"{report.engine}, JPEG of {report.image_bytes / 1e3:.0f} kB, {report.cpus} processors"
    caption = (
        f"Overhead, one frame at a time: {report.overhead_ms:.2f} ms (median of pairs). CPU in ms a frame. Ratio to "
        f"in-process: of p50 one at a time, else of frames/s ({report.in_process_fps:.1f} in-process)."
    )
    table = Table(title=title, caption=caption)
    for name in ("way", "robots", "frames/s", "p50 ms", "p95", "p99", "CPU robot", "CPU server", "ratio", "superseded"):
        table.add_column(name, justify="left" if name == "way" else "right")
    for row in report.rows:
        times = (row.ms.p50, row.ms.p95, row.ms.p99, row.robot_cpu_ms, row.server_cpu_ms)
        table.add_row(
            row.name,
            str(row.robots or ""),
            f"{row.fps:.1f}",
            *(f"{each:.2f}" for each in times),
            f"{row.ratio:.2f}",
            f"{row.outcomes.get(Outcome.SUPERSEDED, 0) / row.frames:.0%}",
        )
    tables.console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
