"""When to stop asking a worker that does not answer, and when to try again. Pure."""

FAILURES = 2  # one lost call happens; two in a row are a sign
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0  # so a worker that is back is in use again within that time


class Breaker:
    """Closed: ask. Open after failures in a row: skip for a pause that doubles, then let a single call try."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until_s: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._open_until_s is not None

    def allows(self, now_s: float) -> bool:
        """Ask now? Every True must be followed by `succeeded`, `failed` or `given_up`."""
        if self._open_until_s is None:
            return True
        if self._trying or now_s < self._open_until_s:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until_s = None
        self._trying = False

    def failed(self, now_s: float) -> None:
        self._failures += 1
        if self._trying:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if self._trying or self._failures >= FAILURES:
            self._open_until_s = now_s + self._pause_s
        self._trying = False

    def given_up(self) -> None:
        """The caller went away before the worker could answer: says nothing about the worker."""
        self._trying = False
