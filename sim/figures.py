"""The figures of a run, from its trace: pure functions, each as strict as its name lets one expect."""

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence

from handover.values import Moved
from sim.trace import ResultSeen, Tick


def rms(values: Iterable[float]) -> float | None:
    """Root mean square of the finite ones; None when there are none."""
    squares = [value * value for value in values if math.isfinite(value)]
    return math.sqrt(sum(squares) / len(squares)) if squares else None


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Of sorted values, linear between neighbours; None when there are none."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def followed(ticks: Sequence[Tick]) -> Sequence[Tick]:
    """From the first moment in `follow` to the end: later searching counts, waking up does not."""
    start = next((i for i, tick in enumerate(ticks) if tick.state == "follow"), len(ticks))
    return ticks[start:]


def is_counted(moved: Moved) -> bool:
    """A handover leaves a server; attaching to one after having none is not counted."""
    return moved.from_id is not None


def gap_s(move: Moved, moves: Sequence[Moved], results: Sequence[ResultSeen], end_s: float) -> float | None:
    """The longest time without any result around a move.

    From the last result of the server left (or, if later ones came only from elsewhere, from that one on: a hedge may
    answer before the move is decided) to the first result of the new server. Never shorter than "last result before
    the move to the first one after it". None when there was no result before.
    """
    times = [result.t_s for result in results]
    after = bisect.bisect_right(times, move.at_s)
    left = [i for i in range(after) if move.from_id is None or results[i].server_id == move.from_id]
    first = left[-1] if left else after - 1
    if first < 0:
        return None
    until_s = min((other.at_s for other in moves if other.at_s > move.at_s), default=end_s)
    window = [times[i] for i in range(first, after)]
    for result in results[after:]:
        if result.t_s > until_s and move.to_id is not None:
            break  # the next move takes over; its own gap goes on from here
        window.append(result.t_s)
        if result.server_id == move.to_id or move.to_id is None:
            return _longest(window)
    window.append(max(until_s, window[-1]) if move.to_id is not None else end_s)
    return _longest(window)


def _longest(times: Sequence[float]) -> float:
    return max((there - here for here, there in itertools.pairwise(times)), default=0.0)
