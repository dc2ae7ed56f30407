"""What is sewn on: the inside of a back, collars, ribs, buttons, pockets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_server.garments.drawing import cloth
from edge_server.garments.drawing.cloth import BGRColour, Colours, Fold, pull
from edge_server.garments.drawing.curves import (
    XY,
    Path,
    back,
    between,
    bowed,
    disc,
    extended,
    flipped,
    joined,
    line,
    mirrored,
    offset,
    rectangle,
    spline,
)
from edge_server.garments.drawing.sheet import Field, Sheet
from edge_server.garments.drawing.upper import SIDES, Upper


@dataclass(frozen=True, slots=True)
class Collar:
    """The wearer's left leaf of a turned-down collar."""

    top: XY = (7.4, -2.2)  # where it turns over, beside the neck
    join: XY = (0.5, 6.2)  # where the leaves meet in front
    tip: XY = (6.6, 13.6)
    shoulder: XY = (12.2, 2.3)  # its outer edge on the shoulder
    arch: float = 1.1  # how much higher the fold is behind the neck
    stand: float = 3.6  # height of the band inside

    def inner_edge(self) -> Path:
        x, y = between(self.top, self.join, 0.5)
        return spline(self.top, (x + 1.1, y + 0.2), self.join)

    def leaf(self) -> Path:
        x, y = self.top
        return joined(
            self.inner_edge(),
            bowed(self.join, self.tip, -0.15),
            bowed(self.tip, self.shoulder, 0.5),
            spline(self.shoulder, (x + 2.6, y + 0.9), self.top),
        )

    def rear(self) -> Path:
        """The fold behind the neck, from the wearer's left to the right."""
        x, y = self.top
        half = spline((x, y), (x * 0.6, y - self.arch * 0.8), (0, y - self.arch))
        return joined(half, mirrored(half))

    def hole(self) -> Path:
        edge = self.inner_edge()
        return joined(back(self.rear()), edge, back(flipped(edge)))


def long_folds(sheet: Sheet, upper: Upper, strength: float = 1.0) -> list[Fold]:
    """What long sleeves do: creases across at the elbow, pulls from the armpit, loose rings above the cuff."""
    folds = []
    for side in SIDES:
        for at in (0.26, 0.36, 0.43, 0.5, 0.58, 0.7, 0.8):
            near_elbow = max(0.0, 1 - abs(at - 0.47) / 0.3)
            path = upper.across_sleeve(side, at + sheet.rng.uniform(-0.02, 0.02))
            start, end = (path[0], path[-1]) if sheet.rng.random() < 0.35 else (path[-1], path[0])
            reach = sheet.rng.uniform(0.6, 1.0)
            end = start + (end - start) * reach + (0.0, sheet.rng.uniform(-4.5, 1.5))
            ridge = bowed((start[0], start[1]), (end[0], end[1]), sheet.rng.uniform(-0.8, 0.8))
            folds.append(Fold(ridge, 1.25, (0.2 + 0.32 * near_elbow) * strength, sheet.rng.random() < 0.6))
        ax, ay = upper.armpit
        for degrees, length in ((62, 15), (40, 11), (-62, 13), (-100, 14)):
            angle = degrees if side > 0 else 180 - degrees
            folds.append(pull(sheet, (side * (ax + 0.5), ay), angle, length, 0.9, 0.36 * strength))
    return folds


def body_folds(sheet: Sheet, upper: Upper, strength: float = 1.0, loose: float = 1.0) -> list[Fold]:
    """What the body of a top does that hangs: pulled from the armpits, sagging at the sides, loose at the hem."""
    folds: list[Fold] = []
    ax, ay = upper.armpit
    low = upper.hem[1]
    for side in SIDES:
        for degrees, length, height in ((205, 15, 0.42), (168, 13, 0.36), (140, 15, 0.34), (118, 17, 0.3)):
            start = (side * (ax - 0.6), ay + sheet.rng.uniform(-1, 1.5))
            folds.append(pull(sheet, start, degrees if side > 0 else 180 - degrees, length, 1.1, height * strength))
        for at in (0.35, 0.62, 0.86):
            x, y = side * (ax - 0.2), ay + (low - ay) * at + sheet.rng.uniform(-3, 3)
            sag = 160 + sheet.rng.uniform(-12, 25)
            folds.append(pull(sheet, (x, y), sag if side > 0 else 180 - sag, 12, 1.5, 0.28 * strength))
    for x in (-17.0, -9.0, -1.0, 7.0, 16.0):
        top = (x * 0.8 + sheet.rng.uniform(-2, 2), low * 0.42 + sheet.rng.uniform(-8, 12))
        end = (x * 1.1 + sheet.rng.uniform(-2, 2), low + upper.hem_drop + 6)
        width = float(sheet.rng.uniform(2.4, 4.2))
        ridge = back(bowed(top, end, float(sheet.rng.uniform(-2.5, 2.5))))
        folds.append(Fold(ridge, width, 0.24 * width * strength * loose))
    for across, at, angle in (
        (-8.0, 0.37, 40.0),
        (9.0, 0.4, 145.0),
        (-14.0, 0.62, 25.0),
        (13.0, 0.72, 160.0),
        (3.0, 0.55, 60.0),
    ):
        drag = pull(sheet, (across, low * at), angle, 17, 2.0, 0.42 * strength)
        folds.append(Fold(drag.path, drag.width_cm, drag.height_cm, fades=False))
    return folds


