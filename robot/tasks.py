"""Which task to ask servers for: the wanted one, or `face` while nobody offers that."""

from collections.abc import Iterable, Sequence

from handover.values import ServerView

FACE = ("face",)


class TaskChoice:
    """Looks at the known servers now and then. Pure: asked with the time."""

    def __init__(self, wanted: Sequence[str], may_fall_back: bool, patience_s: float = 3.0) -> None:
        """`patience_s`: for how long a situation has to last before anything changes."""
        self.wanted = tuple(wanted)
        self.current = self.wanted
        self._may_fall_back = may_fall_back and "face" not in self.wanted
        self._patience_s = patience_s
        self._since_s: float | None = None
        self._disappointed: frozenset[str] = frozenset()  # servers known when falling back: they were of no use

    @property
    def fell_back(self) -> bool:
        return self.current != self.wanted

    def look(self, now_s: float, servers: Iterable[ServerView]) -> bool:
        """True when `current` changed: ask servers anew."""
        views = tuple(servers)
        better = self._back(views) if self.fell_back else self._away(views)
        if better is None:
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < self._patience_s:
            return False
        self.current, self._since_s = better, None
        self._disappointed = frozenset(view.server.server_id for view in views) if self.fell_back else frozenset()
        return True

    def _away(self, views: Sequence[ServerView]) -> tuple[str, ...] | None:
        """To faces: nobody serves, and there is a server that could if faces were asked for."""
        if not self._may_fall_back or any(view.is_active for view in views):
            return None
        useless = [view for view in views if view.server.tasks and not set(self.wanted) & set(view.server.tasks)]
        return FACE if any("face" in view.server.tasks for view in useless) else None

    def _back(self, views: Sequence[ServerView]) -> tuple[str, ...] | None:
        """To what is wanted: a server that offers it has come since."""
        new = (view.server for view in views if view.server.server_id not in self._disappointed)
        return self.wanted if any(set(self.wanted) & set(server.tasks) for server in new) else None
