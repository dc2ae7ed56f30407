"""From where the target is to how fast to drive and turn: proportional on the error, fed forward with its velocity."""

import math

from pydantic import Field

from common.settings import Strict
from robot.approach import Estimate
from robot.values import DriveCommand, Pose


class ServoConfig(Strict):
    """Gains and limits of following."""

    keep_distance_m: float = Field(default=1.5, ge=0.4, le=10)
    """Wanted distance to the target."""
    turn_gain: float = Field(default=3.0, gt=0, le=20)
    """Turn rate in rad/s for a bearing of 1 rad."""
    advance_gain: float = Field(default=1.6, gt=0, le=10)
    """Speed in m/s for 1 m too far."""
    feed_forward: float = Field(default=1.0, ge=0, le=1.2)
    """Share of the target's own velocity that is driven along with: 0 follows with a lag, 1 without."""
    forward_max_mps: float = Field(default=1.2, gt=0, le=5)
    """Top speed forward."""
    reverse_max_mps: float = Field(default=0.25, ge=0, le=2)
    """Top speed backward: nothing looks that way."""
    turn_max_radps: float = Field(default=2.0, gt=0, le=10)
    """Top turn rate."""
    accel_mps2: float = Field(default=2.0, gt=0)
    """Speeding up."""
    brake_mps2: float = Field(default=2.5, gt=0)
    """Slowing down."""
    turn_accel_radps2: float = Field(default=8.0, gt=0)
    """Change of the turn rate."""
    straight_within_rad: float = Field(default=math.radians(20), gt=0)
    """Bearing up to which it drives at full speed; at three times that it only turns."""
    rest_m: float = Field(default=0.04, ge=0)
    """Errors of distance below this are let be while the target stands."""
    sideways: bool = False
    """A mecanum base also drives along with the target's sideways motion."""
    coast_s: float = Field(default=0.6, ge=0, le=2)
    """How long it drives on towards a target that is out of sight; after that it only turns to face it."""


def follow(config: ServoConfig, target: Estimate, pose: Pose, own: DriveCommand, measured: bool = True) -> DriveCommand:
    """The wanted speed. `target` and `pose` are of the same moment; `own` is the speed driven now. Not yet slewed.

    `measured`: the newest answer told the target's place. If not, nothing is sped up towards a place that is a guess.
    """
    bearing, distance = target.seen_from(pose)
    along, across = target.velocity_seen_from(pose)
    along, across = along * config.feed_forward, across * config.feed_forward
    away = along * math.cos(bearing) + across * math.sin(bearing)
    advance = _advance(config, bearing, distance, away, target.time_s - target.seen_s)
    if not measured:
        advance = max(min(0.0, own.forward_mps), min(max(0.0, own.forward_mps), advance))
    return DriveCommand(
        advance,
        across if config.sideways else 0.0,
        _turn(config, bearing, distance, (along - own.forward_mps, across - own.left_mps)),
    )


def _advance(config: ServoConfig, bearing: float, distance: float, away_mps: float, unseen_s: float) -> float:
    error_m = distance - config.keep_distance_m
    if abs(error_m) < config.rest_m and abs(away_mps) < 0.1:  # 0.1 m/s: the noise of a standing target's velocity
        return 0.0
    speed = config.advance_gain * error_m + away_mps
    turned_away = (abs(bearing) - config.straight_within_rad) / (2 * config.straight_within_rad)
    speed *= min(1.0, max(0.0, 1 - turned_away))
    if unseen_s > config.coast_s:
        return 0.0
    return max(-config.reverse_max_mps, min(config.forward_max_mps, speed))


def _turn(config: ServoConfig, bearing: float, distance: float, relative_mps: tuple[float, float]) -> float:
    """Turn rate that takes the bearing to 0, with the rate at which the line of sight itself turns added."""
    along, across = relative_mps
    reach = max(distance, 0.5)  # nearer, the rate of the line of sight is mostly noise
    sight_radps = (math.cos(bearing) * across - math.sin(bearing) * along) / reach
    rate = config.turn_gain * bearing + sight_radps
    return max(-config.turn_max_radps, min(config.turn_max_radps, rate))


def slewed(config: ServoConfig, last: DriveCommand, wanted: DriveCommand, dt_s: float) -> DriveCommand:
    """Towards `wanted` no faster than the base may change its speed."""
    turn_step = config.turn_accel_radps2 * dt_s
    return DriveCommand(
        _speed_towards(config, last.forward_mps, wanted.forward_mps, dt_s),
        _speed_towards(config, last.left_mps, wanted.left_mps, dt_s),
        last.turn_radps + max(-turn_step, min(turn_step, wanted.turn_radps - last.turn_radps)),
    )


def _speed_towards(config: ServoConfig, last: float, wanted: float, dt_s: float) -> float:
    slowing = abs(wanted) < abs(last) or wanted * last < 0
    step = (config.brake_mps2 if slowing else config.accel_mps2) * dt_s
    return last + max(-step, min(step, wanted - last))
