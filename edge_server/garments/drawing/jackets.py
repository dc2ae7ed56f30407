"""A denim jacket and a blazer."""

import numpy as np

from edge_server.garments.drawing import cloth, parts
from edge_server.garments.drawing.cloth import BGRColour
from edge_server.garments.drawing.curves import (
    Path,
    back,
    between,
    bowed,
    flipped,
    joined,
    line,
    mirrored,
    offset,
    spline,
)
from edge_server.garments.drawing.sheet import Drawing, Field, Sheet
from edge_server.garments.drawing.upper import SIDES, Upper

DENIM = Upper(
    neck=(8.6, 0.8),
    shoulder=(23.2, 5.6),
    armpit=(26.2, 25.0),
    outer=(44.6, 57.0),
    inner=(37.0, 59.4),
    waist=(25.6, 44.0),
    hem=(24.2, 61.0),
    front=6.8,
    elbow_outer=(36.4, 28.6),
    elbow_inner=(31.0, 41.0),
    hem_drop=0.6,
)
DENIM_COLLAR = parts.Collar(top=(7.9, -2.4), join=(0.7, 7.2), tip=(10.6, 14.2), shoulder=(13.6, 2.6), stand=3.8)
DEEP, FADED = (96.0, 62.0, 40.0), (202.0, 168.0, 134.0)
THREAD: BGRColour = (62.0, 138.0, 198.0)
COPPER: BGRColour = (98.0, 140.0, 178.0)

BLAZER = Upper(
    neck=(8.8, 0.6),
    shoulder=(23.4, 4.6),
    armpit=(24.8, 25.0),
    outer=(41.0, 62.4),
    inner=(33.4, 64.2),
    waist=(22.6, 43.0),
    hem=(25.6, 73.0),
    front=44.0,
    elbow_outer=(33.4, 30.0),
    elbow_inner=(28.4, 43.0),
    slope=-0.15,
)


def _double(sheet: Sheet, path: Path, side: float = 1.0, first: float = 0.3, gap: float = 0.55) -> None:
    """Two rows of thick thread."""
    for beside in (first, first + gap):
        cloth.stitches(sheet, path, THREAD, beside * side, 0.14, 0.36, 0.85)


def denim_jacket() -> Drawing:
    sheet = Sheet((-47.0, -5.5, 47.0, 64.0), seed=8)
    upper = DENIM
    folds = [*parts.body_folds(sheet, upper, 0.8, 0.45), *parts.long_folds(sheet, upper, 1.15)]
    mask, height = parts.shell(sheet, upper, cloth.folded(sheet, folds), ruffle=1.1)
    bottom = 61.4
    yokes = [upper.on(side, spline((2.6, 18.0), (14.0, 19.0), (24.0, 17.2))) for side in SIDES]
    darts = [
        upper.on(side, run)
        for side in SIDES
        for run in (line((7.4, 19.0), (5.2, 57.0)), line((18.6, 18.6), (12.2, 57.0)))
    ]
    shoulders = [upper.on(side, spline((9.4, 4.2), (16.0, 6.2), (23.4, 9.4))) for side in SIDES]
    for seam in (*yokes, *darts, *shoulders, *(upper.on(side, upper.armhole()) for side in SIDES)):
        cloth.seam(sheet, height, seam, 0.14)
        cloth.pucker(sheet, height, seam, 0.9, 0.035)
    sleeve_seams = []
    for side in SIDES:
        run = upper.on(
            side,
            spline(between(upper.shoulder, upper.armpit, 0.72), (32.6, 37.0), between(upper.outer, upper.inner, 0.62)),
        )
        sleeve_seams.append(run)
        cloth.seam(sheet, height, run, 0.1)
        cloth.pucker(sheet, height, run, 1.0, 0.03)
    worn = _worn(sheet, mask, height, 0.4)
    base = cloth.denim(sheet, DEEP, FADED, worn)
    height = height + cloth.twill(sheet)
    inside = cloth.denim(sheet, FADED, (214, 196, 178), np.full(sheet.shape, 0.45, np.float32))
    parts.collar_inside(sheet, DENIM_COLLAR, inside, (52, 80, 120))
    sheet.lay(mask, base, height)
    for seam, side in ((yokes[0], -1), (yokes[1], 1), (shoulders[0], 1), (shoulders[1], -1)):
        _double(sheet, seam, side)
    for dart in darts:
        _double(sheet, dart, 1.0, -0.3)
    for side, run in zip(SIDES, sleeve_seams, strict=True):
        _double(sheet, upper.on(side, upper.armhole()), -side)
        _double(sheet, run, side)
    # waistband
    hem = upper.hemline()
    long = joined(line((26.0, 61.2)), hem, line((-26.0, 61.2)))
    band = sheet.area(joined(long, back(offset(long, 4.2)))) * mask
    band_height = height * np.float32(0.4) + sheet.puff(band, 0.8, 0.25)
    sheet.lay(band, base, band_height, shadow=0.35, shadow_cm=0.35)
    for beside in (0.45, 3.75):
        cloth.stitches(sheet, hem, THREAD, beside, 0.14, 0.36, 0.85)
    # front
    placket = line((-2.5, 7.4), (2.5, 6.6), (2.5, bottom), (-2.5, bottom))
    parts.patch(sheet, placket, base, height, None, 0.2)
    for x in (-2.0, 2.0):
        cloth.stitches(sheet, line((x, 8.0), (x, bottom - 0.3)), THREAD, 0, 0.14, 0.36, 0.85)
    for side in SIDES:
        flap = upper.on(side, line((6.6, 18.6), (17.8, 18.8), (17.6, 22.4), (12.2, 25.4), (6.8, 22.2)))
        parts.patch(sheet, flap, base, height, THREAD, 0.3)
        parts.button(sheet, (side * 12.2, 23.0), 0.75, COPPER, metal=True)
    for side in SIDES:
        edge = upper.on(side, upper.cuff())
        long = np.vstack([edge[0] + (edge[0] - edge[2]), edge, edge[-1] + (edge[-1] - edge[-3])])
        cuff = sheet.area(joined(long, back(offset(long, 5.4 * side)))) * mask
        sheet.lay(cuff, base, height + sheet.puff(cuff, 0.8, 0.3), shadow=0.35, shadow_cm=0.35)
        for beside in (0.5, 4.9):
            cloth.stitches(sheet, edge, THREAD, beside * side, 0.14, 0.36, 0.85)
        x, y = between(upper.outer, upper.inner, 0.25)
        parts.button(sheet, (side * (x - 0.8), y - 2.6), 0.7, COPPER, metal=True)
    for place in parts.row((0.0, 12.6), (0.0, 59.2), 6):
        parts.button(sheet, place, 0.82, COPPER, metal=True)
    parts.turned_collar(sheet, DENIM_COLLAR, base, base)
    for side in SIDES:
        c = DENIM_COLLAR
        for run in (bowed(c.join, c.tip, -0.15), bowed(c.tip, c.shoulder, 0.5)):
            cloth.stitches(sheet, upper.on(side, run), THREAD, 0.55 * side, 0.14, 0.36, 0.85)
    return sheet.finished(upper.landmarks(), (DENIM_COLLAR.hole(),))


