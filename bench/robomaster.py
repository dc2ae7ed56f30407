"""`python -m bench robomaster`: how fast are the binary protocol's frames read?"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from random import Random

from rich.table import Table

from bench import tables
from protos.robomaster.frame import Decoder, Frame, crc16, encode
from protos.robomaster.ids import Command, Host, Subject
from protos.robomaster.payloads import SUBJECTS, SubjectPush

REQUIRED_MB_S = 10.0
_PUSHED = (Subject.POSITION, Subject.VELOCITY, Subject.ATTITUDE, Subject.IMU, Subject.ESC, Subject.STATUS)
_READ_BYTES = 1448  # a full packet on Ethernet
_PLAIN_BYTES = 50_000  # of the slow checksum, which gets no more


@dataclass(frozen=True, slots=True)
class Row:
    """One way to go through the same bytes; medians."""

    what: str
    mb_s: float
    frames_per_s: float | None
    times_plain_crc: float
    required_mb_s: float | None = None


def plain_crc16(data: bytes) -> int:
    """The frames' checksum bit by bit."""
    crc = 0x3692
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def stream(count: int, seed: int, damage: float = 0.0) -> bytes:
    """Pushes of all that a driver subscribes to; of a share of the frames one byte is wrong."""
    random = Random(seed)
    pieces = []
    for number in range(count):
        subject = _PUSHED[number % len(_PUSHED)]
        push = SubjectPush(20 + number % len(_PUSHED), SUBJECTS[subject]().pack())
        sent = encode(Frame(Host.SERVICE, Host.SDK, number & 0xFFFF, *Command.SUBJECT_PUSH.value, push.pack()))
        if random.random() < damage:
            place = random.randrange(len(sent))
            sent = sent[:place] + bytes((random.randrange(256),)) + sent[place + 1 :]
        pieces.append(sent)
    return b"".join(pieces)


def read_all(data: bytes) -> int:
    decoder = Decoder()
    return sum(len(decoder.feed(data[at : at + _READ_BYTES])) for at in range(0, len(data), _READ_BYTES))


def seconds(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(count: int, runs: int, seed: int) -> list[Row]:
    sound, damaged, noise = stream(count, seed), stream(count, seed, damage=0.1), Random(seed).randbytes(count * 34)
    plain = min(len(sound), _PLAIN_BYTES) / 1e6 / seconds(lambda: plain_crc16(sound[:_PLAIN_BYTES]), runs)

    def row(what: str, data: bytes, work: Callable[[bytes], object], required: float | None = None) -> Row:
        took_s = seconds(lambda: work(data), runs)
        frames = read_all(data) / took_s if work is read_all else None
        rate = len(data) / 1e6 / took_s
        return Row(what, rate, frames, rate / plain, required)

    return [
        Row("checksum bit by bit", plain, None, 1.0),
        row("checksum", sound, crc16),
        row("frames", sound, read_all, REQUIRED_MB_S),
        row("frames, every tenth damaged", damaged, read_all),
        row("noise", noise, read_all),
    ]


def main(argv: Sequence[str]) -> int:
    """Returns 0 when the requirement is met, 1 when not."""
    parser = argparse.ArgumentParser(prog="bench robomaster", description="How fast are binary frames read?")
    parser.add_argument("--frames", type=int, default=50_000, help="frames a run (default 50000)")
    parser.add_argument("--runs", type=int, default=7, help="runs, of which the median counts (default 7)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(argv)
    if options.runs < 1 or options.frames < 1:
        parser.error("--runs and --frames: give at least 1")
    rows = measure(options.frames, options.runs, options.seed)
    if options.json:
        print(json.dumps({"seed": options.seed, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        _print_table(rows, options.frames)
    return 0 if all(row.required_mb_s is None or row.mb_s >= row.required_mb_s for row in rows) else 1


def _print_table(rows: Sequence[Row], count: int) -> None:
    table = Table(title=f"{count} frames of the RoboMaster's binary protocol, on one core")
    table.add_column("what")
    for name in ("MB/s", "frames/s", "x bit by bit", "required"):
        table.add_column(name, justify="right")
    for row in rows:
        frames = "" if row.frames_per_s is None else f"{row.frames_per_s:,.0f}"
        required = "" if row.required_mb_s is None else f">= {row.required_mb_s:g} MB/s"
        required += (
            "" if not required else " [green]ok[/]" if row.mb_s >= (row.required_mb_s or 0) else " [red]missed[/]"
        )
        table.add_row(row.what, f"{row.mb_s:.1f}", frames, f"{row.times_plain_crc:.0f}", required)
    tables.console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
