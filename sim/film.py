"""A video in place of the world: the static test. It has the queries of `sim.world.World`, but nothing moves."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from common.errors import DeviceError
from protos.messages import RGB, Detection
from robot.values import BGR, CameraModel, DriveCommand, Limits, Odometry, Pose
from sim.clip import video_file
from sim.scenario import Scenario
from sim.world import Truth, World


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a picture depends on."""

    time_s: float


class Projector:
    """Pictures of a video by time, forward only; the last one stays when the video ends. One thread at a time."""

    def __init__(self, file: Path, size: tuple[int, int]) -> None:
        """Raises DeviceError when the file is no video."""
        self._size = size
        self._capture = cv2.VideoCapture(str(file))
        self._fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self._next = 0
        self._bgr = np.zeros((size[1], size[0], 3), np.uint8)
        if not self._capture.isOpened() or not self._show_next():
            raise DeviceError(f"{file} holds no video that OpenCV can read. Give another file as `video`.")

    def render(self, moment: Moment) -> BGR:
        while self._next <= moment.time_s * self._fps and self._show_next():
            pass
        return self._bgr

    def render_top(self, moment: Moment) -> BGR:
        return self.render(moment)

    def close(self) -> None:
        self._capture.release()

    def _show_next(self) -> bool:
        is_there, bgr = self._capture.read()
        if is_there:
            self._next += 1
            self._bgr = np.asarray(cv2.resize(bgr, self._size) if bgr.shape[1::-1] != self._size else bgr, np.uint8)
        return is_there


class Film:
    """Wheels turn on paper only; there is no truth to compare with."""

    def __init__(self, scenario: Scenario, seed: int | None, folder: Path, limits: Limits | None = None) -> None:
        """`folder`: where a video that is to be made goes. Raises ConfigError, DeviceError."""
        camera = scenario.camera
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.target_id = ""
        self.camera = CameraModel(camera.width_px, camera.height_px, math.radians(camera.hfov_deg))
        self.light_rgb: RGB = (120, 120, 120)
        self.time_s = 0.0
        self.eye = Projector(video_file(scenario, folder), (camera.width_px, camera.height_px))
        self._limits = limits or Limits()

    def step(self, dt_s: float) -> None:
        self.time_s += dt_s

    def drive(self, command: DriveCommand) -> DriveCommand:
        return command.clipped(self._limits)

    def odometry(self) -> Odometry:
        """The camera stands still, whatever the wheels would do."""
        return Odometry(self.time_s, Pose())

    def snapshot(self) -> Moment:
        return Moment(self.time_s)

    def render(self) -> BGR:
        return self.eye.render(self.snapshot())

    def pose(self) -> Pose:
        return Pose()

    def truth(self) -> Truth:
        return Truth(self.time_s, Pose(), math.nan, math.nan, False, (), self.target_id, 0)

    def truth_detections(self) -> tuple[Detection, ...]:
        return ()

    def close(self) -> None:
        self.eye.close()


Stage = World | Film


def stage_of(scenario: Scenario, seed: int, folder: Path, limits: Limits | None = None) -> Stage:
    """What the scenario plays in: its world, or its video. `limits`: of the wheels."""
    return World(scenario, seed, limits) if scenario.video is None else Film(scenario, seed, folder, limits)
