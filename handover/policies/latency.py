"""The default: the server whose results are predicted to come soonest.

A move needs a clear advantage (absolute and relative), for a while, after a minimum stay, and not back to the server
that was just left. When the active server is too slow to drive on, stay and return times no longer hold.
"""

from collections.abc import Sequence

from handover.config import LatencyPolicyConfig
from handover.policies.base import Choice, Held, Stay, active_of, is_onboard
from handover.values import Reason, ServerView


class LatencyPolicy:
    def __init__(self, config: LatencyPolicyConfig) -> None:
        self._config = config
        self._better = Held()
        self._stay = Stay()

    def choose(self, now_s: float, views: Sequence[ServerView]) -> Choice | None:
        active = active_of(views)
        if self._stay.update(now_s, active):
            self._better.clear()
        others = [view for view in views if view.usable and not view.is_active]
        if active is None or not active.usable:
            best = min(others, key=self._order, default=None)
            return Choice(best.server.server_id, Reason.FIRST) if best else None
        chosen: ServerView | None = None
        urgent = active.cost_s > self._config.urgent_s
        for view in others:
            held_s = self._better.update(now_s, view.server.server_id, self._is_better(view, active))
            if (
                held_s >= 0
                and self._may(now_s, view, held_s, urgent)
                and (chosen is None or self._order(view) < self._order(chosen))
            ):
                chosen = view
        return Choice(chosen.server.server_id) if chosen else None

    def cost(self, view: ServerView) -> float:
        return view.cost_s

    def _is_better(self, other: ServerView, active: ServerView) -> bool:
        if is_onboard(other) != is_onboard(active):
            return is_onboard(active) and other.cost_s < self._config.urgent_s
        margin_s = max(self._config.hysteresis_s, self._config.hysteresis_share * active.cost_s)
        return other.cost_s + margin_s < active.cost_s

    def _may(self, now_s: float, view: ServerView, held_s: float, urgent: bool) -> bool:
        if urgent:
            return held_s >= self._config.urgent_trigger_s
        return (
            held_s >= self._config.time_to_trigger_s
            and self._stay.length_s(now_s) >= self._config.min_stay_s
            and self._stay.away_s(now_s, view.server.server_id) >= self._config.no_return_s
        )

    def _order(self, view: ServerView) -> tuple[bool, float, str]:
        return is_onboard(view), view.cost_s, view.server.server_id
