"""`python -m bench archive`: how many faces a second go through the whole chain, and how long does one take?

Two real Mosquitto brokers, forwarder and store in processes of their own, a folder (or `--store s3://...`) at the end.
Three ways in one run: the forwarder waiting for the store's receipts, the forwarder content with the broker's word, and
Mosquitto's own bridge. First as fast as it goes, then at a steady rate below that for the time each face takes.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.table import Table

from archive.broker.private import PrivateBroker, find_program
from archive.bucket import Bucket
from archive.config import S3Config, StorageConfig
from archive.index import Index, Line
from bench import tables
from bench.archive_parts import Program, forwarder, made_faces, memory_mb, publish, store, until_healthy
from bench.offload_parts import cpu_of_s
from common.errors import DeviceError, TagalongError

SIDE_PX = 57  # noise of that size is a PNG of 10 kB
WAYS = {
    "forwarder, receipts": ("--confirm", "store"),
    "forwarder, broker's word": ("--confirm", "broker"),
    "Mosquitto's bridge": None,
}
FIRST = "Mosquitto's bridge"  # what ratios are to
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Row:
    """One way."""

    name: str
    faces_per_s: float  # as fast as it goes
    ratio: float  # of rates, to the bridge
    p50_ms: float  # from publish to stored object, at the steady rate
    p99_ms: float
    cpu_s: dict[str, float]  # of each process for 1,000 faces
    memory_mb: dict[str, float]  # the most of each process


@dataclass(frozen=True, slots=True)
class Report:
    faces: int
    kilobytes: float  # of one
    steady_per_s: float
    storage: str
    rows: list[Row]


async def run(faces: int, steady_per_s: float, steady_s: float, storage: str, s3: S3Config) -> Report:
    """Raises TagalongError when something does not start."""
    if find_program("mosquitto") is None:
        raise DeviceError(
            "Mosquitto is not installed; the embedded broker is not worth measuring. apt install mosquitto"
        )
    rows = []
    for name, options in WAYS.items():
        with TemporaryDirectory() as folder:
            url = storage or f"file://{folder}/faces"
            rows.append(await _measured(name, options, Path(folder), url, s3, faces, steady_per_s, steady_s))
    first = next(row for row in rows if row.name == FIRST)
    rows = [Row(**{**asdict(row), "ratio": round(row.faces_per_s / first.faces_per_s, 2)}) for row in rows]
    kilobytes = round(len(made_faces(1, SIDE_PX)[0][1]) / 1e3, 1)
    return Report(faces, kilobytes, steady_per_s, storage or "a folder", rows)


async def _measured(
    name: str,
    options: Sequence[str] | None,
    folder: Path,
    url: str,
    s3: S3Config,
    faces: int,
    steady_per_s: float,
    steady_s: float,
) -> Row:
    endpoint = ("--endpoint", s3.endpoint) if s3.endpoint else ()
    index = Index(Bucket(StorageConfig(url=url, s3=s3)), "bench")
    async with PrivateBroker("remote", folder / "remote") as remote:
        bridge_to = remote if options is None else None
        keep = store(remote, url, *endpoint)
        programs: dict[str, Program] = {"store": keep}
        try:
            await keep.begin()
            await until_healthy(keep)  # a broker keeps for a store only what comes after its first visit
            async with PrivateBroker("local", folder / "local", bridge_to=bridge_to) as local:
                if options is not None:
                    programs["forwarder"] = forwarder(local, remote, folder, *options)
                    await programs["forwarder"].begin()
                    await until_healthy(*programs.values())
                brokers = {"local broker": local.pid, "remote broker": remote.pid}
                made = made_faces(faces + round(steady_per_s * steady_s), SIDE_PX)
                before_s = _cpu(programs, brokers)
                began_s = time.time()
                await publish(local, made[:faces])
                burst = await _stored(index, keep, faces)
                took_s = max(line.stored.timestamp() for line in burst.values()) - began_s
                cpu_s = {
                    each: (used_s - before_s[each]) / faces * 1000 for each, used_s in _cpu(programs, brokers).items()
                }
                sent_s = await publish(local, made[faces:], steady_per_s)
                steady = await _stored(index, keep, len(made))
                waits_s = [steady[key].stored.timestamp() - published_s for key, published_s in sent_s.items()]
                memory = {each: memory_mb(pid) for each, pid in brokers.items()}
        finally:
            for program in reversed(programs.values()):
                await program.end()
    memory |= {each: program.highest_mb for each, program in programs.items()}
    return Row(
        name,
        round(faces / took_s, 1),
        0.0,
        round(float(np.percentile(waits_s, 50)) * 1e3, 1),
        round(float(np.percentile(waits_s, 99)) * 1e3, 1),
        {each: round(used_s, 2) for each, used_s in sorted(cpu_s.items())},
        {each: round(mb, 1) for each, mb in sorted(memory.items())},
    )


async def _stored(index: Index, keep: Program, count: int) -> dict[str, Line]:
    """The lines of all faces, once they are there. The storage is not looked at before: that would cost it time."""
    async with asyncio.timeout(LIMIT_S):
        while (await asyncio.to_thread(keep.numbers))["stored"] < count:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)
    return {key: line for day in await index.days() for key, line in (await index.read(day)).items()}


def _cpu(programs: dict[str, Program], brokers: dict[str, int | None]) -> dict[str, float]:
    used_s = {name: program.cpu_s for name, program in programs.items()}
    return used_s | {name: cpu_of_s(pid) for name, pid in brokers.items() if pid is not None}


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 2 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="bench archive", description="Faces through the whole chain")
    parser.add_argument("--faces", type=int, default=3000, help="of the fast part, each way (default 3000)")
    parser.add_argument("--rate", type=float, default=100.0, help="faces a second of the steady part (default 100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the steady part (default 10)")
    parser.add_argument("--store", default="", help="s3://BUCKET/PREFIX instead of a folder, which has to be empty")
    parser.add_argument("--endpoint", help="of an S3 service that is not Amazon's")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(argv)
    if options.faces < 1 or not 0 < options.rate <= 10_000 or options.seconds <= 0:
        parser.error("--faces, --rate and --seconds: give more than 0")
    try:
        s3 = S3Config(endpoint=options.endpoint)
        report = asyncio.run(run(options.faces, options.rate, options.seconds, options.store, s3))
    except TagalongError as error:
        print(f"bench archive: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(asdict(report), indent=1))
    else:
        _print_table(report)
    return 0


def _print_table(report: Report) -> None:
    table = Table(
        title=f"{report.faces} faces of {report.kilobytes:g} kB over two brokers into {report.storage}",
        caption=f"Fast: as fast as it goes, QoS 1, each object safe. Ratio: to {FIRST}. p50, p99: publish to stored "
        f"object at {report.steady_per_s:g} a second. CPU: seconds for 1,000 faces. Memory: the most of a process, MB.",
    )
    for name in ("way", "faces/s", "ratio", "p50 ms", "p99 ms", "CPU s / 1000", "memory MB"):
        table.add_column(name, justify="right" if name.endswith(("/s", "ratio", "ms")) else "left")
    for row in report.rows:
        numbers = (f"{row.faces_per_s:.0f}", f"{row.ratio:.2f}", f"{row.p50_ms:.0f}", f"{row.p99_ms:.0f}")
        table.add_row(row.name, *numbers, _listed(row.cpu_s), _listed(row.memory_mb))
    tables.console().print(table)


def _listed(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
