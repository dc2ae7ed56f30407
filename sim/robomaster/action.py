"""Something that the robot was told to do and that takes its time: a move, a turn of the gimbal, a sound."""

from dataclasses import dataclass
from enum import StrEnum

from sim.robomaster.values import ActionState


class ActionKind(StrEnum):
    """The part that is busy; it does one thing at a time."""

    MOVE = "move"
    GIMBAL = "gimbal"
    SOUND = "sound"
    SERVO = "servo"
    ARM = "arm"


@dataclass(slots=True, eq=False)
class Action:
    """Changed by `Rover.step` only; who started it looks at it."""

    kind: ActionKind
    state: ActionState = ActionState.RUNNING
    progress: float = 0.0  # percent; 100 only once it has succeeded
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """A move: x, y (m), turn (deg, counter-clockwise) since its start. Gimbal: pitch, yaw (deg) now. Sound: its id."""
    why: str = ""  # it failed

    @property
    def is_over(self) -> bool:
        return self.state is not ActionState.RUNNING

    def advance(self, percent: float) -> None:
        """Never backwards, and short of the end until `succeed`."""
        self.progress = max(self.progress, min(percent, 99.0))

    def succeed(self) -> None:
        if not self.is_over:
            self.state, self.progress = ActionState.SUCCEEDED, 100.0

    def fail(self, why: str) -> None:
        if not self.is_over:
            self.state, self.why = ActionState.FAILED, why
