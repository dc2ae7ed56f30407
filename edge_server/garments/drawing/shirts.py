"""A shirt with buttons, a hoodie."""

import math

import numpy as np

from edge_server.garments.drawing import cloth, parts
from edge_server.garments.drawing.curves import back, between, bowed, flipped, joined, line, mirrored, offset, spline
from edge_server.garments.drawing.sheet import Drawing, Sheet
from edge_server.garments.drawing.upper import SIDES, Upper

SHIRT = Upper(
    neck=(8.0, 0.8),
    shoulder=(22.6, 5.0),
    armpit=(25.2, 25.0),
    outer=(42.5, 59.0),
    inner=(35.2, 61.0),
    waist=(24.4, 46.0),
    hem=(25.4, 69.0),
    front=6.6,
    elbow_outer=(34.6, 29.5),
    elbow_inner=(29.6, 42.0),
    hem_drop=5.5,
)
SHIRT_COLLAR = parts.Collar(top=(7.3, -2.2), join=(0.5, 6.6), tip=(7.6, 14.4), shoulder=(12.0, 2.4))
HOODIE = Upper(
    neck=(10.0, 1.2),
    shoulder=(25.0, 6.2),
    armpit=(27.6, 28.5),
    outer=(45.5, 60.5),
    inner=(37.7, 62.8),
    waist=(27.2, 48.0),
    hem=(25.8, 69.0),
    front=8.5,
    elbow_outer=(38.6, 31.0),
    elbow_inner=(33.0, 44.0),
)


def shirt() -> Drawing:
    sheet = Sheet((-46.0, -5.0, 46.0, 76.5), seed=6)
    bgr, thread, pearl = (214.0, 186.0, 160.0), (236.0, 216.0, 200.0), (232.0, 236.0, 238.0)
    folds = cloth.folded(sheet, [*parts.body_folds(sheet, SHIRT, 0.9), *parts.long_folds(sheet, SHIRT)])
    mask, height = parts.shell(sheet, SHIRT, folds)
    weave = np.sin(sheet.x / 0.3 * 2 * math.pi) * np.sin(sheet.y / 0.3 * 2 * math.pi)
    grain = sheet.rng.standard_normal(sheet.shape).astype(np.float32)
    base = cloth.plain(sheet, bgr, 0.02)
    base = (base * (1 + 0.03 * weave + 0.018 * grain)[..., None]).astype(np.float32)
    parts.collar_inside(sheet, SHIRT_COLLAR, base, (120, 70, 40))
    for side in SIDES:
        yoke = SHIRT.on(side, spline((8.4, 3.6), (15.0, 5.6), (23.0, 8.8)))
        cloth.seam(sheet, height, yoke, 0.05)
        cloth.pucker(sheet, height, SHIRT.on(side, SHIRT.side()), 1.2, 0.03)
        for at in (-0.9, 0.9):
            pleat = SHIRT.mid_sleeve(side, 0.9)
            cloth.seam(
                sheet, height, bowed((pleat[0] + at, pleat[1]), (pleat[0] + at - side * 1.6, pleat[1] - 7), 0.2), 0.08
            )
    sheet.lay(mask, base, height)
    for side in SIDES:
        yoke = SHIRT.on(side, spline((8.4, 3.6), (15.0, 5.6), (23.0, 8.8)))
        cloth.stitches(sheet, yoke, thread, 0.25 * side, 0.09, 0.3, 0.5)
        cloth.stitches(sheet, SHIRT.on(side, SHIRT.armhole()), thread, 0.7 * side, 0.08, 0.3, 0.45)
    cloth.stitches(sheet, SHIRT.hemline(), thread, 0.7, 0.08, 0.3, 0.6)
    bottom = 69.0 + 5.3
    placket = line((-1.8, 6.8), (1.8, 5.8), (1.8, bottom), (-1.8, bottom))
    parts.patch(sheet, placket, base, height, None, 0.12)
    for x in (-1.35, 1.35):
        cloth.stitches(sheet, line((x, 7.5), (x, bottom - 0.4)), thread, 0, 0.08, 0.3, 0.6)
    pocket = line((7.2, 22.4), (17.6, 22.0), (17.9, 32.4), (12.8, 34.8), (7.5, 33.0))
    parts.patch(sheet, pocket, base, height, thread, 0.12)
    cloth.stitches(sheet, line((7.3, 24.2), (17.7, 23.8)), thread, 0, 0.08, 0.3, 0.6)
    for side in SIDES:
        edge = SHIRT.on(side, SHIRT.cuff())
        cuff = joined(edge, back(offset(edge, 6.2 * side)))
        parts.patch(sheet, cuff, base, height, None, 0.2)
        for beside in (0.5, 5.7):
            cloth.stitches(sheet, edge, thread, beside * side, 0.08, 0.3, 0.6)
        x, y = between(SHIRT.outer, SHIRT.inner, 0.3)
        parts.button(sheet, (side * (x - 1.0), y - 2.9), 0.5, pearl)
    for place in parts.row((0.0, 16.5), (0.0, 64.5), 6):
        cloth.stitches(sheet, line((place[0] - 0.75, place[1]), (place[0] + 0.75, place[1])), thread, 0, 0.2, 0.2, 0.8)
        parts.button(sheet, place, 0.58, pearl)
    parts.turned_collar(sheet, SHIRT_COLLAR, base, base)
    for side in SIDES:
        c = SHIRT_COLLAR
        for run in (bowed(c.join, c.tip, -0.15), bowed(c.tip, c.shoulder, 0.5)):
            cloth.stitches(sheet, SHIRT.on(side, run), thread, 0.5 * side, 0.08, 0.3, 0.6)
        parts.button(sheet, (side * 7.0, 12.7), 0.4, pearl)
    return sheet.finished(SHIRT.landmarks(), (SHIRT_COLLAR.hole(),))


