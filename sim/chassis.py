"""One rover in the world's physics: its wheels, what it touches, where its camera looks, what its lamps show."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from protos.messages import RGB
from robot.values import DriveCommand, Limits, Odometry, Pose
from sim.eye import RoverLook
from sim.lamps import Lamp, Shine
from sim.place import XY
from sim.rover import Drive, Odometer
from sim.scene import ROVER_HALF_M, hull_name

NEW_EPISODE_S = 0.5  # a touch this long after the last one with the same thing counts again
UNLIT: RGB = (120, 120, 120)
MAX_TOUCHES = 64  # kept for who reads them; the oldest go


class Side(StrEnum):
    """Of the hull."""

    FRONT = "front"
    BACK = "back"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Touched:
    """The beginning of a touch."""

    time_s: float
    thing: str
    side: Side
    speed_mps: float  # of the hull towards the thing


class Chassis:
    """Rover `number` of the world; its joints are the model's `3 * number` and the two after it."""

    def __init__(self, data: Any, number: int, heading_rad: float, limits: Limits, rng: np.random.Generator) -> None:
        self.number = number
        self.hull = hull_name(number)
        self.look_rad = (0.0, 0.0)  # of the camera, seen from the hull: left, up
        self.collisions = 0
        self._joints = slice(3 * number, 3 * number + 3)
        self._data = data
        self._drive = Drive(limits)
        self._odometer = Odometer(rng)
        self._touched: dict[str, float] = {}  # what, and when last
        self._touches: deque[Touched] = deque(maxlen=MAX_TOUCHES)
        self._lamps: dict[Lamp, tuple[Shine, float]] = dict.fromkeys(Lamp, (Shine(UNLIT), 0.0))  # and since when
        self._velocity = self._velocity_before = (0.0, 0.0)  # over ground, in the world, m/s
        data.qpos[self._joints.start + 2] = heading_rad

    # ---- what a driver asks of it ----

    def drive(self, now_s: float, command: DriveCommand) -> DriveCommand:
        """Set the wheels' speed; returns what is really set. They stop 0.2 s after the last call."""
        return self._drive.command(now_s, command)

    def odometry(self, now_s: float) -> Odometry:
        return self._odometer.read(now_s)

    @property
    def wheels_rad(self) -> tuple[float, float, float, float]:
        """How far each has turned, in the order of `scene.WHEELS`."""
        a, b, c, d = self._odometer.wheels_rad
        return a, b, c, d

    def take_touches(self) -> tuple[Touched, ...]:
        """Those that began since the last call."""
        touches = tuple(self._touches)
        self._touches.clear()
        return touches

    def shine(self, now_s: float, lamp: Lamp, shine: Shine) -> None:
        self._lamps[lamp] = (shine, now_s)

    def lamps(self, now_s: float) -> Mapping[Lamp, RGB]:
        """The colours that are seen."""
        return {lamp: shine.colour_at(now_s - since_s) for lamp, (shine, since_s) in self._lamps.items()}

    # ---- what is so ----

    def pose(self) -> Pose:
        x, y, heading = self._data.qpos[self._joints]
        return Pose(float(x), float(y), float(heading))

    @property
    def met_mps(self) -> tuple[float, float]:
        """Its velocity in the world a step ago: in the step of a touch the things have begun to push each other."""
        return self._velocity_before

    def seen(self, now_s: float) -> RoverLook:
        return RoverLook(self.pose(), self.wheels_rad, self.lamps(now_s), self.look_rad)

    # ---- the world's clockwork ----

    def push(self, now_s: float) -> None:
        """Before a step of the physics."""
        data, joints = self._data, self._joints
        data.qfrc_applied[joints] = self._drive.force(now_s, float(data.qpos[joints.start + 2]), data.qvel[joints])

    def count(self) -> None:
        """After a step of the physics."""
        heading = float(self._data.qpos[self._joints.start + 2])
        cos, sin = math.cos(heading), math.sin(heading)
        vx, vy, turn = (float(v) for v in self._data.qvel[self._joints])
        self._velocity_before, self._velocity = self._velocity, (vx, vy)
        self._odometer.update(cos * vx + sin * vy, -sin * vx + cos * vy, turn)

    def touch(self, now_s: float, thing: str, towards: XY, thing_mps: XY) -> None:
        """It touches something in this step. `towards`: direction of the thing; `thing_mps`: how it moves."""
        if now_s - self._touched.get(thing, -math.inf) > NEW_EPISODE_S:
            self.collisions += 1
            self._touches.append(self._met(now_s, thing, towards, thing_mps))
        self._touched[thing] = now_s

    def way_to(self, point: XY) -> XY:
        """In the world, from the nearest point of the hull to a point on the floor; 0, 0 inside."""
        pose = self.pose()
        ahead, left = _turned((point[0] - pose.x_m, point[1] - pose.y_m), -pose.heading_rad)
        over = (
            math.copysign(max(abs(ahead) - ROVER_HALF_M[0], 0.0), ahead),
            math.copysign(max(abs(left) - ROVER_HALF_M[1], 0.0), left),
        )
        return _turned(over, pose.heading_rad)

    def _met(self, now_s: float, thing: str, towards: XY, thing_mps: XY) -> Touched:
        heading = self.pose().heading_rad
        ahead, left = _turned(towards, -heading)
        forward, leftward = _turned((self.met_mps[0] - thing_mps[0], self.met_mps[1] - thing_mps[1]), -heading)
        if abs(ahead) >= abs(left):
            side, speed = (Side.FRONT, forward) if ahead > 0 else (Side.BACK, -forward)
        else:
            side, speed = (Side.LEFT, leftward) if left > 0 else (Side.RIGHT, -leftward)
        return Touched(now_s, thing, side, max(speed, 0.0))


def _turned(vector: XY, by_rad: float) -> XY:
    cos, sin = math.cos(by_rad), math.sin(by_rad)
    return cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1]
