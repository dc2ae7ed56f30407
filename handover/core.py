"""The handover, as plain code: events with their time go in, actions come out. No clock, no I/O, no randomness.

How a frame goes: `offer` sends it to the active server (and, while that one is suspected or another one is being
rehearsed, a second copy to the other). `reply` takes answers; the first result of each frame is delivered, in the order
of the frames. `tick` notices what did not happen: missing answers, due probes, better servers.

How a move goes: a server that the policy prefers first gets copies of frames (a rehearsal), and becomes active with its
first result. Frames already under way to the old one still count. A broken link or a silent server is left without
rehearsal; the newest unanswered frame is sent again to the next server at once.

The parts: `roster` (which servers), `chooser` (which one to use), `watch` (what did not happen), `desk` (shared state).
"""

from dataclasses import replace

from handover.chooser import Chooser
from handover.config import HandoverConfig
from handover.desk import Desk
from handover.ledger import Verdict
from handover.peer import Link, Peer
from handover.roster import Roster
from handover.values import (
    Action,
    Counts,
    Deliver,
    Disconnect,
    Moved,
    Notice,
    Reason,
    Send,
    Server,
    ServerView,
    Source,
)
from handover.watch import Watch
from protos.messages import EncodedFrame, FrameReply, Load, Outcome, ServerDescription

LONGEST_RETRY_S = 30.0  # how long a server may send us away with one answer
USELESS = 10  # answers in a row without a result: this server does nothing for us
ROUNDING_S = 1e-6  # a tick comes after what it waits for, also when clocks are added and subtracted in floats


