"""Who waits for an engine, and whose turn it is: one line a user, users take turns. Pure.

Fair among users: everybody's first before anybody's second, whoever came when. Bounded, in all and for each user; what
has passed its deadline never reaches the engine.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge_server.lane import Lane


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One request that waits. Numbers rise in the order of arrival."""

    number: int
    user: str
    deadline_s: float  # inf: none
    payload: object = None


class FairQueue:
    """`lane` keeps the turns: who was served in which round."""

    def __init__(self, lane: Lane, max_waiting: int, max_per_user: int) -> None:
        self._lane = lane
        self._max_waiting = max_waiting
        self._max_per_user = max_per_user
        self._lines: dict[str, list[Ticket]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def offer(self, ticket: Ticket) -> str:
        """Take it in; or say why not."""
        line = self._lines.get(ticket.user, [])
        if len(line) >= self._max_per_user:
            return f"you have {len(line)} requests waiting already"
        if self._length >= self._max_waiting:
            return f"{self._length} requests wait already"
        self._lines.setdefault(ticket.user, line).append(ticket)
        self._length += 1
        return ""

    def take(self) -> Ticket | None:
        """Whose turn it is. Call `expire` before."""
        if not self._lines:
            return None
        first = min((line[0] for line in self._lines.values()), key=self._order)
        self.remove(first)
        self._lane.serve(first.user)
        return first

    def remove(self, ticket: Ticket) -> bool:
        """Nobody wants it any more; False when it does not wait."""
        line = self._lines.get(ticket.user, [])
        if ticket not in line:
            return False
        line.remove(ticket)
        if not line:
            del self._lines[ticket.user]
        self._length -= 1
        return True

    def expire(self, now_s: float) -> list[Ticket]:
        """Take out what has passed its deadline."""
        late = [ticket for line in self._lines.values() for ticket in line if ticket.deadline_s <= now_s]
        for ticket in late:
            self.remove(ticket)
        return late

    def places(self) -> Iterator[tuple[int, Ticket]]:
        """All that wait, in the order in which they would be served now; the next one has place 1."""
        waiting = [
            ((self._lane.turn_of(user) + behind, ticket.number), ticket)
            for user, line in self._lines.items()
            for behind, ticket in enumerate(line)
        ]
        waiting.sort(key=lambda each: each[0])
        return ((place, ticket) for place, (_, ticket) in enumerate(waiting, 1))

    def next_deadline_s(self) -> float:
        return min((ticket.deadline_s for line in self._lines.values() for ticket in line), default=math.inf)

    def _order(self, ticket: Ticket) -> tuple[int, int]:
        return self._lane.turn_of(ticket.user), ticket.number