def _worn(sheet: Sheet, mask: Field, height: Field, share: float) -> Field:
    """Where denim rubs: on ridges, in the middle of panels; seams and hollows stay dark."""
    ridges = height - sheet.blur(height, 1.6)
    fine = height - sheet.blur(height, 0.5)
    middle = sheet.puff(mask, 9.0, 1.0)
    return np.clip(share - 0.16 + 0.22 * middle + 0.9 * ridges + 1.0 * fine, 0.03, 0.95).astype(np.float32)


def blazer() -> Drawing:
    sheet = Sheet((-44.5, -5.0, 44.5, 77.0), seed=9)
    upper = BLAZER
    wool = cloth.heather(sheet, (88, 60, 46), (70, 47, 36))
    # each front: from the neck along the lapel's roll to the button, then away to the hem
    roll = spline((8.4, 0.2), (6.2, 16.0), (2.0, 36.0), (-1.6, 44.5))
    away = spline((-1.6, 44.5), (-1.5, 54.0), (1.6, 64.5), (6.4, 71.6), (12.5, 74.6))
    hem = spline((12.5, 74.6), (19.0, 74.4), (25.6, 73.0))
    half = joined(upper.shoulder_line(), upper.armhole(), upper.side())
    front = joined(half, back(hem), back(away), back(roll))
    lining = cloth.plain(sheet, (64, 44, 110), 0.05)
    rear_half = spline((8.0, -2.6), (5.0, -3.5), (0, -3.8))
    seen = roll[roll[:, 0] > 0.2]  # the wearer's left front crosses the middle and hides the rest
    hole = joined(rear_half, mirrored(rear_half), flipped(seen), back(seen))
    below = away[away[:, 0] > 0]
    gap = joined(below, line((0, 74.6)), back(flipped(below)))
    low_lining = sheet.area(joined(line((-14, 50), (14, 50), (13, 73.0)), line((-13, 73.0))))
    lining_mask = np.maximum(
        sheet.area(joined(rear_half, mirrored(rear_half), line((-11, 20), (-3, 46), (3, 46), (11, 20)))), low_lining
    )
    silk = cloth.folded(
        sheet,
        [cloth.Fold(bowed((x, -2.0), (x * 0.5, 45.0), x * 0.1), 1.8, 0.35, False) for x in (-5.5, -1.0, 4.0)]
        + [cloth.Fold(line((x, 46.0), (x, 76.0)), 1.4, 0.3, False) for x in (-3.0, 2.0)],
    )
    sheet.lay(lining_mask, lining, silk + cloth.crumpled(sheet, 6, 0.3), gloss=0.12, shine=20, shadow=0)
    depth = np.clip((sheet.y + 2) / 34, 0, 1)
    sheet.shade(np.where(lining_mask > 0, 0.72 - 0.2 * depth, 1).astype(np.float32))
    # the back's own neck: a facing in wool, with a loop to hang it by
    facing = sheet.area(
        joined(rear_half, mirrored(rear_half), spline((-8.2, 0.5), (-4.5, 3.6), (0, 4.4), (4.5, 3.6), (8.2, 0.5)))
    )
    sheet.lay(facing * (lining_mask > 0.5), (wool * 0.8).astype(np.float32), sheet.zeros(), shadow=0.35, shadow_cm=0.4)
    parts.sewn_label(sheet, 5.4, (60, 74, 84))
    folds = [*parts.body_folds(sheet, upper, 0.42, 0.35), *parts.long_folds(sheet, upper, 0.55)]
    sleeves = [sheet.area(upper.sleeve(side)) for side in SIDES]
    fronts = [sheet.area(upper.on(side, front)) for side in (-1, 1)]
    whole = np.maximum.reduce([*sleeves, *fronts])
    longer = np.maximum.reduce([whole, *(sheet.area(upper.sleeve(side, 10.0)) for side in SIDES), low_lining])
    height = sheet.puff(longer, 4.6, 1.5) + cloth.folded(sheet, folds) + cloth.crumpled(sheet, 12, 0.22)
    height -= np.float32(0.0009) * sheet.x**2
    height += cloth.jersey(sheet) * np.float32(0.8)
    rope = sheet.zeros()
    for side in SIDES:  # the sleeve's head stands a little over the shoulder
        track = sheet.track(upper.on(side, upper.armhole()), 3.0)
        bump = np.exp(-(((track.beside * side + 0.7) / 0.8) ** 2)) * np.clip(1 - track.along / 12, 0, 1) * 0.28
        rope[track.rows, track.columns] += bump.astype(np.float32)
        cloth.seam(sheet, height, upper.on(side, upper.armhole()), 0.15)
        dart = upper.on(side, spline((12.0, 27.0), (11.2, 40.0), (12.4, 51.0)))
        cloth.seam(sheet, height, dart, 0.045, 0.3)
        panel = upper.on(side, spline((21.4, 27.0), (17.8, 43.0), (19.6, 73.0)))
        cloth.seam(sheet, height, panel, 0.05, 0.3)
    height = height + rope
    sheet.lay(np.maximum(*sleeves), wool, height, shadow=0.0)
    for mask in fronts:  # the wearer's left lies on top
        edge = sheet.puff(mask, 0.9, 0.22)
        sheet.lay(mask, wool, height + edge, shadow=0.4, shadow_cm=0.5)
    for side in (-1, 1):
        _pockets(sheet, upper, side, wool, height)
    for side in (-1, 1):
        _lapel(sheet, upper, side, wool, roll)
    for side in SIDES:
        x, y = between(upper.outer, upper.inner, 0.13)
        for step in range(3):
            parts.button(sheet, (side * (x - 0.35 * step), y - 2.6 - 1.75 * step), 0.6, (46, 44, 46))
    parts.button(sheet, (-0.1, 45.4), 0.95, (46, 44, 46))
    landmarks = upper.landmarks() | {"neck_front": (0.0, 41.5)}
    return sheet.finished(landmarks, (hole, gap))


