"""A summer dress with flowers, an evening dress in satin."""

import math
from dataclasses import replace

import numpy as np

from edge_server.garments.drawing import cloth, parts
from edge_server.garments.drawing.cloth import BGRColour, Fold
from edge_server.garments.drawing.curves import (
    Path,
    back,
    bowed,
    flipped,
    joined,
    line,
    mirrored,
    offset,
    shifted,
    spline,
)
from edge_server.garments.drawing.sheet import Drawing, Field, Sheet
from edge_server.garments.drawing.upper import SIDES, Upper

SUMMER = Upper(
    neck=(10.2, 0.6),
    shoulder=(18.2, 3.0),
    armpit=(20.2, 20.0),
    outer=(25.6, 13.6),
    inner=(22.0, 19.4),
    waist=(16.2, 40.5),
    hem=(33.0, 98.0),
    front=16.0,
    rear=3.2,
    hem_drop=3.4,
)
EVENING = Upper(
    neck=(9.6, -1.0),
    shoulder=(11.4, -0.8),
    armpit=(18.0, 17.0),
    outer=(11.4, -0.8),
    inner=(18.0, 17.0),
    waist=(14.2, 36.0),
    hem=(30.5, 134.0),
    front=15.0,
    hem_drop=2.6,
)


def _skirt_folds(
    sheet: Sheet, waist: tuple[float, float], hem: tuple[float, float], count: int, height: float
) -> list[Fold]:
    """From the waist down, spreading as the skirt does."""
    folds = []
    for index in range(count):
        share = -1 + 2 * (index + 0.5) / count + sheet.rng.normal(0, 0.25 / count)
        start = sheet.rng.uniform(0.0, 0.3)
        top = (share * (waist[0] + (hem[0] - waist[0]) * start * 0.8), waist[1] + (hem[1] - waist[1]) * start)
        end = (share * hem[0] * 1.02, hem[1] + 9)
        width = 0.34 * hem[0] * 2 / count * sheet.rng.uniform(0.8, 1.25)
        bow = float(sheet.rng.normal(0, 0.02)) * (hem[1] - waist[1])
        folds.append(Fold(back(bowed(top, end, bow)), width, height * width * float(sheet.rng.uniform(0.75, 1.2))))
    return folds


def summer_dress() -> Drawing:
    sheet = Sheet((-37.0, -1.5, 37.0, 103.5), seed=10, long_px=640)
    upper = SUMMER
    x, y = upper.waist
    side = joined(
        spline(upper.armpit, (18.4, 30.0), upper.waist), spline(upper.waist, (20.5, 50.0), (27.0, 72.0), upper.hem)
    )
    hem = _wavy(upper.hemline(), 0.55, 7)
    half = joined(upper.shoulder_line(), upper.armhole(), side)
    neck = joined(bowed(upper.neck, (0.0, upper.front), 1.2), mirrored(bowed(upper.neck, (0.0, upper.front), 1.2)))
    torso = joined(half, hem, mirrored(half), back(neck))
    outlines = [torso, *(upper.sleeve(s) for s in SIDES)]
    mask = sheet.area(*outlines)
    folds = _skirt_folds(sheet, upper.waist, upper.hem, 9, 0.42)
    for s in SIDES:
        for degrees, length in ((215, 10), (165, 10), (130, 12)):
            angle = degrees if s > 0 else 180 - degrees
            folds.append(cloth.pull(sheet, (s * 19.8, 20.5), angle, length, 0.8, 0.24))
        for at in (0.3, 0.55, 0.8):
            start = (s * (18.0 + 5 * at), 3.5 + 4.0 * at)
            end = (s * (20.8 + 4.6 * at), 20.0 - 2.0 * at)
            folds.append(Fold(bowed(start, end, 0.6 * s), 0.8, 0.32))
    for place in np.linspace(-0.92, 0.92, 17):  # gathers under the waist's seam
        low = y + 9 + 5 * sheet.rng.random()
        folds.append(Fold(line((place * x, y + 0.4), (place * (x + 2.8), low)), 0.5, 0.2))
        folds.append(
            Fold(line((place * x * 0.98, y - 0.4), (place * x * 1.04, y - 5 - 2 * sheet.rng.random())), 0.45, 0.09)
        )
    open_end = sheet.area(
        joined(half, shifted(hem, 0, 12), mirrored(half), back(neck)), *(upper.sleeve(s, 8.0) for s in SIDES)
    )
    height = sheet.puff(open_end, 4.0, 1.4) + cloth.folded(sheet, folds) + cloth.crumpled(sheet, 8, 0.3)
    height += cloth.jersey(sheet) * np.float32(0.8)
    for s in SIDES:
        cloth.seam(sheet, height, upper.on(s, upper.armhole()), 0.1)
        cloth.seam(sheet, height, upper.on(s, spline((10.6, 40.0), (10.0, 31.0), (8.4, 24.0))), 0.05)
    waistline = spline((x + 0.4, y), (x * 0.5, y + 0.9), (0, y + 1.1), (-x * 0.5, y + 0.9), (-x - 0.4, y))
    cloth.seam(sheet, height, waistline, 0.16)
    cloth.seam(sheet, height, offset(hem, 2.2), 0.04)
    bgr: BGRColour = (226, 236, 242)
    base = cloth.plain(sheet, bgr, 0.02)
    for pattern, ink in _flowers(sheet):
        base = cloth.mix(base, ink, cloth.bent(sheet, pattern, height, 0.5))
    inside = joined(neck, back(upper.neckline_rear()))
    sheet.lay(
        sheet.area(joined(offset(neck, -0.6), back(upper.neckline_rear()))) * sheet.area(torso, inside),
        cloth.plain(sheet, cloth.times(bgr, 0.66)),
        cloth.crumpled(sheet, 6, 0.25),
        shadow=0,
    )
    parts.sewn_label(sheet, upper.rear + 0.8)
    sheet.lay(mask, base, height)
    binding = sheet.area(joined(neck, back(offset(neck, -0.9)))) * mask
    sheet.lay(binding, cloth.plain(sheet, (96, 110, 196)), sheet.puff(binding, 0.45, 0.2), shadow=0.3, shadow_cm=0.25)
    cloth.stitches(sheet, waistline, (150, 150, 190), 0.5, 0.08, 0.36, 0.5)
    for place in ((0, 19.5), (0, 24.5), (0, 29.5), (0, 34.5)):
        parts.button(sheet, place, 0.62, (120, 132, 206))
    cloth.stitches(sheet, hem, (170, 180, 200), 2.0, 0.08, 0.36, 0.5)
    landmarks = upper.landmarks()
    return sheet.finished(landmarks, (inside,))


