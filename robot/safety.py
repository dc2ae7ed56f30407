"""The last word before a driver. Nothing goes round it, and it can only make a command smaller.

The rule that matters: **no motion on an old result.** A command is in force until the next one, so it is judged by
the age that the newest result will have by then.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field, model_validator

from common.settings import Strict
from robot.values import STILL, DriveCommand, Limits


class SafetyConfig(Strict):
    """Limits that hold in every state."""

    max_age_s: float = Field(default=0.3, gt=0.05, le=1)
    """No motion on a result whose picture is older than this."""
    slow_age_s: float = Field(default=0.18, gt=0, le=1)
    """From this age on the speed goes down, to nothing at `max_age_s`: braking takes time too. After a stop it takes
    results fresher than this to go on."""
    reserve_s: float = Field(default=0.06, ge=0.02, le=0.2)
    """Taken off `max_age_s`: a command acts until the next one, 0.02 s later or, on a busy machine, more."""
    heartbeat_s: float = Field(default=0.2, gt=0.02, le=1)
    """No tick for this long is a stop: whatever was decided before is void."""
    max_forward_mps: float = Field(default=1.2, ge=0, le=5)
    """Speed cap forward and backward."""
    max_left_mps: float = Field(default=0.6, ge=0, le=5)
    """Speed cap sideways."""
    max_turn_radps: float = Field(default=2.5, ge=0, le=10)
    """Cap of the turn rate."""

    @model_validator(mode="after")
    def _ages_in_order(self) -> "SafetyConfig":
        if not self.slow_age_s < self.max_age_s - self.reserve_s:
            raise ValueError(
                f"slow_age_s ({self.slow_age_s}) must be below max_age_s - reserve_s "
                f"({self.max_age_s} - {self.reserve_s}); lower it"
            )
        return self


class StopReason(StrEnum):
    """Why a wish to move was refused."""

    ESTOP = "estop"
    NO_RESULT = "no_result"  # none yet, or none since the clock jumped
    OLD_RESULT = "old_result"
    CLOCK = "clock"  # the newest result is from the future, or time went backwards
    HEARTBEAT = "heartbeat"  # the control loop was away
    NOT_A_NUMBER = "not_a_number"
    NO_BASE = "no_base"  # the wheels cannot be reached


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be driven."""

    command: DriveCommand
    reason: StopReason | None  # None: not refused (maybe made smaller)
    stopped: bool  # at this very tick a moving robot was forced to stand


class Safety:
    """Judges one command a tick."""

    def __init__(self, config: SafetyConfig) -> None:
        self._config = config
        self._caps = Limits(config.max_forward_mps, config.max_left_mps, config.max_turn_radps)
        self._last_tick_s: float | None = None
        self._was_moving = False
        self._halted = False  # for old results: it takes clearly fresher ones to go on, or wheels would chatter
        self._estop = False
        self.stops = 0  # edges from moving to a forced stop

    @property
    def estop(self) -> bool:
        return self._estop

    def press_estop(self) -> None:
        self._estop = True

    def release_estop(self) -> None:
        self._estop = False

    def judge(
        self, now_s: float, wanted: DriveCommand, newest_capture_s: float | None, base_ready: bool = True
    ) -> Verdict:
        """What of `wanted` may be driven from `now_s` to the next tick.

        `newest_capture_s`: when the newest picture that was answered (even with no detections) was taken.
        """
        reason = self._why_not(now_s, wanted, newest_capture_s) or (None if base_ready else StopReason.NO_BASE)
        self._last_tick_s = now_s
        if reason is None and newest_capture_s is not None:
            command = _scaled(wanted, self._share(now_s - newest_capture_s)).clipped(self._caps)
        else:
            command = STILL
        stopped = reason is not None and self._was_moving
        self.stops += stopped
        self._was_moving = not command.is_still
        self._halted = reason is StopReason.OLD_RESULT
        if wanted.is_still and not stopped and reason is not StopReason.ESTOP:
            reason = None  # nothing was refused
        return Verdict(command, reason, stopped)

    def _why_not(self, now_s: float, wanted: DriveCommand, newest_capture_s: float | None) -> StopReason | None:
        last_s = self._last_tick_s
        if self._estop:
            return StopReason.ESTOP
        if not math.isfinite(now_s) or (last_s is not None and now_s < last_s):
            return StopReason.CLOCK
        if last_s is not None and now_s - last_s > self._config.heartbeat_s:
            return StopReason.HEARTBEAT
        if newest_capture_s is None:
            return StopReason.NO_RESULT
        if not newest_capture_s <= now_s:  # also when it is not a number
            return StopReason.CLOCK
        end_s = self._config.slow_age_s if self._halted else self._config.max_age_s - self._config.reserve_s
        if now_s - newest_capture_s > end_s:
            return StopReason.OLD_RESULT
        if not all(map(math.isfinite, (wanted.forward_mps, wanted.left_mps, wanted.turn_radps))):
            return StopReason.NOT_A_NUMBER
        return None

    def _share(self, age_s: float) -> float:
        end_s = self._config.max_age_s - self._config.reserve_s
        return min(1.0, max(0.0, (end_s - age_s) / (end_s - self._config.slow_age_s)))


def _scaled(command: DriveCommand, share: float) -> DriveCommand:
    if share == 1:
        return command
    return DriveCommand(command.forward_mps * share, command.left_mps * share, command.turn_radps * share)
