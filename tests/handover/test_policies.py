"""Policies against scripted views."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handover.config import (
    A3PolicyConfig,
    LatencyPolicyConfig,
    LiquidEdgePolicyConfig,
    PolicyConfig,
    StaticPolicyConfig,
)
from handover.pingpong import ping_pongs
from handover.policies import Policy, create
from handover.values import Moved, Reason, Server, ServerView
from protos.messages import Load

STEP_S = 0.05


def view(
    server_id: str, active: str | None, cost_s: float = math.inf, level_dbm: float = math.nan, **more: object
) -> ServerView:
    fields: dict[str, object] = {"usable": True, "zone": "", "quality": 100.0} | more
    return ServerView(
        server=Server(server_id, f"{server_id}:1", zone=str(fields["zone"])),
        connected=True,
        usable=bool(fields["usable"]),
        is_active=server_id == active,
        is_standby=False,
        cost_s=cost_s,
        rtt_p50_s=cost_s,
        loss=0.0,
        level_dbm=level_dbm,
        quality=float(str(fields["quality"])),
        load=Load(),
        penalty_until_s=-math.inf,
    )


class Walk:
    """Asks a policy every 50 ms and follows it at once."""

    def __init__(self, config: PolicyConfig, active: str | None = "a") -> None:
        self.policy: Policy = create(config)
        self.active = active
        self.now_s = 0.0
        self.moves: list[Moved] = []

    def go(self, seconds: float, views: Callable[[float, str | None], list[ServerView]]) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            choice = self.policy.choose(self.now_s, views(self.now_s, self.active))
            if choice is not None and choice.server_id != self.active:
                self.moves.append(Moved(self.now_s, self.active, choice.server_id, choice.reason))
                self.active = choice.server_id


def costs(**cost_s: float) -> Callable[[float, str | None], list[ServerView]]:
    return lambda _, active: [view(name, active, cost) for name, cost in cost_s.items()]


def levels(level_dbm: Mapping[str, Callable[[float], float]]) -> Callable[[float, str | None], list[ServerView]]:
    return lambda now_s, active: [view(name, active, 0.03, level(now_s)) for name, level in level_dbm.items()]


# ---- latency ----


def test_latency_takes_the_best_when_there_is_none_yet() -> None:
    walk = Walk(LatencyPolicyConfig(), active=None)
    walk.go(0.1, costs(a=0.05, b=0.03, c=math.inf))
    assert [(move.to_id, move.reason) for move in walk.moves] == [("b", Reason.FIRST)]


def test_latency_stays_for_a_small_advantage() -> None:
    walk = Walk(LatencyPolicyConfig())
    walk.go(60, costs(a=0.050, b=0.042))
    assert walk.moves == []


def test_latency_moves_for_a_clear_advantage_after_stay_and_time_to_trigger() -> None:
    config = LatencyPolicyConfig(min_stay_s=2.0, time_to_trigger_s=0.4)
    walk = Walk(config)
    walk.go(10, costs(a=0.05, b=0.05))
    walk.go(5, costs(a=0.05, b=0.02))
    assert walk.moves[0].to_id == "b"
    assert walk.moves[0].at_s == pytest.approx(10.05 + 0.4, abs=0.06)


def test_latency_does_not_count_an_advantage_with_breaks() -> None:
    walk = Walk(LatencyPolicyConfig(min_stay_s=0, time_to_trigger_s=0.4))
    walk.go(30, lambda now_s, active: [view("a", active, 0.05), view("b", active, 0.02 if now_s % 0.4 > 0.1 else 0.05)])
    assert walk.moves == []


def test_latency_keeps_its_minimum_stay() -> None:
    walk = Walk(LatencyPolicyConfig(min_stay_s=3.0))
    walk.go(6, costs(a=0.06, b=0.02, c=0.06))
    walk.go(6, costs(a=0.06, b=0.06, c=0.02))
    assert [move.to_id for move in walk.moves] == ["b", "c"]
    assert walk.moves[1].at_s - walk.moves[0].at_s >= 3.0


def test_latency_does_not_return_soon_unless_it_must() -> None:
    config = LatencyPolicyConfig(min_stay_s=1.0, no_return_s=8.0)
    walk = Walk(config)
    walk.go(4, costs(a=0.06, b=0.02))
    walk.go(30, costs(a=0.02, b=0.06))
    assert [move.to_id for move in walk.moves] == ["b", "a"]
    assert walk.moves[1].at_s - walk.moves[0].at_s >= 8.0
    walk = Walk(config)
    walk.go(4, costs(a=0.06, b=0.02))
    walk.go(2, costs(a=0.02, b=0.5))
    assert [move.to_id for move in walk.moves] == ["b", "a"]  # b became useless


def test_latency_leaves_a_useless_server_without_its_minimum_stay() -> None:
    walk = Walk(LatencyPolicyConfig(min_stay_s=60))
    walk.go(0.5, costs(a=0.4, b=0.05))
    assert walk.active == "b"


def test_latency_takes_onboard_last_and_leaves_it_for_anything_that_can_drive() -> None:
    def views(now_s: float, active: str | None) -> list[ServerView]:
        return [view("onboard", active, 0.01, zone="onboard"), view("edge", active, 0.08, usable=now_s > 5)]

    walk = Walk(LatencyPolicyConfig(), active=None)
    walk.go(12, views)
    assert [move.to_id for move in walk.moves] == ["onboard", "edge"]


def test_latency_never_chooses_what_is_not_usable_or_not_known() -> None:
    walk = Walk(LatencyPolicyConfig())
    walk.go(20, lambda _, active: [view("a", active, 0.2), view("b", active, 0.01, usable=False), view("c", active)])
    assert walk.moves == []


COST_S = st.floats(0.001, 0.24)  # below `urgent_s`


@settings(max_examples=60)
@given(st.lists(st.tuples(COST_S, COST_S, COST_S, st.floats(STEP_S, 2.0)), max_size=40))
def test_latency_never_plays_ping_pong_whatever_the_costs(script: list[tuple[float, float, float, float]]) -> None:
    walk = Walk(LatencyPolicyConfig())
    for a, b, c, seconds in script:
        walk.go(seconds, costs(a=a, b=b, c=c))
    assert ping_pongs(walk.moves) == []
    assert all(later.at_s - sooner.at_s >= 2.99 for sooner, later in pairwise(walk.moves))


# ---- a3 ----


def test_a3_moves_when_a_neighbour_is_better_by_offset_and_hysteresis_for_the_time_to_trigger() -> None:
    config = A3PolicyConfig(offset_db=2, hysteresis_db=2, time_to_trigger_s=0.32, filter_k=0)
    walk = Walk(config)
    walk.go(20, levels({"a": lambda _: -60.0, "b": lambda now_s: -70.0 + now_s}))  # b passes -56 dBm at 14 s
    assert len(walk.moves) == 1
    assert walk.moves[0].at_s == pytest.approx(14.32, abs=0.15)


def test_a3_stays_within_the_margin() -> None:
    walk = Walk(A3PolicyConfig())
    walk.go(30, levels({"a": lambda _: -60.0, "b": lambda now_s: -60.0 + 3.5 * math.sin(5 * now_s)}))
    assert walk.moves == []


def test_a3_keeps_the_event_while_it_is_inside_the_hysteresis() -> None:
    config = A3PolicyConfig(offset_db=2, hysteresis_db=2, time_to_trigger_s=1.0, filter_k=0)
    walk = Walk(config)
    walk.go(4, levels({"a": lambda _: -60.0, "b": lambda now_s: -55.0 if now_s < 3.5 else -58.5}))
    assert [move.to_id for move in walk.moves] == ["b"]  # entered above -56, left only below -60


def test_a3_does_not_wait_when_the_serving_level_is_bad() -> None:
    walk = Walk(A3PolicyConfig(time_to_trigger_s=5, min_stay_s=60, filter_k=0))
    walk.go(0.2, levels({"a": lambda _: -90.0, "b": lambda _: -60.0}))
    assert walk.active == "b"


def test_a3_smooths_single_outliers_away() -> None:
    walk = Walk(A3PolicyConfig(time_to_trigger_s=0, min_stay_s=0, filter_k=8))
    walk.go(5, levels({"a": lambda _: -60.0, "b": lambda now_s: -48.0 if 2.0 <= now_s < 2.04 else -64.0}))
    assert walk.moves == []


def test_a3_without_any_level_stays_and_takes_the_quickest_first() -> None:
    walk = Walk(A3PolicyConfig(), active=None)
    walk.go(10, costs(a=0.05, b=0.03))
    assert [move.to_id for move in walk.moves] == ["b"]


# ---- liquidedge ----


def test_liquidedge_looks_each_second_and_moves_by_its_margin() -> None:
    def views(now_s: float, active: str | None) -> list[ServerView]:
        # (-60 + 120) * 80 = 4800; b: 4800 + 399, from 5.5 s on 4800 + 401
        quality = (4800 + (399 if now_s < 5.5 else 401)) / 60
        return [view("a", active, level_dbm=-60, quality=80), view("b", active, level_dbm=-60, quality=quality)]

    walk = Walk(LiquidEdgePolicyConfig())
    walk.go(10, views)
    assert [move.to_id for move in walk.moves] == ["b"]
    assert 5.5 <= walk.moves[0].at_s <= 6.6


def test_liquidedge_has_nothing_against_ping_pong() -> None:
    walk = Walk(LiquidEdgePolicyConfig())
    walk.go(
        10, levels({"a": lambda now_s: -60 + 5 * math.sin(2 * now_s), "b": lambda now_s: -60 - 5 * math.sin(2 * now_s)})
    )
    assert ping_pongs(walk.moves)


# ---- static ----


def test_static_takes_the_first_and_leaves_it_only_when_it_is_dead() -> None:
    walk = Walk(StaticPolicyConfig(), active=None)
    walk.go(5, costs(a=0.9, b=0.01))
    assert walk.active == "a"
    walk.go(1, lambda _, active: [view("a", active, usable=False), view("b", active, 0.01)])
    assert walk.active == "b"
    walk.go(5, costs(a=0.9, b=0.01))
    assert walk.active == "b"


def test_static_with_an_id_goes_back_there() -> None:
    walk = Walk(StaticPolicyConfig(server_id="a"), active=None)
    walk.go(1, lambda _, active: [view("b", active, 0.01), view("a", active, usable=False)])
    walk.go(1, costs(b=0.01, a=0.9))
    assert [move.to_id for move in walk.moves] == ["b", "a"]


@pytest.mark.parametrize(
    "config",
    [LatencyPolicyConfig(), A3PolicyConfig(), LiquidEdgePolicyConfig(), StaticPolicyConfig()],
    ids=lambda c: c.kind,
)
def test_every_policy_leaves_an_unusable_server_at_once_and_has_no_choice_without_servers(config: PolicyConfig) -> None:
    walk = Walk(config)
    walk.go(0.1, lambda _, __: [])
    assert walk.moves == []
    walk.go(STEP_S, lambda _, active: [view("a", active, 0.01, -40, usable=False), view("b", active, 0.9, -90)])
    assert walk.active == "b"


def test_ping_pong_is_there_and_back_within_the_window_without_need() -> None:
    def path(*steps: tuple[float, str, str, Reason]) -> list[Moved]:
        return [Moved(at_s, from_id, to_id, reason) for at_s, from_id, to_id, reason in steps]

    better, silent = Reason.BETTER, Reason.SILENT
    assert len(ping_pongs(path((1, "a", "b", better), (4, "b", "a", better)))) == 1
    assert ping_pongs(path((1, "a", "b", better), (9, "b", "a", better))) == []
    assert ping_pongs(path((1, "a", "b", better), (2, "b", "a", silent))) == []
    assert ping_pongs(path((1, "a", "b", better), (2, "b", "c", better), (3, "c", "a", better))) == []
