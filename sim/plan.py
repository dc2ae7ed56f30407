"""What a run will do, settled before it starts: the robot's settings and the engines that are really there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import ModelError
from common.settings import check
from edge_server.engines.blazepose import STATURE_SHARE
from edge_server.engines.registry import parse
from edge_server.models.store import ModelStore
from robot.config import RobotConfig
from sim.scenario import Scenario, ServerSpec

STATURE_M = 1.63  # of the simulated people
MODEL_OF_ENGINE = {"blazepose": "blazepose", "blazeface": "blazeface", "yunet": "yunet"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, ready to start."""

    scenario: Scenario
    seed: int
    robot: RobotConfig
    notes: tuple[str, ...] = ()  # what is not as the scenario asked for, and why


def make_plan(
    scenario: Scenario,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    oracle: bool = False,
    models: ModelStore | None = None,
) -> Plan:
    """Fill in what the scenario leaves open. Raises ConfigError for settings of the robot that are wrong.

    Where an engine's model is missing, faces are found by Haar and followed instead, and a note says so.
    """
    notes: list[str] = []
    settings = _nested(scenario.robot)
    if oracle:
        servers = [_with(server, dict.fromkeys(server.engines, "oracle")) for server in scenario.servers]
        scenario = scenario.model_copy(update={"servers": servers})
    else:
        missing = _missing_model(scenario, models or ModelStore())
        if missing is not None:
            notes.append(f"{missing} Until then faces are followed, found by Haar.")
            servers = [_with(server, {"face": "haar"}) for server in scenario.servers]
            scenario = scenario.model_copy(update={"servers": servers})
            settings.setdefault("target", {})["label"] = "face"
    _merge(settings, overrides or {})
    settings.setdefault("robot_id", "rover")
    if scenario.world is not None:
        settings.setdefault("heights_m", {"person": STATURE_M * STATURE_SHARE, "face": 0.22})
    robot = check(RobotConfig, settings, f"scenario {scenario.name}, robot")
    return Plan(scenario, scenario.seed if seed is None else seed, robot, tuple(notes))


def _missing_model(scenario: Scenario, models: ModelStore) -> str | None:
    for server in scenario.servers:
        for engine in server.engines.values():
            name, _ = parse(engine)
            try:
                if name in MODEL_OF_ENGINE:
                    models.path(MODEL_OF_ENGINE[name])
            except ModelError as error:
                return str(error)
    return None


def _with(server: ServerSpec, engines: dict[str, str]) -> ServerSpec:
    return server.model_copy(update={"engines": engines})


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that may be changed."""
    return {key: _nested(value) if isinstance(value, Mapping) else value for key, value in settings.items()}


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
