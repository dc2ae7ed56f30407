"""The history of moves, and the gap in results that each of them caused."""

from collections import deque
from itertools import pairwise

from handover.values import MoveCompleted, Moved

REMEMBERED_MOVES = 10_000
REMEMBERED_DELIVERIES = 256  # 12 s at 20 frames/s: longer than any silence that still ends in a failover


class Moves:
    """Which server is active, how it came to be, and how long the robot was without results each time.

    The gap of a move: the longest time without any result between the last result before it and the first one of the
    new server. When the old server fell silent, 'before' is its own last result: second copies of frames may have been
    answered by the new server before the move was declared, and do not make the silence any shorter.
    """

    def __init__(self) -> None:
        self.active: str | None = None
        self._log: deque[Moved] = deque(maxlen=REMEMBERED_MOVES)
        self._deliveries: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_DELIVERIES)
        self._open: Moved | None = None
        self._open_since_s: float | None = None

    @property
    def log(self) -> list[Moved]:
        return list(self._log)

    def move(self, moved: Moved) -> list[Moved | MoveCompleted]:
        """Record a move; it completes at once if the new server has answered second copies in the silence already."""
        self.active = moved.to_id
        self._log.append(moved)
        self._open = moved if moved.to_id is not None else None
        self._open_since_s = self._last_before(moved)
        actions: list[Moved | MoveCompleted] = [moved]
        if moved.reason.is_failover and self._open_since_s is not None:
            came_s = next((at for at, by in self._deliveries if by == moved.to_id and at > self._open_since_s), None)
            if came_s is not None:
                actions.extend(self._complete(came_s))
        return actions

    def delivered(self, now_s: float, server_id: str) -> list[MoveCompleted]:
        self._deliveries.append((now_s, server_id))
        if self._open is None or server_id != self._open.to_id:
            return []
        return self._complete(now_s)

    def _complete(self, came_s: float) -> list[MoveCompleted]:
        moved, since_s = self._open, self._open_since_s
        self._open = None
        if moved is None:
            return []
        if since_s is None:  # the very first result: there was nothing before
            return [MoveCompleted(moved, 0.0)]
        times = [since_s, *(at for at, _ in self._deliveries if since_s < at <= came_s)]
        return [MoveCompleted(moved, max((b - a for a, b in pairwise(times)), default=0.0))]

    def _last_before(self, moved: Moved) -> float | None:
        if moved.reason.is_failover:
            own = next((at for at, by in reversed(self._deliveries) if by == moved.from_id), None)
            if own is not None:
                return own
        return self._deliveries[-1][0] if self._deliveries else None