class HandoverCore:
    """Which server to use, frame by frame. Every method that returns actions wants them carried out in order."""

    def __init__(self, config: HandoverConfig, robot_tasks: tuple[str, ...]) -> None:
        self._config = config
        self._desk = Desk(config, robot_tasks)
        self._watch = Watch(self._desk)
        self._chooser = Chooser(self._desk, self._watch)
        self._roster = Roster(self._desk)
        self._finished = False

    # ---- queries ----

    @property
    def active(self) -> Server | None:
        peer = self._desk.active
        return peer.server if peer else None

    @property
    def moves(self) -> list[Moved]:
        return self._desk.moves.log

    @property
    def next_tick_s(self) -> float:
        """When to call `tick` next, on the caller's clock. Earlier or later does no harm."""
        desk = self._desk
        due_s = min(
            self._chooser.due_s,
            desk.ledger.next_deadline_s,
            desk.prober.next_s(desk.peers.values()),
            self._watch.next_s(),
        )
        return desk.clock.outside(max(due_s, desk.now_s) + ROUNDING_S)

    def has_room(self, now_s: float) -> bool:
        """Whether a frame offered now would be sent."""
        return bool(self._receivers(self._desk.clock.advance(now_s)))

    def server(self, server_id: str) -> Server | None:
        peer = self._desk.peers.get(server_id)
        return peer.server if peer else None

    def views(self, now_s: float) -> list[ServerView]:
        clock = self._desk.clock
        clock.advance(now_s)
        return [replace(view, penalty_until_s=clock.outside(view.penalty_until_s)) for view in self._desk.views()]

    def counts(self) -> Counts:
        return self._desk.ledger.counts()

    def take_notices(self) -> list[Notice]:
        """What a person should know; each notice is handed out once."""
        notices = list(self._desk.notices)
        self._desk.notices.clear()
        return notices

    # ---- servers come and go ----

    def server_seen(self, now_s: float, source: Source, server: Server) -> list[Action]:
        self._desk.clock.advance(now_s)
        self._roster.seen(source, server)
        return self._reviewed()

    def server_gone(self, now_s: float, source: Source, server_id: str) -> list[Action]:
        """Discovery is a hint: a server that is connected stays until its link breaks."""
        self._desk.clock.advance(now_s)
        self._roster.gone(source, server_id)
        return self._reviewed()

    def link_up(self, now_s: float, server_id: str, description: ServerDescription | None) -> list[Action]:
        now_s = self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is None or peer.link is Link.DOWN or self._finished:
            return [Disconnect(server_id)]
        if self._roster.introduced(peer, description):
            peer.link_is(now_s, Link.UP)
            self._desk.prober.hurry(now_s, [peer])
        return self._reviewed()

    def link_down(self, now_s: float, server_id: str, why: str) -> list[Action]:
        self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None and peer.link is not Link.DOWN:
            self._desk.lose_link(peer)
        return self._reviewed()

    def go_away(self, now_s: float, server_id: str) -> list[Action]:
        """The server is about to stop: leave now, while it still answers."""
        now_s = self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None and peer.link is Link.UP:
            peer.going_away = True
            peer.heard_s = now_s
        return self._reviewed()

    # ---- frames ----

    def offer(self, now_s: float, frame: EncodedFrame) -> list[Action]:
        """A new frame: it is sent now or never. Raises ValueError when its number was used before."""
        desk = self._desk
        now_s = desk.clock.advance(now_s)
        desk.prober.saw_frame(len(frame.image))
        desk.offered_s = now_s
        to = self._receivers(now_s)
        if not to:
            desk.ledger.unsent += 1
            return []
        deadline_s = now_s + self._config.deadline_s
        desk.ledger.send(now_s, frame.number, frame.capture_ns, deadline_s, [peer.server_id for peer in to])
        desk.budget.earn()
        desk.newest = frame
        for peer in to:
            peer.sent(now_s, frame.number)
        return [Send(peer.server_id, frame, hedge=peer is not desk.active) for peer in to]

    def dropped(self, now_s: float, server_id: str, number: int) -> list[Action]:
        """The link had no room on its way out: a newer frame took this one's place before it was sent."""
        self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None and peer.in_flight.pop(number, None) is not None:
            self._desk.ledger.withdrawn(server_id, number)
            if not peer.in_flight:
                peer.silence.clear()
        return []

    def reply(self, now_s: float, server_id: str, reply: FrameReply) -> list[Action]:
        desk = self._desk
        now_s = desk.clock.advance(now_s)
        peer = desk.peers.get(server_id)
        if peer is None or self._finished:
            return []
        verdict = desk.ledger.answer(server_id, reply.number, reply.capture_ns, reply.outcome)
        if verdict.kind.is_impossible:
            self._strike(peer, f"its answer to frame {reply.number} is {verdict.kind.value}")
            return desk.take_actions()
        peer.answered(now_s, reply.number)
        peer.quality.load = reply.load
        if reply.outcome is Outcome.RESULT:
            self._result(peer, verdict, reply)
        else:
            self._no_result(peer, reply)
        if reply.bad_boxes:
            self._strike(peer, f"{reply.bad_boxes} boxes of frame {reply.number} fit no frame")
        return desk.take_actions()

    def bad_message(self, now_s: float, server_id: str, why: str) -> list[Action]:
        """The server sent something that breaks the protocol."""
        self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None and not self._finished:
            self._strike(peer, why)
        return self._desk.take_actions()

    # ---- measurements ----

    def probe_answered(
        self, now_s: float, server_id: str, probe: int, rtt_s: float, expected_service_s: float, load: Load
    ) -> list[Action]:
        now_s = self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None and self._desk.prober.answered(peer, probe):
            if peer.link is Link.DOWN or not peer.proven:
                peer.reconnect.end(now_s)  # it is back
            peer.heard_s = now_s
            peer.proven = True
            peer.quality.probe(now_s, rtt_s, expected_service_s, load)
            if not peer.in_flight:  # nothing is owed: what was not answered was given up
                peer.silence.clear()
        return []

    def probe_lost(self, now_s: float, server_id: str, probe: int) -> list[Action]:
        now_s = self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None:
            self._desk.prober.lost(now_s, peer, probe)
        return []

    def radio(self, now_s: float, server_id: str, level_dbm: float, quality: float) -> list[Action]:
        self._desk.clock.advance(now_s)
        peer = self._desk.peers.get(server_id)
        if peer is not None:
            peer.quality.radio(level_dbm, quality)
        return []

    # ---- time, and people ----

    def move_to(self, now_s: float, server_id: str) -> list[Action]:
        """By hand: move there as soon as it is connected, or forget it after a while."""
        self._desk.clock.advance(now_s)
        self._chooser.by_hand(server_id)
        return self._reviewed()

    def tick(self, now_s: float) -> list[Action]:
        desk = self._desk
        now_s = desk.clock.advance(now_s)
        if self._finished:
            return []
        for peer in desk.peers.values():
            peer.give_up_frames(now_s)
        desk.ledger.expire(now_s)
        self._watch.look()
        if now_s >= self._chooser.due_s:
            return self._reviewed()
        desk.probe()
        return desk.take_actions()

    def finish(self, now_s: float) -> list[Action]:
        """The end: what is pending is lost, all links are closed. Nothing is sent any more."""
        self._desk.clock.advance(now_s)
        self._finished = True
        self._desk.ledger.finish()
        return [Disconnect(peer.server_id) for peer in self._desk.peers.values() if peer.link is not Link.DOWN]

    # ---- inside ----

    def _reviewed(self) -> list[Action]:
        if not self._finished:
            self._chooser.review()
        return self._desk.take_actions()

    def _receivers(self, now_s: float) -> list[Peer]:
        """Who gets a frame that is offered now: the active server first."""
        active = self._desk.active
        if active is None or self._finished:
            return []
        partner = self._desk.partner(active)
        return [peer for peer in (active, partner) if peer is not None and peer.has_room(now_s)]

    def _result(self, peer: Peer, verdict: Verdict, reply: FrameReply) -> None:
        desk = self._desk
        peer.useless_in_a_row = 0
        if verdict.copy_sent_s is not None:
            rtt_s = desk.now_s - verdict.copy_sent_s
            peer.quality.frame(desk.now_s, rtt_s)
            peer.round_trip.add(rtt_s)
        desk.usual_service.saw(reply.timings.total_s)
        if verdict.deliver:
            rtt_s = desk.now_s - verdict.sent_s
            desk.out.append(Deliver(peer.server_id, reply, rtt_s, desk.clock.outside(verdict.sent_s)))
            completed = desk.moves.delivered(desk.now_s, peer.server_id)
            if completed is not None:
                desk.out.append(completed)
        sent_s = verdict.copy_sent_s
        if peer.server_id == desk.rehearsal and sent_s is not None and sent_s >= desk.rehearsal_s:
            self._chooser.review(rehearsed=peer.server_id)

    def _no_result(self, peer: Peer, reply: FrameReply) -> None:
        desk = self._desk
        peer.useless_in_a_row += 1
        if reply.outcome is Outcome.EXPIRED:
            peer.quality.frame(desk.now_s, self._config.deadline_s)
        if reply.outcome is Outcome.REJECTED and reply.retry_after_s > 0:
            peer.rejected_until_s = desk.now_s + min(reply.retry_after_s, LONGEST_RETRY_S)
            self._chooser.review()
        elif peer.useless_in_a_row >= USELESS and peer is desk.active:
            successor = desk.successor(peer)
            if successor is not None:
                peer.penalty.fail(desk.now_s)
                peer.useless_in_a_row = 0
                desk.move(successor, Reason.REJECTED)

    def _strike(self, peer: Peer, why: str) -> None:
        desk = self._desk
        who = f"{peer.server_id} ({peer.server.address})"
        if not peer.strikes_s:
            desk.note(peer.server_id, f"{who} answers wrongly: {why}")
        if peer.strike(desk.now_s) and peer.link is not Link.DOWN:
            desk.note(peer.server_id, f"{who} is left, because it answers wrongly again and again: {why}")
            desk.lose_link(peer, tell=True)
            self._chooser.review()
