"""What a policy is, and what several of them need."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from handover.values import Reason, ServerView

ONBOARD = "onboard"  # zone of a server on the robot itself: chosen last


@dataclass(frozen=True, slots=True)
class Choice:
    """The server to use from now on."""

    server_id: str
    reason: Reason = Reason.BETTER


class Policy(Protocol):
    """Decides from views only; may remember what it has seen, and knows the time from its argument."""

    def choose(self, now_s: float, views: Sequence[ServerView]) -> Choice | None:
        """The server to use; None: no change (the active one, or none at all, is right).

        Without a usable active server any usable one is better: it is chosen at once.
        """
        ...

    def cost(self, view: ServerView) -> float:
        """For ranking stand-ins: lower is better, inf is unknown. Does not look at `usable`."""
        ...


def active_of(views: Iterable[ServerView]) -> ServerView | None:
    return next((view for view in views if view.is_active), None)


def is_onboard(view: ServerView) -> bool:
    return view.server.zone == ONBOARD


class Held:
    """For how long a condition has held for each server without a break (3GPP's time to trigger)."""

    __slots__ = ("_since_s",)

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}

    def update(self, now_s: float, server_id: str, holds: bool) -> float:
        """How long it has held by now; -1 when it does not."""
        if not holds:
            self._since_s.pop(server_id, None)
            return -1.0
        return now_s - self._since_s.setdefault(server_id, now_s)

    def clear(self) -> None:
        self._since_s.clear()


class Stay:
    """Since when the active server is active, and which ones were left when."""

    __slots__ = ("_active", "_left_s", "_since_s")

    def __init__(self) -> None:
        self._active: str | None = None
        self._since_s = 0.0
        self._left_s: dict[str, float] = {}

    def update(self, now_s: float, active: ServerView | None) -> bool:
        """True when the active server is another one than last time."""
        server_id = active.server.server_id if active else None
        if server_id == self._active:
            return False
        if self._active is not None:
            self._left_s[self._active] = now_s
        self._active = server_id
        self._since_s = now_s
        return True

    def length_s(self, now_s: float) -> float:
        return now_s - self._since_s

    def away_s(self, now_s: float, server_id: str) -> float:
        """Since that server was left; inf when it never was."""
        return now_s - self._left_s.get(server_id, float("-inf"))
