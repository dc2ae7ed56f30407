"""T-shirts, a polo shirt, a sweater."""

import math
from dataclasses import replace

import numpy as np

from edge_server.garments.drawing import cloth, parts
from edge_server.garments.drawing.cloth import BGRColour, Colours
from edge_server.garments.drawing.curves import disc, joined, line, offset, rectangle, spline
from edge_server.garments.drawing.sheet import Drawing, Field, Sheet
from edge_server.garments.drawing.upper import SIDES, Upper

TEE = Upper(
    neck=(8.4, 0.3),
    shoulder=(22.5, 5.2),
    armpit=(24.6, 24.0),
    outer=(37.5, 23.0),
    inner=(29.4, 29.6),
    waist=(24.2, 44.0),
    hem=(25.6, 71.0),
    front=7.8,
)
TEE_BOX = (-40.0, -2.0, 40.0, 74.5)

POLO = replace(TEE, neck=(8.6, 0.8), front=7.2, outer=(36.8, 24.0), inner=(29.2, 30.4))
POLO_COLLAR = parts.Collar(top=(7.6, -1.8), join=(0.6, 7.2), tip=(8.0, 13.4), shoulder=(12.6, 2.6), arch=0.9)

SWEATER = Upper(
    neck=(8.6, 0.3),
    shoulder=(23.5, 5.0),
    armpit=(26.0, 26.0),
    outer=(45.0, 58.0),
    inner=(37.3, 60.4),
    waist=(25.6, 46.0),
    hem=(24.4, 68.0),
    front=6.8,
    elbow_outer=(36.4, 29.0),
    elbow_inner=(31.6, 42.0),
)
SWEATER_BOX = (-48.0, -2.5, 48.0, 71.5)


def _sleeve_pulls(sheet: Sheet, upper: Upper) -> list[cloth.Fold]:
    """Of short sleeves."""
    folds = []
    ax, ay = upper.armpit
    for side in SIDES:
        for degrees, length in ((-60, 11), (-28, 8), (-95, 13)):
            angle = degrees if side > 0 else 180 - degrees
            folds.append(cloth.pull(sheet, (side * (ax + 0.4), ay - 0.5), angle, length, 0.9, 0.32))
        angle = -125 if side > 0 else 305
        folds.append(cloth.pull(sheet, upper.mid_sleeve(side, 0.95), angle, 9, 1.0, 0.25))
    return folds


def _tee_shell(sheet: Sheet, upper: Upper) -> tuple[Field, Field]:
    folds = cloth.folded(sheet, [*parts.body_folds(sheet, upper), *_sleeve_pulls(sheet, upper)])
    mask, height = parts.shell(sheet, upper, folds)
    return mask, height + cloth.jersey(sheet)


def _double_hems(sheet: Sheet, upper: Upper, thread: BGRColour, cuffs: bool = True) -> None:
    for beside in (2.2, 2.6):
        cloth.stitches(sheet, upper.hemline(), thread, beside, 0.1, 0.4, 0.55)
        for side in SIDES if cuffs else ():
            cloth.stitches(sheet, upper.on(side, upper.cuff()), thread, beside * side, 0.1, 0.4, 0.55)


def _tee(sheet: Sheet, base: Colours, colours: Colours, shell: tuple[Field, Field], bgr: BGRColour) -> Drawing:
    mask, height = shell
    for side in SIDES:
        cloth.seam(sheet, height, TEE.on(side, offset(TEE.cuff(), 2.4)), 0.04)
    cloth.seam(sheet, height, offset(TEE.hemline(), 2.4), 0.05)
    parts.inner_back(sheet, TEE, base, cloth.times(bgr, 0.85))
    sheet.lay(mask, colours, height)
    parts.crew_collar(sheet, TEE, base)
    _double_hems(sheet, TEE, cloth.times(bgr, 0.75))
    return sheet.finished(TEE.landmarks(), (TEE.hole(),))


def plain_tee() -> Drawing:
    sheet = Sheet(TEE_BOX, seed=1)
    bgr = (112.0, 148.0, 126.0)
    base = cloth.plain(sheet, bgr)
    return _tee(sheet, base, base, _tee_shell(sheet, TEE), bgr)


