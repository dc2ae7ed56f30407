"""3GPP events on the radio level: A3 (a neighbour becomes better by an offset), A2 (the serving cell becomes bad).

TS 36.331 / 38.331, section 5.5.4: A3 is entered when Mn - Hys > Mp + Off and left when Mn + Hys < Mp + Off, and has to
last for the time to trigger; A2 is Ms + Hys < Thresh. Levels are smoothed as in section 5.5.3.2. Cell-specific offsets
are left out: our cells are equal.
"""

import math
from collections.abc import Sequence

from handover.config import A3PolicyConfig
from handover.policies.base import Choice, Stay, active_of, is_onboard
from handover.values import Reason, ServerView


class A3Policy:
    def __init__(self, config: A3PolicyConfig) -> None:
        self._config = config
        self._weight = 0.5 ** (config.filter_k / 4)
        self._measured: dict[str, float] = {}  # last raw level
        self._level: dict[str, float] = {}  # smoothed
        self._entered_s: dict[str, float] = {}  # event A3 holds since
        self._stay = Stay()

    def choose(self, now_s: float, views: Sequence[ServerView]) -> Choice | None:
        for view in views:
            self._smooth(view)
        active = active_of(views)
        if self._stay.update(now_s, active):
            self._entered_s.clear()
        others = [view for view in views if view.usable and not view.is_active]
        if active is None or not active.usable:
            best = min(others, key=self._order, default=None)
            return Choice(best.server.server_id, Reason.FIRST) if best else None
        ready = [view for view in others if self._is_ready(now_s, view, active)]
        best = min(ready, key=self._order, default=None)
        return Choice(best.server.server_id) if best else None

    def cost(self, view: ServerView) -> float:
        level = self._level_of(view)
        return -level if level > -math.inf else math.inf

    def _is_ready(self, now_s: float, view: ServerView, active: ServerView) -> bool:
        config, server_id = self._config, view.server.server_id
        neighbour, serving = self._level_of(view), self._level_of(active)
        if neighbour + config.hysteresis_db < serving + config.offset_db or neighbour == -math.inf:
            self._entered_s.pop(server_id, None)
        elif neighbour - config.hysteresis_db > serving + config.offset_db:
            self._entered_s.setdefault(server_id, now_s)
        if server_id not in self._entered_s:
            return False
        if serving + config.hysteresis_db < config.bad_below_dbm:
            return True
        held_s = now_s - self._entered_s[server_id]
        return held_s >= config.time_to_trigger_s and self._stay.length_s(now_s) >= config.min_stay_s

    def _smooth(self, view: ServerView) -> None:
        server_id, level = view.server.server_id, view.level_dbm
        if math.isnan(level):
            self._level.pop(server_id, None)
            self._measured.pop(server_id, None)
        elif server_id not in self._level:
            self._level[server_id] = self._measured[server_id] = level
        elif level != self._measured[server_id]:
            self._measured[server_id] = level
            self._level[server_id] += self._weight * (level - self._level[server_id])

    def _level_of(self, view: ServerView) -> float:
        return self._level.get(view.server.server_id, -math.inf)

    def _order(self, view: ServerView) -> tuple[bool, float, float, str]:
        return is_onboard(view), -self._level_of(view), view.cost_s, view.server.server_id
