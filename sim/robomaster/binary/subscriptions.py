"""Who wants to hear what how often: samples at 1 to 50 Hz, the first one straight after the answer.

DJI's package fails with an AttributeError when it unsubscribes before any sample came, hence the first one at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protos.robomaster.ids import Command, Subject
from sim.robomaster.binary.outbox import Push

RATES_HZ = (1, 5, 10, 20, 50)
SUBSCRIPTIONS_MAX = 64
SUBJECTS_MAX = 16  # in one subscription

Sample = Callable[[Subject], bytes]
"""What a subject looks like now."""
Pack = Callable[[int, bytes], bytes]
"""A sample's push, given the message's number and the data."""


@dataclass(slots=True)
class _Subscription:
    subjects: tuple[Subject, ...]
    period_s: float
    due_s: float


class Subscriptions:
    """Of one client, by the message number that it chose."""

    def __init__(self, sample: Sample, pack: Pack) -> None:
        self._sample = sample
        self._pack = pack
        self._by_number: dict[int, _Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    @property
    def is_full(self) -> bool:
        return len(self._by_number) >= SUBSCRIPTIONS_MAX

    def add(self, number: int, subjects: Sequence[Subject], rate_hz: int, now_s: float) -> None:
        """In the place of an old one of that number. The rate is one of RATES_HZ."""
        self._by_number[number] = _Subscription(tuple(subjects), 1 / rate_hz, now_s)

    def remove(self, number: int) -> bool:
        """False: there was none."""
        return self._by_number.pop(number, None) is not None

    def clear(self) -> None:
        self._by_number.clear()

    def due(self, now_s: float) -> list[Push]:
        pushes = []
        for number, each in self._by_number.items():
            if now_s < each.due_s:
                continue
            each.due_s += each.period_s
            if each.due_s <= now_s:  # samples that were missed are left out
                each.due_s = now_s + each.period_s
            data = b"".join(self._sample(subject) for subject in each.subjects)
            pushes.append(Push(Command.SUBJECT_PUSH, self._pack(number, data), stream=number))
        return pushes
