"""How the rover moves: commands become forces, forces become motion (by MuJoCo), motion becomes imperfect odometry."""

import math
from typing import Any

import numpy as np

from robot.values import STILL, DriveCommand, Limits, Odometry, Pose
from sim.scene import ROVER_INERTIA, ROVER_KG, TIMESTEP_S, WHEEL_RADIUS_M, WHEELS

LAG_S = 0.06  # time constant of the wheels' speed control: most of a step is there within 0.1 s
# Without a command for that long the wheels stop by themselves; they stand half a second after the last one, even
# from 1.1 m/s.
WATCHDOG_S = 0.2
GRIP_MPS2 = 5.0  # rubber rollers on a smooth floor hold about half their weight: more push than this slips
TURN_GRIP_RADPS2 = 15.0
SLIP = 0.01  # share of the travel that wheel counts miss
DRIFT_RADPS = math.radians(0.5) / 60  # of the heading, half a degree a minute


class Drive:
    """Turns speed commands into forces on the rover's body."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._command = STILL
        self._commanded_s = -math.inf
        self._ramped = np.zeros(3)  # forward, left, turn after the limits on acceleration

    def command(self, now_s: float, command: DriveCommand) -> DriveCommand:
        """Returns what is really set, after limits."""
        self._command, self._commanded_s = command.clipped(self.limits), now_s
        return self._command

    def force(self, now_s: float, heading_rad: float, velocity: Any) -> tuple[float, float, float]:
        """World forces x, y (N) and torque (Nm) for one step. `velocity`: x, y (m/s) and turn (rad/s) in the world."""
        wanted = self._command if now_s - self._commanded_s <= WATCHDOG_S else STILL
        goal = (wanted.forward_mps, wanted.left_mps, wanted.turn_radps)
        limits = self.limits
        for axis, accel in enumerate((limits.accel_mps2, limits.accel_mps2, limits.turn_accel_radps2)):
            slowing = axis < 2 and abs(goal[axis]) < abs(self._ramped[axis])
            step = (limits.brake_mps2 if slowing else accel) * TIMESTEP_S
            self._ramped[axis] += min(max(goal[axis] - self._ramped[axis], -step), step)
        cos, sin = math.cos(heading_rad), math.sin(heading_rad)
        forward = cos * velocity[0] + sin * velocity[1]
        left = -sin * velocity[0] + cos * velocity[1]
        push = (self._ramped[0] - forward) / LAG_S, (self._ramped[1] - left) / LAG_S
        strength = math.hypot(*push)
        if strength > GRIP_MPS2:
            push = push[0] * GRIP_MPS2 / strength, push[1] * GRIP_MPS2 / strength
        turn = (self._ramped[2] - velocity[2]) / LAG_S
        turn = min(max(turn, -TURN_GRIP_RADPS2), TURN_GRIP_RADPS2)
        return (
            ROVER_KG * (cos * push[0] - sin * push[1]),
            ROVER_KG * (sin * push[0] + cos * push[1]),
            ROVER_INERTIA * turn,
        )


class Odometer:
    """What wheels and gyroscope say: starts at 0, 0, 0 wherever the rover stands, misses slip and drifts."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._scale = 1.0 + rng.normal(0.0, SLIP, 2)  # forward, left
        self._drift_radps = DRIFT_RADPS * float(rng.choice((-1.0, 1.0))) * float(rng.uniform(0.6, 1.4))
        self._x = self._y = self._heading = 0.0
        self._speed = (0.0, 0.0, 0.0)
        self._noise = np.zeros((0, 3))
        self._next = 0
        self.wheels_rad = [0.0] * len(WHEELS)

    def update(self, forward_mps: float, left_mps: float, turn_radps: float) -> None:
        """One step of the physics."""
        if self._next == len(self._noise):  # drawn in blocks: a call a step would cost more than the step
            self._noise, self._next = self._rng.normal(0.0, 1.0, (1024, 3)), 0
        noise = self._noise[self._next]
        self._next += 1
        moving = abs(forward_mps) + abs(left_mps)
        forward = forward_mps * self._scale[0] + 0.03 * moving * noise[0]
        left = left_mps * self._scale[1] + 0.03 * moving * noise[1]
        turn = turn_radps + self._drift_radps + 0.004 * noise[2]  # a gyroscope's noise
        middle = self._heading + turn * TIMESTEP_S / 2
        self._x += (forward * math.cos(middle) - left * math.sin(middle)) * TIMESTEP_S
        self._y += (forward * math.sin(middle) + left * math.cos(middle)) * TIMESTEP_S
        self._heading += turn * TIMESTEP_S
        self._speed = (float(forward), float(left), float(turn))
        for number, (x, y) in enumerate(WHEELS.values()):
            side = 1.0 if x * y > 0 else -1.0  # mecanum: sideways motion turns the diagonals against each other
            speed = forward_mps - side * left_mps + turn_radps * (-math.copysign(abs(x) + abs(y), y))
            self.wheels_rad[number] += speed / WHEEL_RADIUS_M * TIMESTEP_S

    def read(self, now_s: float) -> Odometry:
        return Odometry(now_s, Pose(float(self._x), float(self._y), float(self._heading)), *self._speed)
