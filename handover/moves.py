"""The history of moves, and the gap in results that each of them caused."""

from collections import deque
from itertools import pairwise

from handover.values import MoveCompleted, Moved, Reason

REMEMBERED_MOVES = 10_000
REMEMBERED_DELIVERIES = 256  # 12 s at 20 frames/s: longer than any silence that still ends in a failover


class Moves:
    """Which server is active, how it came to be, and how long the robot was without results each time.

    The gap of a move: the longest time without any result between the last result before it and the first one of the
    new server after it. When the old server fell silent, 'before' is that server's own last result: second copies may
    have been answered by the new server before the move was declared, and must not make the silence look shorter.
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

    @property
    def leaving(self) -> str | None:
        """The server that was left for a better one, until the better one's first result is there."""
        return self._open.from_id if self._open is not None and self._open.reason is Reason.BETTER else None

    def move(self, moved: Moved) -> None:
        self.active = moved.to_id
        self._log.append(moved)
        self._open = moved if moved.to_id is not None else None
        self._open_since_s = self._last_before(moved)

    def delivered(self, now_s: float, server_id: str) -> MoveCompleted | None:
        """A result came; the completed move if it is the first one of the new server."""
        self._deliveries.append((now_s, server_id))
        moved, since_s = self._open, self._open_since_s
        if moved is None or server_id != moved.to_id:
            return None
        self._open = None
        if since_s is None:  # the very first result: there was nothing before
            return MoveCompleted(moved, 0.0)
        times = [since_s, *(at for at, _ in self._deliveries if at > since_s)]
        return MoveCompleted(moved, max((b - a for a, b in pairwise(times)), default=0.0))

    def _last_before(self, moved: Moved) -> float | None:
        if moved.reason.is_failover:
            own = next((at for at, by in reversed(self._deliveries) if by == moved.from_id), None)
            if own is not None:
                return own
        return self._deliveries[-1][0] if self._deliveries else None
