"""When a missing answer becomes suspicious: an adaptive timeout for each server, and a budget for second copies.

The timeout is that of TCP (RFC 6298: smoothed round trip + 4 * its mean deviation), learnt from this server's own
answers. There is no ambiguity of retransmissions (Karn), because each copy of a frame has its own sending time.
"""

from handover.config import SuspicionConfig

ALPHA = 1 / 8  # RFC 6298, section 2
BETA = 1 / 4
K = 4
K_LATE = 2  # srtt + 2 deviations: about 95 of 100 answers are there by then (a mean deviation is 0.8 sigma)
LATE_FLOOR_S = 0.05


class RoundTrip:
    """Smoothed round trip of one server and what follows from it."""

    __slots__ = ("_config", "_deviation_s", "_late_s", "_srtt_s", "_timeout_s")

    def __init__(self, config: SuspicionConfig) -> None:
        self._config = config
        self._srtt_s: float | None = None
        self._deviation_s = 0.0
        # Before the first answer nothing is known: the most patient values.
        self._timeout_s = config.ceiling_s
        self._late_s = config.ceiling_s

    def add(self, rtt_s: float) -> None:
        if self._srtt_s is None:
            self._srtt_s = rtt_s
            self._deviation_s = rtt_s / 2
        else:
            self._deviation_s += BETA * (abs(self._srtt_s - rtt_s) - self._deviation_s)
            self._srtt_s += ALPHA * (rtt_s - self._srtt_s)
        config = self._config
        self._timeout_s = min(max(self._srtt_s + K * self._deviation_s, config.floor_s), config.ceiling_s)
        self._late_s = min(max(self._srtt_s + K_LATE * self._deviation_s, LATE_FLOOR_S), self._timeout_s)

    @property
    def smoothed_s(self) -> float | None:
        return self._srtt_s

    @property
    def late_s(self) -> float:
        """Later than most: worth a second copy out of the budget."""
        return self._late_s

    @property
    def timeout_s(self) -> float:
        """Silence for this long: suspected."""
        return self._timeout_s

    @property
    def failover_s(self) -> float:
        """Silence for this long: time to go, if another server lives."""
        return self._config.failover_factor * self._timeout_s


class HedgeBudget:
    """A token bucket: each frame sent earns a share of a second copy."""

    __slots__ = ("_share", "_tokens")

    BURST = 2.0
    # A spell of slow answers lasts a few frames; more at once would double the load exactly when a path is full.

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = 0.0

    def earn(self) -> None:
        self._tokens = min(self._tokens + self._share, self.BURST)

    def spend(self) -> bool:
        """False when the budget is used up."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Silence:
    """How long one server has owed an answer, and since when that is suspicious.

    Suspicion starts when somebody looks, not when the timeout passed: a robot that was itself stopped for a while does
    not blame the servers for the time in which it could not listen.
    """

    __slots__ = ("_owed_since_s", "suspected_since_s")

    def __init__(self) -> None:
        self._owed_since_s: float | None = None
        self.suspected_since_s: float | None = None

    @property
    def owed_since_s(self) -> float | None:
        return self._owed_since_s

    def sent(self, now_s: float) -> None:
        if self._owed_since_s is None:
            self._owed_since_s = now_s

    def heard(self, now_s: float, still_owed: bool) -> None:
        self._owed_since_s = now_s if still_owed else None
        self.suspected_since_s = None

    def clear(self) -> None:
        self._owed_since_s = None
        self.suspected_since_s = None

    def length_s(self, now_s: float) -> float:
        return 0.0 if self._owed_since_s is None else now_s - self._owed_since_s
