"""Faces to look at: the portrait that comes with scikit-image under many lamps, and people who are drawn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from archive.face import NO_TRACK, Face
from protos.messages import Box
from tests.archive.made import Made, made

Picture = NDArray[np.uint8]
HEAD = (70, 12, 202, 172)  # left, top, right, bottom of the face in `portrait()`
SKIN = ((255, 219, 186), (241, 194, 150), (224, 172, 120), (198, 134, 84), (141, 85, 48), (94, 58, 36))
HAIR = ((38, 28, 22), (92, 58, 32), (160, 104, 46), (214, 176, 96), (150, 150, 155), (120, 42, 30))
ROBOTS = ("rover-1", "rover-2", "hall-camera")
EDGES = ("edge-north", "edge-south", "lab-gpu")


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def portrait() -> Picture:
    """BGR, 300 x 270."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:300, 85:355, ::-1])


def portrait_crop(random: np.random.Generator, size: float) -> Picture:
    """The head, wandering a little, as another lamp and another distance would show it."""
    left, top, right, bottom = HEAD
    slack = np.r_[random.integers(-14, 15, 2), random.integers(-10, 25, 2)]
    cut = portrait()[max(0, top - 10 + slack[0]) : bottom + 40 + slack[1], max(0, left - 30 + slack[2]) : right + 20]
    side = max(24, round(220 * size))
    cut = cv2.resize(cut, (round(side * cut.shape[1] / cut.shape[0]), side), interpolation=cv2.INTER_AREA)
    lamp = random.uniform(0.72, 1.12) * np.array([random.uniform(0.86, 1.1), 1.0, random.uniform(0.9, 1.1)])
    return np.clip(cut * lamp, 0, 255).astype(np.uint8)


def drawn(person: int, random: np.random.Generator, size: float) -> Picture:
    """Somebody who does not exist; the same number is the same person."""
    who = rng(person)
    big, side = 4, 240
    wall = np.array(((96, 110, 124), (130, 120, 104), (74, 96, 92), (150, 150, 140), (84, 80, 104))[who.integers(5)])
    slope = np.linspace(1.12, 0.82, side * big)[:, None, None]
    canvas = np.clip(np.ones((side * big, side * big, 3)) * wall * slope, 0, 255).astype(np.uint8)
    skin, hair = np.array(SKIN[who.integers(6)]), np.array(HAIR[who.integers(6)])
    shirt = who.integers(40, 210, 3)
    x, y = 120 + random.uniform(-8, 8), 118 + random.uniform(-6, 6)
    wide, high, turn = who.uniform(46, 54), who.uniform(60, 68), random.uniform(-5, 5)

    def oval(
        dx: float, dy: float, rx: float, ry: float, colour: NDArray[np.generic], begin: int = 0, end: int = 360
    ) -> None:
        centre = (round((x + dx) * big), round((y + dy) * big))
        axes = (round(rx * big), round(ry * big))
        cv2.ellipse(canvas, centre, axes, turn, begin, end, tuple(int(c) for c in colour), -1, cv2.LINE_AA)

    is_long = who.random() < 0.5
    if is_long:
        oval(0, 18, wide + 16, high + 30, hair * 0.8)
    oval(0, 128, 92, 56, shirt)
    oval(0, 74, 22, 30, skin * 0.86)
    oval(-wide, 4, 9, 14, skin * 0.92)
    oval(wide, 4, 9, 14, skin * 0.92)
    oval(0, -14, wide + 6, high - 2, hair)
    oval(0, 6, wide, high, skin)
    oval(0, -44, wide * 0.94, 26, hair, 180, 360)
    look = random.uniform(-3, 3)
    for side_ in (-1, 1):
        oval(side_ * 19, -2, 9, 6, np.array((250, 248, 244)))
        oval(side_ * 19 + look, -2, 5, 5.5, np.array((60, 44, 36)))
        oval(side_ * 19 + look, -3, 1.6, 1.6, np.array((255, 255, 255)))
        oval(side_ * 19, -16, 12, 3, hair * 0.7)
    oval(0, 16, 6, 9, skin * 0.88)
    oval(0, 36, 17, 9, np.array((168, 72, 70)), 0, 180)
    small = cv2.resize(canvas, (max(24, round(240 * size)),) * 2, interpolation=cv2.INTER_AREA)
    light = random.uniform(0.8, 1.1)
    return np.clip(small[12:, :, ::-1] * light, 0, 255).astype(np.uint8)


def days_of_people(now: datetime, tracks: int = 26, days: int = 1, seed: int = 5) -> list[Made]:
    """Some people a day before three cameras; the newest at `now`."""
    random = rng(seed)
    faces: list[Made] = []
    for back in range(days):
        for number in range(tracks if back == 0 else 4):
            last = now - timedelta(days=back, seconds=170.0 * number)
            robot, edge = ROBOTS[number % 3 if number else 0], EDGES[int(random.integers(3))]
            crops = int(random.integers(1, 9)) if number else 12
            name = f"{last:%m%d}-{tracks - number:03d}"
            for each in range(crops):
                time = last - timedelta(seconds=6.2 * each + float(random.uniform(0, 2)))
                size = float(random.uniform(0.55, 1.0))
                is_real = number % 7 in (0, 4)
                picture = portrait_crop(random, size) if is_real else drawn(100 * back + number, random, size)
                share = 0.12 + 0.3 * size
                wide = share * picture.shape[1] / picture.shape[0] * 9 / 16  # of a camera's picture of 16:9
                box = Box(float(random.uniform(0, 1 - wide)), float(random.uniform(0.02, 0.3)), wide, share)
                sure = float(random.uniform(0.72, 0.995))
                edge = edge if random.random() < 0.85 else EDGES[int(random.integers(3))]
                quality = float(np.clip(size * random.uniform(0.7, 1.0), 0, 1))
                faces.append(made(Face(robot, name, time, sure, box, edge, quality), picture))
    stray = Face("rover-2", "kiosk-4", None, 0.81, edge="edge-south", quality=0.4)
    faces.append(made(stray, drawn(77, random, 0.8), now.astimezone(UTC)))
    faces.append(made(replace(stray, track=NO_TRACK), drawn(78, random, 0.7), now.astimezone(UTC)))
    return faces