def hoodie() -> Drawing:
    sheet = Sheet((-48.5, -13.5, 48.5, 72.5), seed=7)
    light, dark = (46.0, 152.0, 208.0), (38.0, 138.0, 194.0)
    folds = [*parts.body_folds(sheet, HOODIE, 1.1, 0.55), *parts.long_folds(sheet, HOODIE, 1.25)]
    mask, height = parts.shell(sheet, HOODIE, cloth.folded(sheet, folds), puff=1.2)
    height = height + cloth.jersey(sheet) * np.float32(1.4)
    base = cloth.heather(sheet, light, dark)
    # the hood lies behind, open to the front
    half = spline((0, -11.5), (6.5, -10.9), (11.6, -7.2), (13.6, -1.0), (12.4, 5.0))
    mouth_half = spline((0, -7.2), (5.0, -6.2), (8.2, -2.4), (7.6, 3.0), (3.4, 8.8), (0.0, 11.0))
    mouth = joined(mouth_half, mirrored(mouth_half))
    hood_mask = sheet.area(joined(half, line((10.5, 10.0), (-10.5, 10.0)), back(flipped(half))))
    hood_height = sheet.puff(hood_mask, 5.0, 2.2) + cloth.crumpled(sheet, 6, 0.5) + cloth.jersey(sheet)
    for side in SIDES:
        hood_height += cloth.folded(
            sheet,
            [
                cloth.Fold(spline((side * 13.0, 3.0), (side * 9.8, -3.0), (side * 7.0, -9.5)), 1.2, 0.5, False),
                cloth.Fold(spline((side * 12.0, 6.0), (side * 9.4, 2.0), (side * 8.6, -4.0)), 0.9, 0.4, False),
            ],
        )
    sheet.lay(hood_mask, base, hood_height)
    sheet.lay(mask, base, height, shadow=0.25)
    # the hood's edge runs down over the front and crosses there
    inside = sheet.area(mouth)
    depth = np.clip((sheet.y + 7) / 17, 0, 1)
    lining = (base * (0.42 + 0.3 * depth)[..., None]).astype(np.float32)
    rim_path = np.vstack([mouth, mouth[:1]])
    rim = sheet.area(mouth, *(offset(mouth, d) for d in (-2.0, 2.0)))
    rim_height = sheet.puff(rim, 1.6, 0.7) + height * np.float32(0.4)
    sheet.lay(rim, base, rim_height, shadow=0.45, shadow_cm=0.8)
    sheet.lay(inside, lining, sheet.blur(hood_height, 0.8) * np.float32(-0.4) + cloth.crumpled(sheet, 7, 0.4), shadow=0)
    sheet.shade(1 - 0.5 * inside * (1 - np.clip(sheet.puff(inside, 2.4, 1.0), 0, 1)))
    parts.sewn_label(sheet, -5.0)
    cloth.stitches(sheet, rim_path, dark, -1.3, 0.1, 0.36, 0.6)
    pocket_half = spline((9.2, 43.0), (12.4, 48.0), (17.2, 52.6))
    pocket = joined(pocket_half, line((17.2, 62.4), (-17.2, 62.4)), back(flipped(pocket_half)))
    parts.patch(sheet, pocket, base, height, None, 0.3)
    for side in SIDES:
        for beside in (0.5, 1.3):
            cloth.stitches(sheet, HOODIE.on(side, pocket_half), dark, beside * side, 0.1, 0.36, 0.8)
    cloth.stitches(sheet, line((-9.0, 43.5), (9.0, 43.5)), dark, 0, 0.1, 0.36, 0.8)
    for side in SIDES:
        parts.ribbed(sheet, HOODIE.on(side, HOODIE.cuff()), 6.0 * side, base, mask, 0.55)
    parts.ribbed(sheet, HOODIE.hemline(), 6.0, base, mask, 0.55)
    for side in SIDES:
        eyelet = (side * 4.2, 9.6)
        length = 17.0 if side > 0 else 15.6
        string = spline(eyelet, (side * 5.2, 13.5), (side * 4.4, 18.0), (side * 5.3, eyelet[1] + length))
        cord = sheet.stroke(string, 0.72)
        track = sheet.track(string, 1.0)
        cord_height = sheet.puff(cord, 0.36, 0.36)
        twist = np.sin(track.along / 0.5 * 2 * math.pi + track.beside * 5)
        cord_height[track.rows, track.columns] += np.float32(0.015) * twist
        sheet.lay(cord, cloth.flat(sheet, (226, 232, 236)), cord_height, shadow=0.5, shadow_cm=0.35)
        tip = sheet.stroke(string[-4:], 0.8)
        sheet.lay(
            tip, cloth.flat(sheet, (150, 156, 160)), sheet.puff(tip, 0.4, 0.3), gloss=0.5, shadow=0.2, shadow_cm=0.2
        )
        parts.button(sheet, eyelet, 0.75, (150, 156, 160), metal=True)
    return sheet.finished(HOODIE.landmarks() | {"neck_front": (0.0, 11.0)}, (mouth,))
