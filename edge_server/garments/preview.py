"""A garment shown to people: on a light ground, with its landmarks; and in a terminal."""

import cv2
import numpy as np
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

from edge_server.tryon.values import BGR, BGRA, Garment

LONG_PX = 900
GROUND = np.array((244, 244, 242), np.float32)
LEFT_BGR, RIGHT_BGR, MIDDLE_BGR, INSIDE_BGR = (40, 40, 220), (220, 120, 20), (30, 150, 30), (200, 60, 200)


def on_ground(bgra: BGRA) -> BGR:
    """Without transparency."""
    alpha = bgra[..., 3:].astype(np.float32) / np.float32(255)
    return np.asarray(bgra[..., :3] * alpha + GROUND * (1 - alpha), np.float32).round().astype(np.uint8)


def preview(garment: Garment) -> BGR:
    """With its landmarks by name: the wearer's left red, right blue."""
    height, width = garment.bgra.shape[:2]
    share = LONG_PX / max(height, width)
    picture = cv2.resize(on_ground(garment.bgra), None, fx=share, fy=share, interpolation=cv2.INTER_CUBIC)
    margin = 70
    picture = cv2.copyMakeBorder(
        picture, 20, 20, margin, margin, cv2.BORDER_CONSTANT, value=[float(value) for value in GROUND]
    )

    def place(x: float, y: float) -> tuple[int, int]:
        return round(x * width * share) + margin, round(y * height * share) + 20

    for outline in garment.inside:
        points = np.array([place(x, y) for x, y in outline], np.int32)
        cv2.polylines(picture, [points], True, INSIDE_BGR, 1, cv2.LINE_AA)
    for name, (x, y) in garment.landmarks.items():
        colour = LEFT_BGR if name.endswith("_left") else RIGHT_BGR if name.endswith("_right") else MIDDLE_BGR
        at = place(x, y)
        cv2.circle(picture, at, 6, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, at, 4, colour, -1, cv2.LINE_AA)
        (wide, _), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
        column = at[0] + 9 if x < 0.8 else at[0] - 9 - wide
        column = int(np.clip(column, 2, max(2, picture.shape[1] - wide - 2)))
        for thick, ink in ((3, (255, 255, 255)), (1, colour)):
            cv2.putText(picture, name, (column, at[1] + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, thick, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def in_terminal(bgra: BGRA, columns: int = 44) -> Segments:
    """Two pixels a letter: the upper half block in one colour on another."""
    height, width = bgra.shape[:2]
    rows = max(2, round(columns * height / width / 2) * 2)
    small = cv2.resize(on_ground(bgra), (columns, rows), interpolation=cv2.INTER_AREA)
    segments = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            colours = [Color.from_rgb(int(pixel[2]), int(pixel[1]), int(pixel[0])) for pixel in (above, below)]
            segments.append(Segment("▀", Style(color=colours[0], bgcolor=colours[1])))
        segments.append(Segment.line())
    return Segments(segments)
