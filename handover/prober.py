"""When to probe which server."""

import zlib
from collections.abc import Iterable

from handover.config import HandoverConfig
from handover.peer import Link, Peer
from handover.values import Probe

JITTER = 0.1  # share of the interval: keeps many robots from probing in step
MAX_PADDING_BYTES = 65_536
LOST_BEFORE_SLOWER = 5  # an unconnected server that lost as many probes in a row is asked less and less often
SLOWEST_S = 5.0


class Prober:
    """Sends each server one probe at a time; one that stays unanswered is lost, whether the shell says so or not."""

    def __init__(self, config: HandoverConfig) -> None:
        self._config = config
        self._number = 0
        self._frame_bytes = 0.0

    def saw_frame(self, size_bytes: int) -> None:
        self._frame_bytes += 0.1 * (size_bytes - self._frame_bytes) if self._frame_bytes else size_bytes

    def run(self, now_s: float, peers: Iterable[Peer], in_need: bool) -> list[Probe]:
        """Probes that are due; takes note of lost ones. In need of a server, dead ones are asked as often as others."""
        probes: list[Probe] = []
        for peer in peers:
            state = peer.probe
            if state.number is not None and now_s - state.sent_s >= self._config.probe_timeout_s:
                self.lost(now_s, peer, state.number)
            if state.number is None and now_s >= state.due_s:
                probes.append(self._send(now_s, peer, in_need))
        return probes

    def answered(self, peer: Peer, probe: int) -> bool:
        """False for an answer that nobody waits for any more."""
        if probe != peer.probe.number:
            return False
        peer.probe.number = None
        peer.probe.lost_in_a_row = 0
        return True

    def lost(self, now_s: float, peer: Peer, probe: int) -> bool:
        if probe != peer.probe.number:
            return False
        peer.probe.number = None
        peer.probe.lost_in_a_row += 1
        peer.quality.probe_lost(now_s, self._config.probe_timeout_s)
        return True

    def hurry(self, now_s: float, peers: Iterable[Peer]) -> None:
        """Somebody needs to know now: probe at the next run."""
        for peer in peers:
            peer.probe.due_s = min(peer.probe.due_s, now_s)

    def next_s(self, peers: Iterable[Peer]) -> float:
        timeout_s = self._config.probe_timeout_s
        return min(
            (peer.probe.due_s if peer.probe.number is None else peer.probe.sent_s + timeout_s for peer in peers),
            default=float("inf"),
        )

    def _send(self, now_s: float, peer: Peer, in_need: bool) -> Probe:
        self._number += 1
        state = peer.probe
        state.number = self._number
        state.sent_s = now_s
        state.due_s = now_s + self._interval_s(peer, in_need) * (1 + _jitter(peer.server_id, self._number))
        padding = min(round(self._frame_bytes * self._config.probe_padding), MAX_PADDING_BYTES)
        return Probe(peer.server_id, self._number, self._config.probe_timeout_s, padding)

    def _interval_s(self, peer: Peer, in_need: bool) -> float:
        if peer.link is Link.UP:
            return self._config.probe_interval_s
        idle_s = self._config.idle_probe_interval_s
        if in_need:
            return min(idle_s, self._config.probe_interval_s)
        doublings = min(max(0, peer.probe.lost_in_a_row - LOST_BEFORE_SLOWER), 8)
        return max(idle_s, min(idle_s * 2.0**doublings, SLOWEST_S))


def _jitter(server_id: str, number: int) -> float:
    """In -JITTER..JITTER; the same in every run, different for each server and probe."""
    return JITTER * (zlib.crc32(f"{server_id}/{number}".encode()) / 2**31 - 1)
