"""From what the body senses to what the robot's boards say: motion unit, motor controllers, flags, battery."""

import math

from protos.robomaster.kinematics import BodySpeed, wheel_speeds
from protos.robomaster.unverified import ESC_STAMPS_PER_S, FELT_MPS_PER_STEP
from sim.robomaster.body import Sensed, Touch
from sim.robomaster.driving import Speed
from sim.robomaster.values import Attitude, Battery, Esc, HitSide, Imu, Status, Velocity, Wheels

G_MPS2 = 9.81
SMOOTH_S = 0.03  # of the accelerations
IMPACT_S = 0.5  # a flag of an impact is seen for that long
SLIP_S = 0.4
STATIC_MPS, STATIC_DEGPS = 0.03, 3.0
BATTERY_AS = 2.4 * 3600  # ampere seconds in a full one
IDLE_A, PER_MPS_A, PER_DEGPS_A = 0.6, 2.0, 0.01
FULL_V, EMPTY_V = 12.5, 10.5


class Sensing:
    """Fed once a step."""

    def __init__(self) -> None:
        self.sensed = Sensed()
        self._acc_mps2 = (0.0, 0.0)
        self._now_s = self._start_s = 0.0
        self._used_as = 0.0
        self._slips_since_s = math.inf
        self._impact_s = {True: -math.inf, False: -math.inf}  # along x, along y

    def update(self, now_s: float, dt_s: float, sensed: Sensed, wanted: Speed) -> None:
        if dt_s > 0:
            share = min(1.0, dt_s / SMOOTH_S)
            ax, ay = self._acc_mps2
            ax += share * ((sensed.x_mps - self.sensed.x_mps) / dt_s - ax)
            ay += share * ((sensed.y_mps - self.sensed.y_mps) / dt_s - ay)
            self._acc_mps2 = (ax, ay)
            self._used_as += dt_s * self.battery().current_a
        speed = math.hypot(sensed.x_mps, sensed.y_mps)
        slips = speed < STATIC_MPS < math.hypot(*wanted[:2]) - 0.05
        self._slips_since_s = min(self._slips_since_s, now_s) if slips else math.inf
        for touch in sensed.touches:
            self._impact_s[touch.side in (HitSide.FRONT, HitSide.BACK)] = now_s
        self._now_s, self.sensed = now_s, sensed

    def attitude(self) -> Attitude:
        return Attitude(math.remainder(self.sensed.position.yaw_deg, 360.0))

    def velocity(self) -> Velocity:
        x, y = self.sensed.x_mps, self.sensed.y_mps
        yaw = math.radians(self.sensed.position.yaw_deg)
        cos, sin = math.cos(yaw), math.sin(yaw)
        return Velocity(cos * x - sin * y, sin * x + cos * y, 0.0, x, y, 0.0, self.sensed.turn_degps)

    def imu(self) -> Imu:
        ax, ay = self._acc_mps2
        return Imu(ax / G_MPS2, ay / G_MPS2, -1.0, 0.0, 0.0, math.radians(self.sensed.turn_degps))

    def wheels(self) -> Wheels:
        return wheel_speeds(BodySpeed(self.sensed.x_mps, self.sensed.y_mps, self.sensed.turn_degps))

    def esc(self) -> Esc:
        a, b, c, d = (angle % 360.0 for angle in self.sensed.wheel_angles_deg)
        return Esc(self.wheels(), (a, b, c, d), int(self._now_s * ESC_STAMPS_PER_S) & 0xFFFFFFFF)

    def status(self) -> Status:
        speed, turn = math.hypot(self.sensed.x_mps, self.sensed.y_mps), abs(self.sensed.turn_degps)
        return Status(
            static=speed < STATIC_MPS and turn < STATIC_DEGPS,
            slip=self._now_s - self._slips_since_s > SLIP_S,
            impact_x=self._now_s - self._impact_s[True] < IMPACT_S,
            impact_y=self._now_s - self._impact_s[False] < IMPACT_S,
        )

    def battery(self) -> Battery:
        speed, turn = math.hypot(self.sensed.x_mps, self.sensed.y_mps), abs(self.sensed.turn_degps)
        left = max(0.0, 1.0 - self._used_as / BATTERY_AS)
        current = IDLE_A + PER_MPS_A * speed + PER_DEGPS_A * turn
        return Battery(
            EMPTY_V + (FULL_V - EMPTY_V) * left, 28.0 + 6 * (1 - left), current, max(1, math.ceil(100 * left))
        )


def is_felt(touch: Touch, sensitivity: int) -> bool:
    """Whether a plate tells of it. `sensitivity` 1..10 as in the text protocol, 10 feels the most."""
    return touch.speed_mps >= FELT_MPS_PER_STEP * (11 - sensitivity)
