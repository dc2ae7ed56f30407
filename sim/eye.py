"""Draws what the rover's camera sees, and the place from above.

OpenGL belongs to one thread: an `Eye` opens in the thread of its first picture and may only be used there. It has its
own MuJoCo model; a `Snapshot` is all it needs, so physics goes on in another thread meanwhile.
"""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from common.errors import DeviceError
from protos.messages import RGB
from robot.values import BGR, Pose
from sim import gl
from sim.lamps import Lamp
from sim.looks import joint_name, lamp_name, visual_model
from sim.scenario import Scenario
from sim.scene import HIGH, MARK, WHEELS, mj, rover_name

GONE_Z_M = -50.0  # where people wait who are not there


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one person's board stands and which way it looks."""

    person_id: str
    x_m: float
    y_m: float
    turn_rad: float
    present: bool


@dataclass(frozen=True, slots=True)
class RoverLook:
    """What is seen of one rover, and where its camera looks."""

    pose: Pose
    wheels_rad: tuple[float, float, float, float]  # in the order of `WHEELS`
    lamps: Mapping[Lamp, RGB]
    look_rad: tuple[float, float] = (0.0, 0.0)  # left, up


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a picture depends on, at one moment of the world."""

    time_s: float
    rovers: tuple[RoverLook, ...]
    people: tuple[Stand, ...]


class Eye:
    """Two cameras on one scene: one on a rover, one high above."""

    def __init__(self, scenario: Scenario, number: int = 0, size_px: tuple[int, int] | None = None) -> None:
        """`number`: of the rover that it looks from. `size_px`: of its pictures, else the scenario's camera's."""
        self._scenario = scenario
        self._number = number
        self._size_px = size_px or (scenario.camera.width_px, scenario.camera.height_px)
        self._is_indoors = scenario.world is not None and scenario.world.ceiling and bool(scenario.world.walls)
        self._thread: int | None = None
        self._renderer: Any = None
        self._model: Any = None
        self._data: Any = None
        self._views: dict[str, Any] = {}
        self._ahead: Any = None  # how the camera stands on its rover

    def render(self, snapshot: Snapshot) -> BGR:
        """The rover's camera, BGR (height, width, 3). Raises DeviceError without OpenGL or from another thread."""
        return self._draw(snapshot, "eye")

    def render_top(self, snapshot: Snapshot) -> BGR:
        """The whole place from above, walls cut low, everyone marked with a disc; same size as the camera's picture."""
        return self._draw(snapshot, "above")

    def to_top_px(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Where a point of the floor lies in the picture from above, pixels. Any thread, once a picture was drawn."""
        if self._model is None:
            raise RuntimeError("draw a picture first")
        camera = self._model.camera("above")
        rotation = self._data.cam_xmat[camera.id].reshape(3, 3)
        right, up, _ = rotation.T @ (np.array([x_m, y_m, 0.0]) - self._data.cam_xpos[camera.id])
        width, height = self._size_px
        scale = height / float(camera.fovy[0])
        return width / 2 + right * scale, height / 2 - up * scale

    def close(self) -> None:
        """From the thread that drew."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _draw(self, snapshot: Snapshot, camera: str) -> BGR:
        if self._renderer is None:
            self._open()
        if threading.get_ident() != self._thread:
            raise DeviceError("an Eye draws in one thread only: the one of its first picture")
        self._pose(snapshot)
        # Indoors the sky is behind the ceiling, and filling the picture with it takes a quarter of the time.
        self._renderer.scene.flags[mj.mjtRndFlag.mjRND_SKYBOX] = camera == "above" or not self._is_indoors
        self._renderer.update_scene(self._data, camera, self._views[camera])
        return np.asarray(cv2.cvtColor(self._renderer.render(), cv2.COLOR_RGB2BGR), np.uint8)

    def _open(self) -> None:
        gl.require()
        self._thread = threading.get_ident()
        self._model = visual_model(self._scenario, self._number, self._size_px)
        self._data = mj.MjData(self._model)
        mj.mj_forward(self._model, self._data)
        self._ahead = self._model.camera("eye").quat.copy()
        width, height = self._size_px
        try:
            self._renderer = mj.Renderer(self._model, height, width)
        except Exception as error:  # drivers fail in many ways: ImportError, RuntimeError, OpenGL's own errors
            raise DeviceError(f"The simulator's camera cannot draw: {error}. {gl.ADVICE}") from error
        flags = self._renderer.scene.flags
        flags[mj.mjtRndFlag.mjRND_SHADOW] = False
        flags[mj.mjtRndFlag.mjRND_REFLECTION] = False
        flags[mj.mjtRndFlag.mjRND_HAZE] = False
        for name, hidden in (("eye", MARK), ("above", HIGH)):
            view = mj.MjvOption()
            view.geomgroup[:] = 1
            view.geomgroup[hidden] = 0
            self._views[name] = view

    def _pose(self, snapshot: Snapshot) -> None:
        model, data = self._model, self._data
        for number, rover in enumerate(snapshot.rovers):
            self._pose_rover(number, rover)
        for stand in snapshot.people:
            height = 0.0 if stand.present else GONE_Z_M
            _place(model, data, stand.person_id, stand.x_m, stand.y_m, height, stand.turn_rad)
        mj.mj_kinematics(model, data)
        mj.mj_camlight(model, data)

    def _pose_rover(self, number: int, rover: RoverLook) -> None:
        model, data = self._model, self._data
        pose = rover.pose
        _place(model, data, rover_name(number), pose.x_m, pose.y_m, 0.0, pose.heading_rad)
        for name, angle in zip(WHEELS, rover.wheels_rad, strict=True):
            data.qpos[model.joint(joint_name(number, name)).qposadr[0]] = angle
        for lamp, rgb in rover.lamps.items():
            model.mat_rgba[model.material(lamp_name(number, lamp)).id, :3] = np.array(rgb) / 255
        if number == self._number:
            model.camera("eye").quat[:] = _turned(self._ahead, *rover.look_rad)


def _place(model: Any, data: Any, body: str, x: float, y: float, z: float, turn: float) -> None:
    number = model.body(body).mocapid[0]
    data.mocap_pos[number] = (x, y, z)
    data.mocap_quat[number] = (math.cos(turn / 2), 0, 0, math.sin(turn / 2))


def _turned(ahead: Any, left_rad: float, up_rad: float) -> Any:
    """How a camera stands that looks to the left and up from where `ahead` looks (along +x, z up)."""
    if not left_rad and not up_rad:
        return ahead
    left = np.array([math.cos(left_rad / 2), 0, 0, math.sin(left_rad / 2)])
    up = np.array([math.cos(up_rad / 2), 0, -math.sin(up_rad / 2), 0])
    head, out = np.zeros(4), np.zeros(4)
    mj.mju_mulQuat(head, left, up)
    mj.mju_mulQuat(out, head, ahead)
    return out
