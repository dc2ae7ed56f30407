"""The video that `static` plays when none is given, drawn from the bundled portrait: nothing has to be fetched."""

import math
import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, DeviceError
from robot.values import BGR
from sim.portrait import HEIGHT_PX, METRES_PER_PX, OUTLINE, WIDTH_PX, portrait
from sim.scenario import Scenario

CLOTHES = "#d9531e"


def video_file(scenario: Scenario, folder: Path) -> Path:
    """The scenario's video; "made" is drawn into `folder`. Raises ConfigError when there is none, or no such file."""
    if scenario.video is None:
        raise ConfigError(f"scenario {scenario.name} has a world, not a video.")
    if scenario.video != "made":
        file = Path(scenario.video).expanduser()
        if not file.is_file():
            raise ConfigError(
                f"scenario {scenario.name}: video: there is no file {file}. Give a path, or the word made."
            )
        return file
    return make_clip(folder / f"{scenario.name}.avi", scenario)


def make_clip(file: Path, scenario: Scenario) -> Path:
    """Draw a person who walks about before a fixed camera. Raises DeviceError where OpenCV cannot write the file."""
    camera = scenario.camera
    size = camera.width_px, camera.height_px
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{os.getpid()}-{file.name}")  # a run that is stopped leaves no half a video behind
    writer = cv2.VideoWriter(os.fspath(part), cv2.VideoWriter.fourcc(*"MJPG"), camera.fps, size)
    try:
        if not writer.isOpened():
            raise DeviceError(f"{file} cannot be written. Give a folder that can, or a video of your own.")
        for number in range(round(scenario.length_s * camera.fps)):
            writer.write(picture(number / camera.fps, scenario))
    finally:
        writer.release()
    part.replace(file)
    return file


def picture(time_s: float, scenario: Scenario) -> BGR:
    """One moment, BGR: the person sways from side to side and comes and goes between 1.4 and 3 m."""
    camera = scenario.camera
    width, height = camera.width_px, camera.height_px
    distance = 2.2 - 0.8 * math.cos(2 * math.pi * time_s / 13)
    left = 0.5 * math.sin(2 * math.pi * time_s / 9)
    focal_px = width / 2 / math.tan(math.radians(camera.hfov_deg) / 2)
    scale = METRES_PER_PX * focal_px / distance  # pixels of the video for one of the portrait
    foot_row = height / 2 + camera.height_m / distance * focal_px
    to_video = np.array(
        [
            [scale, 0, width / 2 - left / distance * focal_px - scale * WIDTH_PX / 2],
            [0, scale, foot_row - scale * HEIGHT_PX],
        ]
    )
    person = cv2.warpAffine(portrait(CLOTHES, False).bgr, to_video, (width, height))
    mask = cv2.warpAffine(_mask(), to_video, (width, height), flags=cv2.INTER_NEAREST)
    return np.asarray(cv2.copyTo(person, mask, _room(width, height).copy()), np.uint8)


@cache
def _mask() -> NDArray[np.uint8]:
    """255 where the portrait is the person."""
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillPoly(mask, [np.array(OUTLINE, np.int32)], (255,))
    return mask


@cache
def _room(width: int, height: int) -> BGR:
    """A wall, a skirting board and a floor."""
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = np.array([196, 205, 208], np.float32) * (1.05 - 0.25 * rows)
    floor = np.array([92, 122, 150], np.float32) * (0.7 + 0.4 * rows)
    out = np.where(rows < 0.68, wall, np.where(rows < 0.71, np.float32(235), floor))
    return np.broadcast_to(out, (height, width, 3)).astype(np.uint8)
