"""A clock that neither runs backwards nor leaps, whatever the caller's does."""

import math

BACK_S = 0.05
# Events that were stamped one after the other may come in the other order; that is not a clock that was set back.
LEAP_S = 2.0
# The core asks to be called every 50 ms. Somebody who was away for longer than this was stopped, or had his clock set;
# servers are not to blame for what he could not hear meanwhile.


class SteadyClock:
    """Turns the caller's time into one that only grows and never leaps; `outside` turns it back.

    A step back within BACK_S is taken as the newest time known. A larger one, or more than LEAP_S forward,
    counts as no time at all: everything goes on from where it was.
    """

    __slots__ = ("_shift_s", "now_s")

    def __init__(self) -> None:
        self.now_s = -math.inf
        self._shift_s = 0.0

    def advance(self, outside_s: float) -> float:
        """The steady time. When the caller's is not a number, it stands still."""
        if not math.isfinite(outside_s):
            return self.now_s
        inside_s = outside_s + self._shift_s
        if self.now_s == -math.inf or self.now_s <= inside_s <= self.now_s + LEAP_S:
            self.now_s = inside_s
        elif not self.now_s - BACK_S <= inside_s <= self.now_s:
            self._shift_s = self.now_s - outside_s
        return self.now_s

    def outside(self, inside_s: float) -> float:
        """A steady time on the caller's clock as it runs now."""
        return inside_s - self._shift_s
