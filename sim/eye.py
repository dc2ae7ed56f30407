"""Draws what the rover's camera sees, and the place from above.

OpenGL belongs to one thread: an `Eye` opens in the thread of its first picture and may only be used there. It has its
own MuJoCo model; a `Snapshot` is all it needs, so physics goes on in another thread meanwhile.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from common.errors import DeviceError
from protos.messages import RGB
from robot.values import BGR, Pose
from sim import gl
from sim.looks import visual_model
from sim.scenario import Scenario
from sim.scene import HIGH, MARK, WHEELS, mj

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
class Snapshot:
    """All that a picture depends on, at one moment of the world."""

    time_s: float
    rover: Pose
    wheels_rad: tuple[float, float, float, float]  # in the order of `WHEELS`
    people: tuple[Stand, ...]
    light_rgb: RGB = (120, 120, 120)


class Eye:
    """Two cameras on one scene."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._is_indoors = scenario.world is not None and scenario.world.ceiling and bool(scenario.world.walls)
        self._thread: int | None = None
        self._renderer: Any = None
        self._model: Any = None
        self._data: Any = None
        self._views: dict[str, Any] = {}

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
        spec = self._scenario.camera
        scale = spec.height_px / float(camera.fovy[0])
        return spec.width_px / 2 + right * scale, spec.height_px / 2 - up * scale

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
        self._model = visual_model(self._scenario)
        self._data = mj.MjData(self._model)
        mj.mj_forward(self._model, self._data)
        camera = self._scenario.camera
        try:
            self._renderer = mj.Renderer(self._model, camera.height_px, camera.width_px)
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
        _place(model, data, "rover", snapshot.rover.x_m, snapshot.rover.y_m, 0.0, snapshot.rover.heading_rad)
        for stand in snapshot.people:
            height = 0.0 if stand.present else GONE_Z_M
            _place(model, data, stand.person_id, stand.x_m, stand.y_m, height, stand.turn_rad)
        for name, angle in zip(WHEELS, snapshot.wheels_rad, strict=True):
            data.qpos[model.joint(f"wheel-{name}").qposadr[0]] = angle
        model.mat_rgba[model.material("led").id, :3] = np.array(snapshot.light_rgb) / 255
        mj.mj_kinematics(model, data)
        mj.mj_camlight(model, data)


def _place(model: Any, data: Any, body: str, x: float, y: float, z: float, turn: float) -> None:
    number = model.body(body).mocapid[0]
    data.mocap_pos[number] = (x, y, z)
    data.mocap_quat[number] = (math.cos(turn / 2), 0, 0, math.sin(turn / 2))
