"""What the rover's camera sees is what the truth says. Needs OpenGL without a display."""

import math
import threading
from typing import Any

import cv2
import numpy as np
import pytest

from common.errors import DeviceError
from protos.messages import Box
from robot.values import BGR, DriveCommand
from sim import clip, gl, scenario
from sim.eye import Eye
from sim.scenario import Scenario
from sim.world import World

gl.load_mujoco()
pytestmark = pytest.mark.skipif(gl.missing() is not None, reason=str(gl.missing()))


def made(at: tuple[float, float], mirrored: bool = False, clothes: str = "#d9531e", **world: Any) -> Scenario:
    """A bare grey place with one person."""
    return Scenario.model_validate(
        {
            "name": "bare",
            "description": "A bare place.",
            "length_s": 5,
            "world": {"floor": [{"corner": [-5, -5], "opposite": [9, 5]}], "floor_colour": "#808080", **world},
            "people": [
                {"id": "ada", "is_target": True, "path": [{"at": at}], "clothes": clothes, "mirrored": mirrored}
            ],
            "access_points": [{"id": "ap", "at": [-4, 4]}],
            "servers": [{"id": "edge-1", "access_point": "ap", "colour": "#2e86de"}],
        }
    )


def suit_box(picture: BGR, hue: int) -> Box:
    """Where strongly coloured pixels of one hue (OpenCV's half degrees) are."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(int)
    close = (np.abs((hsv[..., 0] - hue + 90) % 180 - 90) < 8) & (hsv[..., 1] > 150) & (hsv[..., 2] > 60)
    rows, columns = np.nonzero(close)
    height, width = picture.shape[:2]
    return Box(columns.min() / width, rows.min() / height, np.ptp(columns) / width, np.ptp(rows) / height)


@pytest.mark.parametrize(
    ("at", "mirrored"), [((1.5, 0.0), False), ((3.0, 0.0), True), ((2.5, 1.2), False), ((2.0, -0.9), True)]
)
def test_the_true_box_lies_on_the_person_in_the_picture(at: tuple[float, float], mirrored: bool) -> None:
    world = World(made(at, mirrored, clothes="#18b030"))
    picture = world.render()
    (detection,) = world.truth_detections()
    green = suit_box(picture, 65)
    # The suit goes from the shoulders (1.25 m) to the ankles: its top edge lies in the box's upper half.
    box = detection.box
    assert box.x < green.cx < box.x + box.w
    assert box.y + 0.2 * box.h < green.y < box.y + 0.6 * box.h
    row, column = round(box.cy * 480), round(box.cx * 640)
    patch = picture[row - 5 : row + 5, column - 5 : column + 5].reshape(-1, 3)
    assert np.ptp(patch, axis=0).max() > 15  # the suit's pattern, not the plain wall
    world.close()


def test_the_true_colour_is_that_of_the_pixels() -> None:
    world = World(made((2.0, 0.3)))
    picture = world.render()
    (detection,) = world.truth_detections()
    box = detection.box
    rows = slice(round((box.cy - box.h / 4) * 480), round((box.cy + box.h / 4) * 480))
    columns = slice(round((box.cx - box.w / 4) * 640), round((box.cx + box.w / 4) * 640))
    blue, green, red = picture[rows, columns].reshape(-1, 3).mean(axis=0)
    assert (red, green, blue) == pytest.approx(detection.mean_rgb, abs=8)
    world.close()


def test_same_seed_same_pixels() -> None:
    def run() -> list[bytes]:
        world = World(scenario.load("corridor"))
        pictures = []
        for _ in range(2):
            for _ in range(10):
                world.drive(DriveCommand(forward_mps=0.4, turn_radps=0.1))
                world.step(0.02)
            pictures += [world.render().tobytes(), world.render_top().tobytes()]
        world.close()
        return pictures

    first = run()
    assert first == run()
    assert len(set(first)) == len(first)


def test_pictures_have_the_size_and_form_that_cameras_give() -> None:
    world = World(scenario.load("lab"))
    picture = world.render()
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert 60 < picture.mean() < 220
    world.close()


def test_a_person_who_has_left_is_in_no_picture() -> None:
    loaded = made((2.0, 0.0), clothes="#18b030")
    gone = loaded.people[0].model_copy(update={"leaves_s": 1.0})
    world = World(loaded.model_copy(update={"people": [gone]}))
    assert suit_box(world.render(), 65).h > 0.3
    world.step(1.5)
    hsv = cv2.cvtColor(world.render(), cv2.COLOR_BGR2HSV)
    assert not ((np.abs(hsv[..., 0].astype(int) - 65) < 8) & (hsv[..., 1] > 150)).any()
    world.close()


def test_an_eye_draws_in_another_thread_than_the_physics() -> None:
    world = World(scenario.load("corridor"))
    snapshot = world.snapshot()
    drawn: list[BGR] = []

    def draw() -> None:
        eye = Eye(world.scenario)
        drawn.append(eye.render(snapshot))
        eye.close()

    worker = threading.Thread(target=draw)
    worker.start()
    world.step(1.0)
    worker.join()
    assert drawn[0].shape == (480, 640, 3)


def test_an_eye_refuses_a_second_thread() -> None:
    world = World(made((2.0, 0.0)))
    world.render()
    refused: list[Exception] = []

    def draw() -> None:
        try:
            world.render()
        except DeviceError as error:
            refused.append(error)

    worker = threading.Thread(target=draw)
    worker.start()
    worker.join()
    assert "one thread" in str(refused[0])
    world.close()


def test_the_view_from_above_shows_rover_and_person_where_they_are() -> None:
    world = World(made((3.0, 2.0), clothes="#d020d0"))
    world.light_rgb = (20, 230, 40)
    picture = world.render_top()
    for hue, (x, y) in ((150, (3.0, 2.0)), (63, (0.0, 0.0))):
        disc = suit_box(picture, hue)
        column, row = world.eye.to_top_px(x, y)
        assert disc.x * 640 - 3 <= column <= (disc.x + disc.w) * 640 + 3
        assert disc.y * 480 - 3 <= row <= (disc.y + disc.h) * 480 + 3
    world.close()


def test_the_pose_engine_finds_people_of_every_dress_where_the_truth_says() -> None:
    from common.errors import ModelError
    from edge_server.engines.base import Picture
    from edge_server.engines.blazepose import BlazePoseEngine
    from edge_server.models.store import ModelStore

    try:
        engine = BlazePoseEngine(ModelStore())
    except ModelError as error:
        pytest.skip(str(error))
    found, asked = 0, 0
    for clothes, mirrored in (("#d9531e", False), ("#2456b8", True), ("#2e9e4f", False)):
        loaded = made((2.0, 0.0), mirrored, clothes, walls=[{"line": [[6, -5], [6, 5]]}])
        eye = Eye(loaded)
        for distance in (1.1, 1.5, 3.0):
            for bearing_deg in (-20, 0, 20):
                bearing = math.radians(bearing_deg)
                at = (distance * math.cos(bearing), distance * math.sin(bearing))
                person = loaded.people[0].model_copy(
                    update={"path": [loaded.people[0].path[0].model_copy(update={"at": at})]}
                )
                world = World(loaded.model_copy(update={"people": [person]}))
                (true,) = world.truth_detections()
                answers = engine.detect([Picture(eye.render(world.snapshot()))])[0]
                asked += 1
                found += any(each.score > 0.5 and each.box.iou(true.box) > 0.7 for each in answers)
        eye.close()
    assert found == asked


def test_the_made_video_shows_a_person(tmp_path: Any) -> None:
    short = scenario.load("static").model_copy(update={"length_s": 0.5})
    file = clip.video_file(short, tmp_path)
    video = cv2.VideoCapture(str(file))
    frames = 0
    while video.read()[0]:
        frames += 1
    assert frames == 10
    assert list(tmp_path.iterdir()) == [file]
    assert suit_box(clip.picture(0.0, short), 9).h > 0.3


def test_a_missing_opengl_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    monkeypatch.setattr(gl, "_has_egl", lambda: False)
    world = World(made((2.0, 0.0)))
    with pytest.raises(DeviceError, match=r"apt-get install -y libegl1 libgl1 libopengl0 libgl1-mesa-dri"):
        world.render()
