"""What came of the pictures that were asked for in a run: people wearing something else."""

from dataclasses import dataclass, field

from robot.mirror_view import MirrorView, Phase
from robot.states import State


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One request, from the state's begin to its end."""

    t_s: float
    took_s: float
    garment: str
    dressed: bool
    node: str = ""
    why_not: str = ""
    picture: bytes = field(default=b"", repr=False)  # JPEG; none in lockstep


class MirrorWatch:
    """Looks at the robot at every control tick."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._garment = ""

    def look(self, now_s: float, state: State, view: MirrorView) -> Mirrored | None:
        """A request that has just come to its end."""
        if state is State.MIRROR:
            if self._since_s is None:
                self._since_s, self._garment = now_s, view.chosen
            return None
        if self._since_s is None:
            return None
        since_s, self._since_s = self._since_s, None
        dressed = view.phase is Phase.DRESSED
        why_not = "" if dressed else view.text or f"the robot went over to {state}"
        return Mirrored(since_s, now_s - since_s, self._garment, dressed, view.node, why_not, view.picture)
