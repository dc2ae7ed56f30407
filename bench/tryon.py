"""`python -m bench tryon`: how long do pose, parsing and try-on take for one picture?"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from rich.table import Table

from bench import tables
from common.errors import TagalongError
from edge_server.garments.catalogue import Catalogue
from edge_server.tryon.engines import parsing_engine, pose_engine, tryon_engine
from edge_server.tryon.values import BGR, BodyPose, Person, TryOnEngine

SIZES = ((512, 384), (640, 480))  # width, height
REQUIRED_MS = {("warp", 512): 500.0, ("warp:quality=live", 512): 60.0}
GARMENTS = ("tee-breton", "sweater-cable", "dress-summer")  # short sleeves, long ones, none below the elbow but a skirt


@dataclass(frozen=True, slots=True)
class Row:
    """One engine at one size; medians."""

    what: str
    size_px: tuple[int, int]
    ms: float
    slowest_ms: float
    required_ms: float | None = None


def portrait(width: int, height: int) -> BGR:
    """The astronaut, head to waist."""
    import skimage.data

    photo = skimage.data.astronaut()[:384, :, ::-1]
    return np.ascontiguousarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA))


def measure(runs: int, pose: str, parsing: str) -> list[Row]:
    """Raises TagalongError where an engine's files are missing."""
    poser, parser = pose_engine(pose), parsing_engine(parsing)
    catalogue = Catalogue()
    garments = [catalogue.get(name) for name in GARMENTS]
    rows = []
    for size in SIZES:
        picture = portrait(*size)
        seen = poser.pose(picture)
        person = Person(picture, seen, parser.parse(picture, seen))

        def see(_run: int, picture: BGR = picture) -> object:
            return poser.pose(picture)

        def parse(_run: int, picture: BGR = picture, seen: BodyPose = seen) -> object:
            return parser.parse(picture, seen)

        rows += [_row(f"pose, {pose}", size, runs, see), _row(f"parsing, {parsing}", size, runs, parse)]
        for spec in ("warp", "warp:quality=live"):
            engine = tryon_engine(spec)

            def dress(run: int, person: Person = person, engine: TryOnEngine = engine) -> object:
                return engine.try_on(person, garments[run % len(garments)], lambda _share, _what: None)

            rows.append(_row(spec, size, runs, dress, REQUIRED_MS.get((spec, size[0]))))
    return rows


def _row(
    what: str, size: tuple[int, int], runs: int, work: Callable[[int], object], required_ms: float | None = None
) -> Row:
    times = []
    for run in range(runs + len(GARMENTS)):
        start = time.perf_counter()
        work(run)
        if run >= len(GARMENTS):  # the first of each garment also cuts it into pieces
            times.append(1e3 * (time.perf_counter() - start))
    return Row(what, size, statistics.median(times), max(times), required_ms)


def main(argv: Sequence[str]) -> int:
    """Returns 0 when the requirements are met, 1 when not."""
    parser = argparse.ArgumentParser(prog="bench tryon", description="What do pose, parsing and try-on take?")
    parser.add_argument("--runs", type=int, default=21, help="runs, of which the median counts (default 21)")
    parser.add_argument("--pose", default="blazepose", help="pose engine (default blazepose)")
    parser.add_argument("--parsing", default="derived", help="parsing engine (default derived)")
    parser.add_argument("--threads", type=int, default=2, help="threads of OpenCV (default 2)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args(argv)
    if options.runs < 1:
        parser.error("--runs: give at least 1")
    cv2.setNumThreads(options.threads)
    try:
        rows = measure(options.runs, options.pose, options.parsing)
    except TagalongError as error:
        print(f"bench tryon: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1))
    else:
        _print_table(rows, options.threads)
    return 0 if all(row.required_ms is None or row.ms <= row.required_ms for row in rows) else 1


def _print_table(rows: Sequence[Row], threads: int) -> None:
    table = Table(title=f"one picture, {threads} threads")
    table.add_column("what")
    for name in ("size", "ms", "slowest", "required"):
        table.add_column(name, justify="right")
    for row in rows:
        required = ""
        if row.required_ms is not None:
            met = "[green]ok[/]" if row.ms <= row.required_ms else "[red]missed[/]"
            required = f"<= {row.required_ms:g} ms {met}"
        table.add_row(row.what, "{} x {}".format(*row.size_px), f"{row.ms:.1f}", f"{row.slowest_ms:.1f}", required)
    tables.console().print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
