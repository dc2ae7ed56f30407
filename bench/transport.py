"""`python -m bench transport`: what does a large tensor's way between two processes cost, by each transport?

Each transport has a server process of its own. All are called in turn, one call each, again and again, so that a busy
machine slows all alike; ratios are of medians of one run. The server reads every byte, whatever the way it came.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.table import Table

from bench import tables
from bench.offload_parts import cpu_of_s, own_cpu_s
from common.errors import LinkError, TagalongError
from edge_server.tryon.transport import Caller, Emit, Parcel, connect, serve

WARM_UP = 30
TIMEOUT_S = 10.0
FIRST = "gRPC, TCP"  # what ratios are to


@dataclass(frozen=True, slots=True)
class Row:
    """One transport, a call at a time; milliseconds."""

    name: str
    back: bool  # the tensor also comes back
    p50: float
    p99: float
    ratio: float  # of medians, to gRPC over TCP
    alone: float  # median of calls one after another, which leave the tensor in the processor's cache
    cpu: float  # of both processes a call, of the same run


@dataclass(frozen=True, slots=True)
class Report:
    megabytes: float
    calls: int
    cpus: int
    rows: list[Row]
    left_out: dict[str, str]  # a transport and why


def answer(parcel: Parcel, emit: Emit) -> Parcel:
    """Reads all; `back` sends it back."""
    highest = bytes([int(tensor.max()) for tensor in parcel.tensors])
    return Parcel(highest, parcel.tensors if parcel.head == b"back" else ())


def run(megabytes: float, calls: int) -> Report:
    """Raises TagalongError when a server does not start."""
    left_out = {}
    if importlib.util.find_spec("ucxx") is None:
        left_out["UCX"] = "ucxx is not installed: pip install ucxx-cu12"
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        addresses = {
            FIRST: "grpc://127.0.0.1:0",
            "gRPC, Unix socket": f"unix://{folder}/grpc",
            "shared memory": f"shm://{folder}/shm",
        }
        if not left_out:
            addresses[f"UCX, {os.environ.get('UCX_TLS', 'its choice')}"] = "ucx://0.0.0.0:0"
        callers: dict[str, tuple[int, Caller]] = {}
        for name, address in addresses.items():
            pid, where = stack.enter_context(_server(address))
            callers[name] = pid, stack.enter_context(contextlib.closing(connect(where)))
        rng = np.random.default_rng(1)
        tensor = rng.integers(0, 255, round(megabytes * 1e6), np.uint8)
        rows = [row for back in (False, True) for row in _measured(callers, tensor, calls, back)]
    return Report(megabytes, calls, os.cpu_count() or 1, rows, left_out)


def _measured(
    callers: dict[str, tuple[int, Caller]], tensor: np.ndarray[tuple[int], np.dtype[np.uint8]], calls: int, back: bool
) -> Iterator[Row]:
    parcel = Parcel(b"back" if back else b"", (tensor,))
    took_s: dict[str, list[float]] = {name: [] for name in callers}
    for _ in range(WARM_UP + calls):
        for name, (_, caller) in callers.items():
            took_s[name].append(_once(caller, parcel, tensor, back))
    medians = {name: float(np.median(each[WARM_UP:])) for name, each in took_s.items()}
    for name, (pid, caller) in callers.items():
        before_s = own_cpu_s() + cpu_of_s(pid)
        alone_s = float(np.median([_once(caller, parcel, tensor, back) for _ in range(calls)]))
        cpu_s = (own_cpu_s() + cpu_of_s(pid) - before_s) / calls
        p99 = float(np.percentile(took_s[name][WARM_UP:], 99))
        ratio = medians[name] / medians[FIRST]
        yield Row(name, back, _ms(medians[name]), _ms(p99), round(ratio, 2), _ms(alone_s), _ms(cpu_s))


def _once(caller: Caller, parcel: Parcel, tensor: np.ndarray[tuple[int], np.dtype[np.uint8]], back: bool) -> float:
    start_s = time.perf_counter()
    reply = caller.call(parcel, TIMEOUT_S)
    took_s = time.perf_counter() - start_s
    if reply.head != bytes([int(tensor.max())]) or (back and not np.array_equal(reply.tensors[0], tensor)):
        raise LinkError(f"{caller.address} answered something else than was sent")
    return took_s


@contextlib.contextmanager
def _server(address: str) -> Iterator[tuple[int, str]]:
    """A process that answers; its id, and the address to call."""
    command = [sys.executable, "-m", "bench.transport", "--serve", address]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            where = process.stdout.readline().strip()
            if not where:
                raise LinkError(f"the server at {address} did not start; its messages are above")
            yield process.pid, where.replace("0.0.0.0", "127.0.0.1")
        finally:
            process.stdin.close()


def _serve(address: str) -> int:
    """Until standard input ends."""
    try:
        serving = serve(address, answer)
    except TagalongError as error:
        print(f"bench transport: {error}", file=sys.stderr)
        return 2
    print(serving.address, flush=True)
    sys.stdin.read()
    serving.close()
    return 0


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 2 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="bench transport", description="A tensor's way between two processes")
    parser.add_argument("--megabytes", type=float, default=1.0, help="size of the tensor (default 1)")
    parser.add_argument("--calls", type=int, default=500, help="calls of each transport (default 500)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        return _serve(options.serve)
    if options.calls < 1 or not 1e-6 <= options.megabytes <= 60:
        parser.error("--calls: give more than 0; --megabytes: up to 60")
    try:
        report = run(options.megabytes, options.calls)
    except TagalongError as error:
        print(f"bench transport: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(asdict(report), indent=1))
    else:
        _print_table(report)
    return 0


def _print_table(report: Report) -> None:
    missing = "".join(f" Left out: {name} ({why})." for name, why in report.left_out.items())
    table = Table(
        title=f"{report.megabytes:g} MB between two processes, {report.calls} calls, {report.cpus} processors",
        caption="All in turn, milliseconds a call. Ratio: of medians, to gRPC over TCP. Alone: one transport's calls "
        f"after one another. CPU: of both processes a call.{missing}",
    )
    for name in ("transport", "tensor goes", "p50 ms", "p99 ms", "ratio", "alone p50", "CPU ms"):
        table.add_column(name, justify="left" if name in ("transport", "tensor goes") else "right")
    for row in report.rows:
        way = "there and back" if row.back else "there"
        numbers = (f"{row.p50:.3f}", f"{row.p99:.3f}", f"{row.ratio:.2f}", f"{row.alone:.3f}", f"{row.cpu:.2f}")
        table.add_row(row.name, way, *numbers)
    tables.console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
