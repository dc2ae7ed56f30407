"""Mailboxes, order, fairness, admission: all without a clock."""

import math
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_server.lane import HUNG_S
from edge_server.scheduler import Batch, Scheduler, SchedulerConfig, Settled, Ticket
from protos.messages import Outcome


def scheduler_of(lanes: dict[str, int] | None = None, **config: float) -> Scheduler:
    return Scheduler(SchedulerConfig.model_validate(config), lanes or {"person": 1})


def ticket(
    number: int, deadline_s: float = math.inf, tasks: tuple[str, ...] = ("person",), extra: tuple[str, ...] = ()
) -> Ticket:
    return Ticket(number, tasks, deadline_s, extra_tasks=extra)


def outcomes(settled: list[Settled]) -> list[tuple[int, Outcome]]:
    return [(one.ticket.number, one.outcome) for one in settled]


def next_one(scheduler: Scheduler, now_s: float) -> Batch:
    batch = scheduler.next_batch(now_s).batch
    assert batch is not None
    return batch


def test_a_newer_frame_takes_the_place_of_the_one_that_waits() -> None:
    scheduler = scheduler_of()
    scheduler.open(0.0, "a")
    assert scheduler.offer(0.0, "a", ticket(1)) == []
    assert outcomes(scheduler.offer(0.1, "a", ticket(2))) == [(1, Outcome.SUPERSEDED)]
    batch = next_one(scheduler, 0.2)
    assert [each.number for each in batch.tickets] == [2]
    assert scheduler.offer(0.3, "a", ticket(3)) == []  # the one in service is not replaced
    (done,) = scheduler.done(0.4, batch, 0.2)
    assert (done.ticket.number, done.outcome) == (2, Outcome.RESULT)
    assert done.queue_s == pytest.approx(0.1)


def test_the_earliest_deadline_goes_first_among_robots_whose_turn_it_is() -> None:
    scheduler = scheduler_of()
    for name, deadline_s in (("a", 3.0), ("b", 1.0), ("c", math.inf), ("d", 2.0)):
        scheduler.open(0.0, name)
        scheduler.offer(0.0, name, ticket(ord(name), deadline_s))
    order = []
    for step in range(4):
        batch = next_one(scheduler, 0.1 * step)
        order.append(chr(batch.tickets[0].number))
        scheduler.done(0.1 * step, batch, 0.1)
    assert order == ["b", "d", "a", "c"]


def test_a_ticket_past_its_deadline_is_dropped_before_service() -> None:
    scheduler = scheduler_of()
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1, deadline_s=0.5))
    assert scheduler.next_deadline_s() == 0.5
    turn = scheduler.next_batch(0.5)
    assert turn.batch is None
    assert outcomes(turn.settled) == [(1, Outcome.EXPIRED)]
    assert outcomes(scheduler.offer(0.6, "a", ticket(2, deadline_s=0.6))) == [(2, Outcome.EXPIRED)]


def test_an_engine_that_gains_from_batches_gets_those_of_several_robots() -> None:
    scheduler = scheduler_of({"person": 3}, capacity=8)
    for name in "abcde":
        scheduler.open(0.0, name)
        scheduler.offer(0.0, name, ticket(ord(name)))
    sizes = []
    while batch := scheduler.next_batch(0.1).batch:
        sizes.append(len(batch.tickets))
        scheduler.done(0.2, batch, 0.1)
    assert sizes == [3, 2]


def test_who_finds_no_place_is_told_when_to_come_back_and_a_crowd_is_spread() -> None:
    scheduler = scheduler_of(capacity=2)
    scheduler.observe("person", 0.3)
    assert scheduler.open(0.0, "a").admitted
    assert scheduler.open(0.0, "b").admitted
    assert scheduler.open(0.0, "a").admitted  # again: it has its place
    first, second = scheduler.open(0.0, "c"), scheduler.open(0.0, "d")
    assert not first.admitted
    assert first.retry_after_s == pytest.approx(2 * 0.3 * 1.5)  # two served in 0.6 s, one in the crowd of two
    assert second.retry_after_s > first.retry_after_s
    (refused,) = scheduler.offer(0.1, "c", ticket(1))
    assert refused.outcome is Outcome.REJECTED
    assert refused.retry_after_s > 0
    scheduler.close(0.2, "a")
    assert scheduler.open(0.2, "c").admitted