def shell(sheet: Sheet, upper: Upper, folds: Field, ruffle: float = 1.0, puff: float = 1.0) -> tuple[Field, Field]:
    """Mask and height of body and sleeves together."""
    whole = sheet.area(upper.torso(), *(upper.sleeve(side) for side in SIDES))
    # hems and cuffs are open ends: only the edges beside them are round
    torso = sheet.area(upper.torso(12.0))
    longer = np.maximum(torso, sheet.area(*(upper.sleeve(side, 12.0) for side in SIDES)))
    height = sheet.puff(longer, 4.5, 1.5 * puff) + sheet.puff(torso, 2.5, 0.3 * puff) + sheet.puff(whole, 0.7, 0.12)
    height += folds + cloth.crumpled(sheet, 9, 0.32 * ruffle) - np.float32(0.0009) * sheet.x**2
    for side in SIDES:
        cloth.seam(sheet, height, upper.on(side, upper.armhole()), 0.13)
        cloth.seam(sheet, height, upper.on(side, upper.shoulder_line()), 0.05)
    return whole, height


def sleeve_field(sheet: Sheet, upper: Upper, side: int) -> tuple[Field, Field, Field]:
    """Mask of a sleeve, and places on it: across and along, from the shoulder down."""
    top = between(upper.shoulder, upper.armpit, 0.5)
    low = between(upper.outer, upper.inner, 0.5)
    if upper.elbow_outer and upper.elbow_inner:
        axis = spline(top, between(upper.elbow_outer, upper.elbow_inner, 0.5), low)
    else:
        axis = line(top, low)
    start, end = axis[0] + (axis[0] - axis[1]) * 3, axis[-1] + (axis[-1] - axis[-2]) * 3
    track = sheet.track(upper.on(side, np.vstack([start, axis, end])), 16.0)
    across, along, mask = sheet.zeros(), sheet.zeros(), sheet.zeros()
    across[track.rows, track.columns] = track.beside
    along[track.rows, track.columns] = track.along
    mask = np.minimum(sheet.area(upper.sleeve(side)), 1 - sheet.area(upper.torso()))
    return mask, across, along


def inner_back(sheet: Sheet, upper: Upper, colours: Colours, tape: BGRColour, label: bool = True) -> None:
    """The inside of the back, with the tape at its neck and a label."""
    rear = upper.neckline_rear()
    mask = sheet.area(joined(rear, back(offset(upper.neckline(), -1.5)))) * sheet.area(upper.torso(), upper.hole())
    depth = np.clip((sheet.y - upper.rear) / max(1.0, upper.front), 0, 1)
    dim = (colours * (0.6 + 0.14 * depth)[..., None]).astype(np.float32)
    sheet.lay(mask, dim, cloth.crumpled(sheet, 6, 0.2), shadow=0)
    strip = sheet.area(joined(rear, back(offset(rear, -1.0)))) * mask
    sheet.lay(strip, cloth.flat(sheet, tape), sheet.zeros(), shadow=0.2, shadow_cm=0.2)
    if label:
        sewn_label(sheet, upper.rear + 0.9)


def sewn_label(sheet: Sheet, top: float, bgr: BGRColour = (225, 228, 230)) -> None:
    sheet.lay(
        sheet.area(rectangle(-1.9, top, 1.9, top + 2.4)),
        cloth.flat(sheet, bgr),
        sheet.zeros(),
        shadow=0.3,
        shadow_cm=0.2,
    )
    for half, down, width in ((1.1, 1.0, 0.35), (0.7, 1.7, 0.2)):
        sheet.ink(sheet.stroke(line((-half, top + down), (half, top + down)), width), (80, 70, 65), 0.8)


def crew_collar(sheet: Sheet, upper: Upper, colours: Colours, width: float = 2.1, rib_cm: float = 0.42) -> None:
    """A ribbed band: behind the neck, then around the front."""
    rear = upper.neckline_rear()
    mask = sheet.area(joined(offset(rear, 0.2), back(offset(rear, -width * 0.8))))
    height = sheet.puff(mask, 0.9, 0.3)
    cloth.ribs(sheet, height, offset(rear, 0.2), -width, rib_cm, 0.045 * rib_cm)
    sheet.lay(mask, (colours * 0.93).astype(np.float32), height, shadow=0.0)
    neckline = upper.neckline()
    mask = sheet.area(joined(neckline, back(offset(neckline, -width)))) * sheet.area(upper.torso())
    height = sheet.puff(mask, 1.0, 0.34)
    cloth.ribs(sheet, height, neckline, -width, rib_cm, 0.045 * rib_cm)
    sheet.lay(mask, colours, height, shadow=0.3, shadow_cm=0.35)