def striped_tee() -> Drawing:
    """A Breton shirt."""
    sheet = Sheet(TEE_BOX, seed=2)
    white, navy = (226.0, 232.0, 234.0), (78.0, 48.0, 34.0)
    shell = _tee_shell(sheet, TEE)
    down = sheet.y + np.float32(0.0022) * sheet.x**2 * np.clip(sheet.y / 60, -0.3, 1)
    first = np.full_like(down, 12.6)
    for side in SIDES:
        mask, _, along = parts.sleeve_field(sheet, TEE, side)
        down, first = np.where(mask > 0.5, along + 3.2, down), np.where(mask > 0.5, 9.0, first)
    down = down - 0.5 * sheet.blur(shell[1], 0.3) + 0.05 * sheet.noise(8, 2)
    wave = np.cos((down - 1.0) / 2.7 * 2 * math.pi)
    stripes = np.clip((wave - 0.42) * 3.2 + 0.5, 0, 1) * (down > first)
    base = cloth.plain(sheet, white, 0.02)
    return _tee(sheet, base, cloth.mix(base, navy, stripes.astype(np.float32)), shell, white)


def printed_tee() -> Drawing:
    """A rover before a striped sun."""
    sheet = Sheet(TEE_BOX, seed=3)
    bgr = (66.0, 60.0, 56.0)
    shell = _tee_shell(sheet, TEE)
    base = cloth.heather(sheet, (72, 66, 62), (58, 52, 49))
    colours = base
    for mask, ink in _rover(sheet):
        worn = np.clip(0.97 + 0.05 * sheet.noise(0.5), 0, 1)
        colours = cloth.mix(colours, ink, cloth.bent(sheet, mask, shell[1], 0.4) * worn)
    return _tee(sheet, base, colours, shell, bgr)


def _rover(sheet: Sheet) -> list[tuple[Field, BGRColour]]:
    """The motif, bottom layer first."""
    middle = 27.5
    sun = sheet.area(disc((0, middle), 9.5, 90))
    share = (sheet.y - middle) / 9.5
    gaps = (share > -0.1) & (((share + 0.1) * 6.2) % 1.0 < 0.16 + 0.3 * np.clip(share, 0, 1)) & (share > 0.02)
    sun = sun * ~gaps
    upper_sun = (sun * np.clip(0.5 - share, 0, 1)).astype(np.float32)
    cream, ink = (196.0, 226.0, 240.0), (58.0, 50.0, 46.0)
    ground = sheet.stroke(line((-12.5, middle + 9.4), (12.5, middle + 9.4)), 0.45)
    hull = joined(
        spline((-6.4, middle + 3.2), (-5.6, middle + 1.2), (-4.2, middle + 0.6)),
        line((3.8, middle + 0.6), (6.6, middle + 2.6), (6.6, middle + 5.4), (-6.4, middle + 5.4)),
    )
    mast = line((-1.2, middle + 0.8), (-1.2, middle - 3.0), (0.2, middle - 3.0), (0.2, middle + 0.8))
    head = rectangle(-3.2, middle - 6.4, 3.6, middle - 2.4)
    hubs = [(x, middle + 6.4) for x in (-4.4, 4.4)]
    wheels, tyres, caps = ([disc(hub, radius) for hub in hubs] for radius in (2.9, 2.15, 0.8))
    waves = [
        sheet.stroke(
            spline(*[(4.6 + r * math.cos(a), middle - 5.6 + r * math.sin(a)) for a in (-1.25, -0.75, -0.25)]), 0.55
        )
        for r in (1.6, 3.2, 4.8)
    ]
    outline = np.maximum.reduce([sheet.stroke(np.vstack([p, p[:1]]), 1.3) for p in (hull, mast, head, *wheels)])
    solid = sheet.area(hull, mast, head, *wheels)
    spokes = [
        sheet.stroke(line((x, y), (x + 2.4 * math.cos(angle), y + 2.4 * math.sin(angle))), 0.42)
        for x, y in hubs
        for angle in np.arange(6) * math.pi / 3 + 0.3
    ]
    lights = sheet.area(rectangle(-5.2, middle + 2.9, 5.6, middle + 3.7))
    eye, glint = sheet.area(disc((0.9, middle - 4.4), 1.25)), sheet.area(disc((0.5, middle - 4.8), 0.4))
    return [
        (sun.astype(np.float32), (92.0, 120.0, 232.0)),
        (upper_sun, (110.0, 190.0, 246.0)),
        (ground, cream),
        (np.maximum(outline, solid), ink),
        (sheet.area(hull, head, mast), cream),
        (sheet.area(*(disc(hub, 3.4) for hub in hubs)), ink),
        (sheet.area(*wheels), cream),
        (sheet.area(*tyres), ink),
        (np.maximum.reduce([*spokes, sheet.area(*caps)]), cream),
        (lights, (150.0, 150.0, 40.0)),
        (eye, ink),
        (glint, cream),
        *((wave, cream) for wave in waves),
    ]


