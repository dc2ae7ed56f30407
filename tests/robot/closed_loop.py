"""A small closed loop on simulated time: the real core, a rover of a few lines, a person, one scripted server."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from handover.values import Server
from protos.messages import Box, Detection
from robot.config import RobotConfig
from robot.core import AgentCore
from robot.decision import Decision
from robot.states import State
from robot.values import STILL, CameraModel, DriveCommand, Odometry, Pose, Result, wrap_rad

STEP_S = 0.01
TICK_STEPS, FRAME_STEPS = 2, 5  # 50 Hz and 20 pictures a second
PERSON_M = (0.45, 0.9)  # width and height of what a box shows
SERVER = Server("edge-1", "127.0.0.1:1", colour_rgb=(0, 255, 0))

Path = Callable[[float], tuple[float, float]]


def standing(x: float, y: float) -> Path:
    return lambda time_s: (x, y)


def walk(start: tuple[float, float], *legs: tuple[float, float, float, float]) -> Path:
    """Legs of (x, y, speed, pause after it)."""
    times, places = [0.0], [start]
    for x, y, speed, pause_s in legs:
        here = places[-1]
        times.append(times[-1] + math.hypot(x - here[0], y - here[1]) / speed)
        places.append((x, y))
        if pause_s:
            times.append(times[-1] + pause_s)
            places.append((x, y))

    def at(time_s: float) -> tuple[float, float]:
        for i in range(1, len(times)):
            if time_s < times[i]:
                share = (time_s - times[i - 1]) / (times[i] - times[i - 1])
                (x0, y0), (x1, y1) = places[i - 1], places[i]
                return x0 + share * (x1 - x0), y0 + share * (y1 - y0)
        return places[-1]

    return at


@dataclass(slots=True)
class Moment:
    """What was so at one tick."""

    time_s: float
    decision: Decision
    bearing_rad: float
    distance_m: float
    speed: DriveCommand  # of the wheels


class Loop:
    """Run it with `run`; change `answering`, `visible`, `latency_s` and the like in between."""

    def __init__(self, config: RobotConfig, person: Path, seed: int = 1, start_s: float = 100.0) -> None:
        self.config, self.person = config, person
        self.random = random.Random(seed)
        self.noise = 1.0  # 1: 2 % of distance, 0.5 degrees of bearing
        self.latency_s = (0.03, 0.08)
        self.gives_odometry = self.answering = self.visible = True
        self.camera = CameraModel()
        self.time_s = start_s
        self.history: list[Moment] = []
        self.core = AgentCore(self.config, self.camera, self.time_s)
        self.core.on_server(self.time_s, SERVER)
        self.began_s = self.time_s
        self.pose = Pose()
        self.speed = STILL
        self.command = STILL
        self._steps = 0
        self._frames = 0
        self.under_way: list[Result] = []

    def run(self, seconds: float) -> list[Moment]:
        """What happened meanwhile, tick by tick."""
        first = len(self.history)
        for _ in range(round(seconds / STEP_S)):
            if self._steps % FRAME_STEPS == 0:
                self._picture()
            self._deliver()
            if self._steps % TICK_STEPS == 0:
                self._tick()
            self._steps += 1
            self._move(STEP_S)
        return self.history[first:]

    def is_in(self, state: State) -> bool:
        return self.core.state is state

    def truth(self) -> tuple[float, float]:
        x, y = self.person(self.time_s - self.began_s)
        dx, dy = x - self.pose.x_m, y - self.pose.y_m
        return wrap_rad(math.atan2(dy, dx) - self.pose.heading_rad), math.hypot(dx, dy)

    def _picture(self) -> None:
        self._frames += 1
        if not self.answering:
            return
        latency_s = self.random.uniform(*self.latency_s)
        seen = self._detections()
        done_s = self.time_s + latency_s
        self.under_way.append(Result(self._frames, self.time_s, done_s, seen, SERVER.server_id, latency_s))

    def _detections(self) -> tuple[Detection, ...]:
        bearing, distance = self.truth()
        depth = distance * math.cos(bearing)
        if not self.visible or depth < 0.3:
            return ()
        bearing += self.noise * self.random.gauss(0, math.radians(0.5))
        depth *= 1 + self.noise * self.random.gauss(0, 0.02)
        half_width = self.camera.half_width * depth
        half_height = half_width * self.camera.height_px / self.camera.width_px
        w, h = PERSON_M[0] / (2 * half_width), PERSON_M[1] / (2 * half_height)
        box = Box(self.camera.column(bearing) - w / 2, 0.5 - h / 2, w, h).clipped()
        if box.w <= 0.02 or box.h <= 0.02:
            return ()
        return (Detection("person", 0.9, box, (180, 40, 40)),)

    def _deliver(self) -> None:
        due = [r for r in self.under_way if r.received_s <= self.time_s]
        self.under_way = [r for r in self.under_way if r.received_s > self.time_s]
        for result in due:
            self.core.on_result(result)

    def silence(self) -> None:
        """The server dies, with all that is under way."""
        self.answering = False
        self.under_way.clear()

    def _tick(self) -> None:
        if self.gives_odometry:
            speed = self.speed
            self.core.on_odometry(Odometry(self.time_s, self.pose, speed.forward_mps, speed.left_mps, speed.turn_radps))
        decision = self.core.tick(self.time_s)
        self.command = decision.command
        self.history.append(Moment(self.time_s, decision, *self.truth(), replace(self.speed)))

    def _move(self, dt_s: float) -> None:
        """Wheels reach what is commanded within their acceleration (2 m/s2, 10 rad/s2) and a lag of 40 ms."""
        forward = _towards(self.speed.forward_mps, self.command.forward_mps, 2.0 * dt_s, dt_s / 0.04)
        turn = _towards(self.speed.turn_radps, self.command.turn_radps, 10.0 * dt_s, dt_s / 0.04)
        left = _towards(self.speed.left_mps, self.command.left_mps, 2.0 * dt_s, dt_s / 0.04)
        heading = self.pose.heading_rad + turn * dt_s / 2
        cos, sin = math.cos(heading), math.sin(heading)
        self.pose = Pose(
            self.pose.x_m + (cos * forward - sin * left) * dt_s,
            self.pose.y_m + (sin * forward + cos * left) * dt_s,
            wrap_rad(self.pose.heading_rad + turn * dt_s),
        )
        self.speed = DriveCommand(forward, left, turn)
        self.time_s += dt_s


def _towards(now: float, wanted: float, most: float, share: float) -> float:
    step = (wanted - now) * min(1.0, share)
    return now + max(-most, min(most, step))


def rms(values: list[float]) -> float:
    return math.sqrt(sum(v * v for v in values) / len(values))