def _wavy(path: Path, height: float, waves: int) -> Path:
    share = np.linspace(0, 1, len(path))
    fade = np.sin(np.pi * share) ** 0.3
    return path + np.stack([np.zeros_like(share), np.sin(share * waves * 2 * math.pi) * height * fade], axis=1)


def _flowers(sheet: Sheet) -> list[tuple[Field, BGRColour]]:
    """Strewn at chance, never too near to each other; leaves below, petals, then hearts."""
    places: list[tuple[float, float, float]] = []
    low, high = sheet.origin, sheet.origin + np.array(sheet.shape[::-1]) / sheet.scale
    for _ in range(6000):
        x, y = (float(v) for v in sheet.rng.uniform(low, high))
        size = 2.0 if sheet.rng.random() < 0.4 else 1.1
        if all(math.hypot(x - a, y - b) > (size + c) * 1.35 for a, b, c in places):
            places.append((x, y, size))
    petals: list[list[Path]] = [[], [], []]
    inner: list[Path] = []
    leaves: list[Path] = []
    hearts: list[Path] = []
    for x, y, size in places:
        turn = float(sheet.rng.uniform(0, 2 * math.pi))
        colour = int(sheet.rng.choice(3, p=[0.5, 0.28, 0.22]))
        if size > 1.5:
            for step in (0.3, 2.5, 4.4):
                leaves.append(_leaf(x, y, turn + step, size * 0.7, size * 1.5))
        else:
            leaves.append(_leaf(x, y, turn, size * 0.4, size * 1.9))
        for petal in range(5):
            angle = turn + petal * 2 * math.pi / 5
            petals[colour].append(_petal(x, y, angle, size))
            if size > 1.5:
                inner.append(_petal(x, y, angle, size * 0.5))
        hearts.append(np.array([x, y]) + size * 0.2 * np.stack([np.cos(_RING), np.sin(_RING)], axis=1))
    reds: list[BGRColour] = [(92, 88, 214), (176, 128, 92), (120, 176, 240)]
    drawn = [(sheet.area(*leaves), (96.0, 132.0, 92.0))]
    drawn += [(sheet.area(*paths), ink) for paths, ink in zip(petals, reds, strict=True)]
    drawn += [(sheet.area(*inner) * np.float32(0.3), (60.0, 50.0, 120.0)), (sheet.area(*hearts), (70.0, 190.0, 240.0))]
    return drawn


_RING = np.linspace(0, 2 * math.pi, 16, endpoint=False)


def _petal(x: float, y: float, angle: float, size: float) -> Path:
    middle = np.array([x + 0.55 * size * math.cos(angle), y + 0.55 * size * math.sin(angle)])
    along, across = np.cos(_RING) * size * 0.46, np.sin(_RING) * size * 0.36
    c, s = math.cos(angle), math.sin(angle)
    return middle + np.stack([along * c - across * s, along * s + across * c], axis=1)


