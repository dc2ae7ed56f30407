"""One fixed server; another one only while that one is dead."""

from collections.abc import Sequence

from handover.config import StaticPolicyConfig
from handover.policies.base import Choice, active_of
from handover.values import Reason, ServerView


class StaticPolicy:
    """With an id it returns to that server as soon as it is back; without, it stays where it is."""

    def __init__(self, config: StaticPolicyConfig) -> None:
        self._config = config

    def choose(self, now_s: float, views: Sequence[ServerView]) -> Choice | None:
        active = active_of(views)
        others = [view for view in views if view.usable and not view.is_active]
        fixed = next((view for view in others if view.server.server_id == self._config.server_id), None)
        if active is None or not active.usable:
            stand_in = fixed or next(iter(others), None)
            return Choice(stand_in.server.server_id, Reason.FIRST) if stand_in else None
        return Choice(fixed.server.server_id) if fixed else None

    def cost(self, view: ServerView) -> float:
        return float("-inf") if view.server.server_id == self._config.server_id else view.cost_s
