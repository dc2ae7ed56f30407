"""The gimbal: two angles that follow speeds, moves, or the chassis. Yaw to the right, seen from the chassis."""

import math
from dataclasses import dataclass

from protos.robomaster.unverified import FREE_GIMBAL_STAYS_IN_ROOM
from sim.robomaster.action import Action, ActionKind
from sim.robomaster.values import ActionRefused, GimbalAngles, Mode

PITCH_MIN_DEG, PITCH_MAX_DEG = -25.0, 30.0
YAW_MAX_DEG = 250.0
SPEED_MAX_DEGPS = 540.0
FOLLOW_DEGPS = 360.0  # back to the middle, where the chassis leads
ARRIVED_DEG = 0.05


@dataclass(slots=True)
class _Move:
    action: Action
    pitch_deg: float
    yaw_deg: float
    pitch_degps: float
    yaw_degps: float
    way_deg: float
    in_room: bool  # the goal stays in the room while the chassis turns, not on the chassis


class Gimbal:
    """Stands still in the room while the chassis turns under it, unless the chassis leads or it is suspended."""

    def __init__(self) -> None:
        self.pitch_deg = self.yaw_deg = 0.0
        self.is_suspended = False
        self._speed = (0.0, 0.0)  # pitch, yaw
        self._move: _Move | None = None

    def set_speed(self, pitch_degps: float, yaw_degps: float) -> None:
        if self.is_suspended:
            return
        self._cancel("a speed was set")
        self._speed = (_within(pitch_degps, SPEED_MAX_DEGPS), _within(yaw_degps, SPEED_MAX_DEGPS))

    def move(
        self, pitch_deg: float, yaw_deg: float, pitch_degps: float, yaw_degps: float, absolute: bool, mode: Mode
    ) -> Action:
        """Raises ActionRefused while another move goes on or the motors are off."""
        in_room = not absolute or mode is Mode.GIMBAL_LEAD
        if self.is_suspended:
            raise ActionRefused("the gimbal is suspended")
        if self._move is not None:
            raise ActionRefused("the gimbal is moving")
        if not absolute:
            pitch_deg, yaw_deg = self.pitch_deg + pitch_deg, self.yaw_deg + yaw_deg
        pitch_deg = min(max(pitch_deg, PITCH_MIN_DEG), PITCH_MAX_DEG)
        yaw_deg = _within(yaw_deg, YAW_MAX_DEG)
        way = max(abs(pitch_deg - self.pitch_deg), abs(yaw_deg - self.yaw_deg))
        action = Action(ActionKind.GIMBAL, place=(self.pitch_deg, self.yaw_deg, 0.0))
        speeds = [min(max(abs(speed), 1.0), SPEED_MAX_DEGPS) for speed in (pitch_degps, yaw_degps)]
        self._move = _Move(action, pitch_deg, yaw_deg, speeds[0], speeds[1], way, in_room)
        self._speed = (0.0, 0.0)
        return action

    def suspend(self) -> None:
        """Motors off: it goes with the chassis and ignores commands."""
        self.stop("the gimbal was suspended")
        self.is_suspended = True

    def resume(self) -> None:
        self.is_suspended = False

    def stop(self, why: str) -> None:
        self._cancel(why)
        self._speed = (0.0, 0.0)

    def step(self, dt_s: float, turned_deg: float, mode: Mode) -> None:
        """`turned_deg`: how far the chassis turned meanwhile, clockwise."""
        if self.is_suspended:
            return
        is_led = mode is Mode.CHASSIS_LEAD
        if mode is Mode.GIMBAL_LEAD or (mode is Mode.FREE and FREE_GIMBAL_STAYS_IN_ROOM):
            self.yaw_deg -= turned_deg
        if self._move is not None:
            if self._move.in_room:
                self._move.yaw_deg = _within(self._move.yaw_deg - turned_deg, YAW_MAX_DEG)
            self._follow(self._move, dt_s, is_led)
        else:
            self.pitch_deg += self._speed[0] * dt_s
            self.yaw_deg += 0.0 if is_led else self._speed[1] * dt_s
        if is_led:
            self.yaw_deg = _towards(self.yaw_deg, 0.0, FOLLOW_DEGPS * dt_s)
        self.pitch_deg = min(max(self.pitch_deg, PITCH_MIN_DEG), PITCH_MAX_DEG)
        self.yaw_deg = _within(self.yaw_deg, YAW_MAX_DEG)

    def angles(self, chassis_yaw_deg: float) -> GimbalAngles:
        ground = math.remainder(self.yaw_deg + chassis_yaw_deg, 360.0)
        return GimbalAngles(self.pitch_deg, self.yaw_deg, self.pitch_deg, ground)

    def _follow(self, move: _Move, dt_s: float, is_led: bool) -> None:
        self.pitch_deg = _towards(self.pitch_deg, move.pitch_deg, move.pitch_degps * dt_s)
        if not is_led:
            self.yaw_deg = _towards(self.yaw_deg, move.yaw_deg, move.yaw_degps * dt_s)
        left = abs(self.pitch_deg - move.pitch_deg)
        if not is_led:
            left = max(left, abs(self.yaw_deg - move.yaw_deg))
        move.action.place = (self.pitch_deg, self.yaw_deg, 0.0)
        if left <= ARRIVED_DEG:
            move.action.succeed()
            self._move = None
        else:
            move.action.advance(100 * (1 - left / max(move.way_deg, left)))

    def _cancel(self, why: str) -> None:
        if self._move is not None:
            self._move.action.fail(why)
            self._move = None


def _towards(value: float, goal: float, step: float) -> float:
    return goal if abs(goal - value) <= step else value + math.copysign(step, goal - value)


def _within(value: float, limit: float) -> float:
    return min(max(value, -limit), limit) if math.isfinite(value) else 0.0
