"""The handover, as plain code: events with their time go in, actions come out. No clock, no I/O, no randomness.

How a frame goes: `offer` sends it to the active server (and, while that one is suspected or another one is being
rehearsed, a second copy to the other). `reply` takes answers; the first result of each frame is delivered, in the order
of the frames. `tick` notices what did not happen: missing answers, due probes, better servers.

How a move goes: a server that the policy prefers first gets copies of frames (a rehearsal), and becomes active with its
first result. Frames already under way to the old one still count. A broken link or a silent server is left without
rehearsal; the newest unanswered frame is sent again to the next server at once.
"""

import math
from collections import deque
from dataclasses import replace

from handover import linking
from handover.clock import SteadyClock
from handover.config import HandoverConfig
from handover.ledger import Ledger, Verdict
from handover.moves import Moves
from handover.peer import Link, Peer
from handover.policies import Choice, create
from handover.prober import Prober
from handover.quality import SERVICE_ALPHA, Overhead
from handover.registry import Registry
from handover.suspicion import HedgeBudget
from handover.values import (
    Action,
    Connect,
    Counts,
    Deliver,
    Disconnect,
    Moved,
    Notice,
    Reason,
    Send,
    Server,
    ServerKind,
    ServerView,
    Source,
)
from protos.messages import EncodedFrame, FrameReply, Load, Outcome, ServerDescription

DECIDE_S = 0.05  # how often the policy looks; finer than any time to trigger in use
REHEARSAL_S = 1.0  # a server that does not answer a frame in this time is not moved to
LONGEST_RETRY_S = 30.0  # how long a server may send us away with one answer
USELESS = 10  # answers in a row without a result: this server does nothing for us
DEAF_PROBES = 4  # a link that lost as many in a row is broken, whatever TCP thinks (FACTS: it may hang for minutes)
MANUAL_S = 5.0  # how long a move by hand waits for its server to be connected
LIQUIDEDGE_TASKS = ("face", "person", "coco")
NOTICES = 100
ROUNDING_S = 1e-6  # a tick comes after what it waits for, also when clocks are added and subtracted in floats