def _leaf(x: float, y: float, angle: float, start: float, end: float) -> Path:
    c, s = math.cos(angle), math.sin(angle)
    a, b = (x + start * c, y + start * s), (x + end * c, y + end * s)
    bow = 0.22 * (end - start) + 0.1
    return joined(bowed(a, b, bow), bowed(b, a, bow))


def evening_dress() -> Drawing:
    sheet = Sheet((-34.5, -3.5, 34.5, 139.0), seed=11, long_px=640)
    upper = EVENING
    x, _ = upper.waist
    side = joined(
        spline(upper.armpit, (16.4, 26.0), upper.waist),
        spline(upper.waist, (17.6, 46.0), (20.0, 58.0), (21.0, 80.0), (25.0, 108.0), upper.hem),
    )
    # a heart-shaped bodice on two narrow straps
    top = spline(upper.armpit, (15.6, 13.4), (11.4, 10.4), (7.0, 10.6), (2.6, 13.4), (0, 15.4))
    hem = _wavy(upper.hemline(), 0.5, 5)
    half = joined(back(top), side)
    torso = joined(half, hem, mirrored(half))
    straps = []
    for s in SIDES:
        run = spline((s * 9.7, -1.0), (s * 10.4, 4.0), (s * 10.6, 11.2))
        straps.append(joined(offset(run, -0.7), back(offset(run, 0.7))))
        straps.append(upper.on(s, spline((9.8, -1.0), (8.4, 2.0), (8.0, 9.6), (9.2, 9.6), (9.4, 2.4), (10.6, -0.8))))
    mask = sheet.area(torso)
    folds = _skirt_folds(sheet, (x + 3, 54.0), (upper.hem[0], upper.hem[1]), 8, 0.6)
    for index, at in enumerate(np.linspace(0.0, 1.0, 11)):  # drapes run across the bodice to the wearer's left hip
        start = (-17.4 + 3.6 * at + (2.4 if at > 0.7 else 0), 17.5 + 25.0 * at)
        end = (14.0 + 2.0 * at, 38.0 + 7.0 * at)
        folds.append(Fold(bowed(start, end, 2.4 - 2.0 * at), 1.0, 0.42 + 0.05 * (index % 3), fades=False))
    for degrees, length in ((82, 60), (92, 74), (102, 80), (112, 70), (124, 54), (138, 38), (152, 26)):
        folds.append(cloth.pull(sheet, (15.4, 45.5), degrees, length, 2.0, 0.85))
    open_end = sheet.area(joined(half, shifted(hem, 0, 12), mirrored(half)))
    height = sheet.puff(open_end, 4.4, 1.7) + cloth.folded(sheet, folds, 0.8) + cloth.crumpled(sheet, 10, 0.4, 1.6)
    bgr: BGRColour = (78, 104, 10)
    base = cloth.plain(sheet, bgr, 0.02)
    # the back, seen above the heart
    rear = spline((17.4, 16.4), (9.0, 13.6), (0, 13.0), (-9.0, 13.6), (-17.4, 16.4))
    inside = joined(rear, flipped(top), back(top))
    sheet.lay(sheet.area(inside), cloth.plain(sheet, cloth.times(bgr, 0.55)), cloth.crumpled(sheet, 6, 0.2), shadow=0)
    for outline, dim in zip(straps, (0.9, 0.62, 0.9, 0.62), strict=True):
        strap = sheet.area(outline)
        sheet.lay(
            strap,
            cloth.plain(sheet, cloth.times(bgr, dim)),
            sheet.puff(strap, 0.6, 0.25),
            gloss=0.2,
            shine=12,
            shadow=0.2,
            shadow_cm=0.2,
        )
    sheet.lay(mask, base, height, gloss=0.42, shine=9.0, shadow=0.35, shadow_cm=0.4)
    both = joined(flipped(top), back(top)[1:])
    hem_line = sheet.area(joined(both, back(offset(both, 0.9)))) * mask
    sheet.lay(hem_line, base, sheet.puff(hem_line, 0.45, 0.2), gloss=0.3, shine=9.0, shadow=0.3, shadow_cm=0.25)
    _brooch(sheet, (15.0, 45.0))
    upper = replace(upper, front=15.4)
    return sheet.finished(upper.landmarks(), (inside,))


def _brooch(sheet: Sheet, centre: tuple[float, float]) -> None:
    """Where the drapes meet."""
    for index in range(8):
        angle = index * math.pi / 4
        place = centre[0] + 1.25 * math.cos(angle), centre[1] + 1.25 * math.sin(angle)
        parts.button(sheet, place, 0.55, (214, 226, 232), metal=True)
    parts.button(sheet, centre, 0.9, (206, 222, 214), metal=True)
