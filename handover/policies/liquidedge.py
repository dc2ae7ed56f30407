"""As the LIQUID EDGE demonstrator decides, to compare with: (level + 120) * quality, looked at each second.

It switches when another server's figure is better by a fixed margin; there is no time to trigger and no minimum stay.
"""

import math
from collections.abc import Sequence

from handover.config import LiquidEdgePolicyConfig
from handover.policies.base import Choice, active_of, is_onboard
from handover.values import Reason, ServerView


class LiquidEdgePolicy:
    def __init__(self, config: LiquidEdgePolicyConfig) -> None:
        self._config = config
        self._look_s = -math.inf
        self._choice: str | None = None

    def choose(self, now_s: float, views: Sequence[ServerView]) -> Choice | None:
        active = active_of(views)
        others = [view for view in views if view.usable and not view.is_active]
        best = min(others, key=self._order, default=None)
        if active is None or not active.usable:
            return Choice(best.server.server_id, Reason.FIRST) if best else None
        if now_s - self._look_s >= self._config.interval_s:
            self._look_s = now_s
            better = best is not None and _metric(best) > _metric(active) + self._config.margin
            self._choice = best.server.server_id if best and better else None
        if self._choice is None or self._choice == active.server.server_id:
            return None
        still_there = any(view.server.server_id == self._choice for view in others)
        return Choice(self._choice) if still_there else None

    def cost(self, view: ServerView) -> float:
        metric = _metric(view)
        return -metric if metric > -math.inf else math.inf

    def _order(self, view: ServerView) -> tuple[bool, float, float, str]:
        return is_onboard(view), -_metric(view), view.cost_s, view.server.server_id


def _metric(view: ServerView) -> float:
    metric = (view.level_dbm + 120) * view.quality
    return -math.inf if math.isnan(metric) else metric
