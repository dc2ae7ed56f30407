"""What the rover's camera looks at, as a MuJoCo model of its own: pictures, colours and lights, nothing that pushes."""

import math
from typing import Any

import numpy as np

from sim import textures
from sim.lamps import Lamp
from sim.place import Place
from sim.portrait import HEIGHT_PX, METRES_PER_PX, OUTLINE, WIDTH_PX, portrait, triangles
from sim.scenario import Person, Scenario
from sim.scene import (
    CENTRE_PX,
    HIGH,
    LOW,
    MARK,
    PERSON_RADIUS_M,
    ROVER_HALF_M,
    WHEEL_RADIUS_M,
    WHEELS,
    Panel,
    box,
    furniture,
    mj,
    panels,
    rgba,
    rover_name,
)

LOW_WALL_M = 0.9  # the coloured part of a wall; the view from above shows no more of it


def visual_model(scenario: Scenario, viewer: int = 0, size_px: tuple[int, int] | None = None) -> Any:
    """What the eye looks at from rover `viewer`, in pictures of that size.

    Bodies, one a rover and one a person, are moved by the eye; nothing is simulated in it.
    """
    width, height = size_px or (scenario.camera.width_px, scenario.camera.height_px)
    spec = mj.MjSpec()
    glob = spec.visual.global_
    glob.offwidth, glob.offheight = width, height
    spec.visual.quality.numslices, spec.visual.quality.numstacks, spec.visual.quality.numquads = 20, 10, 1
    spec.visual.quality.offsamples = 0  # no multisampling: it doubles the time of software OpenGL
    spec.visual.headlight.ambient = [0.62, 0.62, 0.62]
    spec.visual.headlight.diffuse = [0.32, 0.32, 0.32]
    spec.visual.headlight.specular = [0, 0, 0]
    spec.visual.map.znear, spec.visual.map.zfar = 0.002, 4.0  # times the model's extent
    place = scenario.world or Place.model_construct(floor=[], walls=[], furniture=[], ceiling=False)
    _lights(spec)
    _ground(spec, place)
    for number, panel in enumerate(panels(place)):
        _wall(spec, number, panel)
    for number, item in enumerate(place.furniture):
        furniture(spec.worldbody, f"furniture-{number}", item)
    _access_points(spec, scenario)
    bodies = [_rover(spec, scenario, each, is_own=each == viewer) for each in range(len(scenario.rovers))]
    _camera(bodies[viewer], scenario, height / width)
    for person in scenario.people:
        _standee(spec, person)
    _camera_above(spec, place)
    return spec.compile()


def _lights(spec: Any) -> None:
    spec.add_texture(
        name="sky", type=mj.mjtTexture.mjTEXTURE_SKYBOX, builtin=mj.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.78, 0.87, 0.95], rgb2=[0.42, 0.55, 0.68], width=64, height=384,
    )  # fmt: skip
    for direction, strength in (([0.35, 0.5, -1.0], 0.28), ([-0.6, -0.3, -0.8], 0.16)):
        spec.worldbody.add_light(
            type=mj.mjtLightType.mjLIGHT_DIRECTIONAL, dir=direction, castshadow=False,
            diffuse=[strength] * 3, ambient=[0, 0, 0], specular=[0, 0, 0],
        )  # fmt: skip


def _ground(spec: Any, place: Place) -> None:
    _picture_material(spec, "planks", textures.planks(place.floor_colour), repeat=0.5)
    spec.add_material(name="lamp", rgba=[1, 1, 0.97, 1], emission=0.6)
    spec.add_material(name="ceiling", rgba=[0.8, 0.81, 0.8, 1], emission=0.4)
    world = spec.worldbody
    world.add_geom(
        name="outside",
        type=mj.mjtGeom.mjGEOM_PLANE,
        size=[40, 40, 1],
        pos=[0, 0, -0.05],
        rgba=[0.25, 0.28, 0.31, 1],
        group=MARK,
    )
    height = max((wall.height_m for wall in place.walls), default=2.5)
    for number, area in enumerate(place.floor):
        (x0, y0), (x1, y1) = area.corner, area.opposite
        centre, half = [(x0 + x1) / 2, (y0 + y1) / 2], [abs(x1 - x0) / 2, abs(y1 - y0) / 2]
        world.add_geom(
            name=f"floor-{number}",
            type=mj.mjtGeom.mjGEOM_BOX,
            material="planks",
            size=[*half, 0.02],
            pos=[*centre, -0.02],
        )
        if place.ceiling:
            _ceiling(world, centre, half, height)


