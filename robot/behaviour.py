"""What the robot wishes to do in each state. Plain functions; safety judges the wish afterwards."""

import math

from pydantic import Field

from common.settings import Strict
from robot.perception import Seen
from robot.servo import ServoConfig, follow
from robot.values import STILL, ArmourSide, DriveCommand


class BehaviourConfig(Strict):
    """Times and speeds of the states."""

    wakeup_s: float = Field(default=1.0, ge=0, le=60)
    """Time to stand after the start and after a released emergency stop. LIQUID EDGE waits 10."""
    search_s: float = Field(default=25.0, gt=0)
    """Search for so long, then go idle."""
    search_turn_radps: float = Field(default=math.radians(24), gt=0, le=2)
    """Turn rate while searching."""
    lost_after_s: float = Field(default=1.0, ge=0.1, le=10)
    """An idle robot keeps ignoring the person it was sent away from until nobody was in view for so long."""
    escape: bool = True
    """Drive away from a hit plate. Nothing looks where it goes: off, the robot stands still instead."""
    escape_mps: float = Field(default=0.12, ge=0, le=0.2)
    """Speed of the escape."""
    escape_s: float = Field(default=2.0, ge=0, le=2)
    """Time in the state `hit`."""
    explore_turn_radps: float = Field(default=math.radians(15), gt=0, le=2)
    """Turn rate while exploring: a full turn to the left, then one to the right."""
    offline_after_s: float = Field(default=0.6, ge=0.2, le=5)
    """No answer for so long is `offline`. The wheels stand sooner, by `safety.max_age_s`."""
    online_after_s: float = Field(default=0.25, ge=0, le=5)
    """Fresh answers for so long, and none with the target, end `offline` with a search."""


AWAY: dict[ArmourSide, tuple[float, float]] = {
    ArmourSide.FRONT: (-1.0, 0.0),
    ArmourSide.BACK: (1.0, 0.0),
    ArmourSide.LEFT: (0.0, -1.0),
    ArmourSide.RIGHT: (0.0, 1.0),
}


def search(config: BehaviourConfig, side: float) -> DriveCommand:
    """Turn on the spot to the side (+1 left, -1 right) where the target was lost."""
    return DriveCommand(turn_radps=math.copysign(config.search_turn_radps, side))


def explore(config: BehaviourConfig, since_s: float) -> DriveCommand:
    """Look about on the spot: nothing measures what is in the way, so it goes nowhere."""
    full_turns = int(since_s * config.explore_turn_radps / (2 * math.pi))
    return DriveCommand(turn_radps=config.explore_turn_radps * (1 if full_turns % 2 == 0 else -1))


def escape(config: BehaviourConfig, side: ArmourSide | None) -> DriveCommand:
    if side is None or not config.escape:
        return STILL
    ahead, left = AWAY[side]
    return DriveCommand(ahead * config.escape_mps, left * config.escape_mps)


def chase(config: ServoConfig, seen: Seen) -> DriveCommand:
    """Follow the target; stand while nothing is known of its place."""
    if seen.estimate is None:
        return STILL
    return follow(config, seen.estimate, seen.pose, seen.speed, seen.measured)