def _pockets(sheet: Sheet, upper: Upper, side: int, wool: cloth.Colours, height: Field) -> None:
    flap = upper.on(
        side,
        joined(line((9.4, 52.0), (21.6, 51.2)), spline((21.9, 55.4), (21.2, 56.6)), spline((10.6, 57.2), (9.7, 56.2))),
    )
    parts.patch(sheet, flap, wool, height, None, 0.3)
    if side > 0:
        welt = line((8.6, 25.8), (17.6, 24.4), (18.0, 26.7), (8.9, 28.1))
        parts.patch(sheet, welt, wool, height, None, 0.25)


def _lapel(sheet: Sheet, upper: Upper, side: int, wool: cloth.Colours, roll: Path) -> None:
    """The turned-back front, and the collar above its notch."""
    outline = upper.on(
        side,
        joined(roll[4:], bowed((-1.6, 44.5), (14.6, 21.4), 1.6), line((14.9, 20.0), (8.8, 14.6))),
    )
    mask = sheet.area(outline)
    along = np.clip((sheet.y - 12) / 30, 0, 1)
    height = sheet.puff(mask, 1.1, 0.5) + sheet.puff(mask, 5.0, 0.9) * (0.5 + 0.5 * along)
    sheet.lay(mask, wool, height.astype(np.float32), shadow=0.5, shadow_cm=0.7)
    collar = upper.on(
        side,
        joined(
            spline((7.6, -2.6), (7.9, 1.0), (6.9, 11.0)),
            line((8.6, 15.2), (14.2, 14.6)),
            bowed((14.2, 14.6), (12.6, 3.0), 0.5),
            spline((12.6, 3.0), (10.4, -0.9), (7.6, -2.6)),
        ),
    )
    mask = sheet.area(collar)
    height = sheet.puff(mask, 1.2, 0.5) + cloth.jersey(sheet)
    sheet.lay(mask, wool, height, shadow=0.45, shadow_cm=0.6)