def test_calls_take_no_stream_s_place() -> None:
    scheduler = scheduler_of(capacity=1, max_calls=2)
    assert scheduler.open(0.0, "call 1", "peer", is_call=True).admitted
    assert scheduler.open(0.0, "call 2", "peer", is_call=True).admitted
    assert not scheduler.open(0.0, "call 3", "peer", is_call=True).admitted
    assert scheduler.open(0.0, "a").admitted
    assert scheduler.load(0.0).streams == 1


def test_a_closed_stream_loses_what_it_had_and_the_engine_s_late_answer_changes_nothing() -> None:
    scheduler = scheduler_of()
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1))
    batch = next_one(scheduler, 0.0)
    scheduler.offer(0.0, "a", ticket(2))
    assert sorted(outcomes(scheduler.close(0.1, "a"))) == [(1, Outcome.LOST), (2, Outcome.LOST)]
    assert scheduler.done(0.2, batch, 0.2) == []
    assert scheduler.next_batch(0.3).batch is None


def test_two_tasks_are_answered_together_and_one_that_fails_costs_only_its_part() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1, tasks=("person", "face")))
    person, face = next_one(scheduler, 0.0), next_one(scheduler, 0.0)
    assert {person.task, face.task} == {"person", "face"}
    assert scheduler.done(0.1, person, 0.1) == []
    (done,) = scheduler.done(0.2, face, 0.2, failed=[0])
    assert done.outcome is Outcome.RESULT
    assert done.failed_tasks == (face.task,)


def test_an_extra_task_comes_along_where_its_lane_is_free() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1, extra=("face",)))
    batches = {batch.task: batch for batch in (next_one(scheduler, 0.0), next_one(scheduler, 0.0))}
    assert scheduler.done(0.1, batches["person"], 0.1) == []
    (done,) = scheduler.done(0.2, batches["face"], 0.1)
    assert (done.outcome, done.failed_tasks) == (Outcome.RESULT, ())


def test_an_extra_task_whose_lane_is_taken_is_left_out_instead_of_waited_for() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    scheduler.open(0.0, "other")
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "other", ticket(1, tasks=("face",)))
    slow = next_one(scheduler, 0.0)
    scheduler.offer(0.0, "a", ticket(2, extra=("face",)))
    person = next_one(scheduler, 0.0)
    assert outcomes(scheduler.done(0.1, person, 0.1)) == [(2, Outcome.RESULT)]
    scheduler.offer(0.1, "a", ticket(3, extra=("face",)))
    assert outcomes(scheduler.done(0.2, slow, 0.2)) == [(1, Outcome.RESULT)]
    assert [each.number for each in next_one(scheduler, 0.2).tickets] == [3]  # the lane holds nothing of ticket 2


def test_extra_tasks_alone_are_no_result() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1, extra=("face",)))
    batches = {batch.task: batch for batch in (next_one(scheduler, 0.0), next_one(scheduler, 0.0))}
    scheduler.done(0.1, batches["face"], 0.1)
    assert outcomes(scheduler.done(0.1, batches["person"], 0.1, failed=[0])) == [(1, Outcome.REJECTED)]
    scheduler.offer(0.2, "a", ticket(2, extra=("face",)))
    hung = next(batch for batch in (next_one(scheduler, 0.2), next_one(scheduler, 0.2)) if batch.task == "person")
    scheduler.abandon(3.2, hung)
    assert outcomes(scheduler.offer(3.3, "a", ticket(3, extra=("face",)))) == [(3, Outcome.REJECTED)]


