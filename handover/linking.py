"""Which servers to be connected to: the active one, and the best few others as standbys."""

import math
from collections.abc import Callable, Mapping, Sequence

from handover.config import HandoverConfig
from handover.peer import Link, Peer

FIRST_LINKS = 3  # while there is no active server: several at once, the first that is ready serves
STICKY = 0.75  # a standby is only replaced by one that is better by a quarter
SETTLE_S = 2.0  # and not before it had time to be measured


def plan(
    now_s: float,
    peers: Mapping[str, Peer],
    active: str | None,
    protected: Sequence[str],
    cost: Callable[[str], float],
    config: HandoverConfig,
) -> tuple[list[str], list[str]]:
    """Whom to connect and whom to disconnect now.

    `protected` stay or get connected, whatever their cost. Make before break: a standby is only dropped when its
    replacement is up.
    """
    ranked = sorted(
        (
            peer
            for name, peer in peers.items()
            if name != active and _is_candidate(now_s, peer, active is not None, cost(name))
        ),
        key=lambda peer: _order(now_s, peer, cost(peer.server_id)),
    )
    places = config.standbys if active is not None else max(FIRST_LINKS, config.standbys)
    wanted = [peer.server_id for peer in ranked[:places]]
    if active is not None:
        wanted.append(active)
    wanted.extend(name for name in protected if name in peers)
    connect = [name for name in wanted if peers[name].link is Link.DOWN and peers[name].reconnect.is_over(now_s)]
    waiting = any(peers[name].link is not Link.UP for name in wanted)
    if active is None or waiting:
        return connect, []
    surplus = [
        name
        for name, peer in peers.items()
        if name not in wanted
        and peer.link is not Link.DOWN
        and not peer.in_flight
        and now_s - peer.linked_s >= SETTLE_S
    ]
    return connect, surplus


def _is_candidate(now_s: float, peer: Peer, choosy: bool, cost: float) -> bool:
    if not peer.serves or peer.going_away:
        return False
    if peer.link is Link.DOWN and not peer.reconnect.is_over(now_s):
        return False
    if not choosy:  # nothing serves: whoever might
        return True
    # A standby has to have shown that it lives; a policy may rank it without a measured time (radio).
    return peer.proven and peer.penalty.is_over(now_s) and peer.heard_s > -math.inf and cost < math.inf


def _order(now_s: float, peer: Peer, cost: float) -> tuple[bool, bool, float]:
    held = peer.link is not Link.DOWN
    if math.isfinite(cost) and held:
        cost *= STICKY if cost > 0 else 1 / STICKY
    return peer.is_onboard, not peer.penalty.is_over(now_s), cost