def polo() -> Drawing:
    sheet = Sheet((-40.0, -4.5, 40.0, 74.0), seed=4)
    bgr, thread = (62.0, 38.0, 122.0), (52.0, 30.0, 100.0)
    mask, height = _tee_shell(sheet, POLO)
    # piqué: a fine grid of small hollows
    height -= np.float32(0.006) * np.cos(sheet.x / 0.32 * 2 * math.pi) * np.cos(sheet.y / 0.32 * 2 * math.pi)
    base = cloth.plain(sheet, bgr)
    parts.collar_inside(sheet, POLO_COLLAR, base)
    cloth.seam(sheet, height, offset(POLO.hemline(), 2.4), 0.05)
    sheet.lay(mask, base, height)
    _double_hems(sheet, POLO, thread, cuffs=False)
    for side in SIDES:
        parts.ribbed(sheet, POLO.on(side, POLO.cuff()), 2.6 * side, base, mask, 0.4)
    placket = line((-0.2, 6.6), (3.0, 6.2), (3.0, 22.4), (-1.9, 22.4), (-1.9, 8.2))
    parts.patch(sheet, placket, base, height, None, 0.12)
    cloth.stitches(sheet, line((2.6, 8), (2.6, 22.0), (-1.5, 22.0), (-1.5, 9)), thread, 0, 0.09, 0.34, 0.9)
    cloth.stitches(sheet, line((-1.5, 20.4), (2.6, 20.4)), thread, 0, 0.09, 0.34, 0.9)
    parts.turned_collar(sheet, POLO_COLLAR, base, base, rib=True)
    for place in parts.row((0.55, 11.4), (0.55, 18.2), 2):
        parts.button(sheet, place, 0.62, (186, 182, 196))
    return sheet.finished(POLO.landmarks(), (POLO_COLLAR.hole(),))


def sweater() -> Drawing:
    """Cream, with cables."""
    sheet = Sheet(SWEATER_BOX, seed=5)
    bgr = (198.0, 218.0, 228.0)
    folds = cloth.folded(sheet, [*parts.body_folds(sheet, SWEATER, 0.75, 0.4), *parts.long_folds(sheet, SWEATER, 0.8)])
    mask, height = parts.shell(sheet, SWEATER, folds, ruffle=0.8, puff=1.15)
    pattern = _cables(sheet, sheet.x, sheet.y, ((0.0, 5.6), (-10.2, 4.0), (10.2, 4.0), (-18.6, 4.0), (18.6, 4.0)))
    for side in SIDES:
        sleeve, across, along = parts.sleeve_field(sheet, SWEATER, side)
        pattern = np.where(sleeve > 0.5, _cables(sheet, across, along, ((0.0, 4.6),)), pattern)
    base = cloth.plain(sheet, bgr, 0.03)
    base = (base * (1 + 0.1 * (np.clip(pattern, -0.25, 0.4) - 0.1))[..., None]).astype(np.float32)
    plain = cloth.plain(sheet, bgr, 0.03)
    parts.inner_back(sheet, SWEATER, plain, cloth.times(bgr, 0.8))
    sheet.lay(mask, base, height + pattern.astype(np.float32), gloss=0.02)
    for side in SIDES:
        parts.ribbed(sheet, SWEATER.on(side, SWEATER.cuff()), 6.0 * side, plain, mask, 0.7)
    parts.ribbed(sheet, SWEATER.hemline(), 6.2, plain, mask, 0.7)
    parts.crew_collar(sheet, SWEATER, plain, 3.0, 0.7)
    return sheet.finished(SWEATER.landmarks(), (SWEATER.hole(),))


def _cables(sheet: Sheet, u: Field, v: Field, columns: tuple[tuple[float, float], ...]) -> Field:
    """Knit with cables at these places across, of these widths; purl (flat, grained) beside them."""
    field = cloth.knit(sheet, u, v) * np.float32(0.09)
    for centre, width in columns:
        beside = np.abs(u - centre)
        wound = cloth.cable(u - centre, v, width, width * 1.9) * np.float32(0.42)
        wound += cloth.knit(sheet, u - centre, v, 0.5, 0.45) * np.float32(0.05)
        field = np.where(beside < width * 0.85, wound, field)
    return np.asarray(field, np.float32)
