"""Faults come at their time and strike the server that is meant."""

import pytest

from common.errors import ConfigError
from common.settings import Strict, check
from sim.faults import Fault, FaultSchedule, Struck
from sim.shaping import LinkShape


class Plan(Strict):
    faults: tuple[Fault, ...] = ()


def schedule(*faults: dict[str, object]) -> FaultSchedule:
    return FaultSchedule(check(Plan, {"faults": faults}, "test").faults)


class Log:
    """A target that writes down what is done to it."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def kill(self, server_id: str) -> None:
        self.done.append(("kill", server_id))

    def restart(self, server_id: str) -> None:
        self.done.append(("restart", server_id))

    def freeze(self, server_id: str) -> None:
        self.done.append(("freeze", server_id))

    def resume(self, server_id: str) -> None:
        self.done.append(("resume", server_id))

    def cut(self, server_id: str) -> None:
        self.done.append(("cut", server_id))

    def slow(self, server_id: str, worse: LinkShape) -> None:
        self.done.append(("slow", server_id, worse))

    def corrupt(self, server_id: str, share: float) -> None:
        self.done.append(("corrupt", server_id, share))

    def heal(self, server_id: str) -> None:
        self.done.append(("heal", server_id))


def test_faults_are_due_once_in_order_of_time() -> None:
    plan = schedule({"kind": "cut", "t_s": 7}, {"kind": "kill", "t_s": 5}, {"kind": "kill", "t_s": 5.5})
    assert plan.due(4.9) == []
    assert [fault.t_s for fault in plan.due(6.0)] == [5, 5.5]
    assert [fault.kind for fault in plan.due(7.0)] == ["cut"]
    assert plan.due(100.0) == []


def test_active_means_the_server_that_serves_when_the_time_comes() -> None:
    plan, log = schedule({"kind": "kill", "t_s": 5, "server": "active"}), Log()
    assert plan.strike(5.0, None, log) == [], "nobody serves: it waits"
    assert plan.strike(5.1, "edge-b", log) == [Struck(5.1, "kill", "edge-b")]
    assert plan.strike(5.2, "edge-c", log) == []
    assert log.done == [("kill", "edge-b")]


def test_what_strikes_for_a_while_ends_at_the_same_server() -> None:
    plan, log = schedule({"kind": "freeze", "t_s": 1, "for_s": 2}, {"kind": "cut", "t_s": 1.5, "for_s": 3}), Log()
    for tenth in range(60):
        plan.strike(tenth / 10, "edge-a" if tenth < 12 else "edge-b", log)
    assert log.done == [("freeze", "edge-a"), ("cut", "edge-b"), ("resume", "edge-a"), ("heal", "edge-b")]


def test_the_end_of_a_fault_may_be_given_by_itself() -> None:
    plan = schedule({"kind": "kill", "t_s": 1}, {"kind": "restart", "t_s": 2}, {"kind": "resume", "t_s": 3})
    log = Log()
    plan.strike(1.0, "edge-a", log)
    plan.strike(3.0, "edge-b", log)
    assert log.done == [("kill", "edge-a"), ("restart", "edge-a"), ("resume", "edge-a")]


def test_slow_and_corrupt_carry_their_numbers() -> None:
    plan = schedule(
        {"kind": "slow", "t_s": 0, "server": "edge-a", "delay_s": 0.25, "rate_bps": 1e6},
        {"kind": "corrupt", "t_s": 0, "server": "edge-b", "share": 0.5},
    )
    log = Log()
    plan.strike(0.0, None, log)
    assert log.done == [("slow", "edge-a", LinkShape(1e6, 0.25)), ("corrupt", "edge-b", 0.5)]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "explode", "t_s": 1}, "'kill', 'restart'"),
        ({"kind": "kill", "t_s": -1}, "greater than or equal to 0"),
        ({"kind": "kill", "t_s": 1, "serve": "x"}, "did you mean 'server'"),
        ({"kind": "corrupt", "t_s": 1, "share": 2}, "less than or equal to 1"),
    ],
)
def test_a_wrong_fault_is_named(fault: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        schedule(fault)
