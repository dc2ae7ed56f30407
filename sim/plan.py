"""What a run will do, settled before it starts: the robot's settings and the engines that are really there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError, ModelError
from common.settings import check
from edge_server.engines.blazepose import STATURE_SHARE
from edge_server.engines.registry import parse
from edge_server.models.store import ModelStore
from robot.config import RobotConfig
from sim.scenario import Scenario, ServerSpec
from sim.wire_kinds import Driver, Eyes

STATURE_M = 1.63  # of the simulated people
COARSE: dict[str, Any] = {
    # The detector alone tells distances to 10 %, and its errors last for several pictures: trusted as much as the
    # landmarks' 3 %, they make the rover surge (speed changes by 0.25 m/s within 0.2 s, rms; 0.15 with these).
    "approach": {"distance_noise_share": 0.15, "accel_mps2": 0.7},
    "servo": {"advance_gain": 1.1},
}
TRYON_MODELS = ("blazepose", "blazepose-landmarks")
MODEL_OF_ENGINE = {"blazepose": "blazepose", "blazeface": "blazeface", "yunet": "yunet"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, ready to start."""

    scenario: Scenario
    seed: int
    robot: RobotConfig
    driver: Driver = Driver.SIM
    eyes: Eyes = Eyes.SIM
    notes: tuple[str, ...] = ()  # what is not as the scenario asked for, and why


def make_plan(
    scenario: Scenario,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    oracle: bool = False,
    models: ModelStore | None = None,
    driver: Driver = Driver.SIM,
    eyes: Eyes = Eyes.SIM,
) -> Plan:
    """Fill in what the scenario leaves open. Raises ConfigError for settings of the robot that are wrong.

    Where an engine's model is missing, faces are found by Haar and followed instead, and a note says so.
    """
    _check_wire(scenario, driver, eyes, oracle)
    notes: list[str] = []
    settings = dict(scenario.robot)
    if oracle:
        servers = [_with(server, dict.fromkeys(server.engines, "oracle")) for server in scenario.servers]
        scenario = scenario.model_copy(update={"servers": servers})
    else:
        missing = _missing_model(scenario, models or ModelStore())
        if missing is not None:
            notes.append(f"{missing} Until then faces are followed, found by Haar.")
            servers = [_with(server, {"face": "haar"}) for server in scenario.servers]
            scenario = scenario.model_copy(update={"servers": servers})
            settings = _merged(settings, {"target": {"label": "face"}})
    scenario, note = _without_missing_tryon(scenario, models or ModelStore())
    notes += note
    settings = _merged(settings, overrides or {})
    settings.setdefault("robot_id", "rover")
    if driver is not Driver.SIM:
        settings = _merged(settings, {"base": {"kind": str(driver)}})
    if scenario.world is not None:
        defaults = {"heights_m": {"person": STATURE_M * STATURE_SHARE, "face": 0.22}}
        if not oracle:
            defaults |= COARSE
        settings = _merged(defaults, settings)
    robot = check(RobotConfig, settings, f"scenario {scenario.name}, robot")
    return Plan(scenario, scenario.seed if seed is None else seed, robot, driver, eyes, tuple(notes))


def _check_wire(scenario: Scenario, driver: Driver, eyes: Eyes, oracle: bool) -> None:
    if driver is not Driver.SIM and scenario.world is None:
        raise ConfigError(f"--driver {driver}: scenario {scenario.name} plays a video, in which nothing drives.")
    if eyes is not Eyes.SIM and driver is Driver.SIM:
        raise ConfigError(f"--camera {eyes}: that robot is there only with --driver {Driver.TEXT} or {Driver.BINARY}.")
    engines = [name for server in scenario.servers for name in server.engines.values()]
    if eyes is not Eyes.SIM and (oracle or "oracle" in engines):
        raise ConfigError(f"--camera {eyes} sends pictures alone, and oracle servers answer what only the world knows.")


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


def _without_missing_tryon(scenario: Scenario, models: ModelStore) -> tuple[Scenario, list[str]]:
    if not any(server.tryon for server in scenario.servers):
        return scenario, []
    try:
        for name in TRYON_MODELS:
            models.path(name)
    except ModelError as error:
        servers = [server.model_copy(update={"tryon": ""}) for server in scenario.servers if server.engines]
        return scenario.model_copy(update={"servers": servers}), [f"{error} Until then nobody is dressed."]
    return scenario, []


def _with(server: ServerSpec, engines: dict[str, str]) -> ServerSpec:
    return server.model_copy(update={"engines": engines})


def _merged(settings: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, as a new mapping; `over` wins."""
    both = dict(settings)
    for key, value in over.items():
        mine = both.get(key)
        both[key] = _merged(mine, value) if isinstance(value, Mapping) and isinstance(mine, Mapping) else value
    return both
