"""What cloth does: folds, seams, ribs, stitches, and how each kind of it looks close by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.drawing.curves import XY, Path, bowed
from edge_server.garments.drawing.sheet import Field, Sheet

BGRColour = tuple[float, float, float]
Colours = NDArray[np.float32]  # (height, width, 3) of the sheet


@dataclass(frozen=True, slots=True)
class Fold:
    """A ridge along a line: one flank steep, the other gentle."""

    path: Path
    width_cm: float
    height_cm: float
    fades: bool = True  # strong where it starts, gone where it ends; else weak at both ends


def pull(sheet: Sheet, start: XY, degrees: float, length: float, width: float, height: float) -> Fold:
    """A fold that runs from where the cloth is held; 0 degrees is to the right, 90 down. A little chance in it."""
    turn = math.radians(degrees + float(sheet.rng.normal(0, 4)))
    reach = length * float(sheet.rng.uniform(0.85, 1.15))
    end = (start[0] + reach * math.cos(turn), start[1] + reach * math.sin(turn))
    return Fold(bowed(start, end, float(sheet.rng.normal(0, 0.06)) * reach), width, height)


def folded(sheet: Sheet, folds: Sequence[Fold], wander_cm: float = 0.5) -> Field:
    """The height of all folds together. They wander, as cloth does."""
    height = sheet.zeros()
    for fold in folds:
        track = sheet.track(fold.path, 2.6 * fold.width_cm)
        s = np.clip(track.along / track.length, 0, 1)
        rise = (
            np.clip(s / 0.12, 0, 1) ** 1.5 * (1 - s) ** 0.8
            if fold.fades
            else np.sin(np.pi * np.minimum(s, 0.999)) ** 0.8
        )
        wide = fold.width_cm * (0.65 + 0.5 * s if fold.fades else 1.0)
        steep = np.where(track.beside > 0, 1.25, 0.6)
        ridge = np.exp(-((track.beside / (wide * steep)) ** 2)) * rise * fold.height_cm
        height[track.rows, track.columns] += ridge.astype(np.float32)
    rows, columns = np.mgrid[: sheet.shape[0], : sheet.shape[1]].astype(np.float32)
    bend_x = columns + sheet.noise(6, 2) * np.float32(wander_cm * sheet.scale)
    bend_y = rows + sheet.noise(6, 2) * np.float32(wander_cm * sheet.scale)
    return np.asarray(cv2.remap(height, bend_x, bend_y, cv2.INTER_LINEAR), np.float32)


def crumpled(sheet: Sheet, cell_cm: float, height_cm: float, stretch: float = 1.0) -> Field:
    """Soft unevenness with a few sharper creases in it."""
    smooth = sheet.noise(cell_cm, 3, stretch)
    creased = -np.abs(sheet.noise(cell_cm * 1.4, 2, stretch))
    uneven = np.float32(0.6 * height_cm) * smooth + np.float32(0.5 * height_cm) * creased
    return sheet.blur(uneven.astype(np.float32), cell_cm * 0.07)


def seam(sheet: Sheet, height: Field, path: Path, depth_cm: float = 0.1, width_cm: float = 0.22) -> None:
    """Press a groove into a height; the cloth on its right lies a little higher, as a turned-in edge does."""
    track = sheet.track(path, width_cm * 6)
    groove = np.exp(-((track.beside / width_cm) ** 2)) * depth_cm
    lip = np.exp(-(((track.beside - 2 * width_cm) / (1.6 * width_cm)) ** 2)) * depth_cm * 0.45
    height[track.rows, track.columns] += (lip - groove).astype(np.float32)


def pucker(sheet: Sheet, height: Field, path: Path, period_cm: float = 1.1, height_cm: float = 0.05) -> None:
    """A seam that pulls: small waves across it."""
    track = sheet.track(path, 2.0)
    phase = track.along / period_cm * 2 * math.pi + 1.5 * np.sin(track.along * 1.7)
    wave = np.sin(phase + 0.8 * track.beside) * np.exp(-((track.beside / 0.8) ** 2)) * height_cm
    height[track.rows, track.columns] += wave.astype(np.float32)


def ribs(sheet: Sheet, height: Field, path: Path, width_cm: float, period_cm: float, height_cm: float = 0.05) -> None:
    """Ridges across a band to the right of a line."""
    track = sheet.track(path, abs(width_cm) * 1.6)
    inside = (track.beside * np.sign(width_cm) > -0.3) & (np.abs(track.beside) < abs(width_cm) + 0.3)
    wave = np.cos(track.along / period_cm * 2 * math.pi) * height_cm * inside
    height[track.rows, track.columns] += wave.astype(np.float32)


def stitches(
    sheet: Sheet,
    path: Path,
    bgr: BGRColour,
    beside_cm: float = 0.0,
    width_cm: float = 0.09,
    dash_cm: float = 0.34,
    strength: float = 0.8,
) -> None:
    """A row of stitches on what is laid already, each with a shadow under it."""
    track = sheet.track(path, abs(beside_cm) + 0.6)
    wave = np.clip(np.cos(track.along / dash_cm * 2 * math.pi) * 2.2 + 1.1, 0, 1)
    soft = 0.5 / sheet.scale

    window = track.rows, track.columns

    def row(at_cm: float) -> Field:
        edge = np.clip((width_cm / 2 + soft - np.abs(track.beside - at_cm)) / (2 * soft), 0, 1)
        return (edge * wave).astype(np.float32)

    sheet.shade_at(window, 1 - np.float32(0.35) * sheet.blur(row(beside_cm + 0.05), 0.09))
    sheet.ink_at(window, row(beside_cm), bgr, strength)


def flat(sheet: Sheet, bgr: BGRColour) -> Colours:
    """One colour, quite even: for what is small."""
    return np.broadcast_to(np.array(bgr, np.float32), (*sheet.shape, 3))


def plain(sheet: Sheet, bgr: BGRColour, spread: float = 0.035) -> Colours:
    """One colour, with the unevenness that dyed cloth has."""
    tone = 1 + spread * sheet.noise(14, 2) * 0.6 + spread * 0.5 * sheet.noise(0.25, 1)
    return np.clip(tone[..., None] * np.array(bgr, np.float32), 0, 255).astype(np.float32)


def heather(sheet: Sheet, light: BGRColour, dark: BGRColour, share: float = 0.5) -> Colours:
    """Two yarns spun together: short flecks lying across."""
    flecks = cv2.GaussianBlur(sheet.rng.standard_normal(sheet.shape).astype(np.float32), (0, 0), 1.7, sigmaY=0.7)
    mix = np.clip(share + flecks / flecks.std() * 0.3, 0, 1)[..., None]
    return (np.array(light, np.float32) * (1 - mix) + np.array(dark, np.float32) * mix).astype(np.float32)


def jersey(sheet: Sheet) -> Field:
    """The fine knit of T-shirts: hardly more than a grain."""
    grain = cv2.GaussianBlur(sheet.rng.standard_normal(sheet.shape).astype(np.float32), (0, 0), 0.9, sigmaY=1.6)
    return (grain / grain.std() * np.float32(0.0032)).astype(np.float32)


def twill(sheet: Sheet, period_cm: float = 0.26, height_cm: float = 0.004) -> Field:
    """Fine slanting ribs, broken here and there."""
    phase = (sheet.x * 1.0 + sheet.y * 0.9) / period_cm * 2 * math.pi + sheet.noise(1.2) * 0.9
    grain = sheet.rng.standard_normal(sheet.shape).astype(np.float32)
    return (np.sin(phase) * height_cm + grain * height_cm * 0.45).astype(np.float32)


def denim(sheet: Sheet, deep: BGRColour, faded: BGRColour, worn: Field) -> Colours:
    """Indigo yarn over white: streaks downwards, worn (0..1) where it rubs."""
    raw = sheet.rng.standard_normal(sheet.shape).astype(np.float32)
    streaks = cv2.GaussianBlur(raw, (0, 0), 0.7, sigmaY=9)
    grain = cv2.GaussianBlur(raw[::-1], (0, 0), 0.8)
    mix = worn + 0.07 * streaks / streaks.std() + 0.075 * grain / grain.std() + 0.06 * sheet.noise(7, 2)
    mix = np.clip(mix, 0, 1)[..., None]
    return (np.array(deep, np.float32) * (1 - mix) + np.array(faded, np.float32) * mix).astype(np.float32)


def knit(sheet: Sheet, u: Field, v: Field, wale_cm: float = 0.62, course_cm: float = 0.5) -> Field:
    """Rows of V-shaped stitches, 0..1: u across, v down."""
    across = (u / wale_cm + 0.04 * sheet.noise(5)) % 1.0
    slant = np.abs(across - 0.5) * 2  # 1 at a wale's edge, 0 in its middle
    yarn = 0.55 + 0.45 * np.cos((v + slant * course_cm * 0.9) / course_cm * 2 * math.pi)
    valley = np.clip(slant * 2.4, 0, 1) ** 0.6 * np.clip((1 - slant) * 5, 0, 1) ** 0.7
    return np.asarray(yarn * valley, np.float32)


def cable(u: Field, v: Field, width_cm: float, turn_cm: float) -> Field:
    """Two strands wound about each other, running down at u = 0; between -0.45 and 1."""
    phase = v / turn_cm * 2 * math.pi
    field = np.zeros_like(u)
    for sign in (1.0, -1.0):
        middle = sign * np.sin(phase) * width_cm * 0.25
        over = 0.55 + 0.45 * sign * np.cos(phase)  # in front where it crosses one way
        strand = np.sqrt(np.clip(1 - ((u - middle) / (width_cm * 0.27)) ** 2, 0, 1))
        field = np.maximum(field, strand * (0.35 + 0.65 * over))
    edge = np.exp(-(((np.abs(u) - width_cm * 0.62) / (width_cm * 0.1)) ** 2))
    return np.asarray(field - 0.45 * edge, np.float32)


def mix(colours: Colours, bgr: BGRColour, amount: Field) -> Colours:
    share = np.clip(amount, 0, 1)[..., None]
    return (colours * (1 - share) + np.array(bgr, np.float32) * share).astype(np.float32)


def times(bgr: BGRColour, factor: float) -> BGRColour:
    return min(255.0, bgr[0] * factor), min(255.0, bgr[1] * factor), min(255.0, bgr[2] * factor)


def bent(sheet: Sheet, field: Field, height: Field, amount: float = 0.9) -> Field:
    """A pattern as it lies on cloth of that height: it goes up and down with the folds."""
    rows, columns = np.mgrid[: sheet.shape[0], : sheet.shape[1]].astype(np.float32)
    move = sheet.blur(height, 0.4) * np.float32(amount * sheet.scale)
    return np.asarray(cv2.remap(field, columns + move * 0.5, rows + move, cv2.INTER_LINEAR), np.float32)
