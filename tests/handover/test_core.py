"""The core in simulated time, against scripted servers."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handover.config import HandoverConfig, LatencyPolicyConfig, StaticPolicyConfig, SuspicionConfig
from handover.core import HandoverCore
from handover.pingpong import ping_pongs
from handover.values import Moved, Reason, Send, Server, ServerKind, Source
from protos.messages import Outcome
from tests.handover.lane import PERSON, Edge, Lane, frame


def settled(lane: Lane) -> None:
    """Every frame sent has exactly one outcome."""
    lane.act(lane.core.finish(lane.clock_s))
    counts = lane.core.counts()
    assert counts.unaccounted == 0
    assert counts.pending == 0
    assert counts.sent + counts.unsent == lane.frames


def started(*edges: Edge, config: HandoverConfig | None = None, seconds: float = 2.0) -> Lane:
    lane = Lane(*edges, config=config)
    lane.announce()
    lane.film()
    lane.run(seconds)
    return lane


def test_the_first_server_that_is_seen_serves() -> None:
    lane = started(Edge("a"))
    assert lane.active_id == "a"
    assert [move.reason for move in lane.moved] == [Reason.FIRST]
    assert lane.completed[0].gap_s == 0.0
    counts = lane.core.counts()
    assert counts.outcomes[Outcome.RESULT] == counts.sent - counts.pending
    assert counts.unsent <= 4  # while it connected
    settled(lane)


def test_with_two_servers_the_faster_one_serves_and_the_other_stands_by_connected() -> None:
    lane = started(Edge("slow", rtt_s=lambda _: 0.08), Edge("fast", rtt_s=lambda _: 0.02), seconds=8)
    views = {view.server.server_id: view for view in lane.core.views(lane.clock_s)}
    assert views["fast"].is_active
    assert views["slow"].is_standby
    assert views["slow"].connected
    settled(lane)


def test_a_planned_move_is_rehearsed_and_leaves_no_gap() -> None:
    lane = started(Edge("a", rtt_s=lambda t: 0.02 if t < 105 else 0.09), Edge("b", rtt_s=lambda _: 0.03), seconds=15)
    assert [(move.from_id, move.to_id, move.reason) for move in lane.moved[1:]] == [("a", "b", Reason.BETTER)]
    first_at_b = lane.edges["b"].frames[0]
    assert first_at_b in lane.edges["a"].frames  # the rehearsal was a second copy
    assert lane.completed[-1].gap_s <= 2 * lane.period_s
    counts = lane.core.counts()
    assert counts.outcomes[Outcome.LOST] == 0
    assert counts.hedged <= 4
    settled(lane)


def test_the_very_first_choice_waits_for_the_first_probes_of_the_others() -> None:
    lane = started(Edge("near", rtt_s=lambda _: 0.01, service_s=0.08), Edge("quick", rtt_s=lambda _: 0.03))
    assert [move.to_id for move in lane.moved] == ["quick"]
    settled(lane)


def test_after_a_planned_move_the_old_server_gets_copies_until_the_new_one_answers() -> None:
    lane = started(Edge("a", rtt_s=lambda t: 0.02 if t < 105 else 0.09), Edge("b", rtt_s=lambda _: 0.03), seconds=15)
    moved = lane.moved[-1]
    assert (moved.to_id, moved.reason) == ("b", Reason.BETTER)
    next_frame = math.floor((moved.at_s - 100) / lane.period_s) + 2
    assert next_frame in lane.edges["a"].frames
    assert next_frame in lane.edges["b"].frames
    assert next_frame + 3 not in lane.edges["a"].frames
    settled(lane)


def test_a_server_that_answers_probes_but_no_frames_is_never_moved_to() -> None:
    mute = Edge("mute", rtt_s=lambda _: 0.005, answers_frames=False)
    lane = started(Edge("good", rtt_s=lambda _: 0.06), config=HandoverConfig(), seconds=2)
    lane.edges["mute"] = mute
    lane.announce("mute")
    lane.run(30)
    assert lane.active_id == "good"
    assert len(lane.moved) == 1
    assert mute.frames  # it had its chance
    assert max(lane.gaps()) <= 2 * lane.period_s
    settled(lane)


@pytest.mark.parametrize("fps", [15.0, 20.0, 30.0])
@pytest.mark.parametrize("rtt_s", [0.01, 0.05])
@pytest.mark.parametrize("phase_s", [0.0, 0.011, 0.029, 0.047])
def test_a_frozen_server_is_left_with_the_first_other_result_within_300_ms(
    fps: float, rtt_s: float, phase_s: float
) -> None:
    rng = random.Random(7)
    lane = Lane(
        Edge("a", rtt_s=lambda _: rtt_s * rng.uniform(0.9, 1.3)),
        Edge("b", rtt_s=lambda _: rtt_s * rng.uniform(1.0, 1.4)),
        fps=fps,
    )
    lane.announce()
    lane.film()
    lane.run(5 + phase_s)
    active = lane.active_id
    assert active is not None
    lane.freeze(active)
    lane.run(3)
    failover = next(move for move in lane.completed if move.moved.reason is Reason.SILENT)
    assert failover.moved.from_id == active
    assert failover.gap_s <= 0.25
    assert failover.gap_s == pytest.approx(max(lane.gaps()))
    assert lane.active_id != active
    settled(lane)


def test_a_killed_server_costs_hardly_more_than_one_frame_interval() -> None:
    lane = started(Edge("a"), Edge("b"), seconds=5.02)
    active = lane.active_id
    assert active is not None
    lane.kill(active)
    lane.run(3)
    assert lane.moved[-1].reason is Reason.LINK_LOST
    assert lane.completed[-1].gap_s <= 0.1
    assert lane.core.counts().outcomes[Outcome.LOST] <= 1  # the newest was sent again; an older one may be gone
    settled(lane)


def test_the_newest_unanswered_frame_is_sent_again_when_the_link_breaks() -> None:
    lane = started(Edge("a", rtt_s=lambda _: 0.04), Edge("b", rtt_s=lambda _: 0.04), seconds=5)
    lane.run(lane.period_s / 2)
    active = lane.active_id
    assert active is not None
    other = "b" if active == "a" else "a"
    newest = lane.edges[active].frames[-1]
    lane.edges[active].alive = False
    actions = lane.core.link_down(lane.clock_s, active, "reset")
    assert [(send.server_id, send.frame.number) for send in actions if isinstance(send, Send)] == [(other, newest)]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_with_one_server_the_robot_is_told_there_is_none_and_gets_it_back_by_itself(fault: str) -> None:
    lane = started(Edge("only"), seconds=4)
    getattr(lane, fault)("only")
    lane.run(6)
    assert lane.active_id is None
    assert lane.moved[-1].to_id is None
    assert lane.moved[-1].reason.is_failover
    assert len(lane.edges["only"].frames) < 120  # nothing is queued into the void
    getattr(lane, {"kill": "revive", "freeze": "thaw"}[fault])("only")
    lane.run(6)
    assert lane.active_id == "only"
    assert lane.now_s - lane.delivered[-1][0] < 0.2
    settled(lane)


def test_the_only_server_is_back_within_a_probe_interval_of_its_return() -> None:
    lane = started(Edge("only"), seconds=4)
    lane.kill("only")
    lane.run(20)  # pauses and probe intervals have grown as far as they do
    lane.revive("only")
    lane.run(1.5)
    assert lane.active_id == "only"
    settled(lane)


def test_a_frozen_server_that_wakes_up_quickly_is_not_left() -> None:
    lane = started(Edge("a"), Edge("b"), seconds=5)
    active = lane.active_id
    assert active is not None
    lane.freeze(active)
    lane.run(0.18)
    lane.thaw(active)
    lane.run(5)
    assert len(lane.moved) == 1
    assert max(lane.gaps()) < 0.25  # the standby filled the gap
    settled(lane)


def test_when_all_servers_are_silent_there_is_no_dance_between_them() -> None:
    lane = started(Edge("a"), Edge("b"), Edge("c"), seconds=5)
    for server_id in lane.edges:
        lane.freeze(server_id)
    lane.run(8)
    assert lane.active_id is None
    assert len(lane.moved) == 2  # first, and away
    for server_id in lane.edges:
        lane.thaw(server_id)
    lane.run(6)
    assert lane.active_id is not None
    assert len([move for move in lane.moved if move.reason.is_failover]) == 1
    settled(lane)


def test_a_server_that_goes_away_is_left_at_once_and_loses_nothing() -> None:
    lane = started(Edge("a"), Edge("b"), seconds=5)
    active = lane.active_id
    assert active is not None
    lane.act(lane.core.go_away(lane.clock_s, active))
    assert lane.active_id != active
    assert lane.moved[-1].reason is Reason.GOING_AWAY
    lane.run(0.5)
    lane.kill(active)
    lane.run(3)
    assert lane.completed[-1].gap_s <= 2 * lane.period_s
    assert lane.core.counts().outcomes[Outcome.LOST] == 0
    assert len(lane.moved) == 2
    settled(lane)


def test_a_full_server_is_left_and_not_asked_again_before_its_time() -> None:
    full = Edge("full", rtt_s=lambda _: 0.01, outcome=lambda _: Outcome.REJECTED, retry_after_s=4.0)
    lane = started(full, Edge("free", rtt_s=lambda _: 0.05), seconds=3)
    assert lane.active_id == "free"
    assert lane.moved[-1].reason is Reason.REJECTED
    assert len(full.frames) == 1
    settled(lane)


def test_the_only_server_is_given_the_pause_it_asks_for() -> None:
    busy = [True]
    full = Edge("full", outcome=lambda _: Outcome.REJECTED if busy[0] else Outcome.RESULT, retry_after_s=1.0)
    lane = started(full, seconds=4)
    assert 3 <= len(full.frames) <= 8
    busy[0] = False
    lane.run(3)
    assert lane.now_s - lane.delivered[-1][0] < 0.1
    settled(lane)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: replace(reply, number=reply.number + 1_000_000),
        lambda reply: replace(reply, capture_ns=reply.capture_ns + 1),
        lambda reply: replace(reply, bad_boxes=3),
    ],
    ids=["frames it never got", "other capture times", "boxes outside the frame"],
)
def test_a_server_that_answers_garbage_is_dropped_and_the_good_one_serves(spoil) -> None:
    lane = started(Edge("bad", rtt_s=lambda _: 0.005, spoil=spoil), Edge("good", rtt_s=lambda _: 0.06), seconds=20)
    assert lane.active_id == "good"
    assert "bad" in lane.disconnects
    assert any("bad" in notice for notice in lane.notices)
    assert lane.core.counts().outcomes[Outcome.RESULT] >= 0.9 * lane.core.counts().sent
    settled(lane)


def test_protocol_breaks_that_the_link_reports_count_too() -> None:
    lane = started(Edge("a"), Edge("b"), seconds=3)
    active = lane.active_id
    assert active is not None
    for _ in range(HandoverConfig().strikes):
        lane.act(lane.core.bad_message(lane.clock_s, active, "outcome 77 is not known"))
    assert lane.active_id != active
    settled(lane)


def test_two_servers_with_one_id_keep_the_first_alive_and_say_so() -> None:
    lane = started(Edge("a", address="10.0.0.1:1"), seconds=2)
    twin = Server("a", "10.0.0.2:1", PERSON)
    for _ in range(5):
        lane.act(lane.core.server_seen(lane.clock_s, Source.ZEROCONF, twin))
        lane.announce()
        lane.run(1)
    assert lane.core.active is not None
    assert lane.core.active.address == "10.0.0.1:1"
    assert len(lane.moved) == 1
    assert sum("10.0.0.2:1" in notice for notice in lane.notices) == 1
    settled(lane)


def test_the_second_address_of_an_id_is_used_when_the_first_one_is_dead() -> None:
    lane = started(Edge("a", address="10.0.0.1:1"), seconds=2)
    lane.act(lane.core.server_seen(lane.clock_s, Source.ZEROCONF, Server("a", "10.0.0.2:1", PERSON)))
    lane.kill("a")
    lane.edges["a"].address = "10.0.0.2:1"
    lane.edges["a"].alive = True
    lane.run(4)
    assert lane.core.active is not None
    assert lane.core.active.address == "10.0.0.2:1"


def test_a_static_address_takes_the_name_that_the_server_gives_itself() -> None:
    edge = Edge("10.0.0.1:1", address="10.0.0.1:1", described_as="kitchen")
    lane = Lane(edge)
    lane.edges["kitchen"] = edge
    lane.act(lane.core.server_seen(lane.clock_s, Source.STATIC, Server("10.0.0.1:1", "10.0.0.1:1")))
    lane.film()
    lane.run(0.3)
    edge.server_id = "kitchen"
    lane.run(2)
    assert lane.active_id == "kitchen"
    lane.act(lane.core.server_seen(lane.clock_s, Source.ZEROCONF, Server("kitchen", "10.0.0.1:1", PERSON)))
    assert [view.server.server_id for view in lane.core.views(lane.clock_s)] == ["kitchen"]
    lane.act(lane.core.server_gone(lane.clock_s, Source.ZEROCONF, "kitchen"))
    lane.run(1)
    assert lane.active_id == "kitchen"


def test_a_server_that_is_not_who_it_was_announced_as_is_not_used() -> None:
    lane = started(Edge("a", described_as="b"), seconds=3)
    assert lane.active_id is None
    assert any("calls itself 'b'" in notice for notice in lane.notices)


def test_a_server_without_the_wanted_task_is_not_used() -> None:
    lane = started(Edge("faces", rtt_s=lambda _: 0.001, tasks=("face",)), Edge("persons"), seconds=3)
    assert lane.active_id == "persons"
    assert lane.edges["faces"].frames == []


def test_gone_from_discovery_does_not_drop_a_link_that_lives() -> None:
    lane = started(Edge("a"), seconds=2)
    lane.act(lane.core.server_gone(lane.clock_s, Source.ZEROCONF, "a"))
    lane.run(3)
    assert lane.active_id == "a"
    lane.kill("a")
    assert lane.core.views(lane.clock_s) == []
    settled(lane)


def test_gone_from_one_source_stays_by_the_other() -> None:
    lane = Lane(Edge("a"))
    lane.announce("a")
    lane.announce("a", source=Source.STATIC)
    lane.act(lane.core.server_gone(lane.clock_s, Source.ZEROCONF, "a"))
    assert [view.server.server_id for view in lane.core.views(lane.clock_s)] == ["a"]


def test_the_onboard_server_is_used_only_while_there_is_no_other() -> None:
    lane = Lane(Edge("onboard", rtt_s=lambda _: 0.001, service_s=0.1), Edge("edge"))
    lane.act(lane.core.server_seen(lane.clock_s, Source.STATIC, Server("onboard", "onboard:1", PERSON, zone="onboard")))
    lane.film()
    lane.run(2)
    assert lane.active_id == "onboard"
    lane.announce("edge")
    lane.run(6)
    assert lane.active_id == "edge"
    lane.kill("edge")
    assert lane.active_id == "onboard"
    lane.run(2)
    settled(lane)


def test_a_move_by_hand_is_made_even_to_a_slower_server_and_connects_it_first() -> None:
    config = HandoverConfig(standbys=0)
    lane = started(Edge("a", rtt_s=lambda _: 0.02), Edge("b", rtt_s=lambda _: 0.022), config=config, seconds=6)
    assert not next(view for view in lane.core.views(lane.clock_s) if view.server.server_id == "b").connected
    lane.act(lane.core.move_to(lane.clock_s, "b"))
    lane.run(1)
    assert lane.active_id == "b"
    assert lane.moved[-1].reason is Reason.MANUAL
    settled(lane)


def test_a_failing_server_is_left_alone_longer_each_time() -> None:
    lane = started(Edge("good", rtt_s=lambda _: 0.06), Edge("shaky", rtt_s=lambda _: 0.01), seconds=8)
    away = []
    for _ in range(3):
        assert lane.active_id == "shaky"
        lane.kill("shaky")
        lane.revive("shaky")
        left_s = lane.now_s
        while lane.active_id != "shaky" and lane.now_s < left_s + 60:
            lane.run(0.1)
        away.append(lane.now_s - left_s)
        lane.run(1)
    assert away[0] < away[1] < away[2] or away[2] > 11  # 3, 6, 12 s, but not sooner than the policy lets it return
    settled(lane)


def test_the_window_bounds_the_frames_under_way() -> None:
    lane = started(Edge("far", rtt_s=lambda _: 0.35), config=HandoverConfig(window=2), seconds=6)
    counts = lane.core.counts()
    assert counts.unsent > counts.sent  # 2 per 0.36 s of 20 a second
    assert counts.outcomes[Outcome.LOST] == 0
    settled(lane)


def test_without_a_server_frames_are_counted_as_unsent() -> None:
    lane = Lane()
    lane.film()
    lane.run(1)
    counts = lane.core.counts()
    assert counts.sent == 0
    assert counts.unsent == lane.frames


def test_a_number_that_was_used_before_is_refused() -> None:
    lane = started(Edge("a"), seconds=1)
    with pytest.raises(ValueError, match="used before"):
        lane.core.offer(lane.clock_s, frame(lane.frames))


@pytest.mark.parametrize("jump_s", [-50.0, -0.5, 30.0, 3600.0])
def test_a_clock_that_jumps_breaks_nothing(jump_s: float) -> None:
    lane = started(Edge("a"), Edge("b"), seconds=5)
    lane.offset_s += jump_s
    lane.run(5)
    assert lane.active_id is not None
    assert lane.now_s - lane.delivered[-1][0] < 0.2
    assert len(lane.moved) == 1
    settled(lane)


def test_a_time_that_is_no_number_stands_still() -> None:
    lane = started(Edge("a"), seconds=2)
    assert lane.core.tick(math.nan) == []
    assert lane.core.tick(math.inf) == []
    lane.run(1)
    assert lane.now_s - lane.delivered[-1][0] < 0.1


def test_nothing_happens_after_the_end() -> None:
    lane = started(Edge("a"), Edge("b"), seconds=2)
    settled(lane)
    assert lane.core.tick(lane.clock_s + 1) == []
    assert lane.core.offer(lane.clock_s + 1, frame(999)) == []
    lane.announce()
    assert lane.core.counts().pending == 0


def test_many_servers_are_not_all_connected() -> None:
    lane = started(*(Edge(f"s{i}", rtt_s=lambda _, i=i: 0.02 + 0.01 * i) for i in range(10)), seconds=8)  # type: ignore[misc]
    views = lane.core.views(lane.clock_s)
    assert sum(view.connected for view in views) == 2
    assert next(view for view in views if view.is_active).server.server_id == "s0"
    assert next(view for view in views if view.is_standby).server.server_id == "s1"
    settled(lane)


def test_probes_of_a_dead_server_become_rare_and_of_live_ones_keep_their_rate() -> None:
    lane = Lane(Edge("a"), Edge("dead", alive=False))
    lane.announce()
    lane.film()
    lane.run(60)
    per_server = {name: sum(1 for _, server in lane.probes if server == name) for name in lane.edges}
    assert 100 <= per_server["a"] <= 135
    assert per_server["dead"] <= 25


def test_second_copies_stay_within_their_budget_while_nothing_is_suspected() -> None:
    rng = random.Random(3)
    jittery = Edge("a", rtt_s=lambda _: 0.02 if rng.random() < 0.8 else 0.075)
    lane = started(jittery, Edge("b", rtt_s=lambda _: 0.09), seconds=60)
    counts = lane.core.counts()
    assert lane.active_id == "a"
    assert 0 < counts.hedged <= 0.11 * counts.sent
    settled(lane)


def test_hedging_can_be_turned_off() -> None:
    rng = random.Random(3)
    jittery = Edge("a", rtt_s=lambda _: 0.02 if rng.random() < 0.8 else 0.075)
    config = HandoverConfig(suspicion=SuspicionConfig(hedge_share=0))
    lane = started(jittery, Edge("b", rtt_s=lambda _: 0.09), config=config, seconds=30)
    assert lane.core.counts().hedged == 0


def test_a_liquidedge_server_needs_no_description() -> None:
    core = HandoverCore(HandoverConfig(), PERSON)
    core.server_seen(0.0, Source.STATIC, Server("old", "10.0.0.9:50051", kind=ServerKind.LIQUIDEDGE))
    core.link_up(0.1, "old", None)
    assert core.active is not None
    assert core.active.server_id == "old"


def test_the_static_policy_returns_to_its_server() -> None:
    config = HandoverConfig(policy=StaticPolicyConfig(server_id="home"))
    lane = started(Edge("home", rtt_s=lambda _: 0.09), Edge("other", rtt_s=lambda _: 0.01), config=config, seconds=3)
    assert lane.active_id == "home"
    lane.kill("home")
    assert lane.active_id == "other"
    lane.revive("home")
    lane.run(10)
    assert lane.active_id == "home"
    settled(lane)


def test_the_same_script_gives_the_same_run() -> None:
    def play() -> tuple[list[Moved], list[tuple[float, int]]]:
        rng = random.Random(11)
        lane = started(
            Edge("a", rtt_s=lambda t: 0.02 + 0.02 * math.sin(t) ** 2 + 0.01 * rng.random()),
            Edge("b", rtt_s=lambda t: 0.02 + 0.02 * math.cos(t) ** 2 + 0.01 * rng.random()),
            Edge("c", rtt_s=lambda _: 0.03),
            seconds=20,
        )
        return lane.moved, [(time_s, deliver.reply.number) for time_s, deliver in lane.delivered]

    assert play() == play()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), spread_s=st.floats(0.0, 0.08))
def test_random_round_trips_never_cause_ping_pong(seed: int, spread_s: float) -> None:
    rng = random.Random(seed)
    lane = started(*(Edge(name, rtt_s=lambda _: 0.02 + spread_s * rng.random()) for name in "abc"), seconds=30)
    assert ping_pongs(lane.moved) == []
    settled(lane)


@settings(max_examples=40)
@given(
    faults=st.lists(
        st.tuples(st.sampled_from(["kill", "revive", "freeze", "thaw"]), st.sampled_from("abc"), st.floats(0.05, 2.0)),
        max_size=20,
    )
)
def test_whatever_servers_do_every_frame_has_one_outcome_and_is_delivered_in_order(
    faults: list[tuple[str, str, float]],
) -> None:
    lane = started(*(Edge(name) for name in "abc"), config=HandoverConfig(policy=LatencyPolicyConfig()), seconds=1)
    for fault, server_id, wait_s in faults:
        getattr(lane, fault)(server_id)
        lane.run(wait_s)
    for server_id in "abc":
        lane.thaw(server_id)
        lane.revive(server_id)
    lane.run(12)
    assert lane.active_id is not None
    assert lane.now_s - lane.delivered[-1][0] < 0.3
    numbers = [deliver.reply.number for _, deliver in lane.delivered]
    assert numbers == sorted(set(numbers))
    settled(lane)