def test_parts_of_a_stream_never_pile_up_before_a_slow_engine() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    scheduler.open(0.0, "a")
    scheduler.offer(0.0, "a", ticket(1, tasks=("person", "face")))
    batches = {batch.task: batch for batch in (next_one(scheduler, 0.0), next_one(scheduler, 0.0))}
    scheduler.done(0.1, batches["person"], 0.1)
    scheduler.offer(0.1, "a", ticket(2, tasks=("person", "face")))
    assert scheduler.next_batch(0.1).batch is None  # its first frame is still with the slow one
    scheduler.done(0.2, batches["face"], 0.2)
    assert next_one(scheduler, 0.2).tickets[0].number == 2


def test_a_hung_engine_s_frames_are_refused_until_it_comes_back() -> None:
    scheduler = scheduler_of({"person": 1, "face": 1})
    for name in "abc":
        scheduler.open(0.0, name)
    scheduler.offer(0.0, "a", ticket(1))
    hung = next_one(scheduler, 0.0)
    scheduler.offer(0.0, "b", ticket(2))
    scheduler.offer(0.0, "c", ticket(3, tasks=("person", "face")))
    face = next_one(scheduler, 0.0)
    assert sorted(outcomes(scheduler.abandon(3.0, hung))) == [(1, Outcome.REJECTED), (2, Outcome.REJECTED)]
    assert outcomes(scheduler.done(3.1, face, 0.1)) == [(3, Outcome.RESULT)]
    assert outcomes(scheduler.offer(3.2, "a", ticket(4))) == [(4, Outcome.REJECTED)]
    assert scheduler.offer(3.2, "c", ticket(5, tasks=("person", "face"))) == []
    assert scheduler.expected_service_s(3.2, ["person"]) == HUNG_S
    assert scheduler.done(9.0, hung, 9.0) == []
    assert scheduler.offer(9.1, "a", ticket(6)) == []
    assert next_one(scheduler, 9.1).task == "person"


def test_expected_service_counts_what_waits_and_what_runs() -> None:
    scheduler = scheduler_of(capacity=8)
    assert scheduler.expected_service_s(0.0) == 0.0
    scheduler.observe("person", 0.1)
    assert scheduler.expected_service_s(0.0) == pytest.approx(0.1)
    for name in "abc":
        scheduler.open(0.0, name)
        scheduler.offer(0.0, name, ticket(ord(name)))
    next_one(scheduler, 0.0)
    assert scheduler.expected_service_s(0.04) == pytest.approx(0.06 + 2 * 0.1 + 0.1)


def test_busy_is_the_share_of_the_last_window() -> None:
    scheduler = scheduler_of(busy_window_s=2.0)
    scheduler.open(0.0, "a")
    for start_s in (10.0, 11.0):
        scheduler.offer(start_s, "a", ticket(1))
        scheduler.done(start_s + 0.5, next_one(scheduler, start_s), 0.5)
    assert scheduler.load(12.0).busy == pytest.approx(0.5)
    assert scheduler.load(12.25).busy == pytest.approx(0.375)
    assert scheduler.load(20.0).busy == 0.0


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.floats(0.01, 5.0), min_size=1, max_size=3), min_size=2),
    st.lists(st.sampled_from("abcdef"), min_size=10, max_size=60),
)
@settings(max_examples=60)
def test_while_one_robot_waits_no_other_is_served_more_than_twice(
    budgets: dict[str, list[float]], senders: list[str]
) -> None:
    """Each robot has as many streams as budgets; robots with short budgets and many streams are the greedy ones."""
    scheduler = scheduler_of(capacity=64)
    for robot, each in budgets.items():
        for number in range(len(each)):
            scheduler.open(0.0, f"{robot}{number}", robot)
    waiting_since: dict[str, Counter[str]] = {}
    now_s = 0.0
    for number, sender in enumerate(senders):
        robots = [sender] if sender in budgets else list(budgets)
        for robot in robots:
            for stream, budget_s in enumerate(budgets[robot]):
                # a budget far above the run's length: order matters here, not expiry
                scheduler.offer(now_s, f"{robot}{stream}", ticket(number, now_s + 1000 + budget_s))
            waiting_since.setdefault(robot, Counter())
        batch = scheduler.next_batch(now_s).batch
        assert batch is not None
        served = batch.entries[0].stream.robot
        for robot, counts in waiting_since.items():
            if robot != served:
                counts[served] += 1
                assert counts[served] <= 2, f"{served} served {counts[served]} times while {robot} waited"
        waiting_since.pop(served, None)
        now_s += 0.01
        scheduler.done(now_s, batch, 0.01)
        if any(stream.robot == served and stream.waiting for stream in scheduler._streams.values()):
            waiting_since[served] = Counter()