class HandoverCore:
    """Which server to use, frame by frame. Every method that returns actions wants them carried out in order."""

    def __init__(self, config: HandoverConfig, robot_tasks: tuple[str, ...]) -> None:
        self._config = config
        self._tasks = robot_tasks
        self._clock = SteadyClock()
        self._registry = Registry()
        self._peers: dict[str, Peer] = {}
        self._policy = create(config.policy)
        self._ledger = Ledger()
        self._moves = Moves()
        self._prober = Prober(config)
        self._overhead = Overhead(config.quality.overhead_cap_s)
        self._usual_service_s = 0.0
        self._budget = HedgeBudget(config.suspicion.hedge_share)
        self._newest: EncodedFrame | None = None  # the last frame sent
        self._offered_s = -math.inf
        self._rehearsal: str | None = None
        self._rehearsal_s = 0.0
        self._manual: str | None = None
        self._manual_until_s = 0.0
        self._decide_s = -math.inf
        self._finished = False
        self._notices: deque[Notice] = deque(maxlen=NOTICES)

    # ---- queries ----

    @property
    def active(self) -> Server | None:
        peer = self._active()
        return peer.server if peer else None

    @property
    def moves(self) -> list[Moved]:
        return self._moves.log

    @property
    def next_tick_s(self) -> float:
        """When to call `tick` next, on the caller's clock. Earlier or later does no harm."""
        now_s = self._clock.now_s
        due_s = min(self._decide_s, self._ledger.next_deadline_s, self._prober.next_s(self._peers.values()))
        active = self._active()
        if active is not None and active.silence.owed_since_s is not None:
            for wait_s in (active.round_trip.late_s, active.round_trip.timeout_s):
                if active.silence.owed_since_s + wait_s > now_s:
                    due_s = min(due_s, active.silence.owed_since_s + wait_s)
        return self._clock.outside(max(due_s, now_s) + ROUNDING_S)

    def has_room(self, now_s: float) -> bool:
        """Whether a frame offered now would be sent."""
        now_s = self._clock.advance(now_s)
        active = self._active()
        if active is None or self._finished:
            return False
        partner = self._partner(now_s, active)
        return active.has_room(now_s) or (partner is not None and partner.has_room(now_s))

    def server(self, server_id: str) -> Server | None:
        peer = self._peers.get(server_id)
        return peer.server if peer else None

    def views(self, now_s: float) -> list[ServerView]:
        views = self._views(self._clock.advance(now_s))
        return [replace(view, penalty_until_s=self._clock.outside(view.penalty_until_s)) for view in views]

    def counts(self) -> Counts:
        return self._ledger.counts()

    def take_notices(self) -> list[Notice]:
        """What a person should know; each notice is handed out once."""
        notices = list(self._notices)
        self._notices.clear()
        return notices

    # ---- servers come and go ----

    def server_seen(self, now_s: float, source: Source, server: Server) -> list[Action]:
        now_s = self._clock.advance(now_s)
        actions: list[Action] = []
        if server.kind is ServerKind.LIQUIDEDGE and not server.tasks:
            server = replace(server, tasks=LIQUIDEDGE_TASKS)
        change = self._registry.seen(source, server, lambda name: self._is_alive(now_s, name))
        if change.warning:
            self._note(now_s, server.server_id, change.warning)
        if change.server is not None:
            if server.address in self._peers and server.address not in self._registry:
                self._drop(now_s, self._peers[server.address], actions)  # it has a name now
            self._use(now_s, change.server, change.replaced, actions)
        return self._review(now_s, actions)

    def server_gone(self, now_s: float, source: Source, server_id: str) -> list[Action]:
        """Discovery is a hint: a server that is connected stays until its link breaks."""
        now_s = self._clock.advance(now_s)
        actions: list[Action] = []
        server_id = self._registry.resolve(server_id)
        if self._registry.gone(source, server_id) and self._peers[server_id].link is not Link.UP:
            self._drop(now_s, self._peers[server_id], actions)
        return self._review(now_s, actions)

    def link_up(self, now_s: float, server_id: str, description: ServerDescription | None) -> list[Action]:
        now_s = self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is None or peer.link is Link.DOWN or self._finished:
            return [Disconnect(server_id)]
        actions: list[Action] = []
        if description is not None and description.server_id not in ("", server_id):
            self._is_somebody_else(now_s, peer, description, actions)
        else:
            peer.link_is(now_s, Link.UP)
            if description is not None:
                self._describe(now_s, peer, description)
            self._prober.hurry(now_s, [peer])
        return self._review(now_s, actions)

    def link_down(self, now_s: float, server_id: str, why: str) -> list[Action]:
        now_s = self._clock.advance(now_s)
        actions: list[Action] = []
        peer = self._peers.get(server_id)
        if peer is not None and peer.link is not Link.DOWN:
            self._lose_link(now_s, peer, actions)
        return self._review(now_s, actions)

    def go_away(self, now_s: float, server_id: str) -> list[Action]:
        """The server is about to stop: leave now, while it still answers."""
        now_s = self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is not None and peer.link is Link.UP:
            peer.going_away = True
            peer.heard_s = now_s
        return self._review(now_s, [])

    # ---- frames ----

    def offer(self, now_s: float, frame: EncodedFrame) -> list[Action]:
        """A new frame: it is sent now or never. Raises ValueError when its number was used before."""
        now_s = self._clock.advance(now_s)
        self._prober.saw_frame(len(frame.image))
        self._offered_s = now_s
        active = self._active()
        if active is None or self._finished:
            self._ledger.unsent += 1
            return []
        partner = self._partner(now_s, active)
        to = [peer for peer in (active, partner) if peer is not None and peer.has_room(now_s)]
        if not to:
            self._ledger.unsent += 1
            return []
        deadline_s = now_s + self._config.deadline_s
        self._ledger.send(now_s, frame.number, frame.capture_ns, deadline_s, [peer.server_id for peer in to])
        self._budget.earn()
        self._newest = frame
        for peer in to:
            peer.sent(now_s, frame.number)
        return [Send(peer.server_id, frame, hedge=peer is partner) for peer in to]

    def dropped(self, now_s: float, server_id: str, number: int) -> list[Action]:
        """The link had no room on its way out: a newer frame took this one's place before it was sent."""
        self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is not None and peer.in_flight.pop(number, None) is not None:
            self._ledger.withdrawn(server_id, number)
            if not peer.in_flight:
                peer.silence.clear()
        return []

    def reply(self, now_s: float, server_id: str, reply: FrameReply) -> list[Action]:
        now_s = self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is None:
            return []
        verdict = self._ledger.answer(server_id, reply.number, reply.capture_ns, reply.outcome)
        actions: list[Action] = []
        if verdict.kind.is_impossible:
            self._strike(now_s, peer, f"its answer to frame {reply.number} is {verdict.kind.value}", actions)
            return actions
        peer.answered(now_s, reply.number)
        if reply.outcome is Outcome.RESULT:
            self._result(now_s, peer, verdict, reply, actions)
        else:
            self._no_result(now_s, peer, reply, actions)
        if reply.bad_boxes:
            self._strike(now_s, peer, f"{reply.bad_boxes} boxes of frame {reply.number} fit no frame", actions)
        return actions

    def bad_message(self, now_s: float, server_id: str, why: str) -> list[Action]:
        """The server sent something that breaks the protocol."""
        now_s = self._clock.advance(now_s)
        actions: list[Action] = []
        peer = self._peers.get(server_id)
        if peer is not None:
            self._strike(now_s, peer, why, actions)
        return actions

    # ---- measurements ----

    def probe_answered(
        self, now_s: float, server_id: str, probe: int, rtt_s: float, expected_service_s: float, load: Load
    ) -> list[Action]:
        now_s = self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is not None and self._prober.answered(now_s, peer, probe):
            peer.heard_s = now_s
            peer.proven = True
            peer.quality.probe(now_s, rtt_s, expected_service_s, load)
            if not peer.in_flight:  # nothing is owed: what was not answered was given up
                peer.silence.clear()
        return []

    def probe_lost(self, now_s: float, server_id: str, probe: int) -> list[Action]:
        now_s = self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is not None:
            self._prober.lost(now_s, peer, probe)
        return []

    def radio(self, now_s: float, server_id: str, level_dbm: float, quality: float) -> list[Action]:
        self._clock.advance(now_s)
        peer = self._peers.get(server_id)
        if peer is not None:
            peer.quality.radio(level_dbm, quality)
        return []

    # ---- time, and people ----

    def move_to(self, now_s: float, server_id: str) -> list[Action]:
        """By hand: move there as soon as it is connected. An unknown server is forgotten after a while."""
        now_s = self._clock.advance(now_s)
        self._manual = server_id
        self._manual_until_s = now_s + MANUAL_S
        return self._review(now_s, [])

    def tick(self, now_s: float) -> list[Action]:
        now_s = self._clock.advance(now_s)
        actions: list[Action] = []
        if self._finished:
            return actions
        for peer in self._peers.values():
            peer.give_up_frames(now_s)
        self._ledger.expire(now_s)
        self._watch(now_s, actions)
        if now_s >= self._decide_s:
            return self._review(now_s, actions)
        actions.extend(self._prober.run(now_s, self._peers.values()))
        return actions

    def finish(self, now_s: float) -> list[Action]:
        """The end: what is pending is lost, all links are closed. Nothing is sent any more."""
        self._clock.advance(now_s)
        self._finished = True
        self._ledger.finish()
        return [Disconnect(peer.server_id) for peer in self._peers.values() if peer.link is not Link.DOWN]

    # ---- answers ----

    def _result(self, now_s: float, peer: Peer, verdict: Verdict, reply: FrameReply, actions: list[Action]) -> None:
        peer.useless_in_a_row = 0
        if verdict.copy_sent_s is not None:
            rtt_s = now_s - verdict.copy_sent_s
            peer.quality.frame(now_s, rtt_s)
            peer.round_trip.add(rtt_s)
        peer.quality.load = reply.load
        if reply.timings.total_s > 0:
            known_s = self._usual_service_s or reply.timings.total_s
            self._usual_service_s = known_s + SERVICE_ALPHA * (reply.timings.total_s - known_s)
        if verdict.deliver:
            actions.append(Deliver(peer.server_id, reply, now_s - verdict.sent_s, self._clock.outside(verdict.sent_s)))
            completed = self._moves.delivered(now_s, peer.server_id)
            if completed is not None:
                actions.append(completed)
        if peer.server_id == self._rehearsal and (verdict.copy_sent_s or 0.0) >= self._rehearsal_s:
            self._review(now_s, actions, rehearsed=peer.server_id)

    def _no_result(self, now_s: float, peer: Peer, reply: FrameReply, actions: list[Action]) -> None:
        peer.useless_in_a_row += 1
        if reply.outcome is Outcome.EXPIRED:
            peer.quality.frame(now_s, self._config.deadline_s)
        if reply.outcome is Outcome.REJECTED and reply.retry_after_s > 0:
            peer.rejected_until_s = now_s + min(reply.retry_after_s, LONGEST_RETRY_S)
            self._review(now_s, actions)
        elif peer.useless_in_a_row >= USELESS and peer.server_id == self._moves.active:
            successor = self._successor(now_s, peer)
            if successor is not None:
                peer.penalty.fail(now_s)
                peer.useless_in_a_row = 0
                self._move(now_s, successor, Reason.REJECTED, actions)

    def _strike(self, now_s: float, peer: Peer, why: str, actions: list[Action]) -> None:
        if not peer.strikes_s:
            self._note(now_s, peer.server_id, f"{peer.server_id} ({peer.server.address}) answers wrongly: {why}")
        if peer.strike(now_s):
            self._note(
                now_s, peer.server_id, f"{peer.server_id} ({peer.server.address}) is left: {why}, again and again"
            )
            if peer.link is not Link.DOWN:
                actions.append(Disconnect(peer.server_id))
                self._lose_link(now_s, peer, actions)
                self._review(now_s, actions)

    # ---- what did not happen ----

    def _watch(self, now_s: float, actions: list[Action]) -> None:
        """Missing answers of the active server: a second copy, then all frames to both, then leave it."""
        active = self._active()
        if active is None:
            return
        trip, silence = active.round_trip, active.silence
        was_suspected = silence.suspected_since_s is not None
        if not silence.look(now_s, trip.timeout_s):
            if silence.length_s(now_s) >= trip.late_s:
                partner = self._successor(now_s, active)
                if partner is not None and self._may_copy(partner, now_s) and self._budget.spend():
                    self._copy_newest(now_s, partner, actions)
            return
        if not was_suspected:
            self._prober.hurry(now_s, self._peers.values())
        partner = self._successor(now_s, active)
        if partner is not None and self._may_copy(partner, now_s):
            self._copy_newest(now_s, partner, actions)
        since_s = silence.suspected_since_s
        assert since_s is not None  # just looked
        if now_s - since_s >= trip.failover_s - trip.timeout_s:
            living = self._successor(now_s, active, heard_since_s=since_s)
            if living is not None:
                self._leave_silent(now_s, active, living, actions)
            elif now_s - since_s >= self._config.suspicion.offline_s:
                self._leave_silent(now_s, active, None, actions)

    def _leave_silent(self, now_s: float, active: Peer, living: Peer | None, actions: list[Action]) -> None:
        active.failed(now_s)
        self._move(now_s, living, Reason.SILENT, actions)
        if living is None:
            return  # the old link is the best hope: it works again at once when the server or the path is back
        actions.append(Disconnect(active.server_id))
        active.link_is(now_s, Link.DOWN)
        active.proven = False
        self._ledger.server_gone(active.server_id)

    def _drop_deaf_links(self, now_s: float, actions: list[Action]) -> None:
        for peer in list(self._peers.values()):
            slow = peer.link is Link.CONNECTING and now_s - peer.linked_s > 1.5 * self._config.connect_timeout_s
            deaf = peer.link is Link.UP and peer.probe.lost_in_a_row >= DEAF_PROBES and not peer.is_fresh(now_s)
            if slow or deaf:
                actions.append(Disconnect(peer.server_id))
                self._lose_link(now_s, peer, actions)

    # ---- deciding ----

    def _review(self, now_s: float, actions: list[Action], rehearsed: str | None = None) -> list[Action]:
        """Look at everything: is another server to be used, connected, probed?"""
        if self._finished:
            return actions
        self._decide_s = now_s + DECIDE_S
        self._drop_deaf_links(now_s, actions)
        views = self._views(now_s)
        self._decide(now_s, views, rehearsed, actions)
        self._plan_links(now_s, views, actions)
        actions.extend(self._prober.run(now_s, self._peers.values()))
        active = self._active()
        if active is not None:
            quality = active.quality
            by_probes_s = quality.by_probes_s(now_s, self._usual_service_s)
            self._overhead.learn(now_s, quality.by_frames_s(now_s) - by_probes_s)
        return actions

    def _decide(self, now_s: float, views: list[ServerView], rehearsed: str | None, actions: list[Action]) -> None:
        choice = self._policy.choose(now_s, views)
        active = self._active()
        chosen = self._peers.get(choice.server_id) if choice else None
        if self._manual is not None and self._decide_by_hand(now_s, actions):
            return
        if active is None:
            first = chosen or self._last_resort(now_s)
            if first is not None:
                self._move(now_s, first, Reason.FIRST, actions)
        elif not active.is_usable(now_s):
            self._leave(now_s, active, chosen, actions)
        elif choice is None or chosen is None or chosen is active:
            self._rehearsal = None
        elif self._is_rehearsed(now_s, choice, chosen, rehearsed):
            self._move(now_s, chosen, choice.reason, actions)

    def _is_rehearsed(self, now_s: float, choice: Choice, chosen: Peer, rehearsed: str | None) -> bool:
        if rehearsed == choice.server_id:
            return True
        if self._rehearsal != choice.server_id:
            self._rehearsal = choice.server_id
            self._rehearsal_s = now_s
        elif now_s - self._offered_s > REHEARSAL_S:
            return True  # there are no frames to rehearse with, and none to lose
        elif chosen.silence.length_s(now_s) >= REHEARSAL_S:
            chosen.failed(now_s)
            self._rehearsal = None
        return False

    def _decide_by_hand(self, now_s: float, actions: list[Action]) -> bool:
        wanted = self._peers.get(self._manual or "")
        if now_s > self._manual_until_s or (wanted is not None and wanted is self._active()):
            self._manual = None
        elif wanted is not None and wanted.can_serve(now_s):
            self._move(now_s, wanted, Reason.MANUAL, actions)
            return True
        return False

    def _leave(self, now_s: float, active: Peer, chosen: Peer | None, actions: list[Action]) -> None:
        """The active server cannot be used any more: go without rehearsal, if there is somewhere to go."""
        if not active.is_fresh(now_s):
            self._leave_silent(now_s, active, chosen, actions)
        elif chosen is not None:
            reason = Reason.BETTER  # it was a last resort, serving a penalty
            if active.going_away:
                reason = Reason.GOING_AWAY
            elif now_s < active.rejected_until_s:
                reason = Reason.REJECTED
            self._move(now_s, chosen, reason, actions)

    def _last_resort(self, now_s: float) -> Peer | None:
        """Nobody is usable: whoever answers, though it failed before."""
        able = [peer for peer in self._peers.values() if peer.can_serve(now_s) and peer.reconnect.is_over(now_s)]
        return min(able, key=lambda peer: (peer.penalty.until_s, peer.server_id), default=None)

    def _successor(self, now_s: float, active: Peer, heard_since_s: float = -math.inf) -> Peer | None:
        """Who takes the next frame if the active server does not."""
        best, best_order = None, (True, math.inf, "")
        for peer in self._peers.values():
            if peer is active or peer.heard_s < heard_since_s or not peer.is_usable(now_s):
                continue
            order = (peer.is_onboard, self._cost_s(now_s, peer, False), peer.server_id)
            if best is None or order < best_order:
                best, best_order = peer, order
        return best

    def _partner(self, now_s: float, active: Peer) -> Peer | None:
        """Who gets second copies now."""
        if active.silence.suspected_since_s is not None:
            return self._successor(now_s, active)
        partner = self._peers.get(self._rehearsal) if self._rehearsal else None
        return partner if partner is not None and partner.can_serve(now_s) else None

    def _move(self, now_s: float, peer: Peer | None, reason: Reason, actions: list[Action]) -> None:
        outside_s = self._clock.outside(now_s)
        to_id, server = (peer.server_id, peer.server) if peer is not None else (None, None)
        moved = Moved(outside_s, self._moves.active, to_id, reason, server)
        self._moves.move(moved)
        actions.append(moved)
        self._rehearsal = None
        if self._manual == to_id:
            self._manual = None
        if peer is not None:
            peer.silence.heard(now_s, bool(peer.in_flight))
            if reason is not Reason.BETTER and self._may_copy(peer, now_s):
                self._copy_newest(now_s, peer, actions)

    def _may_copy(self, peer: Peer, now_s: float) -> bool:
        newest = self._newest
        return newest is not None and newest.number not in peer.in_flight and peer.has_room(now_s)

    def _copy_newest(self, now_s: float, peer: Peer, actions: list[Action]) -> None:
        newest = self._newest
        if newest is not None and self._ledger.copy(now_s, newest.number, peer.server_id):
            peer.sent(now_s, newest.number)
            actions.append(Send(peer.server_id, newest, hedge=True))

    # ---- servers ----

    def _use(self, now_s: float, server: Server, replaced: bool, actions: list[Action]) -> None:
        peer = self._peers.get(server.server_id)
        if peer is None:
            self._peers[server.server_id] = Peer.new(now_s, server, self._config, self._tasks)
            return
        if replaced:
            if peer.link is not Link.DOWN:
                actions.append(Disconnect(peer.server_id))
                self._lose_link(now_s, peer, actions)
            peer.reconnect.reset()
            peer.penalty.reset()
            peer.quality.forget()
            self._prober.hurry(now_s, [peer])
        peer.server = server

    def _describe(self, now_s: float, peer: Peer, description: ServerDescription) -> None:
        peer.server = replace(
            peer.server,
            tasks=tuple(task.name for task in description.tasks) or peer.server.tasks,
            colour_rgb=description.colour_rgb,
            zone=description.zone or peer.server.zone,
            version=description.version or peer.server.version,
            capacity=description.load.capacity or peer.server.capacity,
        )
        peer.quality.load = description.load
        self._registry.described(peer.server)
        if not peer.serves:
            self._note(
                now_s,
                peer.server_id,
                f"{peer.server_id} ({peer.server.address}) offers {', '.join(peer.server.tasks)}, "
                f"this robot needs {', '.join(self._tasks)}: not used",
            )

    def _is_somebody_else(
        self, now_s: float, peer: Peer, description: ServerDescription, actions: list[Action]
    ) -> None:
        """The server has another id than we thought: a name for one without, or a wrong announcement."""
        actions.append(Disconnect(peer.server_id))
        if peer.server_id != peer.server.address:
            self._note(
                now_s,
                peer.server_id,
                f"the server at {peer.server.address} was announced as {peer.server_id!r} and calls itself "
                f"{description.server_id!r}: not used. Correct its id in the settings.",
            )
            peer.penalty.fail(now_s)
            self._lose_link(now_s, peer, actions)
            return
        change = self._registry.learn(peer.server.address, description.server_id)
        if change.warning:
            self._note(now_s, description.server_id, change.warning)
        del self._peers[peer.server_id]
        if change.server is not None:
            self._use(now_s, change.server, False, actions)
            self._describe(now_s, self._peers[description.server_id], description)

    def _lose_link(self, now_s: float, peer: Peer, actions: list[Action]) -> None:
        """The link is gone. If it was the active one, the newest unanswered frame goes to the next server at once."""
        was_up, was_leaving = peer.link is Link.UP, peer.going_away
        if was_up and not was_leaving:
            peer.failed(now_s)
        else:
            peer.reconnect.fail(now_s)
        peer.link_is(now_s, Link.DOWN)
        if peer.server_id == self._moves.active:
            reason = Reason.GOING_AWAY if was_leaving else Reason.LINK_LOST
            self._move(now_s, self._successor(now_s, peer), reason, actions)
        self._ledger.server_gone(peer.server_id)
        if self._registry.is_orphan(peer.server_id):
            self._drop(now_s, peer, actions)
        elif not was_up:
            other = self._registry.another_address(peer.server_id)
            if other is not None:
                peer.server = other

    def _drop(self, now_s: float, peer: Peer, actions: list[Action]) -> None:
        if peer.link is not Link.DOWN:
            actions.append(Disconnect(peer.server_id))
            peer.going_away = True  # nobody's fault
            self._registry.drop(peer.server_id)
            self._lose_link(now_s, peer, actions)
        self._registry.drop(peer.server_id)
        self._peers.pop(peer.server_id, None)

    def _plan_links(self, now_s: float, views: list[ServerView], actions: list[Action]) -> None:
        by_id = {view.server.server_id: view for view in views}

        def cost(server_id: str) -> float:
            cost = self._policy.cost(by_id[server_id])
            return cost if cost < math.inf else 1e6 + by_id[server_id].cost_s  # after all that the policy can rank

        protected = [name for name in (self._rehearsal, self._manual) if name is not None]
        connect, surplus = linking.plan(now_s, self._peers, self._moves.active, protected, cost, self._config)
        for server_id in connect:
            peer = self._peers[server_id]
            peer.link_is(now_s, Link.CONNECTING)
            actions.append(Connect(peer.server))
        for server_id in surplus:
            self._peers[server_id].link_is(now_s, Link.DOWN)
            self._ledger.server_gone(server_id)
            actions.append(Disconnect(server_id))

    # ---- small things ----

    def _active(self) -> Peer | None:
        return self._peers.get(self._moves.active) if self._moves.active is not None else None

    def _is_alive(self, now_s: float, server_id: str) -> bool:
        peer = self._peers.get(server_id)
        return peer is not None and peer.is_fresh(now_s)

    def _cost_s(self, now_s: float, peer: Peer, is_active: bool) -> float:
        return peer.quality.cost_s(now_s, is_active, self._overhead.value_s, self._usual_service_s)

    def _views(self, now_s: float) -> list[ServerView]:
        active = self._active()
        standby = self._successor(now_s, active) if active is not None else None
        return [
            peer.view(now_s, peer is active, peer is standby, self._overhead.value_s, self._usual_service_s)
            for peer in self._peers.values()
        ]

    def _note(self, now_s: float, server_id: str, text: str) -> None:
        self._notices.append(Notice(self._clock.outside(now_s), server_id, text))
