"""A scenario: one YAML file that says everything about a run: place, people, radio, servers, faults, robot.

Lengths are metres, angles degrees (a file is written by people), x to the right and y up when seen from above.
"""

import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from common.errors import ConfigError
from common.settings import Strict, check, read_yaml
from sim.faults import ACTIVE, LAST, Fault
from sim.keys import KeyPress
from sim.place import XY, Colour, Place
from sim.place import rgb as rgb  # a scenario's colours, as other modules want them

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=63)]


class Start(Strict):
    at: XY = (0.0, 0.0)
    heading_deg: float = 0.0


class Waypoint(Strict):
    at: XY
    speed_mps: float = Field(default=0.7, gt=0, le=3)
    """From here to the next point."""
    pause_s: float = Field(default=0.0, ge=0, le=600)
    """Standing here before going on."""


class Person(Strict):
    """A life-size photo on a board that walks along its path and always faces the rover."""

    id: Name
    clothes: Colour = "#d9531e"
    """Colour of the suit; people with the same one look alike."""
    mirrored: bool = False
    path: list[Waypoint] = Field(min_length=1)
    """One point: stands still. Corners are walked round."""
    corner_radius_m: float = Field(default=0.7, ge=0, le=5)
    is_target: bool = False
    appears_s: float = Field(default=0.0, ge=0)
    leaves_s: float | None = None


class AccessPoint(Strict):
    id: Name
    at: XY
    tx_dbm: float = Field(default=-8.0, ge=-40, le=40)
    """Sending power with antennas; 0 to -10 makes small cells of some 15 m, for a robot in a building."""


class ServerSpec(Strict):
    """One edge server process behind one access point."""

    id: Name
    access_point: Name
    colour: Colour
    zone: str = "edge"
    capacity: int = Field(default=8, ge=1, le=1000)
    engines: dict[str, str] = Field(default={"person": "blazepose:landmarks=0,threads=1"})
    """Engine for each task it offers. The landmark network would measure distances better (3 % instead of 10 %) and
    cost more than all else together, where rover, world and servers share one machine."""
    tryon: str = Field(default="", pattern=r"^$|^[a-z][a-z0-9_-]*(:\S+)?$")
    """Who puts garments on there: `local`, or an engine (`warp`); empty: this server does not offer that."""

    @property
    def tasks(self) -> tuple[str, ...]:
        return (*self.engines, *(("tryon",) if self.tryon else ()))

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.tasks:
            raise ValueError(f"server {self.id}: give it engines, or tryon")
        return self


class Camera(Strict):
    """The rover's camera, on a mast in the middle of the rover, looking straight ahead.

    At 1.0 m height a standing person's head is in view from 1.0 m on, without a tilt.
    """

    fps: float = Field(default=20.0, gt=0, le=120)
    width_px: int = Field(default=640, ge=64, le=1920)
    height_px: int = Field(default=480, ge=48, le=1080)
    hfov_deg: float = Field(default=75.0, gt=10, lt=150)
    height_m: float = Field(default=1.0, gt=0.05, le=2)


class Scenario(Strict):
    """One run. Either `world` with people in it, or `video`."""

    name: Name
    description: str = Field(pattern=r"^[^\n]+$")
    length_s: float = Field(gt=0, le=3600)
    seed: int = Field(default=1, ge=0, lt=2**32)
    world: Place | None = None
    video: str | None = None
    """A video file instead of a world (a relative path is looked up beside this file first); "made": one is drawn from
    the bundled portrait, so that nothing has to be fetched."""
    rover: Start = Start()
    more_rovers: list[Start] = Field(default=[], max_length=7)
    """Where other rovers stand, which other programs may drive; the robot of this run is the first one."""
    camera: Camera = Camera()
    people: list[Person] = Field(default=[])
    access_points: list[AccessPoint] = Field(default=[])
    servers: list[ServerSpec] = Field(min_length=1)
    faults: list[Fault] = Field(default=[])
    keys: list[KeyPress] = Field(default=[])
    """Keys that are pressed at set times."""
    robot: dict[str, Any] = Field(default={})
    """Settings of the robot (docs/configuration.md); checked by the robot's own model when the run starts."""

    @property
    def target(self) -> Person | None:
        """Whom to follow; None with a video."""
        return next((person for person in self.people if person.is_target), None)

    @property
    def rovers(self) -> tuple[Start, ...]:
        return (self.rover, *self.more_rovers)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.world is None) == (self.video is None):
            raise ValueError("give either world or video")
        _unique("people", (person.id for person in self.people))
        _unique("access_points", (point.id for point in self.access_points))
        _unique("servers", (server.id for server in self.servers))
        targets = [person.id for person in self.people if person.is_target]
        if self.world is not None and len(targets) != 1:
            raise ValueError(f"exactly one of the people needs is_target: true, not {len(targets)}")
        if self.video is not None and self.people:
            raise ValueError("people need a world; with a video they are in the video")
        points = [point.id for point in self.access_points]
        for server in self.servers:
            if server.access_point not in points:
                raise ValueError(
                    f"server {server.id}: there is no access point {server.access_point!r}; there are {points}"
                )
        ids = [server.id for server in self.servers]
        for fault in self.faults:
            if fault.server not in (ACTIVE, LAST, *ids):
                raise ValueError(f"fault {fault.kind} at {fault.t_s} s: no server {fault.server!r}; there are {ids}")
            if fault.t_s >= self.length_s:
                raise ValueError(f"fault {fault.kind} at {fault.t_s} s comes after the end ({self.length_s} s)")
        for press in self.keys:
            if press.t_s >= self.length_s:
                raise ValueError(f"key {press.key} at {press.t_s} s comes after the end ({self.length_s} s)")
        for person in self.people:
            if person.leaves_s is not None and person.leaves_s <= person.appears_s:
                raise ValueError(f"{person.id} leaves at {person.leaves_s} s, before it appears")
            for here, there in zip(person.path, person.path[1:], strict=False):
                if here.at == there.at:
                    raise ValueError(f"{person.id}: two points of the path in a row are both {here.at}")
        return self


def load(name_or_path: str | Path) -> Scenario:
    """A built-in scenario by name, or a file by path. Raises ConfigError that names the file, key and value."""
    file = Path(name_or_path)
    if re.fullmatch(r"[a-z0-9_-]+", str(name_or_path)) and not file.is_file():
        built_in = _folder() / f"{name_or_path}.yaml"
        if not built_in.is_file():
            raise ConfigError(
                f"there is no scenario {str(name_or_path)!r}. Built in: {', '.join(name for name, _ in available())}; "
                "or give the path of a YAML file."
            )
        file = built_in
    scenario = check(Scenario, read_yaml(file), str(file))
    if scenario.video not in (None, "made"):
        beside = file.parent / str(scenario.video)
        if beside.is_file():
            scenario = scenario.model_copy(update={"video": str(beside)})
    return scenario


def available() -> list[tuple[str, str]]:
    """Name and one line of each built-in scenario."""
    return [(file.stem, str(read_yaml(file).get("description", ""))) for file in sorted(_folder().glob("*.yaml"))]


def _folder() -> Path:
    return Path(str(resources.files("sim") / "scenarios"))


def _unique(key: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise ValueError(f"{key}: the id {each!r} is there twice")
        seen.add(each)
