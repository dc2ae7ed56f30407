"""Which faces of the spool are under way, and which to send next. Pure: time is passed in.

A face leaves the spool when whoever has to have it says so (`arrived`). Until then it stays, is sent again when the
answer stays out, and again after every new connection. Being sent twice does no harm: the same face is the same object.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_S = 600.0
MOST_PUT_OFF = 5000


@dataclass(slots=True)
class _Flight:
    due_s: float  # when to send again
    wait_s: float
    is_sending: bool = True


class Window:
    """Numbers are those of the spool, which grow."""

    def __init__(self, size: int, resend_s: float) -> None:
        self._size, self._resend_s = size, resend_s
        self._flights: dict[int, _Flight] = {}
        self._put_off: set[int] = set()  # of them, those that the broker did not take
        self.newest = 0
        """The last number that was ever sent; what is not in flight before it has arrived."""
        self.resent = 0

    @property
    def room(self) -> int:
        """So many new ones may be sent. Those that were put off take no place, until there are very many of them."""
        waiting = len(self._flights) - len(self._put_off)
        return max(0, self._size - waiting) if len(self._put_off) < MOST_PUT_OFF else 0

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, number: int) -> bool:
        return number in self._flights

    def send(self, now_s: float, number: int) -> None:
        """It goes out now."""
        flight = self._flights.get(number)
        if flight is None:
            self._flights[number] = _Flight(now_s + self._resend_s, self._resend_s)
            self.newest = max(self.newest, number)
            return
        flight.wait_s = min(2 * flight.wait_s, LONGEST_S)
        flight.due_s, flight.is_sending = now_s + flight.wait_s, True
        self._put_off.discard(number)
        self.resent += 1

    def sent(self, now_s: float, number: int) -> None:
        """The broker has it; from now on its receipt is waited for."""
        if (flight := self._flights.get(number)) is not None:
            flight.is_sending = False
            flight.due_s = now_s + flight.wait_s

    def not_sent(self, now_s: float, number: int, pause_s: float) -> None:
        """The broker did not take it; it may later."""
        if (flight := self._flights.get(number)) is not None:
            flight.is_sending, flight.due_s = False, now_s + pause_s
            self._put_off.add(number)

    def patience_s(self, number: int) -> float:
        """How long to wait for its answer; longer from try to try."""
        return self._flights[number].wait_s if number in self._flights else self._resend_s

    def arrived(self, numbers: Iterable[int]) -> list[int]:
        """They need not be kept any more; those of them that were in flight."""
        gone = [number for number in numbers if self._flights.pop(number, None) is not None]
        self._put_off.difference_update(gone)
        return gone

    def overdue(self, now_s: float, at_most: int) -> list[int]:
        """To be sent again, the oldest first; of those that were put off, as many as there is room for."""
        due = sorted(n for n, flight in self._flights.items() if not flight.is_sending and flight.due_s <= now_s)
        room = max(0, self._size - len(self._flights) + len(self._put_off))
        put_off = set([number for number in due if number in self._put_off][:room])
        return [number for number in due if number in put_off or number not in self._put_off][:at_most]

    def next_due_s(self) -> float | None:
        return min((flight.due_s for flight in self._flights.values() if not flight.is_sending), default=None)

    def connected(self, now_s: float) -> None:
        """What was under way on the old connection may be lost: all of it is due, with its first patience.

        Not what the broker did not take: some hang up on who sends it, and sent first each time it would stop the rest.
        """
        for number, flight in self._flights.items():
            if number not in self._put_off:
                flight.is_sending, flight.due_s, flight.wait_s = False, now_s, self._resend_s
