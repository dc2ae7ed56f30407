"""Whole runs in lockstep, for tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import DeviceError, ModelError
from edge_server.models.store import ModelStore
from sim import gl
from sim.lockstep import Lockstep, Moment
from sim.plan import make_plan
from sim.report import Report
from sim.scenario import Scenario, load


def needs_pictures() -> None:
    """Skips, with the reason, where nothing can be drawn or the person detector's file is missing."""
    try:
        gl.require()
        ModelStore().path("blazepose")
    except (DeviceError, ModelError) as error:
        pytest.skip(str(error))


def play(
    scenario: Scenario | str,
    folder: Path,
    seed: int | None = None,
    oracle: bool = True,
    watch: Callable[[Moment], None] | None = None,
) -> Report:
    """The report of one lockstep run, without the one field that depends on the machine."""
    plan = make_plan(load(scenario) if isinstance(scenario, str) else scenario, seed, oracle=oracle)
    report = Lockstep(plan, folder, watch).run().report(plan.scenario.name, plan.seed, lockstep=True)
    return {key: value for key, value in report.items() if key != "wall_seconds"}


def changed(name: str, **changes: Any) -> Scenario:
    """A built-in scenario with other values, checked again."""
    return Scenario.model_validate({**load(name).model_dump(), **changes})
