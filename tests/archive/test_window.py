"""Nothing that was taken is lost, whatever a broker does, and never is too much under way."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from archive.window import LONGEST_S, Window

RESEND_S = 30.0


class Spooled(RuleBasedStateMachine):
    """A spool, a window and a broker that loses, refuses, confirms twice, and breaks connections."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 5
        self.window = Window(self.size, RESEND_S)
        self.now_s = 0.0
        self.spool: list[int] = []  # numbers that are on the disk
        self.last = 0
        self.wire: set[int] = set()  # handed to the connection, no answer yet
        self.taken: set[int] = set()  # the broker has it
        self.confirmed: set[int] = set()
        self.put_off: set[int] = set()  # the broker did not take it

    @rule(number=st.integers(1, 7))
    def faces_come(self, number: int) -> None:
        self.spool += range(self.last + 1, self.last + number + 1)
        self.last += number

    @rule()
    def the_forwarder_sends(self) -> None:
        again = self.window.overdue(self.now_s, 100)
        assert again == sorted(set(again))
        assert not self.wire & set(again), "sent again while its first sending is not over"
        self._send(again)
        self._send([number for number in self.spool if number > self.window.newest][: self.window.room])

    def _send(self, numbers: list[int]) -> None:
        for number in numbers:
            assert number not in self.confirmed, "sent after it had arrived"
            self.window.send(self.now_s, number)
            self.wire.add(number)
            self.put_off.discard(number)

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), how=st.sampled_from(["taken", "nobody", "refused"]))
    def the_broker_answers(self, data: st.DataObject, how: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.wire)))
        self.wire.discard(number)
        if how == "taken":
            self.window.sent(self.now_s, number)
            self.taken.add(number)
        else:
            self.window.not_sent(self.now_s, number, 5.0)
            self.put_off.add(number)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def a_receipt_comes(self, data: st.DataObject) -> None:
        """Perhaps again, perhaps from somebody who makes numbers up."""
        number = data.draw(st.sampled_from(sorted(self.taken)))
        was_new = number not in self.confirmed
        assert self.window.arrived([number, number, 10**9]) == ([number] if was_new else [])
        self.confirmed.add(number)
        self.put_off.discard(number)
        self.spool = [each for each in self.spool if each != number]

    @rule()
    def the_connection_breaks_and_comes_back(self) -> None:
        self.wire.clear()
        self.window.connected(self.now_s)

    @rule(passed_s=st.floats(0, 100))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s

    @invariant()
    def never_too_much_is_under_way(self) -> None:
        waiting = len(self.window) - len(self.put_off)
        assert waiting <= self.size
        assert self.window.room == self.size - waiting

    @invariant()
    def what_was_sent_and_not_confirmed_is_still_known(self) -> None:
        for number in self.spool:
            assert (number in self.window) == (number <= self.window.newest)

    @invariant()
    def what_is_not_on_the_wire_will_be_sent_again(self) -> None:
        waiting = [number for number in self.spool if number in self.window and number not in self.wire]
        due_s = self.window.next_due_s()
        assert (due_s is None) == (not waiting)
        due = set(self.window.overdue(self.now_s + LONGEST_S + 1, 1000))
        assert due >= set(waiting) - self.put_off
        assert len(due & self.put_off) == min(len(self.put_off), self.window.room)

    def teardown(self) -> None:
        """A broker that works again gets all of it."""
        for _ in range(200):
            self.the_connection_breaks_and_comes_back()
            self.now_s += 5.0
            self.the_forwarder_sends()
            for number in sorted(self.wire):
                self.window.sent(self.now_s, number)
                self.window.arrived([number])
                self.spool.remove(number)
            self.wire.clear()
            if not self.spool:
                return
        raise AssertionError(f"never sent: {self.spool}")


TestSpooled = Spooled.TestCase
TestSpooled.settings = settings(max_examples=60, stateful_step_count=40)


def resent_at(window: Window, until_s: float, step_s: float = 1.0) -> list[float]:
    """When number 1 goes out again, the broker takes it each time, and no receipt comes."""
    times, now_s = [], 0.0
    while now_s < until_s:
        now_s += step_s
        for number in window.overdue(now_s, 10):
            window.send(now_s, number)
            window.sent(now_s, number)
            times.append(now_s)
    return times


def test_without_a_receipt_a_face_is_sent_again_with_ever_more_patience() -> None:
    window = Window(4, RESEND_S)
    window.send(0.0, 1)
    window.sent(0.0, 1)
    times = resent_at(window, 5000.0)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert gaps[:5] == [30.0, 60.0, 120.0, 240.0, 480.0]
    assert set(gaps[5:]) == {LONGEST_S}
    assert window.resent == len(times)


def test_a_new_connection_begins_with_the_first_patience() -> None:
    window = Window(4, RESEND_S)
    window.send(0.0, 1)
    window.sent(0.0, 1)
    resent_at(window, 500.0)
    window.connected(500.0)
    assert window.overdue(500.0, 10) == [1]


def test_patience_counts_from_when_the_broker_had_it() -> None:
    window = Window(4, RESEND_S)
    window.send(0.0, 1)
    assert window.overdue(1000.0, 10) == []  # still on its way: a slow link is no loss
    window.sent(1000.0, 1)
    assert window.overdue(1029.9, 10) == []
    assert window.overdue(1030.0, 10) == [1]


@pytest.mark.parametrize("pause_s", [1.0, 5.0])
def test_what_the_broker_did_not_take_waits_for_its_pause_and_is_in_nobodys_way(pause_s: float) -> None:
    window = Window(1, RESEND_S)
    window.send(0.0, 1)
    window.not_sent(0.0, 1, pause_s)
    assert window.next_due_s() == pause_s
    assert window.room == 1
    window.send(0.0, 2)
    assert window.overdue(pause_s, 10) == [], "no room for it"
    window.arrived([2])
    assert window.overdue(pause_s, 10) == [1]


def test_what_the_broker_did_not_take_is_not_the_first_to_go_on_a_new_connection() -> None:
    """Mosquitto 2.0.11 hangs up after it has refused a message: sent first again and again it would stop all others."""
    window = Window(4, RESEND_S)
    for number in (1, 2, 3):
        window.send(0.0, number)
    window.not_sent(0.0, 1, 5.0)
    window.connected(1.0)
    assert window.overdue(1.0, 10) == [2, 3]
    assert window.overdue(5.0, 10) == [1, 2, 3]


def test_the_oldest_go_first_and_no_more_than_asked_for() -> None:
    window = Window(10, RESEND_S)
    for number in (3, 1, 2):
        window.send(0.0, number)
        window.sent(0.0, number)
    assert window.overdue(RESEND_S, 2) == [1, 2]
    assert window.newest == 3
