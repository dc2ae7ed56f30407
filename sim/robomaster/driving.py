"""How the chassis is driven: speeds that hold until changed, and moves that end where they were told to."""

import math
from dataclasses import dataclass

from protos.robomaster.unverified import STUCK_S
from sim.robomaster.action import Action, ActionKind
from sim.robomaster.body import Sensed
from sim.robomaster.values import ActionRefused, Mode, Position

SPEED_MAX_MPS = 3.5
TURN_MAX_DEGPS = 600.0
Speed = tuple[float, float, float]  # x, y (m/s), turn (deg/s, clockwise)
STANDING: Speed = (0.0, 0.0, 0.0)

# A move slows down early enough for the wheels' lag, which makes it stop within a few millimetres.
SLOWING_MPS2, SLOWING_DEGPS2 = 1.0, 150.0
GAIN_PER_S = 4.0
ARRIVED_M, ARRIVED_DEG = 0.005, 0.4
STANDS_MPS, STANDS_DEGPS = 0.03, 4.0
NEARER_M, NEARER_DEG = 0.003, 0.3  # less than that in STUCK_S: something is in the way
FOLLOW_PER_S = 4.0  # of the angle between gimbal and chassis, where the gimbal leads
FOLLOW_MAX_DEGPS = 180.0


@dataclass(slots=True)
class _Move:
    action: Action
    start: Position
    goal: Position
    speed_mps: float
    turn_degps: float
    way_m: float
    way_deg: float
    nearest: tuple[float, float]
    nearer_s: float  # when it last came nearer


class Driving:
    """Decides the speed of each step. Knows nothing of wheels."""

    def __init__(self, hold_s: float | None = None) -> None:
        """`hold_s`: speeds are void after that time; None: they hold until changed."""
        self._hold_s = hold_s
        self._speed = STANDING
        self._spoken_s = -math.inf
        self._move: _Move | None = None

    @property
    def moving(self) -> Action | None:
        """The move that is going on."""
        return self._move.action if self._move is not None else None

    def set_speed(self, now_s: float, speed: Speed) -> None:
        self._cancel("a speed was set")
        x, y, turn = speed
        self._speed = (_within(x, SPEED_MAX_MPS), _within(y, SPEED_MAX_MPS), _within(turn, TURN_MAX_DEGPS))
        self._spoken_s = now_s

    def stop(self, why: str) -> None:
        self._cancel(why)
        self._speed = STANDING

    def move(
        self, now_s: float, here: Position, way: tuple[float, float, float], speed_mps: float, turn_degps: float
    ) -> Action:
        """`way`: x, y (m), turn (deg, clockwise) from here. Raises ActionRefused while another move goes on."""
        if self._move is not None:
            raise ActionRefused("the chassis is moving")
        x, y, turn = way
        cos, sin = math.cos(math.radians(here.yaw_deg)), math.sin(math.radians(here.yaw_deg))
        goal = Position(here.x_m + cos * x - sin * y, here.y_m + sin * x + cos * y, here.yaw_deg + turn)
        way_m, way_deg = math.hypot(x, y), abs(turn)
        action = Action(ActionKind.MOVE)
        self._speed = STANDING
        self._move = _Move(
            action, here, goal,
            min(max(abs(speed_mps), 0.05), SPEED_MAX_MPS), min(max(abs(turn_degps), 2.0), TURN_MAX_DEGPS),
            way_m, way_deg, (way_m, way_deg), now_s,
        )  # fmt: skip
        return action

    def step(self, now_s: float, sensed: Sensed, mode: Mode, gimbal_yaw_deg: float) -> Speed:
        if self._move is not None:
            x, y, turn = self._follow(self._move, now_s, sensed, mode)
        else:
            is_void = self._hold_s is not None and now_s - self._spoken_s > self._hold_s
            x, y, turn = STANDING if is_void else self._speed
        if mode is Mode.GIMBAL_LEAD:
            turn = _within(FOLLOW_PER_S * gimbal_yaw_deg, FOLLOW_MAX_DEGPS)
        return x, y, turn

    def _follow(self, move: _Move, now_s: float, sensed: Sensed, mode: Mode) -> Speed:
        here = sensed.position
        cos, sin = math.cos(math.radians(here.yaw_deg)), math.sin(math.radians(here.yaw_deg))
        dx, dy = move.goal.x_m - here.x_m, move.goal.y_m - here.y_m
        left_m, turn_left = math.hypot(dx, dy), move.goal.yaw_deg - here.yaw_deg
        if mode is Mode.GIMBAL_LEAD:  # to turn is the gimbal's then
            turn_left = 0.0
        left_deg = abs(turn_left)
        move.action.place = _since(move.start, here)
        shares = [left / way for left, way in ((left_m, move.way_m), (left_deg, move.way_deg)) if way > 0]
        move.action.advance(100 * (1 - max(shares, default=0.0)))
        stands = math.hypot(sensed.x_mps, sensed.y_mps) < STANDS_MPS and abs(sensed.turn_degps) < STANDS_DEGPS
        if left_m < ARRIVED_M and left_deg < ARRIVED_DEG and stands:
            move.action.succeed()
            self._move = None
            return STANDING
        if left_m < move.nearest[0] - NEARER_M or left_deg < move.nearest[1] - NEARER_DEG:
            move.nearest, move.nearer_s = (min(left_m, move.nearest[0]), min(left_deg, move.nearest[1])), now_s
        elif now_s - move.nearer_s > STUCK_S:
            self._cancel("something is in the way")
            return STANDING
        speed = min(move.speed_mps, math.sqrt(2 * SLOWING_MPS2 * left_m), GAIN_PER_S * left_m)
        turn = min(move.turn_degps, math.sqrt(2 * SLOWING_DEGPS2 * left_deg), GAIN_PER_S * left_deg)
        if left_m > 0:
            dx, dy = dx * speed / left_m, dy * speed / left_m
        return cos * dx + sin * dy, -sin * dx + cos * dy, math.copysign(turn, turn_left)

    def _cancel(self, why: str) -> None:
        if self._move is not None:
            self._move.action.fail(why)
            self._move = None


def _since(start: Position, here: Position) -> tuple[float, float, float]:
    """The way from `start`, in its frame; the turn counter-clockwise, as moves are told."""
    cos, sin = math.cos(math.radians(start.yaw_deg)), math.sin(math.radians(start.yaw_deg))
    dx, dy = here.x_m - start.x_m, here.y_m - start.y_m
    return cos * dx + sin * dy, -sin * dx + cos * dy, start.yaw_deg - here.yaw_deg


def _within(value: float, limit: float) -> float:
    return min(max(value, -limit), limit) if math.isfinite(value) else 0.0
