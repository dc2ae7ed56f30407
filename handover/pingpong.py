"""Ping-pong: to another server and back again, without need."""

from collections.abc import Sequence
from itertools import pairwise

from handover.values import Moved

WINDOW_S = 5.0
# Radio planning counts returns within about 1 s. Here a move also warms up a stream and loses a rehearsal's worth of
# frames, so a return has to be later than that to be worth both moves.


def ping_pongs(moves: Sequence[Moved], window_s: float = WINDOW_S) -> list[tuple[Moved, Moved]]:
    """Pairs A -> B, B -> A in a row with the second within `window_s` of the first.

    A return because B failed is not counted: there was need.
    """
    pairs = []
    for there, back in pairwise(moves):
        is_return = there.from_id is not None and there.from_id == back.to_id and there.to_id == back.from_id
        if is_return and not back.reason.is_failover and back.at_s - there.at_s <= window_s:
            pairs.append((there, back))
    return pairs
