"""How long to wait before the next try to connect."""

FIRST_S, CAP_S = 0.5, 10.0  # a rover that reboots is back after about half a minute


class Backoff:
    """Doubles from try to try; a connection that held starts it again."""

    def __init__(self, first_s: float = FIRST_S, cap_s: float = CAP_S) -> None:
        self._first_s, self._cap_s = first_s, cap_s
        self._next_s = first_s

    def next_s(self) -> float:
        wait_s, self._next_s = self._next_s, min(2 * self._next_s, self._cap_s)
        return wait_s

    def reset(self) -> None:
        self._next_s = self._first_s
