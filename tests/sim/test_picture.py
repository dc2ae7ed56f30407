"""The picture of a run is drawn whatever the run was like."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.faults import Struck
from sim.floorplan import FloorPlan
from sim.picture import draw
from sim.picture_map import draw_map
from sim.report import Recorder
from sim.trace import Tick
from tests.sim.example import COUNTS, FLOOR_PLAN, recorded


def build(recorder: Recorder) -> dict[str, object]:
    return recorder.build("corridor", 1, 60.0, 60.0, False, COUNTS)


def read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def colours_in(file: Path) -> set[tuple[int, int, int]]:
    picture = read(file)
    return {(int(r), int(g), int(b)) for b, g, r in np.unique(picture.reshape(-1, 3), axis=0)}


def test_the_picture_is_1600_by_900_and_shows_each_server_in_its_colour(tmp_path: Path) -> None:
    recorder, file = recorded(), tmp_path / "new" / "picture.png"
    draw(build(recorder), recorder.trace, FLOOR_PLAN, file)
    assert read(file).shape == (900, 1600, 3)
    assert {(0x2E, 0x86, 0xDE), (0x10, 0xAC, 0x54), (0xB5, 0x3F, 0xD0)} <= colours_in(file)


def test_the_same_run_gives_the_same_picture(tmp_path: Path) -> None:
    recorder = recorded()
    for name in ("one.png", "two.png"):
        draw(build(recorder), recorder.trace, FLOOR_PLAN, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("ticks", [[], [Tick(0.0, "wakeup")]], ids=["nothing at all", "one moment"])
def test_a_run_that_ended_at_once_still_gives_a_picture(tmp_path: Path, ticks: list[Tick]) -> None:
    recorder = Recorder()
    recorder.trace.ticks.extend(ticks)
    draw(build(recorder), recorder.trace, FloorPlan(), tmp_path / "picture.png")
    assert read(tmp_path / "picture.png").shape == (900, 1600, 3)


def test_a_run_without_a_world_shows_its_figures_over_the_whole_width(tmp_path: Path) -> None:
    recorder = recorded()
    recorder.trace.ticks[:] = [Tick(tick.t_s, tick.state, tick.server_id) for tick in recorder.trace.ticks]
    draw(build(recorder), recorder.trace, FloorPlan(), tmp_path / "picture.png")
    picture = read(tmp_path / "picture.png")
    assert (picture[200:800, :750] != 255).any()


def test_moments_without_a_target_leave_a_hole_and_no_error(tmp_path: Path) -> None:
    recorder, nan = recorded(), float("nan")
    recorder.trace.ticks[500:800] = [
        replace(tick, target_x_m=nan, target_y_m=nan, distance_m=nan, bearing_rad=nan, visible=False)
        for tick in recorder.trace.ticks[500:800]
    ]
    draw(build(recorder), recorder.trace, FLOOR_PLAN, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_numbers_hide_neither_each_other_nor_a_server_and_each_fault_is_told_at_its_server() -> None:
    recorder = recorded()
    trace = recorder.trace
    near = [tick for tick in trace.ticks if math.dist((tick.rover_x_m, tick.rover_y_m), (14.98, 12.0)) < 1.5]
    move = next(each for each in trace.moves if each.from_id is not None)
    trace.moves[:] = [replace(move, at_s=tick.t_s) for tick in near[:: len(near) // 3][:3]]
    trace.faults[:] = [Struck(30.0, "kill", "edge-3"), Struck(33.0, "restart", "edge-3")]
    figure = Figure(figsize=(8, 8))
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    draw_map(axis, trace, FLOOR_PLAN)
    figure.canvas.draw()
    texts: dict[str, Any] = {text.get_text(): text for text in axis.texts}
    assert {"1", "2", "3"} <= set(texts)
    point = figure.dpi / 72
    numbers = [axis.transData.transform(texts[name].xy) + np.array(texts[name].xyann) * point for name in "123"]
    sites = [axis.transData.transform(site.at) for site in FLOOR_PLAN.sites]
    assert all(math.dist(one, other) >= 22 * point for one, other in itertools.combinations([*numbers, *sites], 2))
    names = [texts[name].get_window_extent() for name in ("edge-1", "edge-2", "edge-3", "kill, 30 s", "restart, 33 s")]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(names, 2))
