"""Jeans and chinos."""

from dataclasses import dataclass

import numpy as np

from edge_server.garments.drawing import cloth, parts
from edge_server.garments.drawing.cloth import BGRColour, Colours, Fold
from edge_server.garments.drawing.curves import (
    XY,
    Path,
    back,
    between,
    bowed,
    flipped,
    joined,
    line,
    mirrored,
    offset,
    shifted,
    spline,
)
from edge_server.garments.drawing.jackets import COPPER, THREAD
from edge_server.garments.drawing.sheet import Drawing, Field, Sheet
from edge_server.garments.drawing.upper import SIDES

BOX = (-31.5, -3.0, 31.5, 108.5)


@dataclass(frozen=True, slots=True)
class Trousers:
    """The wearer's left half, in centimetres from the middle of the waist."""

    waist: XY = (19.6, 0.0)
    hip: XY = (25.4, 20.0)
    crotch: float = 28.5
    knee_outer: XY = (26.2, 60.0)
    knee_inner: XY = (5.4, 61.0)
    hem_outer: XY = (26.0, 104.5)
    hem_inner: XY = (8.0, 106.0)
    band: float = 4.0

    def outseam(self) -> Path:
        """From waist to hem."""
        x, y = between(self.waist, self.hip, 0.45)
        return spline(self.waist, (x + 0.9, y), self.hip, (26.6, 38.0), self.knee_outer, self.hem_outer)

    def inseam(self) -> Path:
        """From hem to crotch."""
        x, y = between(self.knee_inner, (0.0, self.crotch), 0.62)
        return spline(self.hem_inner, self.knee_inner, (x + 0.5, y), (0.0, self.crotch))

    def hem(self) -> Path:
        return bowed(self.hem_outer, self.hem_inner, -0.4)

    def front_waist(self) -> Path:
        """Lower in the middle; from the wearer's left to the right."""
        x, y = self.waist
        return spline((x, y), (x * 0.5, y + 1.3), (0, y + 1.8), (-x * 0.5, y + 1.3), (-x, y))

    def rear_waist(self) -> Path:
        x, y = self.waist
        return spline((x, y), (x * 0.5, y - 1.0), (0, y - 1.4), (-x * 0.5, y - 1.0), (-x, y))

    def half(self, beyond: float = 0.0) -> Path:
        return joined(self.outseam(), shifted(self.hem(), 0.0, beyond), self.inseam())

    def whole(self, beyond: float = 0.0) -> Path:
        half = self.half(beyond)
        return joined(half, mirrored(half), back(self.front_waist()))

    def leg(self, side: int, beyond: float = 0.0) -> Path:
        half = joined(self.half(beyond), line((0.0, 1.8)))
        return half if side > 0 else flipped(half)

    def landmarks(self) -> dict[str, XY]:
        places = {
            "waist": self.waist,
            "hip": self.hip,
            "knee_outer": self.knee_outer,
            "knee_inner": self.knee_inner,
            "hem_outer": self.hem_outer,
            "hem_inner": self.hem_inner,
        }
        both = {f"{name}_left": place for name, place in places.items()}
        return both | {f"{name}_right": (-x, y) for name, (x, y) in places.items()} | {"crotch": (0.0, self.crotch)}


