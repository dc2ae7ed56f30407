"""In which order nodes are asked: the one the handover chose, then whoever else may do it. Pure."""

import math
from collections.abc import Iterable

from handover.policies.base import is_onboard
from handover.values import ServerView

LEFT_ALONE_S = 10.0  # a node that let a request down is asked last for so long


def in_order(views: Iterable[ServerView], tasks: tuple[str, ...]) -> list[ServerView]:
    """Those that may do the tasks, the best first. One that is not connected may still be asked: a connection of the
    handover's is no condition, and where it is dead, asking shows that at once."""

    def order(view: ServerView) -> tuple[bool, bool, bool, float, str]:
        cost = view.cost_s if math.isfinite(view.cost_s) else math.inf
        return not view.is_active, not view.usable, is_onboard(view), cost, view.server.server_id

    able = [view for view in views if not view.server.tasks or set(tasks) <= set(view.server.tasks)]
    return sorted(able, key=order)


class Failures:
    """Which nodes failed of late."""

    def __init__(self) -> None:
        self._failed_s: dict[str, float] = {}

    def add(self, now_s: float, server_id: str) -> None:
        self._failed_s[server_id] = now_s

    def forgive(self, server_id: str) -> None:
        self._failed_s.pop(server_id, None)

    def sorted(self, now_s: float, views: list[ServerView]) -> list[ServerView]:
        """Those that failed of late come last, the one that failed longest ago first: better than nobody."""
        self._failed_s = {name: at for name, at in self._failed_s.items() if now_s - at < LEFT_ALONE_S}
        return sorted(views, key=lambda view: self._failed_s.get(view.server.server_id, -math.inf))
