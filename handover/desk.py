"""What the parts of the core share: the state of one robot's session, and the few things that change it.

Actions are collected in `out` in the order in which they are to be carried out; `now_s` is steady time.
"""

import math
from collections import deque

from handover.clock import SteadyClock
from handover.config import HandoverConfig
from handover.ledger import Ledger
from handover.moves import Moves
from handover.peer import Link, Peer
from handover.prober import Prober
from handover.quality import Overhead, UsualService
from handover.registry import Registry
from handover.suspicion import HedgeBudget
from handover.values import Action, Disconnect, Moved, Notice, Reason, Send, ServerView
from protos.messages import EncodedFrame

NOTICES = 100  # kept until somebody takes them


class Desk:
    """Peers, the frames under way, the active server; and what every part may do with them."""

    def __init__(self, config: HandoverConfig, robot_tasks: tuple[str, ...]) -> None:
        self.config = config
        self.tasks = robot_tasks
        self.clock = SteadyClock()
        self.registry = Registry()
        self.peers: dict[str, Peer] = {}
        self.ledger = Ledger()
        self.moves = Moves()
        self.prober = Prober(config)
        self.overhead = Overhead(config.quality.overhead_cap_s)
        self.usual_service = UsualService()
        self.budget = HedgeBudget(config.suspicion.hedge_share)
        self.newest: EncodedFrame | None = None  # the last frame sent
        self.offered_s = -math.inf
        self.rehearsal: str | None = None  # server that is about to be moved to: it gets second copies
        self.rehearsal_s = -math.inf
        self.manual: str | None = None  # server that somebody asked for
        self.out: list[Action] = []
        self.notices: deque[Notice] = deque(maxlen=NOTICES)

    @property
    def now_s(self) -> float:
        return self.clock.now_s

    def take_actions(self) -> list[Action]:
        out, self.out = self.out, []
        return out

    def note(self, server_id: str, text: str) -> None:
        self.notices.append(Notice(self.clock.outside(self.now_s), server_id, text))

    # ---- looking ----

    @property
    def active(self) -> Peer | None:
        return self.peers.get(self.moves.active) if self.moves.active is not None else None

    def cost_s(self, peer: Peer, is_active: bool = False) -> float:
        return peer.quality.cost_s(self.now_s, is_active, self.overhead.value_s, self.usual_service.value_s)

    def views(self) -> list[ServerView]:
        active = self.active
        standby = self.successor(active) if active is not None else None
        return [
            peer.view(self.now_s, peer is active, peer is standby, self.cost_s(peer, peer is active))
            for peer in self.peers.values()
        ]

    def successor(self, active: Peer, heard_since_s: float = -math.inf) -> Peer | None:
        """Who takes the next frame if the active server does not."""
        best: Peer | None = None
        best_order = (True, math.inf, "")
        for peer in self.peers.values():
            if peer is active or peer.heard_s < heard_since_s or not peer.is_usable(self.now_s):
                continue
            order = (peer.is_onboard, self.cost_s(peer), peer.server_id)
            if best is None or order < best_order:
                best, best_order = peer, order
        return best

    def partner(self, active: Peer) -> Peer | None:
        """Who gets a second copy of each frame now."""
        if active.silence.suspected_since_s is not None:
            return self.successor(active)
        # Make before break: before a planned move the next server, after it the last one, until results come in.
        partner = self.peers.get(self.rehearsal or self.moves.leaving or "")
        return partner if partner is not None and partner.can_serve(self.now_s) else None

    # ---- changing ----

    def move(self, peer: Peer | None, reason: Reason) -> None:
        """From now on frames go to that server. One that could not be asked for more gets the newest frame again."""
        to_id, server = (peer.server_id, peer.server) if peer is not None else (None, None)
        moved = Moved(self.clock.outside(self.now_s), self.moves.active, to_id, reason, server)
        self.moves.move(moved)
        self.out.append(moved)
        self.rehearsal = None
        if self.manual == to_id:
            self.manual = None
        if peer is not None:
            peer.silence.heard(self.now_s, bool(peer.in_flight))  # what it owes from before is not held against it
            if reason is not Reason.BETTER:
                self.copy_newest(peer)

    def may_copy(self, peer: Peer) -> bool:
        newest = self.newest
        return newest is not None and newest.number not in peer.in_flight and peer.has_room(self.now_s)

    def copy_newest(self, peer: Peer) -> None:
        """The newest frame, if it is still unanswered, goes to this server too."""
        newest = self.newest
        if newest is None or not self.may_copy(peer):
            return
        if self.ledger.copy(self.now_s, newest.number, peer.server_id):
            peer.sent(self.now_s, newest.number)
            self.out.append(Send(peer.server_id, newest, hedge=True))

    def probe(self) -> None:
        """Send the probes that are due."""
        self.out.extend(self.prober.run(self.now_s, self.peers.values(), in_need=self.moves.active is None))

    def disconnect(self, peer: Peer) -> None:
        """By our own will, and nobody's fault: not the active server's link."""
        self.out.append(Disconnect(peer.server_id))
        peer.link_is(self.now_s, Link.DOWN)
        self.ledger.server_gone(peer.server_id)

    def lose_link(self, peer: Peer, tell: bool = False) -> None:
        """The link is gone (with `tell`, by our own hand). After the active one, the next server takes over at once."""
        if tell:
            self.out.append(Disconnect(peer.server_id))
        was_up, was_leaving = peer.link is Link.UP, peer.going_away
        if was_up and not was_leaving:
            peer.failed(self.now_s)
        else:
            peer.reconnect.fail(self.now_s)
        peer.link_is(self.now_s, Link.DOWN)
        if peer.server_id == self.moves.active:
            self.move(self.successor(peer), Reason.GOING_AWAY if was_leaving else Reason.LINK_LOST)
        self.ledger.server_gone(peer.server_id)
        if self.registry.is_orphan(peer.server_id):
            self.registry.drop(peer.server_id)
            del self.peers[peer.server_id]
        elif not was_up and (elsewhere := self.registry.another_address(peer.server_id)) is not None:
            peer.server = elsewhere
