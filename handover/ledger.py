"""Exact accounting: every frame that was sent has exactly one outcome, however many servers had a copy of it.

Rules:
- the first RESULT of any server settles the frame; whatever comes later to it is counted as late, nothing else;
- without a result a frame is settled when no copy can still be answered; if the servers said different things, the one
  that tells most about the frame counts: superseded, then expired, then rejected (PRECEDENCE);
- a copy can no longer be answered when its server has answered, or its link broke; all copies end at the deadline;
- nobody said anything: LOST.

Results that come out of order (a newer frame's result is there already) are results, and are marked `overtaken`: the
tracker only takes newer pictures than the last, so the core does not deliver them.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from handover.values import Counts
from protos.messages import Outcome

PRECEDENCE = (Outcome.RESULT, Outcome.SUPERSEDED, Outcome.EXPIRED, Outcome.REJECTED)
REMEMBERED = 512
# Settled frames kept to tell late answers from impossible ones: 25 s at 20 frames/s.


class Kind(Enum):
    """What an answer turned out to be."""

    SETTLED = "the outcome"  # it decided the frame's outcome
    OPEN = "no result"  # not a result, and another copy may still bring one
    LATE = "late"  # the frame was settled before
    UNKNOWN = "to a frame that it never got"  # this frame was never sent to that server
    REPEATED = "the second one"  # that server has answered this frame before
    MISMATCH = "with another capture time"  # the echoed capture time is not this frame's

    @property
    def is_impossible(self) -> bool:
        """No honest server answers like this."""
        return self in (Kind.UNKNOWN, Kind.REPEATED, Kind.MISMATCH)


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    sent_s: float = 0.0  # the frame, for the first time
    copy_sent_s: float | None = None  # the copy that was answered; None when the frame is forgotten
    deliver: bool = False  # a result, the first of its frame, newer than all before


@dataclass(slots=True)
class _Entry:
    capture_ns: int
    sent_s: float
    deadline_s: float
    copies: dict[str, float]  # server -> sent
    open: int  # copies that can still be answered
    answers: dict[str, Outcome] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)  # their link broke
    settled: bool = False


class Ledger:
    """The book of all frames of one session."""

    def __init__(self) -> None:
        self._pending: OrderedDict[int, _Entry] = OrderedDict()  # in the order of sending, so of deadlines
        self._settled: OrderedDict[int, _Entry] = OrderedDict()
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._forgotten = -1  # highest number that is no longer remembered
        self._delivered = -1
        self._sent = 0
        self._hedged = 0
        self._late = 0
        self._overtaken = 0
        self.unsent = 0

    def send(self, now_s: float, number: int, capture_ns: int, deadline_s: float, server_ids: Iterable[str]) -> None:
        """A frame goes out to one or more servers. Raises ValueError when the number was used before."""
        if number in self._pending or number in self._settled or number <= self._forgotten:
            raise ValueError(f"frame number {number} was used before; numbers rise by one and are never reused")
        copies = dict.fromkeys(server_ids, now_s)
        self._pending[number] = _Entry(capture_ns, now_s, deadline_s, copies, len(copies))
        self._sent += 1
        self._hedged += len(copies) > 1

    def copy(self, now_s: float, number: int, server_id: str) -> bool:
        """A pending frame goes to one more server; False when it is settled or was there already."""
        entry = self._pending.get(number)
        if entry is None or server_id in entry.copies:
            return False
        self._hedged += len(entry.copies) == 1
        entry.copies[server_id] = now_s
        entry.open += 1
        return True

    def is_pending(self, number: int) -> bool:
        return number in self._pending

    def answer(self, server_id: str, number: int, capture_ns: int, outcome: Outcome) -> Verdict:
        """One server's answer to one frame."""
        entry = self._pending.get(number) or self._settled.get(number)
        if entry is None:
            if 0 <= number <= self._forgotten:
                self._late += 1
                return Verdict(Kind.LATE)
            return Verdict(Kind.UNKNOWN)
        if server_id not in entry.copies:
            return Verdict(Kind.UNKNOWN)
        if server_id in entry.answers:
            return Verdict(Kind.REPEATED)
        if capture_ns != entry.capture_ns:
            return Verdict(Kind.MISMATCH)
        copy_sent_s = entry.copies[server_id]
        entry.answers[server_id] = outcome
        if entry.settled:
            self._late += 1
            return Verdict(Kind.LATE, entry.sent_s, copy_sent_s)
        if server_id not in entry.gone:
            entry.open -= 1
        if outcome is not Outcome.RESULT and entry.open > 0:
            return Verdict(Kind.OPEN, entry.sent_s, copy_sent_s)
        self._settle(number, entry)
        deliver = outcome is Outcome.RESULT and number > self._delivered
        if deliver:
            self._delivered = number
        elif outcome is Outcome.RESULT:
            self._overtaken += 1
        return Verdict(Kind.SETTLED, entry.sent_s, copy_sent_s, deliver)

    def withdrawn(self, server_id: str, number: int) -> None:
        """A copy never left this robot: a newer frame took its place on the way out."""
        entry = self._pending.get(number)
        if entry is not None and server_id in entry.copies and server_id not in entry.answers:
            self.answer(server_id, number, entry.capture_ns, Outcome.SUPERSEDED)

    def server_gone(self, server_id: str) -> None:
        """The link broke: none of that server's copies can be answered any more."""
        for number, entry in list(self._pending.items()):
            if server_id in entry.copies and server_id not in entry.answers and server_id not in entry.gone:
                entry.gone.append(server_id)
                entry.open -= 1
                if entry.open == 0:
                    self._settle(number, entry)

    def expire(self, now_s: float) -> None:
        """Settle what is past its deadline."""
        while self._pending:
            number, entry = next(iter(self._pending.items()))
            if entry.deadline_s > now_s:
                return
            self._settle(number, entry)

    def finish(self) -> None:
        """Settle everything: nobody listens any more."""
        for number, entry in list(self._pending.items()):
            self._settle(number, entry)

    @property
    def next_deadline_s(self) -> float:
        """inf when nothing is pending."""
        return next(iter(self._pending.values())).deadline_s if self._pending else float("inf")

    def counts(self) -> Counts:
        return Counts(
            sent=self._sent,
            pending=len(self._pending),
            outcomes=dict(self._outcomes),
            hedged=self._hedged,
            late=self._late,
            unsent=self.unsent,
            overtaken=self._overtaken,
        )

    def _settle(self, number: int, entry: _Entry) -> None:
        said = entry.answers.values()
        outcome = next((each for each in PRECEDENCE if each in said), Outcome.LOST)
        self._outcomes[outcome] += 1
        entry.settled = True
        del self._pending[number]
        self._settled[number] = entry
        if len(self._settled) > REMEMBERED:
            oldest, _ = self._settled.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest)
