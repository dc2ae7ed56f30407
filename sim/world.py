"""The world of one run: the rover on its wheels, people on their ways, and the truth about both.

Deterministic: the same scenario, seed and calls give the same bytes. `World` belongs to one thread; pictures may be
drawn in another one from `snapshot()` by an `Eye`.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.errors import ConfigError
from protos.messages import RGB, Box, Detection
from robot.values import BGR, CameraModel, DriveCommand, Limits, Odometry, Pose, wrap_rad
from sim import people, view
from sim.chassis import UNLIT, Chassis
from sim.eye import Eye, Snapshot, Stand
from sim.lamps import Lamp, Shine
from sim.scenario import Person, Scenario
from sim.scene import PERSON_RADIUS_M, TIMESTEP_S, mj, solid_model

VISIBLE_SHARE = 0.3  # of the sampled points of a body that must be in view


@dataclass(frozen=True, slots=True)
class PersonTruth:
    person_id: str
    x_m: float
    y_m: float
    present: bool
    visible_share: float  # 0..1 of the body's points that the camera sees


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really so, in the world's own frame."""

    time_s: float
    rover: Pose
    target_bearing_rad: float  # from the rover's heading, left positive; nan when there is no target now
    target_distance_m: float  # over ground, from the camera (the rover's middle); nan when there is no target now
    target_visible: bool
    people: tuple[PersonTruth, ...]
    target_id: str
    collisions: int  # distinct touches of walls, furniture and people so far


