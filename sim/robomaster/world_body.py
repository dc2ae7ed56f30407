"""The body of an emulated robot in the simulator's world."""

import math

from robot.values import DriveCommand, Limits
from sim.body import WorldClock
from sim.chassis import Chassis, Side
from sim.robomaster.body import Sensed, Touch
from sim.robomaster.driving import SPEED_MAX_MPS, TURN_MAX_DEGPS
from sim.robomaster.values import HitSide, Led, LedState, Position

# It brakes as hard as the rollers hold: from 0.5 m/s a robot whose program died stands 0.45 s later (the watchdog's
# 0.2 s, then 0.04 s at the rollers' limit, then the wheels' lag).
ROBOMASTER_LIMITS = Limits(SPEED_MAX_MPS, SPEED_MAX_MPS, math.radians(TURN_MAX_DEGPS), brake_mps2=20.0)
SIDES = {
    Side.BACK: HitSide.BACK,
    Side.FRONT: HitSide.FRONT,
    Side.LEFT: HitSide.LEFT,
    Side.RIGHT: HitSide.RIGHT,
}


class WorldBody:
    """One of the world's rovers. Belongs to the world's thread."""

    def __init__(self, clock: WorldClock, rover: Chassis) -> None:
        self._clock = clock
        self._rover = rover

    def sense(self) -> Sensed:
        self._clock.catch_up()
        odometry = self._rover.odometry(self._clock.world.time_s)
        pose = odometry.pose
        left_front, right_front, left_rear, right_rear = (math.degrees(angle) for angle in self._rover.wheels_rad)
        return Sensed(
            Position(pose.x_m, -pose.y_m, -math.degrees(pose.heading_rad)),
            odometry.forward_mps,
            -odometry.left_mps,
            -math.degrees(odometry.turn_radps),
            (right_front, left_front, left_rear, right_rear),
            tuple(Touch(SIDES[each.side], each.speed_mps, each.thing) for each in self._rover.take_touches()),
        )

    def drive(self, x_mps: float, y_mps: float, turn_degps: float) -> None:
        self._clock.catch_up()
        self._rover.drive(self._clock.world.time_s, DriveCommand(x_mps, -y_mps, -math.radians(turn_degps)))

    def look(self, pitch_deg: float, yaw_deg: float) -> None:
        self._rover.look_rad = (-math.radians(yaw_deg) if yaw_deg else 0.0, math.radians(pitch_deg))

    def shine(self, led: Led, state: LedState) -> None:
        self._rover.shine(self._clock.world.time_s, led, state)
