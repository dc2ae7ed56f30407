"""The video of a run, and what is drawn into it."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigError
from robot.overlay import draw
from robot.values import BGR
from robot.view import AgentView
from sim.video import MAX_WAITING, VideoFile
from tests.sim.example import agent_view

GREY = np.full((480, 640, 3), 128, np.uint8)


def frames_in(file: Path) -> int:
    video, count = cv2.VideoCapture(str(file)), 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


def test_the_target_is_framed_in_the_colour_of_its_server_and_the_picture_is_left_alone() -> None:
    view = agent_view(25.0)  # served by edge-2, #10ac54
    drawn = draw(GREY, view)
    assert (GREY == 128).all()
    box = view.tracks[0].box
    corner = drawn[round(box.y * 480) + 10, round(box.x * 640)]
    assert tuple(int(value) for value in corner) == (0x54, 0xAC, 0x10)
    assert (drawn[:26] != 128).any(), "state and server on top"


@pytest.mark.parametrize("size", [(1080, 1920), (90, 120), (1, 1)])
def test_it_draws_into_pictures_of_any_size(size: tuple[int, int]) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    assert draw(picture, agent_view(25.0)).shape == picture.shape


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_video_keeps_time_when_pictures_come_late(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "new" / f"out{suffix}"
    video = VideoFile(file, 20.0, (640, 480))
    for t_s in (10.0, 10.05, 10.1, 10.35):  # the last one 0.25 s later
        video.offer(t_s, GREY, agent_view(25.0))
    video.close()
    assert video.dropped == 0
    assert video.written == frames_in(file) == 8


def test_pictures_are_dropped_and_counted_when_the_disk_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow_draw(bgr: BGR, view: AgentView) -> BGR:
        go_on.wait(20)
        return draw(bgr, view)

    monkeypatch.setattr("sim.video.draw", slow_draw)
    with VideoFile(tmp_path / "out.avi", 20.0, (640, 480)) as video:
        for number in range(60):
            video.offer(number / 20, GREY, agent_view(25.0))
        assert video.dropped in (60 - MAX_WAITING, 60 - MAX_WAITING - 1), "one may be in the writer's hands"
        go_on.set()
    assert frames_in(tmp_path / "out.avi") == video.written > 0


def test_a_video_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"out\.gif: \.gif is not one of \.mp4"):
        VideoFile(tmp_path / "out.gif", 20.0, (640, 480))
    (tmp_path / "taken.mp4").mkdir()
    with pytest.raises(ConfigError, match="cannot be written there"):
        VideoFile(tmp_path / "taken.mp4", 20.0, (640, 480))
