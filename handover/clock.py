"""A clock that never runs backwards, whatever the caller's does."""

import math

STEP_S = 0.05
# Events that were stamped one after the other may come in the other order; that is not a clock that was set back.


class SteadyClock:
    """Turns the caller's time into one that only grows; `outside` turns it back.

    Within STEP_S a time that went back is taken as the newest one known. Beyond, the caller's clock was set back: time
    goes on from where it was, so that no deadline stands still.
    """

    __slots__ = ("_shift_s", "now_s")

    def __init__(self) -> None:
        self.now_s = -math.inf
        self._shift_s = 0.0

    def advance(self, outside_s: float) -> float:
        """The steady time; a time that is not a number stands still."""
        inside_s = outside_s + self._shift_s
        if inside_s >= self.now_s:
            if inside_s < math.inf:
                self.now_s = inside_s
        elif self.now_s - inside_s > STEP_S:
            self._shift_s = self.now_s - outside_s
        return self.now_s

    def outside(self, inside_s: float) -> float:
        """A steady time on the caller's clock as it runs now."""
        return inside_s - self._shift_s