class EveryTicketHasOneOutcome(RuleBasedStateMachine):
    """Whatever happens in whatever order, each ticket is settled once, and the counts add up."""

    @initialize(batch=st.integers(1, 3))
    def start(self, batch: int) -> None:
        self.now_s = 0.0
        self.scheduler = scheduler_of({"person": batch, "face": 1}, capacity=3)
        self.offered = 0
        self.settled: dict[int, list[Outcome]] = defaultdict(list)
        self.running: list[Batch] = []

    def note(self, settled: list[Settled]) -> None:
        for one in settled:
            self.settled[one.ticket.number].append(one.outcome)
            assert one.queue_s >= 0
            assert (one.retry_after_s > 0) == (one.outcome is Outcome.REJECTED)

    @rule(step_s=st.floats(0, 0.5))
    def time_passes(self, step_s: float) -> None:
        self.now_s += step_s

    @rule(stream=st.sampled_from("abcde"))
    def open(self, stream: str) -> None:
        self.scheduler.open(self.now_s, stream, robot=stream if stream < "d" else "d")

    @rule(stream=st.sampled_from("abcde"))
    def close(self, stream: str) -> None:
        self.note(self.scheduler.close(self.now_s, stream))

    @rule(
        stream=st.sampled_from("abcde"),
        budget_s=st.sampled_from([0.0, 0.1, 1.0, math.inf]),
        tasks=st.sampled_from([("person",), ("face",), ("person", "face"), ("unknown",), ("person", "unknown")]),
        extra=st.sampled_from([(), (), ("face",), ("person",), ("unknown", "face")]),
    )
    def offer(self, stream: str, budget_s: float, tasks: tuple[str, ...], extra: tuple[str, ...]) -> None:
        self.offered += 1
        made = ticket(self.offered, self.now_s + budget_s, tasks, tuple(set(extra) - set(tasks)))
        self.note(self.scheduler.offer(self.now_s, stream, made))

    @rule()
    def next_batch(self) -> None:
        turn = self.scheduler.next_batch(self.now_s)
        self.note(turn.settled)
        if turn.batch:
            assert all(self.now_s < each.deadline_s for each in turn.batch.tickets)
            self.running.append(turn.batch)

    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        if self.running:
            batch = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
            failed = data.draw(st.sets(st.sampled_from(range(len(batch.tickets)))))
            self.note(self.scheduler.done(self.now_s, batch, 0.1, failed))

    @rule(data=st.data())
    def hang(self, data: st.DataObject) -> None:
        if self.running:
            self.note(self.scheduler.abandon(self.now_s, data.draw(st.sampled_from(self.running))))

    @invariant()
    def each_has_at_most_one_outcome(self) -> None:
        assert all(len(each) == 1 for each in self.settled.values())

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for stream in "abcde":
            self.note(self.scheduler.close(self.now_s, stream))
        assert len(self.settled) == self.offered
        self.each_has_at_most_one_outcome()


TestEveryTicketHasOneOutcome = EveryTicketHasOneOutcome.TestCase
TestEveryTicketHasOneOutcome.settings = settings(max_examples=60, stateful_step_count=40)
