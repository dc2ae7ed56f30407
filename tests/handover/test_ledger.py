"""Every frame that was sent has exactly one outcome, whatever comes in whatever order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from handover.ledger import REMEMBERED, Kind, Ledger
from protos.messages import Outcome

ANSWERS = (Outcome.RESULT, Outcome.SUPERSEDED, Outcome.REJECTED, Outcome.EXPIRED)


def sent(*servers: str, frames: int = 1) -> Ledger:
    ledger = Ledger()
    for number in range(1, frames + 1):
        ledger.send(0.0, number, number * 10, 1.0, servers)
    return ledger


def test_the_first_result_settles_a_hedged_frame_and_the_second_is_late() -> None:
    ledger = sent("a", "b")
    assert ledger.answer("b", 1, 10, Outcome.RESULT).deliver
    second = ledger.answer("a", 1, 10, Outcome.RESULT)
    assert second.kind is Kind.LATE
    assert not second.deliver
    counts = ledger.counts()
    assert (counts.sent, counts.hedged, counts.outcomes[Outcome.RESULT], counts.late) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Outcome.REJECTED, Outcome.RESULT, Outcome.RESULT),
        (Outcome.REJECTED, Outcome.SUPERSEDED, Outcome.SUPERSEDED),
        (Outcome.SUPERSEDED, Outcome.EXPIRED, Outcome.SUPERSEDED),
        (Outcome.REJECTED, Outcome.EXPIRED, Outcome.EXPIRED),
        (Outcome.REJECTED, Outcome.REJECTED, Outcome.REJECTED),
    ],
)
def test_of_different_answers_the_one_that_tells_most_counts(first: Outcome, second: Outcome, outcome: Outcome) -> None:
    ledger = sent("a", "b")
    assert ledger.answer("a", 1, 10, first).kind is Kind.OPEN
    assert ledger.answer("b", 1, 10, second).kind is Kind.SETTLED
    assert ledger.counts().outcomes[outcome] == 1


def test_a_frame_nobody_answers_is_lost_at_its_deadline_and_not_before() -> None:
    ledger = sent("a")
    ledger.expire(0.999)
    assert ledger.counts().pending == 1
    ledger.expire(1.0)
    assert ledger.counts().outcomes[Outcome.LOST] == 1
    assert ledger.answer("a", 1, 10, Outcome.RESULT).kind is Kind.LATE


def test_an_answer_that_was_no_result_counts_when_the_other_copy_stays_out() -> None:
    ledger = sent("a", "b")
    ledger.answer("a", 1, 10, Outcome.EXPIRED)
    ledger.expire(2.0)
    assert ledger.counts().outcomes[Outcome.EXPIRED] == 1


def test_a_broken_link_loses_its_frames_but_not_those_with_another_copy() -> None:
    ledger = sent("a", frames=2)
    ledger.copy(0.1, 2, "b")
    ledger.server_gone("a")
    assert not ledger.is_pending(1)
    assert ledger.is_pending(2)
    ledger.answer("b", 2, 20, Outcome.RESULT)
    outcomes = ledger.counts().outcomes
    assert (outcomes[Outcome.LOST], outcomes[Outcome.RESULT]) == (1, 1)


def test_a_result_that_was_overtaken_counts_as_result_and_is_not_delivered() -> None:
    ledger = sent("a", frames=2)
    assert ledger.answer("a", 2, 20, Outcome.RESULT).deliver
    assert not ledger.answer("a", 1, 10, Outcome.RESULT).deliver
    counts = ledger.counts()
    assert (counts.outcomes[Outcome.RESULT], counts.overtaken) == (2, 1)


def test_impossible_answers_are_told_apart() -> None:
    ledger = sent("a")
    assert ledger.answer("a", 2, 20, Outcome.RESULT).kind is Kind.UNKNOWN
    assert ledger.answer("b", 1, 10, Outcome.RESULT).kind is Kind.UNKNOWN
    assert ledger.answer("a", 1, 11, Outcome.RESULT).kind is Kind.MISMATCH
    assert ledger.answer("a", 1, 10, Outcome.RESULT).kind is Kind.SETTLED
    assert ledger.answer("a", 1, 10, Outcome.RESULT).kind is Kind.REPEATED
    assert ledger.counts().late == 0


def test_a_withdrawn_copy_leaves_the_frame_to_the_other_server() -> None:
    ledger = sent("a", "b")
    ledger.withdrawn("a", 1)
    assert ledger.answer("b", 1, 10, Outcome.RESULT).deliver
    ledger.send(0.0, 2, 20, 1.0, ["a"])
    ledger.withdrawn("a", 2)
    assert ledger.counts().outcomes[Outcome.SUPERSEDED] == 1


def test_memory_is_bounded_and_answers_to_forgotten_frames_are_late_not_wrong() -> None:
    ledger = sent("a", frames=3 * REMEMBERED)
    ledger.finish()
    assert len(ledger._settled) == REMEMBERED
    assert ledger.answer("a", 1, 10, Outcome.RESULT).kind is Kind.LATE
    with pytest.raises(ValueError, match="used before"):
        ledger.send(9.0, 1, 10, 10.0, ["a"])


class LedgerMachine(RuleBasedStateMachine):
    """Any interleaving of sending, copying, answering, breaking, withdrawing and waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.now_s = 0.0
        self.number = 0
        self.delivered: list[int] = []

    @rule(servers=st.sets(st.sampled_from("abc"), min_size=1))
    def send(self, servers: set[str]) -> None:
        self.number += 1
        self.ledger.send(self.now_s, self.number, self.number * 10, self.now_s + 1.0, sorted(servers))

    @rule(back=st.integers(0, 5), server=st.sampled_from("abc"))
    def copy(self, back: int, server: str) -> None:
        self.ledger.copy(self.now_s, self.number - back, server)

    @rule(
        back=st.integers(-2, 12),
        server=st.sampled_from("abcx"),
        outcome=st.sampled_from(ANSWERS),
        honest=st.booleans(),
    )
    def answer(self, back: int, server: str, outcome: Outcome, honest: bool) -> None:
        number = self.number - back
        verdict = self.ledger.answer(server, number, number * 10 + (not honest), outcome)
        if verdict.deliver:
            assert outcome is Outcome.RESULT
            assert honest
            self.delivered.append(number)

    @rule(back=st.integers(0, 5), server=st.sampled_from("abc"))
    def withdraw(self, back: int, server: str) -> None:
        self.ledger.withdrawn(server, self.number - back)

    @rule(server=st.sampled_from("abc"))
    def link_breaks(self, server: str) -> None:
        self.ledger.server_gone(server)

    @rule(wait_s=st.floats(0, 2))
    def wait(self, wait_s: float) -> None:
        self.now_s += wait_s
        self.ledger.expire(self.now_s)
        assert self.ledger.next_deadline_s > self.now_s

    @invariant()
    def nothing_is_unaccounted(self) -> None:
        counts = self.ledger.counts()
        assert counts.unaccounted == 0
        assert counts.sent == self.number
        assert counts.hedged <= counts.sent
        assert counts.outcomes[Outcome.RESULT] == len(self.delivered) + counts.overtaken
        assert self.delivered == sorted(set(self.delivered))

    def teardown(self) -> None:
        self.ledger.finish()
        counts = self.ledger.counts()
        assert counts.pending == 0
        assert sum(counts.outcomes.values()) == counts.sent


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestAnyInterleaving = LedgerMachine.TestCase


@given(st.permutations(range(1, 9)))
def test_results_in_any_order_are_delivered_in_the_order_of_the_frames(order: list[int]) -> None:
    ledger = sent("a", frames=8)
    delivered = [number for number in order if ledger.answer("a", number, number * 10, Outcome.RESULT).deliver]
    assert delivered == sorted(delivered)
    assert delivered[-1] == 8
    assert ledger.counts().outcomes[Outcome.RESULT] == 8