def _folds(sheet: Sheet, cut: Trousers, strength: float, stacked: float) -> Field:
    """From the crotch outwards, across the knees, and above the hems where the leg is too long."""
    folds = []
    for side in SIDES:
        for degrees, length, height in ((-28, 15, 0.5), (-8, 17, 0.5), (14, 16, 0.45), (38, 14, 0.35), (-52, 11, 0.35)):
            angle = degrees if side > 0 else 180 - degrees
            folds.append(cloth.pull(sheet, (side * 1.2, cut.crotch - 2.0), angle, length, 1.1, height * strength))
        for at in (-9, -4.5, 0.5, 4.0, 8.5):
            inner = sheet.rng.random() < 0.5
            x0, x1 = (cut.knee_inner[0], cut.knee_outer[0]) if inner else (cut.knee_outer[0], cut.knee_inner[0])
            y0 = cut.knee_inner[1] + at + sheet.rng.uniform(-1, 1)
            reach = sheet.rng.uniform(0.4, 0.75)
            end = (side * (x0 + (x1 - x0) * reach), y0 + sheet.rng.uniform(-3.5, 3.5))
            folds.append(Fold(bowed((side * x0, y0), end, sheet.rng.uniform(-1, 1)), 1.4, 0.42 * strength))
        for at in (-16.0, -11.0, -7.0, -3.6):
            inner = sheet.rng.random() < 0.5
            x0, x1 = (cut.hem_inner[0], cut.hem_outer[0]) if inner else (cut.hem_outer[0], cut.hem_inner[0])
            y0 = cut.hem_inner[1] + at
            end = (side * (x0 + (x1 - x0) * 0.8), y0 + sheet.rng.uniform(-2.5, 2.5))
            folds.append(Fold(bowed((side * x0, y0), end, sheet.rng.uniform(-1.2, 1.2)), 1.1, 0.36 * stacked))
        for x, low in ((12.0, 98.0), (18.0, 92.0)):
            folds.append(Fold(line((side * x, 70.0), (side * (x + 2), low)), 2.2, 0.32 * strength, False))
        for y in (9.0, 15.0):
            folds.append(cloth.pull(sheet, (side * 24.0, y + 6), 200 if side > 0 else -20, 11, 1.2, 0.3 * strength))
    return cloth.folded(sheet, folds)


def _shape(sheet: Sheet, cut: Trousers, strength: float, stacked: float) -> tuple[Field, Field]:
    mask = sheet.area(cut.whole())
    legs = [sheet.area(cut.leg(side, 9.0)) for side in SIDES]
    height = sheet.puff(sheet.area(cut.whole(9.0)), 4.5, 1.5) + _folds(sheet, cut, strength, stacked)
    height += cloth.crumpled(sheet, 8, 0.32) + sheet.puff(mask, 0.6, 0.1)
    height += sheet.puff(np.maximum(*legs), 7.0, 1.0)
    return mask, height


def _inside(sheet: Sheet, cut: Trousers, colours: Colours, label: BGRColour) -> Path:
    """The band behind, seen over the front's."""
    hole = joined(cut.rear_waist(), back(cut.front_waist()))
    low = offset(cut.front_waist(), -1.0)
    mask = sheet.area(joined(cut.rear_waist(), back(low)))
    sheet.lay(mask, (colours * 0.6).astype(np.float32), cloth.crumpled(sheet, 6, 0.15), shadow=0)
    tag = line((-2.4, -0.9), (2.4, -0.9), (2.4, 2.4), (-2.4, 2.4))
    sheet.lay(sheet.area(tag) * mask, cloth.flat(sheet, label), sheet.zeros(), shadow=0.2, shadow_cm=0.2)
    return hole


def _band(sheet: Sheet, cut: Trousers, colours: Colours, height: Field) -> Path:
    """The waistband in front; its lower edge."""
    top = cut.front_waist()
    x, y = cut.outseam()[6]
    low = spline(
        (x + 1.4, y + 0.4), (10.0, cut.band + 1.2), (0, cut.band + 1.8), (-10.0, cut.band + 1.2), (-x - 1.4, y + 0.4)
    )
    mask = sheet.area(joined(top, back(low))) * sheet.area(cut.whole())
    sheet.lay(mask, colours, height * np.float32(0.3) + sheet.puff(mask, 0.8, 0.25), shadow=0.35, shadow_cm=0.3)
    return low


def _loops(sheet: Sheet, cut: Trousers, colours: Colours, thread: BGRColour | None, places: tuple[float, ...]) -> None:
    for x in places:
        top = float(np.interp(abs(x), [0, 9.8, 19.6], [1.4, 0.9, -0.4]))
        loop = line(
            (x - 0.75, top), (x + 0.75, top), (x + 0.75, top + cut.band + 1.2), (x - 0.75, top + cut.band + 1.2)
        )
        parts.patch(sheet, loop, colours, sheet.zeros(), None, 0.35)
        if thread:
            for dx in (-0.4, 0.4):
                cloth.stitches(
                    sheet, line((x + dx, top + 0.2), (x + dx, top + cut.band + 1.0)), thread, 0, 0.12, 0.36, 0.85
                )


