"""Real server processes behind proxies, found by zeroconf, in real time: what lockstep models is also so."""

import asyncio
import sys
from pathlib import Path

import pytest

from common.errors import DeviceError
from sim import gl
from sim.plan import make_plan
from sim.realtime import RealTime
from sim.report import Report
from tests.closed_loop.runs import changed
from tests.robot.onlooker import install

WALK = [{"at": [2.5, 0.0], "speed_mps": 0.5, "pause_s": 3.0}, {"at": [11.0, 0.0]}]
WATCHER = """
from tests.robot.onlooker import Onlooker

made = []

def watcher(config, clock):
    made.append(Onlooker("face"))
    return made[-1]
"""
PERSON = {"id": "ada", "is_target": True, "path": WALK}


async def play(run: RealTime) -> Report:
    outcome = await run.run()
    return outcome.report(run.plan.scenario.name, run.plan.seed, lockstep=False)


@pytest.fixture(autouse=True)
def can_draw() -> None:
    try:
        gl.require()
    except DeviceError as error:
        pytest.skip(str(error))


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}/stat").exists()]


async def test_killed_server_is_replaced_and_no_process_is_left(tmp_path: Path) -> None:
    access_points = [{"id": "near", "at": [4.0, 1.4], "tx_dbm": 5}, {"id": "far", "at": [10.0, 1.4], "tx_dbm": -5}]
    servers = [
        {"id": "edge-a", "access_point": "near", "colour": "#2e86de"},
        {"id": "edge-b", "access_point": "far", "colour": "#10ac54"},
    ]
    faults = [{"kind": "kill", "t_s": 7.0, "server": "active"}]
    scenario = changed(
        "outage", length_s=12.0, people=[PERSON], access_points=access_points, servers=servers, faults=faults
    )
    run = RealTime(make_plan(scenario, oracle=True), tmp_path)
    pids: list[int] = []

    async def note_pids() -> None:
        while run.agent is None:  # noqa: ASYNC110  # the run tells nobody that it has begun
            await asyncio.sleep(0.05)
        pids.extend(cell.process.pid for cell in run.cells.values() if cell.process.pid is not None)

    report, _ = await asyncio.gather(play(run), note_pids())
    assert len(pids) == 2
    assert alive(pids) == []
    (kill,) = run.recorder.trace.faults
    move = next(move for move in run.recorder.trace.moves if move.at_s >= kill.t_s)
    assert move.reason.is_failover
    assert (move.from_id, move.to_id) == (kill.server_id, "edge-b" if kill.server_id == "edge-a" else "edge-a")
    assert report["handover"]["failovers"] == 1
    assert report["handover"]["events"][-1]["to"] is not None
    assert report["offload"]["result"] > 0
    assert report["offload"]["unaccounted"] == 0
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["safety"]["collisions"] == 0
    assert "follow" in [entry["state"] for entry in report["states"]]


async def test_those_who_look_on_do_so_in_a_simulated_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "tagalong.test-watchers", WATCHER)
    monkeypatch.setattr("robot.watching.PLUGINS", "tagalong.test-watchers")
    monkeypatch.syspath_prepend(tmp_path / "site")
    scenario = changed("outage", length_s=4.0, people=[PERSON], faults=[], robot={"archive": {"enabled": True}})
    try:
        report = await play(RealTime(make_plan(scenario, oracle=True), tmp_path))
        (onlooker,) = sys.modules["onlooking"].made
    finally:
        sys.modules.pop("onlooking", None)
    assert len(onlooker.seen) >= len(onlooker.answers) > 0
    assert len(onlooker.answers) <= report["offload"]["result"]
    assert any(track.label == "person" for answer in onlooker.answers for track in answer.tracks)
    assert onlooker.ended


async def test_frozen_only_server_stops_the_rover_until_it_answers_again(tmp_path: Path) -> None:
    faults = [{"kind": "freeze", "t_s": 6.0, "for_s": 2.5, "server": "edge-1"}]
    scenario = changed("outage", length_s=13.0, people=[PERSON], faults=faults)
    run = RealTime(make_plan(scenario, oracle=True), tmp_path)
    report = await play(run)
    entered = [(entry["t"], entry["state"]) for entry in report["states"]]
    offline_s = next(t_s for t_s, state in entered if state == "offline" and t_s > 6.0)
    assert any(t_s > offline_s and state == "follow" for t_s, state in entered)
    ticks = run.recorder.trace.ticks
    moved_s = [tick.t_s for tick in ticks if tick.moving]
    assert not [t_s for t_s in moved_s if offline_s <= t_s < 8.5], "it drove while nobody answered"
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["offload"]["unaccounted"] == 0
