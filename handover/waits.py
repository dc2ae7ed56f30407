"""Waits that grow with each failure and shrink with time: penalties, and pauses before connecting again."""


class GrowingWait:
    """first, 2 * first, 4 * first ... up to a cap; each `forgive_s` without a failure takes one doubling back."""

    __slots__ = ("_cap_s", "_failed_s", "_failures", "_first_s", "_forgive_s", "until_s")

    def __init__(self, first_s: float, cap_s: float, forgive_s: float) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._forgive_s = forgive_s
        self._failures = 0
        self._failed_s = 0.0
        self.until_s = float("-inf")

    def fail(self, now_s: float) -> float:
        """Another failure; returns until when to wait."""
        self._failures = self.failures(now_s) + 1
        self._failed_s = now_s
        doublings = min(self._failures - 1, 32)  # beyond any cap, and far from overflowing
        self.until_s = now_s + min(self._first_s * 2.0**doublings, self._cap_s)
        return self.until_s

    def failures(self, now_s: float) -> int:
        """How many still count; the time waited itself forgives nothing."""
        good_s = now_s - max(self._failed_s, self.until_s)
        return max(0, self._failures - int(max(0.0, good_s) / self._forgive_s))

    def is_over(self, now_s: float) -> bool:
        return now_s >= self.until_s

    def end(self, now_s: float) -> None:
        """There is news: no need to wait any longer. Failures count on."""
        self.until_s = min(self.until_s, now_s)

    def reset(self) -> None:
        self._failures = 0
        self.until_s = float("-inf")