def jeans() -> Drawing:
    sheet = Sheet(BOX, seed=12, long_px=640)
    cut = Trousers()
    mask, height = _shape(sheet, cut, 1.0, 1.0)
    fly = joined(line((3.4, 5.6), (3.3, 17.0)), spline((3.3, 17.0), (2.4, 21.4), (0.0, 23.6)))
    middle = spline((0.0, 5.6), (0.2, 15.0), (0.0, cut.crotch))
    pockets = [spline((s * 12.0, 5.4), (s * 13.2, 11.2), (s * 17.6, 14.4), (s * 24.0, 15.6)) for s in SIDES]
    outseams = [shifted(cut.outseam(), -1.3, 0.0), shifted(flipped(cut.outseam()), 1.3, 0.0)]
    inseams = [shifted(cut.inseam(), 1.2, 0.6), shifted(flipped(cut.inseam()), -1.2, 0.6)]
    for seam in (fly, middle, *pockets, *outseams, *inseams):
        cloth.seam(sheet, height, seam, 0.12)
    for seam in (*outseams, *inseams):
        cloth.pucker(sheet, height, seam, 1.3, 0.06)
    worn = _faded(sheet, cut, height)
    base = cloth.denim(sheet, (92, 56, 34), (206, 176, 142), worn)
    height = height + cloth.twill(sheet, 0.3)
    hole = _inside(
        sheet,
        cut,
        cloth.denim(sheet, (170, 146, 122), (216, 204, 190), np.full(sheet.shape, 0.5, np.float32)),
        (66, 104, 150),
    )
    sheet.lay(mask, base, height)
    _two_rows(sheet, fly, -1)
    for side, pocket in zip(SIDES, pockets, strict=True):
        _two_rows(sheet, pocket, side, 0.4)
        yoke = offset(pocket, -0.4 * side)
        sheet.shade(1 - 0.25 * sheet.blur(sheet.stroke(yoke, 0.5), 0.4))
        for place in ((12.3, 6.6), (23.2, 14.6)):
            parts.button(sheet, (side * place[0], place[1]), 0.42, COPPER, metal=True)
    for beside in (0.0, 0.5):  # the small pocket in the large one
        cloth.stitches(sheet, line((-14.2, 9.2), (-20.9, 9.8)), THREAD, beside, 0.13, 0.36, 0.8)
    for seam, side in ((outseams[0], 1), (outseams[1], -1)):
        cloth.stitches(sheet, seam[: len(seam) * 3 // 8], THREAD, -0.35 * side, 0.13, 0.36, 0.8)
    for seam, side in ((inseams[0], 1), (inseams[1], -1)):
        cloth.stitches(sheet, seam, THREAD, 0.35 * side, 0.13, 0.36, 0.8)
    for side in SIDES:
        hem = cut.hem() if side > 0 else flipped(cut.hem())
        cloth.stitches(sheet, hem, THREAD, 1.5 * side, 0.14, 0.4, 0.85)
        roping = sheet.track(hem, 2.4)
        wave = 1 + 0.1 * np.sin(roping.along / 0.8 * 6.3 + roping.beside * 3) * (np.abs(roping.beside) < 1.6)
        field = np.ones(sheet.shape, np.float32)
        field[roping.rows, roping.columns] = wave
        sheet.shade(field)
    low = _band(sheet, cut, base, height)
    cloth.stitches(sheet, low, THREAD, -0.4, 0.13, 0.36, 0.85)
    cloth.stitches(sheet, cut.front_waist(), THREAD, -0.5, 0.13, 0.36, 0.85)
    _loops(sheet, cut, base, THREAD, (-15.6, -7.6, 7.6, 15.6))
    parts.button(sheet, (0.5, 3.9), 0.95, COPPER, metal=True)
    return sheet.finished(cut.landmarks(), (hole,))


def _two_rows(sheet: Sheet, path: Path, side: float, first: float = 0.3) -> None:
    for beside in (first, first + 0.6):
        cloth.stitches(sheet, path, THREAD, beside * side, 0.13, 0.36, 0.85)


def _faded(sheet: Sheet, cut: Trousers, height: Field) -> Field:
    """Thighs and knees are worn, whiskers at the hips, seams and hollows dark."""
    field = np.full(sheet.shape, 0.16, np.float32)
    for side in SIDES:
        x = sheet.x * side
        for cx, cy, rx, ry, amount in (
            (14.0, 38.0, 7.0, 17.0, 0.4),
            (15.6, 61.0, 6.6, 10.0, 0.26),
            (16.6, 84.0, 7.0, 20.0, 0.12),
        ):
            field += amount * np.exp(-(((x - cx) / rx) ** 2) - ((sheet.y - cy) / ry) ** 2).astype(np.float32)
        for index in range(5):
            start = (side * 4.0, 22.0 + 2.2 * index)
            end = (side * (16.0 + 1.0 * index), 16.0 + 3.6 * index)
            track = sheet.track(bowed(start, end, -0.8 * side), 3.0)
            s = track.along / track.length
            streak = 0.13 * np.exp(-((track.beside / 0.55) ** 2)) * np.sin(np.pi * np.clip(s, 0, 1))
            field[track.rows, track.columns] += streak.astype(np.float32)
    ridges = height - sheet.blur(height, 1.4)
    fine = height - sheet.blur(height, 0.5)
    return np.clip(field + 0.55 * ridges + 0.9 * fine, 0.02, 0.95).astype(np.float32)


def chinos() -> Drawing:
    sheet = Sheet(BOX, seed=13, long_px=640)
    cut = Trousers(knee_outer=(25.6, 60.0), knee_inner=(6.0, 61.0), hem_outer=(24.6, 104.5), hem_inner=(8.6, 105.6))
    mask, height = _shape(sheet, cut, 0.72, 0.4)
    bgr: BGRColour = (136, 170, 194)
    thread: BGRColour = (110, 142, 166)
    fly = joined(line((3.2, 6.0), (3.1, 17.0)), spline((3.1, 17.0), (2.2, 21.0), (0.0, 23.0)))
    middle = spline((0.0, 5.6), (0.2, 15.0), (0.0, cut.crotch))
    pockets = [line((s * 15.6, 5.2), (s * 21.6, 19.6)) for s in SIDES]
    creases = [spline((s * 10.6, 8.0), (s * 14.4, 40.0), (s * 16.0, 62.0), (s * 16.6, 104.0)) for s in SIDES]
    for seam in (fly, middle):
        cloth.seam(sheet, height, seam, 0.09)
    for side, pocket in zip(SIDES, pockets, strict=True):
        cloth.seam(sheet, height, pocket if side > 0 else back(pocket), 0.2, 0.2)
    for crease in creases:  # pressed: an edge that catches the light
        track = sheet.track(crease, 6.0)
        s = np.clip(track.along / 18, 0, 1)
        ridge = np.exp(-np.abs(track.beside) / 1.4) * 0.34 * s
        height[track.rows, track.columns] += ridge.astype(np.float32)
    height = height + cloth.twill(sheet, 0.3, 0.0032)
    grain = sheet.rng.standard_normal(sheet.shape).astype(np.float32)
    base = (cloth.plain(sheet, bgr, 0.035) * (1 + 0.012 * grain)[..., None]).astype(np.float32)
    hole = _inside(sheet, cut, cloth.plain(sheet, (206, 216, 222)), (84, 62, 44))
    sheet.lay(mask, base, height)
    cloth.stitches(sheet, fly, thread, -0.3, 0.1, 0.34, 0.7)
    for side, pocket in zip(SIDES, pockets, strict=True):
        cloth.stitches(sheet, pocket, thread, 0.45 * side, 0.1, 0.34, 0.7)
        sheet.shade(1 - 0.3 * sheet.blur(sheet.stroke(pocket, 0.4), 0.35))
    for side in SIDES:
        hem = cut.hem() if side > 0 else flipped(cut.hem())
        cloth.stitches(sheet, hem, thread, 2.6 * side, 0.1, 0.34, 0.6)
    low = _band(sheet, cut, base, height)
    cloth.stitches(sheet, low, thread, -0.35, 0.1, 0.34, 0.6)
    _loops(sheet, cut, base, None, (-14.6, -7.4, 7.4, 14.6))
    parts.button(sheet, (0.6, 3.9), 0.8, (96, 128, 152))
    return sheet.finished(cut.landmarks(), (hole,))