class World:
    """Steps by `TIMESTEP_S` (5 ms). What is asked without a number is about the first rover, the run's own."""

    def __init__(self, scenario: Scenario, seed: int | None = None, limits: Limits | None = None) -> None:
        """Raises ConfigError for a scenario that is a video. `seed` None: the scenario's own."""
        if scenario.world is None:
            raise ConfigError(f"scenario {scenario.name} plays a video; it has no world to simulate.")
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.target_id = scenario.target.id if scenario.target else ""
        camera = scenario.camera
        self.camera = CameraModel(camera.width_px, camera.height_px, math.radians(camera.hfov_deg))
        self._walks = [
            people.walk(person, scenario.length_s, _rng(self.seed, f"person {person.id}")) for person in scenario.people
        ]
        self._model: Any = solid_model(scenario)
        self._data: Any = mj.MjData(self._model)
        self.rovers = tuple(
            Chassis(
                self._data, number, math.radians(start.heading_deg), limits or Limits(),
                _rng(self.seed, f"odometry {number}" if number else "odometry"),
            )
            for number, start in enumerate(scenario.rovers)
        )  # fmt: skip
        self._rover = self.rovers[0]
        self._hulls = {rover.hull: rover for rover in self.rovers}
        self._rover_body = self._model.body("rover").id
        self._boards = [self._model.body(person.id).mocapid[0] for person in scenario.people]
        self._steps = 0
        self._goal_s = 0.0
        self._eye: Eye | None = None
        self._light_rgb: RGB = UNLIT
        self._seen: tuple[object, tuple[PersonTruth, ...]] = (None, ())
        mj.mj_forward(self._model, self._data)

    @property
    def time_s(self) -> float:
        return self._steps * TIMESTEP_S

    def step(self, dt_s: float) -> None:
        """Let time pass. What is left over of a step of the physics is kept for the next call."""
        self._goal_s += dt_s
        while self.time_s + TIMESTEP_S <= self._goal_s + 1e-9:
            self._step_once()

    def drive(self, command: DriveCommand) -> DriveCommand:
        """Set the wheels' speed; returns what is really set. They stop 0.2 s after the last call."""
        return self._rover.drive(self.time_s, command)

    def odometry(self) -> Odometry:
        return self._rover.odometry(self.time_s)

    @property
    def light_rgb(self) -> RGB:
        """One colour on all lamps, without an effect."""
        return self._light_rgb

    @light_rgb.setter
    def light_rgb(self, rgb: RGB) -> None:
        self._light_rgb = rgb
        for lamp in Lamp:
            self._rover.shine(self.time_s, lamp, Shine(rgb))

    def snapshot(self) -> Snapshot:
        """What a picture of this moment needs; hand it to an `Eye` in any one thread."""
        now_s = self.time_s
        return Snapshot(now_s, tuple(rover.seen(now_s) for rover in self.rovers), tuple(self._stands()))

    def render(self) -> BGR:
        """What the camera sees now, BGR (480, 640, 3). Always from the same thread."""
        return self.eye.render(self.snapshot())

    def render_top(self) -> BGR:
        """The place from above. Always from the thread of `render`."""
        return self.eye.render_top(self.snapshot())

    @property
    def eye(self) -> Eye:
        if self._eye is None:
            self._eye = Eye(self.scenario)
        return self._eye

    def close(self) -> None:
        if self._eye is not None:
            self._eye.close()

    def pose(self) -> Pose:
        return self._rover.pose()

    def truth(self) -> Truth:
        bearing = distance = math.nan
        visible = False
        seen = self._look()
        for person in seen:
            if person.person_id == self.target_id and person.present:
                pose = self.pose()
                dx, dy = person.x_m - pose.x_m, person.y_m - pose.y_m
                bearing, distance = wrap_rad(math.atan2(dy, dx) - pose.heading_rad), math.hypot(dx, dy)
                visible = person.visible_share >= VISIBLE_SHARE
        return Truth(self.time_s, self.pose(), bearing, distance, visible, seen, self.target_id, self._rover.collisions)

    def truth_detections(self) -> tuple[Detection, ...]:
        """The persons a perfect detector would find, nearest first."""
        pose, found = self._camera_pose(), []
        for person, truth in zip(self.scenario.people, self._look(), strict=True):
            box = self._box(truth, pose)
            if truth.visible_share >= VISIBLE_SHARE and box is not None:
                distance = math.dist((pose.x_m, pose.y_m), (truth.x_m, truth.y_m))
                found.append((distance, Detection("person", 1.0, box, view.mean_rgb(person.clothes, person.mirrored))))
        return tuple(detection for _, detection in sorted(found, key=lambda each: each[0]))

    def _step_once(self) -> None:
        for rover in self.rovers:
            rover.push(self.time_s)
        mj.mj_step(self._model, self._data)
        self._steps += 1
        for rover in self.rovers:
            rover.count()
        self._count_touches()

    def _place_boards(self, stands: list[Stand]) -> None:
        """Only rays meet the boards, so they need not move with every step."""
        for board, stand in zip(self._boards, stands, strict=True):
            self._data.mocap_pos[board] = (stand.x_m, stand.y_m, 0.0 if stand.present else -50.0)
            half = stand.turn_rad / 2
            self._data.mocap_quat[board] = (math.cos(half), 0.0, 0.0, math.sin(half))
        mj.mj_kinematics(self._model, self._data)

    def _stands(self) -> list[Stand]:
        """Boards turn to the rover, as a person does who is being followed by one."""
        now_s, (rover_x, rover_y) = self.time_s, self._data.qpos[:2]
        stands = []
        for walk in self._walks:
            x, y = walk.at(now_s)
            turn = math.atan2(float(rover_y) - y, float(rover_x) - x)
            stands.append(Stand(walk.person_id, x, y, turn, walk.present(now_s)))
        return stands

    def _count_touches(self) -> None:
        now_s = self.time_s
        for number in range(self._data.ncon):
            contact = self._data.contact[number]
            if contact.dist < 0:
                first, second = self._model.geom(contact.geom1).name, self._model.geom(contact.geom2).name
                x, y = float(contact.frame[0]), float(contact.frame[1])  # from the first towards the second
                for one, other, way in ((first, second, (x, y)), (second, first, (-x, -y))):
                    if one in self._hulls:
                        self._hulls[one].touch(now_s, other, way, self._speed_of(other))
        for walk in self._walks:
            if walk.present(now_s):
                x, y = walk.at(now_s)
                for rover in self.rovers:
                    way = rover.way_to((x, y))
                    if math.hypot(*way) < PERSON_RADIUS_M:
                        before_x, before_y = walk.at(now_s - TIMESTEP_S)
                        speed = (x - before_x) / TIMESTEP_S, (y - before_y) / TIMESTEP_S
                        rover.touch(now_s, walk.person_id, way, speed)

    def _speed_of(self, thing: str) -> tuple[float, float]:
        """Of what a rover touches; only other rovers move."""
        rover = self._hulls.get(thing)
        return rover.met_mps if rover else (0.0, 0.0)

    def _camera_pose(self) -> Pose:
        """Where it is and which way it looks; how far up is the rover's `look_rad[1]`."""
        pose, turn = self.pose(), self._rover.look_rad[0]
        return replace(pose, heading_rad=pose.heading_rad + turn) if turn else pose

    def _look(self) -> tuple[PersonTruth, ...]:
        """How much of each person the camera sees now; worked out once a step."""
        key = (self._steps, self._rover.look_rad)
        if self._seen[0] != key:
            pose, stands = self._camera_pose(), self._stands()
            self._place_boards(stands)
            found = tuple(
                PersonTruth(stand.person_id, stand.x_m, stand.y_m, stand.present, self._share(person, stand, pose))
                for person, stand in zip(self.scenario.people, stands, strict=True)
            )
            self._seen = (key, found)
        return self._seen[1]

    def _share(self, person: Person, stand: Stand, pose: Pose) -> float:
        if not stand.present:
            return 0.0
        height_m = self.scenario.camera.height_m
        eye = np.array([pose.x_m, pose.y_m, height_m])
        own = self._model.geom(f"person-{person.id}").id
        points = view.body_points(stand)
        hit = np.zeros(1, np.int32)
        count = 0
        for point in points:
            if not view.in_frame(view.project(self.camera, pose, height_m, point, self._rover.look_rad[1])):
                continue
            ray = np.subtract(point, eye)
            share = mj.mj_ray(self._model, self._data, eye, ray, None, 1, self._rover_body, hit)
            # mj_ray answers in lengths of the ray: 1 is the point itself; boards of others stand in between or not
            if hit[0] in (-1, own) or share >= 0.99:
                count += 1
        return count / len(points)

    def _box(self, truth: PersonTruth, pose: Pose) -> Box | None:
        turn = math.atan2(pose.y_m - truth.y_m, pose.x_m - truth.x_m)
        stand = Stand(truth.person_id, truth.x_m, truth.y_m, turn, truth.present)
        return view.box(self.camera, pose, self.scenario.camera.height_m, stand, self._rover.look_rad[1])


def _rng(seed: int, purpose: str) -> np.random.Generator:
    """A stream of its own for each purpose: adding one does not change the others."""
    return np.random.default_rng([seed, *purpose.encode()])
