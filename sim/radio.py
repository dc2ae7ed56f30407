"""How good the radio is along the way: level, rate, delay and loss of each link, a pure function of place and time.

Level: log-distance path loss, `L = 40 dB + 30 log10(d / 1 m)`, plus what crossed walls take. 40 dB is free space at 1 m
for 2.4 GHz; an exponent of 3 is ITU-R P.1238's for offices (its coefficient N is 28 to 31) and lies between the two of
3GPP TR 38.901's indoor hot spot (1.73 in sight, 3.83 hidden).
Rate: the receiver sensitivities of IEEE 802.11n for 20 MHz and one stream, 65 % of which is left after headers and
acknowledgements; below them the old 1 to 3 Mbit/s rates, until nothing gets through at -91 dBm.
"""

import math
from dataclasses import dataclass

import numpy as np

from sim.place import XY
from sim.scenario import AccessPoint, Scenario
from sim.scene import Panel, panels

REFERENCE_DB = 40.0
EXPONENT = 3.0
SHADOW_DB = 1.5  # deviation; under TR 38.901's 3 dB, as the scenario's walls are counted one by one
SHADOW_M = 4.0  # shortest of its waves, the longest is 13 m; TR 38.901 has 6 m hidden and 10 m in sight
FAST_DB = 0.8  # what is left of fast fading after the averaging of many subcarriers and retries
EFFICIENCY = 0.65
RATES = (  # dBm, Mbit/s on air; interpolated in between
    (-91.0, 0.0), (-89.0, 1.0), (-86.0, 3.0), (-82.0, 6.5), (-79.0, 13.0), (-77.0, 19.5), (-74.0, 26.0), (-70.0, 39.0),
    (-66.0, 52.0), (-65.0, 58.5), (-64.0, 65.0),
)  # fmt: skip
BASE_DELAY_S = 0.0015  # one way: contention and the wire behind the access point
RETRY_S = 0.004  # one more try at the radio, with back-off
HALF_LOST_DBM = -86.0  # level where every other try fails
LOST_WIDTH_DB = 2.0


@dataclass(frozen=True, slots=True)
class RadioLink:
    """One access point as the rover has it now. Delay, jitter and loss are for one direction."""

    level_dbm: float
    quality: float  # 0..100
    rate_bps: float  # 0: nothing gets through
    delay_s: float
    jitter_s: float
    loss: float  # 0..1 of packets that are lost after the radio's own retries


class RadioModel:
    """All links of a scenario, by server id. Servers behind one access point share its radio."""

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        points = {point.id: point for point in scenario.access_points}
        seed = scenario.seed if seed is None else seed
        self._points = {server.id: points[server.access_point] for server in scenario.servers}
        self._walls = panels(scenario.world) if scenario.world else []
        self._fading = {point.id: Fading(seed, point.id) for point in scenario.access_points}

    def links(self, now_s: float, rover_xy: XY) -> dict[str, RadioLink]:
        found: dict[str, RadioLink] = {}
        done: dict[str, RadioLink] = {}
        for server_id, point in self._points.items():
            if point.id not in done:
                done[point.id] = link(self.level_dbm(now_s, rover_xy, point))
            found[server_id] = done[point.id]
        return found

    def level_dbm(self, now_s: float, rover_xy: XY, point: AccessPoint) -> float:
        distance = math.hypot(math.dist(rover_xy, point.at), 1.0)  # antennas hang about 1 m higher than the rover's
        walls = sum(panel.loss_db for panel in self._walls if crosses(rover_xy, point.at, panel))
        loss = REFERENCE_DB + 10 * EXPONENT * math.log10(distance) + walls
        return point.tx_dbm - loss + self._fading[point.id].db(now_s, rover_xy)


class Fading:
    """Slow fading by place, fast fading by time: sums of waves whose directions and phases the seed draws.

    Nothing is remembered, so that any moment may be asked for in any order.
    """

    WAVES = 12

    def __init__(self, seed: int, point_id: str) -> None:
        rng = np.random.default_rng([seed, *f"fading {point_id}".encode()])
        turn = rng.uniform(0, 2 * math.pi, self.WAVES)
        number = rng.uniform(0.3, 1.0, self.WAVES) * 2 * math.pi / SHADOW_M
        self._kx, self._ky = number * np.cos(turn), number * np.sin(turn)
        self._hz = rng.uniform(0.5, 4.0, self.WAVES)  # walking pace at centimetre waves, averaged over some packets
        self._place_phase, self._time_phase = rng.uniform(0, 2 * math.pi, (2, self.WAVES))

    def db(self, now_s: float, xy: XY) -> float:
        norm = math.sqrt(2 / self.WAVES)
        slow = np.cos(self._kx * xy[0] + self._ky * xy[1] + self._place_phase).sum()
        fast = np.cos(2 * math.pi * self._hz * now_s + self._time_phase).sum()
        return float(norm * (SHADOW_DB * slow + FAST_DB * fast))


def link(level_dbm: float) -> RadioLink:
    """What a level means: the weaker, the slower, the later and the less sure, bit by bit."""
    levels, rates = zip(*RATES, strict=True)
    rate_bps = float(np.interp(level_dbm, levels, rates)) * 1e6 * EFFICIENCY
    fail = 1 / (1 + math.exp((level_dbm - HALF_LOST_DBM) / LOST_WIDTH_DB))  # of one try at the radio
    fail = min(fail, 0.95)
    retries = fail / (1 - fail)
    return RadioLink(
        level_dbm=level_dbm,
        quality=min(max(2 * (level_dbm + 100), 0.0), 100.0),  # the usual percentage: -50 dBm and better is 100
        rate_bps=rate_bps,
        delay_s=BASE_DELAY_S + RETRY_S * retries,
        jitter_s=0.0003 + 0.5 * RETRY_S * retries,
        loss=fail**7 if rate_bps else 1.0,  # 802.11 tries seven times before it gives a packet up
    )


def crosses(one: XY, other: XY, panel: Panel) -> bool:
    """Whether the straight line between two places goes through a wall."""
    a, b = panel.ends
    return _side(one, other, a) * _side(one, other, b) < 0 and _side(a, b, one) * _side(a, b, other) < 0


def _side(a: XY, b: XY, p: XY) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
