"""The world as MuJoCo models: one that pushes (simple shapes, cheap), one that is looked at (pictures and lights).

Two models instead of one, so that drawing needs no copy of the physics: the eye gets a few poses (`Snapshot`) and moves
the bodies of its own model.
"""

import math
from dataclasses import dataclass
from typing import Any

from sim.gl import load_mujoco
from sim.place import BoxItem, Furniture, Place, rgb
from sim.portrait import HEIGHT_PX, METRES_PER_PX
from sim.scenario import Scenario

mj: Any = load_mujoco()

TIMESTEP_S = 0.005
# The rover: a RoboMaster S1 is 0.32 x 0.24 m and 3.3 kg; ours also carries a mast with the camera.
ROVER_HALF_M = (0.16, 0.12)
ROVER_HEIGHT_M = 0.14
ROVER_KG = 3.8
ROVER_INERTIA = 0.06  # kg m², of a box of that size and mass, with motors at the corners
WHEEL_RADIUS_M = 0.05
WHEELS = {"fl": (0.1, 0.1), "fr": (0.1, -0.1), "bl": (-0.1, 0.1), "br": (-0.1, -0.1)}

# The board of a person. What the pose engine answers for it was measured (640x480, 1 to 4 m): a box 0.51 m wide and
# 0.85 m high from the top of the head to the hips, its middle at column 201 of the photo (203 as it is, 199 mirrored).
CENTRE_PX = 201  # stands on the person's path, so that bearings of boxes are bearings of people
BOX_HALF_WIDTH_M = 0.255
BOX_BOTTOM_M, BOX_TOP_M = 0.775, 1.625
BOARD_LEFT_M = (19 - CENTRE_PX) * METRES_PER_PX
BOARD_RIGHT_M = (366 - CENTRE_PX) * METRES_PER_PX
BOARD_TOP_M = (HEIGHT_PX - 16) * METRES_PER_PX
PERSON_RADIUS_M = 0.22  # on the ground; nearer than that to the rover's hull is a collision

LOW, HIGH, MARK = 0, 3, 4  # geom groups: all views; the rover's camera only; the view from above only


@dataclass(frozen=True, slots=True)
class Panel:
    """One straight piece of wall, as a box standing on the floor."""

    x: float
    y: float
    half_length: float
    half_thickness: float
    turn_rad: float
    height: float
    colour: str
    loss_db: float
    ends: tuple[tuple[float, float], tuple[float, float]]


def panels(place: Place) -> list[Panel]:
    """Walls cut into straight pieces, each a bit longer than its line so that corners are closed."""
    found = []
    for wall in place.walls:
        for (x0, y0), (x1, y1) in zip(wall.line, wall.line[1:], strict=False):
            half = math.dist((x0, y0), (x1, y1)) / 2 + wall.thickness_m / 2
            turn = math.atan2(y1 - y0, x1 - x0)
            found.append(
                Panel(
                    (x0 + x1) / 2, (y0 + y1) / 2, half, wall.thickness_m / 2, turn,
                    wall.height_m, wall.colour, wall.loss_db, ((x0, y0), (x1, y1)),
                )
            )  # fmt: skip
    return found


def solid_model(scenario: Scenario) -> Any:
    """What pushes and what hides: rovers on a plane (slide x, slide y, turn), walls, furniture, boards of people.

    People are hit by rays only; whether the rover touches one is plain geometry in the world.
    """
    spec = mj.MjSpec()
    spec.option.timestep = TIMESTEP_S
    spec.option.gravity = [0, 0, 0]  # nothing can fall; the wheels' grip is part of the rover's force
    place = scenario.world or Place.model_construct(floor=[], walls=[], furniture=[])
    for number, panel in enumerate(panels(place)):
        box(spec.worldbody, f"wall-{number}", panel, 0.0, panel.height)
    for number, item in enumerate(place.furniture):
        furniture(spec.worldbody, f"furniture-{number}", item)
    for number, start in enumerate(scenario.rovers):
        _hull(spec, number, start.at)
    for person in scenario.people:
        middle, half = (BOARD_LEFT_M + BOARD_RIGHT_M) / 2, (BOARD_RIGHT_M - BOARD_LEFT_M) / 2
        body = spec.worldbody.add_body(name=person.id, mocap=True, pos=[0, 0, -50])
        body.add_geom(
            name=f"person-{person.id}", type=mj.mjtGeom.mjGEOM_BOX, contype=0, conaffinity=0,
            size=[0.01, half * 0.8, BOARD_TOP_M / 2], pos=[0, -middle if person.mirrored else middle, BOARD_TOP_M / 2],
        )  # fmt: skip
    return spec.compile()


def rover_name(number: int) -> str:
    return "rover" if number == 0 else f"rover-{number + 1}"


def hull_name(number: int) -> str:
    return "hull" if number == 0 else f"hull-{number + 1}"


def _hull(spec: Any, number: int, at: tuple[float, float]) -> None:
    x, y = at
    name = rover_name(number)
    rover = spec.worldbody.add_body(
        name=name, mass=ROVER_KG, inertia=[0.05, 0.05, ROVER_INERTIA], ipos=[0, 0, 0], explicitinertial=True
    )
    for joint, axis in (("x", [1, 0, 0]), ("y", [0, 1, 0])):
        rover.add_joint(name=f"{name}-{joint}", type=mj.mjtJoint.mjJNT_SLIDE, axis=axis, ref=x if joint == "x" else y)
    rover.pos = [x, y, 0]
    rover.add_joint(name=f"{name}-turn", type=mj.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1])
    rover.add_geom(
        name=hull_name(number), type=mj.mjtGeom.mjGEOM_BOX, size=[*ROVER_HALF_M, ROVER_HEIGHT_M / 2],
        pos=[0, 0, ROVER_HEIGHT_M / 2 + 0.02], friction=[0.3, 0.005, 0.0001],
    )  # fmt: skip


def box(
    body: Any,
    name: str,
    panel: Panel,
    bottom: float,
    top: float,
    colour: str = "",
    wider: float = 0.0,
    group: int = LOW,
) -> None:
    body.add_geom(
        name=name, type=mj.mjtGeom.mjGEOM_BOX, group=group, rgba=rgba(colour or panel.colour),
        size=[panel.half_length + wider, panel.half_thickness + wider, (top - bottom) / 2],
        pos=[panel.x, panel.y, (top + bottom) / 2], quat=turned(panel.turn_rad),
    )  # fmt: skip


def furniture(body: Any, name: str, item: Furniture) -> None:
    x, y = item.at
    if isinstance(item, BoxItem):
        size = [side / 2 for side in item.size]
        body.add_geom(
            name=name, type=mj.mjtGeom.mjGEOM_BOX, size=size, pos=[x, y, size[2]],
            quat=turned(math.radians(item.turn_deg)), rgba=rgba(item.colour),
        )  # fmt: skip
    else:
        half = item.height_m / 2
        body.add_geom(
            name=name,
            type=mj.mjtGeom.mjGEOM_CYLINDER,
            size=[item.radius_m, half, 0],
            pos=[x, y, half],
            rgba=rgba(item.colour),
        )


def turned(angle: float) -> list[float]:
    return [math.cos(angle / 2), 0, 0, math.sin(angle / 2)]


def rgba(colour: str) -> list[float]:
    return [channel / 255 for channel in rgb(colour)] + [1.0]
