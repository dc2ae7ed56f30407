"""Which server to use, and which to be connected to: the policy's choice put into practice.

A preferred server is rehearsed first: it gets copies of the frames, and becomes active with its first result. So a
server that answers probes and no frames is never moved to, and a move leaves no gap.
"""

import math

from handover import linking
from handover.desk import Desk
from handover.peer import Link, Peer
from handover.policies import Choice, create
from handover.values import Connect, Reason, ServerView
from handover.watch import Watch

DECIDE_S = 0.05  # how often the policy looks; finer than any time to trigger in use
REHEARSAL_S = 1.0  # a server that does not answer a frame in this time is not moved to
MANUAL_S = 5.0  # how long a move by hand waits for its server to be connected
FIRST_LOOK_S = 0.4  # the very first choice waits this long for the other servers
UNRANKED = 1e6  # behind all that the policy can rank


class Chooser:
    def __init__(self, desk: Desk, watch: Watch) -> None:
        self._desk = desk
        self._watch = watch
        self._policy = create(desk.config.policy)
        self._manual_until_s = -math.inf
        self._able_since_s: float | None = None  # somebody could serve
        self.due_s = -math.inf

    def review(self, rehearsed: str | None = None) -> None:
        """Look at everything. `rehearsed`: the server that has just shown that it answers frames."""
        desk = self._desk
        self.due_s = desk.now_s + DECIDE_S
        self._watch.drop_deaf_links()
        views = desk.views()
        self._decide(views, rehearsed)
        self._plan_links(views)
        desk.probe()
        active = desk.active
        if active is not None:
            by_probes_s = active.quality.by_probes_s(desk.now_s, desk.usual_service.value_s)
            desk.overhead.learn(desk.now_s, active.quality.by_frames_s(desk.now_s) - by_probes_s)

    def by_hand(self, server_id: str) -> None:
        self._desk.manual = server_id
        self._manual_until_s = self._desk.now_s + MANUAL_S

    def _decide(self, views: list[ServerView], rehearsed: str | None) -> None:
        desk, active = self._desk, self._desk.active
        choice = self._policy.choose(desk.now_s, views)
        chosen = desk.peers.get(choice.server_id) if choice else None
        if desk.manual is not None and self._moved_by_hand():
            return
        if active is None:
            first = chosen or self._last_resort()
            if first is not None and not self._is_worth_waiting(first):
                desk.move(first, Reason.FIRST)
        elif not active.is_usable(desk.now_s):
            self._leave(active, chosen)
        elif choice is None or chosen is None or chosen is active:
            desk.rehearsal = None
        elif self._is_rehearsed(choice, chosen, rehearsed):
            desk.move(chosen, choice.reason)

    def _is_worth_waiting(self, first: Peer) -> bool:
        """At the very start: a moment later more servers are connected and measured, and the choice is a better one."""
        desk = self._desk
        if desk.moves.log:
            return False
        if self._able_since_s is None:
            self._able_since_s = desk.now_s
        others = [peer for peer in desk.peers.values() if peer is not first and peer.serves]
        coming = any(peer.link is Link.CONNECTING or not peer.is_measured for peer in others)
        return coming and desk.now_s - self._able_since_s < FIRST_LOOK_S

    def _is_rehearsed(self, choice: Choice, chosen: Peer, rehearsed: str | None) -> bool:
        desk = self._desk
        if rehearsed == choice.server_id:
            return True
        if desk.rehearsal != choice.server_id:
            desk.rehearsal = choice.server_id
            desk.rehearsal_s = desk.now_s
        elif desk.now_s - desk.offered_s > REHEARSAL_S:
            return True  # there are no frames to rehearse with, and none to lose
        elif chosen.silence.length_s(desk.now_s) >= REHEARSAL_S:
            chosen.failed(desk.now_s)
            desk.rehearsal = None
        return False

    def _moved_by_hand(self) -> bool:
        desk = self._desk
        wanted = desk.peers.get(desk.manual or "")
        if desk.now_s > self._manual_until_s or (wanted is not None and wanted is desk.active):
            desk.manual = None
        elif wanted is not None and wanted.can_serve(desk.now_s):
            desk.move(wanted, Reason.MANUAL)
            return True
        return False

    def _leave(self, active: Peer, chosen: Peer | None) -> None:
        """The active server cannot be used any more: go without rehearsal, if there is somewhere to go."""
        now_s = self._desk.now_s
        if not active.is_fresh(now_s):
            self._watch.leave_silent(active, chosen)
        elif chosen is not None:
            reason = Reason.BETTER  # it was a last resort, serving a penalty
            if active.going_away:
                reason = Reason.GOING_AWAY
            elif now_s < active.rejected_until_s:
                reason = Reason.REJECTED
            self._desk.move(chosen, reason)

    def _last_resort(self) -> Peer | None:
        """Nobody is usable: whoever answers, though it failed before."""
        now_s = self._desk.now_s
        able = [peer for peer in self._desk.peers.values() if peer.can_serve(now_s) and peer.reconnect.is_over(now_s)]
        return min(able, key=lambda peer: (peer.penalty.until_s, peer.server_id), default=None)

    def _plan_links(self, views: list[ServerView]) -> None:
        desk = self._desk
        by_id = {view.server.server_id: view for view in views}

        def cost(server_id: str) -> float:
            cost = self._policy.cost(by_id[server_id])
            return cost if cost < math.inf else UNRANKED + by_id[server_id].cost_s

        protected = [name for name in (desk.rehearsal, desk.manual) if name is not None]
        connect, surplus = linking.plan(desk.now_s, desk.peers, desk.moves.active, protected, cost, desk.config)
        for server_id in connect:
            desk.peers[server_id].link_is(desk.now_s, Link.CONNECTING)
            desk.out.append(Connect(desk.peers[server_id].server))
        for server_id in surplus:
            desk.disconnect(desk.peers[server_id])
