"""The terminal's view: what it shows, that it fits, and that it leaves the terminal usable."""

import asyncio
import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from sim.braille import Canvas
from sim.floorplan import FloorPlan, Site, floor_plan
from sim.live import show
from sim.live_view import MAX_SERVERS, RunView, plain_line, render
from sim.scenario import load
from tests.sim.example import agent_view, run_view


def screen(view: RunView, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(render(view, width, height))
    return console.export_text().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (200, 55)])
def test_it_fits_and_shows_what_matters(width: int, height: int) -> None:
    lines = screen(run_view(40.0), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for wanted in (
        "corridor",
        "40.0 / 60 s",
        "follow",
        "1.60 m",
        "+2.8°",
        "-61 dBm",
        "serving",
        "standby",
        "795 answered",
    ):
        assert wanted in text
    assert "http://127.0.0.1:8000" in text
    assert "37.0 s  edge-2 -> edge-3" in text
    assert "…" not in text
    assert "▲" in text
    assert "●" in text


def test_before_anything_is_known_there_is_a_screen_too() -> None:
    view = RunView("corridor", 0.0, 60.0, replace(agent_view(0.0), servers=(), counts=None, decision=None))
    text = "\n".join(screen(view, 80, 24))
    assert "server   none" in text
    assert "–" in text


def test_many_servers_do_not_push_the_rest_off_the_screen() -> None:
    view = run_view(40.0)
    many = tuple(view.agent.servers[index % 3] for index in range(40))
    lines = screen(replace(view, agent=replace(view.agent, servers=many)), 80, 24)
    assert len(lines) <= 24
    assert f"and {40 - MAX_SERVERS} more" in "\n".join(lines)
    assert "q quit" in lines[-2] + lines[-1]


def test_the_plain_line_says_the_same_in_short() -> None:
    line = plain_line(run_view(40.0))
    assert "40.0/60 s  follow   edge-3" in line
    assert "distance 1.60 m, bearing +2.8°" in line
    assert "\n" not in line
    blind = replace(run_view(40.0), distance_m=math.nan)
    assert "distance" not in plain_line(blind)


def test_a_canvas_keeps_the_scale_in_both_directions_and_clips() -> None:
    canvas = Canvas(8, 2, (0, 0, 1, 1))
    canvas.dot((0.0, 0.0), "red")
    canvas.dot((math.nan, 0.0), "red")
    canvas.dot((9.0, 9.0), "red")
    rows = canvas.render().plain.split("\n")
    assert [len(row) for row in rows] == [8, 8]
    assert rows[0].strip() == ""
    assert rows[1] == "  ⡀     ", "the square lies in the middle of the wide canvas"
    canvas.letter((1.0, 1.0), "X", "bold")
    assert "X" in canvas.render().plain.split("\n")[0]


def test_a_scenario_gives_its_floor_plan() -> None:
    plan = floor_plan(load("corridor"))
    assert [site.server_id for site in plan.sites] == ["edge-1", "edge-2", "edge-3"]
    assert len(plan.walls) == 4
    assert plan.to_json()["sites"][0]["colour"] == plan.sites[0].colour
    assert FloorPlan().bounds == (0, 0, 1, 1)
    assert FloorPlan(sites=(Site("a", (2.0, 3.0)),)).bounds == (2, 3, 2, 3)


async def run_shortly(console: Console) -> None:
    """Until two views have been asked for, so that one has been shown."""
    asked, enough = 0, asyncio.Event()

    def source() -> RunView | None:
        nonlocal asked
        asked += 1
        if asked >= 3:
            enough.set()
        return None if asked == 1 else run_view(40.0)

    async with asyncio.timeout(20):
        task = asyncio.create_task(show(source, console))
        while asked < 2:  # noqa: ASYNC110 (the view has no event for it)
            await asyncio.sleep(0.01)
        if console.is_terminal:
            await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_without_a_terminal_it_prints_plain_lines() -> None:
    out = io.StringIO()
    await run_shortly(Console(file=out, width=80))
    assert out.getvalue() == plain_line(run_view(40.0)) + "\n"


async def test_after_the_end_the_terminal_is_usable() -> None:
    out = io.StringIO()
    await run_shortly(Console(file=out, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm-256color"}))
    text = out.getvalue()
    assert "follow" in text
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1, "back from the second screen"
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"