def ribbed(sheet: Sheet, edge: Path, width: float, colours: Colours, clip: Field, rib_cm: float = 0.5) -> None:
    """A ribbed cuff or hem, `width` beside the edge it ends with (positive: to the edge's right)."""
    long = extended(edge, 1.5)
    mask = sheet.area(joined(long, back(offset(long, width)))) * clip
    height = sheet.puff(mask, 1.3, 0.4)
    cloth.ribs(sheet, height, edge, width, rib_cm, 0.05 * rib_cm)
    sheet.lay(mask, colours, height, shadow=0.25, shadow_cm=0.3)


def turned_collar(sheet: Sheet, collar: Collar, colours: Colours, inner: Colours, rib: bool = False) -> None:
    """The leaves of a collar; call `collar_inside` before the body is laid."""
    for side in SIDES:
        outline = Upper.on(side, collar.leaf())
        mask = sheet.area(outline)
        height = sheet.puff(mask, 1.1, 0.42) + cloth.crumpled(sheet, 7, 0.2)
        if rib:
            edge = Upper.on(side, bowed(collar.tip, collar.shoulder, 0.5))
            track = sheet.track(edge, 9.0)
            height[track.rows, track.columns] += np.float32(0.012) * np.sin(track.beside / 0.4 * 2 * np.pi)
        sheet.lay(mask, colours, height, shadow=0.4, shadow_cm=0.6)


def collar_inside(sheet: Sheet, collar: Collar, colours: Colours, label: BGRColour | None = (225, 228, 230)) -> None:
    """The inside of the back and of the collar's band."""
    dim = (colours * 0.66).astype(np.float32)
    sheet.lay(sheet.area(collar.hole()), dim, cloth.crumpled(sheet, 6, 0.15), shadow=0)
    rear = collar.rear()
    band = sheet.area(joined(rear, back(offset(rear, -collar.stand)))) * sheet.area(collar.hole())
    height = sheet.puff(band, 1.0, 0.25)
    sheet.lay(band, (colours * 0.84).astype(np.float32), height, shadow=0.35, shadow_cm=0.4)
    if label:
        sewn_label(sheet, collar.top[1] - collar.arch + 0.6, label)


def button(sheet: Sheet, centre: XY, radius: float, bgr: BGRColour, metal: bool = False) -> None:
    mask = sheet.area(disc(centre, radius))
    away = np.hypot(sheet.x - centre[0], sheet.y - centre[1]) / radius
    height = np.clip(1 - away, 0, 0.3) * radius * 1.2
    height -= np.exp(-(((away - 0.62) / 0.12) ** 2)).astype(np.float32) * radius * 0.12
    gloss = 0.5 if metal else 0.22
    sheet.lay(mask, cloth.flat(sheet, bgr), height.astype(np.float32), gloss, 30.0, 0.5, 0.16)
    if not metal:
        for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            hole = disc((centre[0] + dx * radius * 0.24, centre[1] + dy * radius * 0.24), radius * 0.12, 12)
            sheet.ink(sheet.area(hole), cloth.times(bgr, 0.35), 0.9)


def patch(
    sheet: Sheet, outline: Path, colours: Colours, base: Field, thread: BGRColour | None, raise_cm: float = 0.16
) -> None:
    """A pocket, flap or tab on top; it follows the cloth under it."""
    mask = sheet.area(outline)
    height = base + sheet.puff(mask, 0.7, raise_cm)
    sheet.lay(mask, colours, height, shadow=0.35, shadow_cm=0.3)
    if thread:
        closed = np.vstack([outline, outline[:1]])
        cloth.stitches(sheet, offset_inside(closed, 0.45), thread)


def offset_inside(closed: Path, distance: float) -> Path:
    """Each corner of a closed outline moved inwards."""
    points = closed[:-1]
    area = np.sum(points[:, 0] * np.roll(points[:, 1], -1) - np.roll(points[:, 0], -1) * points[:, 1])
    sign = 1.0 if area > 0 else -1.0
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    normals = []
    for run in (before, after):
        run = run / np.maximum(np.hypot(run[:, 0], run[:, 1]), 1e-9)[:, None]
        normals.append(np.stack([-run[:, 1], run[:, 0]], axis=1) * sign)
    middle = normals[0] + normals[1]
    length = np.maximum((middle**2).sum(axis=1) / 2, 0.5)[:, None]
    moved = points + middle / length * distance
    return np.vstack([moved, moved[:1]])


def row(start: XY, end: XY, count: int) -> Sequence[XY]:
    """Places of buttons."""
    return [between(start, end, index / max(1, count - 1)) for index in range(count)]
