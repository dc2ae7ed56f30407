"""The fair queue, as plain calls."""

from hypothesis import given
from hypothesis import strategies as st

from edge_server.lane import Lane
from edge_server.tryon.queue import FairQueue, Ticket


def queue_of(max_waiting: int = 1000, max_per_user: int = 1000) -> FairQueue:
    return FairQueue(Lane("tryon", 1, 10.0), max_waiting, max_per_user)


def ticket(number: int, user: str, deadline_s: float = 100.0) -> Ticket:
    return Ticket(number, user, deadline_s)


def served(queue: FairQueue) -> list[str]:
    names = []
    while (one := queue.take()) is not None:
        names.append(f"{one.user}{one.number}")
    return names


def test_everybodys_first_comes_before_anybodys_second_whoever_came_when() -> None:
    queue = queue_of()
    for number, user in enumerate("aaabac"):
        assert queue.offer(ticket(number, user)) == ""
    assert served(queue) == ["a0", "b3", "c5", "a1", "a2", "a4"]


def test_who_comes_while_anothers_first_is_served_goes_before_that_ones_second() -> None:
    queue = queue_of()
    queue.offer(ticket(0, "a"))
    queue.offer(ticket(1, "a"))
    assert queue.take() is not None  # a's first is in service
    queue.offer(ticket(2, "b"))
    assert [(place, one.user) for place, one in queue.places()] == [(1, "b"), (2, "a")]
    assert served(queue) == ["b2", "a1"]


def test_who_leaves_and_comes_back_gains_nothing_and_makes_up_for_nothing() -> None:
    queue = queue_of()
    for number, user in enumerate("aab"):
        queue.offer(ticket(number, user))
    first = queue.take()
    assert first is not None
    for number, user in ((3, "a"), (4, "c"), (5, "b")):
        queue.offer(ticket(number, user))
    assert served(queue) == ["b2", "c4", "a1", "b5", "a3"]


def test_the_queue_is_bounded_for_all_and_for_each_user() -> None:
    queue = queue_of(max_waiting=3, max_per_user=2)
    assert [queue.offer(ticket(number, "a")) for number in range(3)][:2] == ["", ""]
    assert "you have 2" in queue.offer(ticket(3, "a"))
    assert queue.offer(ticket(4, "b")) == ""
    assert "3 requests wait" in queue.offer(ticket(5, "c"))
    assert len(queue) == 3


def test_who_is_cancelled_or_late_is_never_served_and_the_others_move_up() -> None:
    queue = queue_of()
    tickets = [ticket(0, "a"), ticket(1, "b", deadline_s=5.0), ticket(2, "c"), ticket(3, "d", deadline_s=9.0)]
    for one in tickets:
        queue.offer(one)
    assert queue.next_deadline_s() == 5.0
    assert queue.remove(tickets[0])
    assert not queue.remove(tickets[0])
    assert queue.expire(5.0) == [tickets[1]]
    assert [(place, one.number) for place, one in queue.places()] == [(1, 2), (2, 3)]
    assert served(queue) == ["c2", "d3"]
    assert len(queue) == 0


@given(st.lists(st.one_of(st.sampled_from("abcdef"), st.none()), max_size=60))
def test_nobody_is_passed_over_twice_while_waiting(events: list[str | None]) -> None:
    """A name: that user asks once more. None: the engine takes the next one."""
    queue, waiting_since, turns = queue_of(), dict[str, int](), list[str]()

    def serve() -> None:
        places = [one.number for _, one in queue.places()]
        one = queue.take()
        assert one is None or places[0] == one.number  # the place that was told is the place that was had
        if one is not None:
            since = waiting_since.pop(one.user)
            for other in set(turns[since:]):
                assert turns[since:].count(other) <= 2  # the one in service when this user came, and one turn more
            turns.append(one.user)
            if any(left.user == one.user for _, left in queue.places()):
                waiting_since[one.user] = len(turns)

    for number, user in enumerate(events):
        if user is None:
            serve()
        else:
            queue.offer(ticket(number, user))
            waiting_since.setdefault(user, len(turns))
    while len(queue):
        serve()
