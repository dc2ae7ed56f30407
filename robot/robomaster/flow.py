"""What may be sent now. Pure: no clock, no sockets.

Speeds go out at a steady rate, the newest one each time; a stop goes at once and is repeated. While the rover does not
answer nothing is queued: what waits in a socket is driven later, all of it, when the stall is over.
"""

import math
from collections import deque

from robot.values import STILL, DriveCommand

IN_FLIGHT_S = 0.2  # so much motion may be under way unanswered
ZEROS = 10  # how often a stop is repeated at the full rate
REST_S = 0.25  # and then, as long as the robot stands: keeps telling that the link is alive
EARLY = 0.1  # of a period: a fresh command that comes a little before its turn need not wait


class Flow:
    """`want` a command; `take` what to send, if anything; `answered` when the rover has answered it."""

    def __init__(self, rate_hz: float, in_flight_s: float = IN_FLIGHT_S, answers: bool = True) -> None:
        """`answers=False`: the protocol acknowledges no speeds (and does not queue them either)."""
        self._period_s = 1 / rate_hz
        self._in_flight_s = in_flight_s
        self._most = max(2, round(rate_hz * in_flight_s))
        self._answers = answers
        self._wanted = STILL
        self._until_s = math.inf
        self._number = 0
        self._unanswered: deque[tuple[int, float]] = deque(maxlen=4 * self._most)
        self._sent_s = -math.inf
        self._zeros = 0  # sent since the last motion
        self.stalls = 0

    @property
    def moving(self) -> bool:
        """The last command that was sent, or the one that will be, is not a stop."""
        return not self._wanted.is_still or (self._zeros == 0 and self._sent_s > -math.inf)

    @property
    def number(self) -> int:
        """Of the command taken last."""
        return self._number

    def reset(self) -> None:
        """A new connection: nothing is under way, and the first thing sent is a stop."""
        self._wanted = STILL
        self._unanswered.clear()
        self._sent_s = -math.inf
        self._zeros = 0

    def want(self, command: DriveCommand, until_s: float = math.inf) -> None:
        """Void after `until_s`: a process that was stopped must not go on with what it wanted before."""
        self._wanted, self._until_s = command, until_s

    def take(self, now_s: float) -> DriveCommand | None:
        """What to send now, counted as sent; None: nothing yet."""
        if now_s > self._until_s:
            self._wanted = STILL
        if now_s < self._due_s(now_s):
            return None
        stalled = self.stalled(now_s)
        if stalled and not self._wanted.is_still:
            self.stalls += 1
            command = STILL  # goes behind what waits: when it gets through, the rover stands until it is told anew
        else:
            command = self._wanted
        self._number += 1
        self._sent_s = now_s
        self._zeros = self._zeros + 1 if command.is_still else 0
        if self._answers:
            self._unanswered.append((self._number, now_s))
        return command

    def answered(self, number: int) -> None:
        """The rover takes commands in order: an answer to one answers those before it, too."""
        while self._unanswered and self._unanswered[0][0] <= number:
            self._unanswered.popleft()

    def waiting_s(self, now_s: float) -> float:
        """How long the oldest unanswered command has been under way."""
        return now_s - self._unanswered[0][1] if self._unanswered else 0.0

    def stalled(self, now_s: float) -> bool:
        return len(self._unanswered) >= self._most or self.waiting_s(now_s) > self._in_flight_s

    def wait_s(self, now_s: float) -> float:
        """When to look again, at the latest; an answer or another command may make it sooner."""
        return max(0.0, min(self._due_s(now_s), now_s + REST_S) - now_s)

    def _due_s(self, now_s: float) -> float:
        if self._wanted.is_still and self._zeros == 0:
            return now_s  # a stop never waits
        if self.stalled(now_s):
            return now_s if self._zeros == 0 else self._sent_s + REST_S if self._wanted.is_still else math.inf
        if self._wanted.is_still and self._zeros >= ZEROS:
            return self._sent_s + REST_S
        return self._sent_s + (1 - EARLY) * self._period_s
