"""An emulated robot in a plain room, on simulated time."""

from collections.abc import Callable
from typing import Any

from sim.body import WorldClock
from sim.robomaster.action import Action
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.scenario import Scenario
from sim.world import World

STEP_S = 0.005


def room(person: tuple[float, float] = (3.0, 0.0), **changes: Any) -> Scenario:
    """An open floor with the robot at 0, 0 and one person."""
    world = {"floor": [{"corner": [-5, -5], "opposite": [10, 5]}]} | changes.pop("world", {})
    return Scenario.model_validate(
        {
            "name": "test-room",
            "description": "An open floor.",
            "length_s": 20,
            "world": world,
            "people": [{"id": "ada", "is_target": True, "path": [{"at": person}]}],
            "access_points": [{"id": "ap", "at": [0, 4]}],
            "servers": [{"id": "edge-1", "access_point": "ap", "colour": "#2e86de"}],
            **changes,
        }
    )


class Bench:
    """World and robots, stepped together."""

    def __init__(self, scenario: Scenario | None = None, identity: Identity | None = None, hold_s: float | None = None):
        self.world = World(scenario or room(), limits=ROBOMASTER_LIMITS)
        clock = WorldClock(self.world)  # not started: time passes by `run` only
        self.rovers = [Rover(WorldBody(clock, each), identity, hold_s) for each in self.world.rovers]
        self.rover = self.rovers[0]
        self.run(0.02)

    def run(self, for_s: float) -> None:
        for _ in range(round(for_s / STEP_S)):
            for rover in self.rovers:
                rover.step(self.world.time_s)
            self.world.step(STEP_S)

    def run_until(self, is_so: Callable[[], bool], at_most_s: float = 20.0) -> None:
        end_s = self.world.time_s + at_most_s
        while not is_so():
            assert self.world.time_s < end_s, "it never came about"
            self.run(STEP_S)

    def finish(self, action: Action, at_most_s: float = 20.0) -> Action:
        self.run_until(lambda: action.is_over, at_most_s)
        return action

    def where(self) -> tuple[float, float, float]:
        """x, y to the left (m), heading counter-clockwise (rad), as the world knows."""
        pose = self.world.pose()
        return pose.x_m, pose.y_m, pose.heading_rad
