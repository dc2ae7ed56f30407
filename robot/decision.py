"""What the core decides at one tick."""

import math
from dataclasses import dataclass

from handover.values import Server
from robot.safety import StopReason
from robot.states import State
from robot.values import STILL, DriveCommand, Light, Sound, Track


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything a shell needs to act on, and everything a page wants to show."""

    time_s: float
    state: State
    light: Light
    command: DriveCommand = STILL  # after safety: the only one that may be driven
    wanted: DriveCommand = STILL  # before safety
    sound: Sound | None = None
    target: Track | None = None
    bearing_rad: float | None = None  # of the target, now; positive to the left
    distance_m: float | None = None  # of the target, now
    result_age_s: float = math.inf  # of the picture behind the newest result
    server: Server | None = None
    safety_stop: bool = False  # at this tick a moving robot was forced to stand
    reason: StopReason | None = None  # why the wish to move was refused
