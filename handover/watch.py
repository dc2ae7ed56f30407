"""What did not happen: missing answers of the active server, links that are dead without saying so.

Silence has four steps, each at a time learnt from the server's own round trips (`suspicion.py`):
late: the newest frame goes to the standby too, out of a small budget; suspected: every frame goes to both; left:
another server has answered meanwhile and this one has not; offline: nobody has, so there is no active server any more.
"""

from handover.desk import Desk
from handover.peer import Link, Peer
from handover.values import Reason

DEAF_PROBES = 4  # a link that lost as many in a row is broken, whatever TCP thinks: it may hang for minutes


class Watch:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def look(self) -> None:
        desk, active = self._desk, self._desk.active
        if active is None:
            return
        now_s, trip, silence = desk.now_s, active.round_trip, active.silence
        if silence.suspected_since_s is None and silence.length_s(now_s) < trip.timeout_s:
            if silence.length_s(now_s) >= trip.late_s:
                self._second_copy_of_a_late_frame(active)
            return
        if silence.suspected_since_s is None:
            silence.suspected_since_s = now_s
            desk.prober.hurry(now_s, desk.peers.values())
        partner = desk.successor(active)
        if partner is not None:
            desk.copy_newest(partner)
        suspected_s = now_s - silence.suspected_since_s
        if suspected_s >= trip.failover_s - trip.timeout_s:
            living = desk.successor(active, heard_since_s=silence.suspected_since_s)
            if living is not None or suspected_s >= desk.config.suspicion.offline_s:
                self.leave_silent(active, living)

    def next_s(self) -> float:
        """When `look` has something to do if nothing else happens; inf when never."""
        active = self._desk.active
        if active is None or active.silence.owed_since_s is None:
            return float("inf")
        owed_s, trip = active.silence.owed_since_s, active.round_trip
        times = [owed_s + wait_s for wait_s in (trip.late_s, trip.timeout_s)]
        if active.silence.suspected_since_s is not None:
            times.append(active.silence.suspected_since_s + trip.failover_s - trip.timeout_s)
        return min((time_s for time_s in times if time_s > self._desk.now_s), default=float("inf"))

    def leave_silent(self, active: Peer, living: Peer | None) -> None:
        desk = self._desk
        active.failed(desk.now_s)
        desk.move(living, Reason.SILENT)
        # With nobody else to go to, the old link is the best hope: it works again as soon as server and path do.
        if living is not None:
            desk.disconnect(active)

    def drop_deaf_links(self) -> None:
        desk = self._desk
        for peer in list(desk.peers.values()):
            slow = peer.link is Link.CONNECTING and desk.now_s - peer.linked_s > 1.5 * desk.config.connect_timeout_s
            deaf = peer.link is Link.UP and peer.probe.lost_in_a_row >= DEAF_PROBES and not peer.is_fresh(desk.now_s)
            if slow or deaf:
                desk.lose_link(peer, tell=True)

    def _second_copy_of_a_late_frame(self, active: Peer) -> None:
        partner = self._desk.successor(active)
        newest = self._desk.newest
        if partner is None or newest is None or not self._desk.ledger.is_pending(newest.number):
            return
        if self._desk.may_copy(partner) and self._desk.budget.spend():
            self._desk.copy_newest(partner)