def _ceiling(world: Any, centre: list[float], half: list[float], height: float) -> None:
    """Plain, with a lamp about every 2.4 m: a texture up there costs 2 ms a picture and tells nothing."""
    kind = mj.mjtGeom.mjGEOM_BOX
    world.add_geom(type=kind, group=HIGH, size=[*half, 0.02], pos=[*centre, height + 0.02], material="ceiling")
    counts = [max(1, round(side / 1.2)) for side in half]
    for i in range(counts[0]):
        for j in range(counts[1]):
            x = centre[0] - half[0] + (2 * i + 1) * half[0] / counts[0]
            y = centre[1] - half[1] + (2 * j + 1) * half[1] / counts[1]
            world.add_geom(type=kind, group=HIGH, size=[0.35, 0.35, 0.01], pos=[x, y, height], material="lamp")


def _wall(spec: Any, number: int, panel: Panel) -> None:
    """Skirting board, coloured lower part, nearly white upper part that the view from above leaves out."""
    low = min(LOW_WALL_M, panel.height)
    box(spec.worldbody, f"wall-{number}", panel, 0.0, low, colour=panel.colour)
    box(spec.worldbody, f"skirting-{number}", panel, 0.0, 0.09, colour="#f0efe9", wider=0.012)
    if panel.height > low:
        box(spec.worldbody, f"rail-{number}", panel, low - 0.03, low + 0.03, colour="#f0efe9", wider=0.01)
        box(spec.worldbody, f"upper-{number}", panel, low, panel.height, colour="#e9e5d9", group=HIGH)


def _access_points(spec: Any, scenario: Scenario) -> None:
    """A thin pole with a ball on top in the colour of the server behind it."""
    colours = {server.access_point: server.colour for server in scenario.servers}
    for point in scenario.access_points:
        x, y = point.at
        colour = rgba(colours.get(point.id, "#888888"))
        spec.add_material(name=f"lamp-{point.id}", rgba=colour, emission=0.5)
        for kind, size, z, material in (
            (mj.mjtGeom.mjGEOM_CYLINDER, [0.035, 0.95, 0], 0.95, ""),
            (mj.mjtGeom.mjGEOM_CYLINDER, [0.09, 0.05, 0], 0.05, ""),
            (mj.mjtGeom.mjGEOM_SPHERE, [0.13, 0, 0], 2.0, f"lamp-{point.id}"),
        ):
            look = {"material": material} if material else {"rgba": [0.75, 0.77, 0.8, 1]}
            spec.worldbody.add_geom(type=kind, size=size, pos=[x, y, z], **look)
        spec.worldbody.add_geom(
            type=mj.mjtGeom.mjGEOM_CYLINDER,
            size=[0.4, 0.004, 0],
            pos=[x, y, 0.004],
            material=f"lamp-{point.id}",
            group=MARK,
        )


def joint_name(number: int, wheel: str) -> str:
    return f"{rover_name(number)}-wheel-{wheel}"


def lamp_name(number: int, lamp: Lamp) -> str:
    return f"{rover_name(number)}-{lamp}"


