"""Pictures of people for the standees, made from the public-domain portrait that ships with scikit-image.

The portrait (NASA's Eileen Collins) goes from head to waist; trousers and boots are drawn below it, and all around the
person is cut away by an outline. The suit is recoloured, so that people can be told apart.
"""

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from robot.values import BGR
from sim.place import rgb

WIDTH_PX, HEIGHT_PX = 512, 944
BOARD_WIDTH_M = 0.9  # makes her 1.63 m tall, her face at 1.46 m
METRES_PER_PX = BOARD_WIDTH_M / WIDTH_PX
WAIST_PX = 511  # last row of the photo

# Outline of the person in the photo, clockwise from the hair: segmented once with GrabCut, corners within 2 px.
# fmt: off
_PHOTO_OUTLINE = (
    (201, 23), (185, 38), (163, 51), (156, 58), (153, 68), (157, 104), (170, 116), (170, 121), (178, 133), (178, 147),
    (153, 151), (131, 167), (121, 183), (120, 205), (110, 206), (90, 227), (76, 235), (65, 246), (44, 282), (39, 306),
    (26, 342), (26, 366), (19, 390), (20, 419), (24, 432), (24, 470), (30, 495), (41, 511),
)
_PHOTO_OUTLINE_RIGHT = (  # leaves out most of the helmet in her arm: alone at an edge it passes for a person
    (352, 511), (364, 470), (366, 400),
    (365, 349), (360, 344), (360, 328), (357, 323), (352, 286), (347, 282), (340, 262), (303, 233),
    (299, 219), (289, 203), (258, 175), (274, 135), (294, 111), (300, 92), (296, 58), (288, 43), (276, 31),
    (251, 19), (227, 16),
)
# Drawn: legs and boots, from the left hip round to the right one.
_LEGS_OUTLINE = (
    (60, 513), (72, 640), (84, 780), (92, 868), (70, 900), (66, 930), (84, 940), (176, 940), (186, 926), (184, 868),
    (196, 760), (204, 640), (212, 580), (222, 640), (230, 760), (240, 868), (238, 926), (248, 940), (340, 940),
    (358, 930), (354, 900), (332, 868), (342, 780), (348, 640), (350, 514),
)
# fmt: on
OUTLINE = _PHOTO_OUTLINE + _LEGS_OUTLINE + _PHOTO_OUTLINE_RIGHT
_BOOTS_FROM_PX = 868


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture and the colour of its clothes."""

    bgr: BGR = field(repr=False)  # (944, 512, 3); opaque everywhere, cut along `OUTLINE` by the scene's mesh
    clothes_rgb: tuple[int, int, int]


@cache
def portrait(clothes: str, mirrored: bool) -> Portrait:
    """A person in a suit of that colour, "#rrggbb". Mirrored pictures want a mirrored outline."""
    photo, suit = _photo()
    whole = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    # Shading of the suit stays: each pixel is the new colour times how bright the old one was.
    target = np.array(rgb(clothes)[::-1], np.float32)
    light = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean = float(light[suit > 0.5].mean())
    dyed = np.clip(target * (light / mean)[..., None], 0, 255)
    whole[: WAIST_PX + 1] = photo * (1 - suit[..., None]) + dyed * suit[..., None]
    whole[WAIST_PX + 1 :] = _legs(target)
    picture = np.ascontiguousarray(whole.astype(np.uint8))
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    return Portrait(picture, rgb(clothes))


@cache
def _photo() -> tuple[BGR, NDArray[np.float32]]:
    """The photo, BGR, and how much each pixel is suit (0..1)."""
    import skimage.data  # takes 0.2 s; runs that never look need it not

    photo = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    hue, saturation, value = cv2.split(cv2.cvtColor(photo, cv2.COLOR_BGR2HSV))
    orange = ((hue < 14) | (hue > 176)) & (saturation > 130) & (value > 60)  # hue in half degrees; skin is < 120
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.array(_PHOTO_OUTLINE + _PHOTO_OUTLINE_RIGHT, np.int32)], (1,))
    inside[:200] = 0  # lips and hair are no suit
    mask = cv2.morphologyEx((orange & (inside > 0)).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return photo, cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 0)


def _legs(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Trousers in the suit's colour, darker at the sides, and dark boots: rows below the photo."""
    rows = np.arange(WAIST_PX + 1, HEIGHT_PX)[:, None]
    columns = np.arange(WIDTH_PX)[None, :]
    across = np.where(columns < 212, (columns - 138) / 76.0, (columns - 286) / 76.0)  # -1..1 over each leg
    shade = 1.0 - 0.35 * across**2 + 0.06 * np.sin(rows / 23.0 + across * 2)
    cloth = np.clip(shade, 0.3, 1.15)[..., None] * target
    boots = np.clip(1.3 - 0.6 * across**2, 0.4, 1.3)[..., None] * np.array([38, 36, 34], np.float32)
    return np.clip(np.where((rows >= _BOOTS_FROM_PX)[..., None], boots, cloth), 0, 255).astype(np.float32)


def triangles(outline: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
    """Cut a simple polygon into triangles by ear clipping; indices into the outline, all with the same winding."""
    left = list(range(len(outline)))
    if _area2(outline) < 0:
        left.reverse()
    found = []
    while len(left) > 3:
        for at in range(len(left)):
            a, b, c = left[at - 1], left[at], left[(at + 1) % len(left)]
            if _cross(outline[a], outline[b], outline[c]) <= 0:
                continue
            others = (outline[k] for k in left if k not in (a, b, c))
            if any(_within(point, outline[a], outline[b], outline[c]) for point in others):
                continue
            found.append((a, b, c))
            del left[at]
            break
        else:
            raise AssertionError("the outline crosses itself")
    found.append((left[0], left[1], left[2]))
    return found


def _cross(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _within(p: tuple[int, int], a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return _cross(a, b, p) >= 0 and _cross(b, c, p) >= 0 and _cross(c, a, p) >= 0


def _area2(outline: tuple[tuple[int, int], ...]) -> int:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, outline[1:] + outline[:1], strict=True))