def _rover(spec: Any, scenario: Scenario, number: int, is_own: bool) -> Any:
    """Its own one the eye does not draw: the camera looks over it, and 24 rollers cost a third of a picture."""
    body = spec.worldbody.add_body(name=rover_name(number), mocap=True)
    group = MARK if is_own else LOW
    hx, hy = ROVER_HALF_M
    mast = scenario.camera.height_m
    dark, light = [0.16, 0.17, 0.2, 1], [0.86, 0.88, 0.9, 1]
    for size, pos, colour in (
        ([hx - 0.02, hy - 0.05, 0.04], [0, 0, 0.07], dark),
        ([hx - 0.05, hy - 0.04, 0.02], [0, 0, 0.13], light),
        ([0.03, 0.045, 0.025], [-0.045, 0, mast], dark),  # the camera's housing, behind its lens
    ):
        body.add_geom(type=mj.mjtGeom.mjGEOM_BOX, size=size, pos=pos, group=group, rgba=colour)
    _lamps(spec, body, number, mast, group)
    body.add_geom(
        type=mj.mjtGeom.mjGEOM_CYLINDER,
        size=[0.014, (mast - 0.15) / 2, 0],
        pos=[-0.05, 0, (mast + 0.15) / 2],
        rgba=light,
        group=group,
    )
    for name, (x, y) in WHEELS.items():
        joint = joint_name(number, name)
        wheel = body.add_body(name=joint, pos=[x, math.copysign(hy - 0.015, y), WHEEL_RADIUS_M])
        wheel.add_joint(name=joint, axis=[0, 1, 0])
        wheel.add_geom(
            type=mj.mjtGeom.mjGEOM_CYLINDER,
            size=[WHEEL_RADIUS_M * 0.8, 0.02, 0],
            quat=[0.7071068, 0.7071068, 0, 0],
            rgba=dark,
            group=group,
        )
        slant = math.copysign(math.pi / 4, x * y)  # mecanum: rollers at 45 degrees, an X seen from above
        for k in range(6):
            turn = k * math.pi / 3
            wheel.add_geom(
                type=mj.mjtGeom.mjGEOM_CAPSULE, size=[0.011, 0.018, 0], rgba=[0.55, 0.57, 0.6, 1], group=group,
                pos=[0.04 * math.sin(turn), 0, 0.04 * math.cos(turn)], quat=_roller(turn, slant),
            )  # fmt: skip
    return body


def _lamps(spec: Any, body: Any, number: int, mast: float, group: int) -> None:
    """A strip and its light on the floor for each bottom lamp, a cap on the mast's either side for the top ones."""
    hx, hy = ROVER_HALF_M
    kind, round_ = mj.mjtGeom.mjGEOM_BOX, mj.mjtGeom.mjGEOM_CYLINDER
    for lamp, (ahead, left) in {
        Lamp.BOTTOM_FRONT: (1, 0), Lamp.BOTTOM_BACK: (-1, 0), Lamp.BOTTOM_LEFT: (0, 1), Lamp.BOTTOM_RIGHT: (0, -1),
    }.items():  # fmt: skip
        name = lamp_name(number, lamp)
        spec.add_material(name=name, rgba=[0.5, 0.5, 0.5, 1], emission=0.8)
        size = [0.006, hy - 0.05, 0.012] if ahead else [hx - 0.06, 0.006, 0.012]
        strip = [ahead * (hx - 0.012), left * (hy - 0.047), 0.055]
        body.add_geom(type=kind, size=size, pos=strip, material=name, group=group)
        glow = [ahead * 0.2, left * 0.2, 0.006 if ahead else 0.0065]
        body.add_geom(type=round_, size=[0.2, 0.004, 0], pos=glow, material=name, group=MARK)
    for lamp, left in ((Lamp.TOP_LEFT, 1), (Lamp.TOP_RIGHT, -1)):
        name = lamp_name(number, lamp)
        spec.add_material(name=name, rgba=[0.5, 0.5, 0.5, 1], emission=0.8)
        body.add_geom(type=kind, size=[0.03, 0.012, 0.03], pos=[-0.045, left * 0.058, mast], material=name, group=group)


def _camera(rover: Any, scenario: Scenario, height_per_width: float) -> None:
    """On the rover's mast. Pictures of another shape are as wide, and higher or lower."""
    half_width = math.tan(math.radians(scenario.camera.hfov_deg) / 2)
    rover.add_camera(
        name="eye", pos=[0, 0, scenario.camera.height_m], quat=[0.5, 0.5, -0.5, -0.5],  # looks along +x, z up
        fovy=math.degrees(2 * math.atan(half_width * height_per_width)),
    )  # fmt: skip


def _standee(spec: Any, person: Person) -> None:
    """A board cut along the person's outline, seen from both sides; its front looks along +x of its body."""
    name = f"person-{person.id}"
    picture = portrait(person.clothes, person.mirrored)
    _picture_material(spec, name, picture.bgr[:, :, ::-1], repeat=None, emission=0.3)
    side = -1 if person.mirrored else 1
    corners = [((px - CENTRE_PX) * METRES_PER_PX * side, (HEIGHT_PX - py) * METRES_PER_PX) for px, py in OUTLINE]
    vertices, uvs = [], []
    for x in (0.004, -0.004):  # front and back have corners of their own, or their normals would cancel out
        for (px, py), (y, z) in zip(OUTLINE, corners, strict=True):
            vertices += [x, y, z]
            uvs += [px / WIDTH_PX if side > 0 else 1 - px / WIDTH_PX, py / HEIGHT_PX]
    count = len(OUTLINE)
    faces = []
    for a, b, c in triangles(OUTLINE):
        front, back = (a, b, c), (a + count, c + count, b + count)
        if side > 0:  # image rows grow downwards: what is clockwise in the picture faces away
            front, back = (a, c, b), (a + count, b + count, c + count)
        faces += [*front, *back]
    mesh = spec.add_mesh(name=name, uservert=vertices, userface=faces, usertexcoord=uvs)
    mesh.inertia = mj.mjtMeshInertia.mjMESH_INERTIA_SHELL
    body = spec.worldbody.add_body(name=person.id, mocap=True, pos=[0, 0, -50])
    body.add_geom(name=name, type=mj.mjtGeom.mjGEOM_MESH, meshname=name, material=name)
    body.add_geom(
        type=mj.mjtGeom.mjGEOM_CYLINDER, size=[PERSON_RADIUS_M, 0.012, 0], pos=[0, 0, 0.012], rgba=[0.3, 0.31, 0.33, 1]
    )
    body.add_geom(
        type=mj.mjtGeom.mjGEOM_CYLINDER,
        size=[0.42, 0.004, 0],
        pos=[0, 0, 0.006],
        rgba=rgba(person.clothes),
        group=MARK,
    )


def _camera_above(spec: Any, place: Place) -> None:
    """Looks down on the whole floor, a little from the south, in parallel projection: one scale all over."""
    xs = [x for area in place.floor for x in (area.corner[0], area.opposite[0])] or [-5.0, 5.0]
    ys = [y for area in place.floor for y in (area.corner[1], area.opposite[1])] or [-5.0, 5.0]
    tilt = math.radians(28)
    wide, deep = max(xs) - min(xs) + 1.0, (max(ys) - min(ys)) * math.cos(tilt) + 1.8
    far = 60.0
    middle_x, middle_y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2 + 0.5 * math.sin(tilt)
    spec.worldbody.add_camera(
        name="above", proj=mj.mjtProjection.mjPROJ_ORTHOGRAPHIC, fovy=max(deep, wide * 3 / 4),
        pos=[middle_x, middle_y - far * math.sin(tilt), far * math.cos(tilt)],
        quat=[math.cos(tilt / 2), math.sin(tilt / 2), 0, 0],
    )  # fmt: skip


def _picture_material(spec: Any, name: str, picture: Any, repeat: float | None, emission: float = 0.0) -> None:
    height, width = picture.shape[:2]
    texture = spec.add_texture(name=name, type=mj.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3)
    texture.data = picture.tobytes()
    material = spec.add_material(name=name, emission=emission, specular=0, shininess=0)
    material.textures[mj.mjtTextureRole.mjTEXROLE_RGB] = name
    if repeat is not None:
        material.texuniform = True
        material.texrepeat = [repeat, repeat]


def _roller(turn: float, slant: float) -> Any:
    """Orientation of a mecanum roller at an angle round the wheel's axle (y): its long axis is slanted against it."""
    about_y = np.array([math.cos(turn / 2), 0, math.sin(turn / 2), 0])
    lie_down = np.array([0.7071068, 0.7071068, 0, 0])
    about_z = np.array([math.cos(slant / 2), 0, 0, math.sin(slant / 2)])
    out = np.zeros(4)
    mj.mju_mulQuat(out, about_z, lie_down)
    both = np.zeros(4)
    mj.mju_mulQuat(both, about_y, out)
    return both
