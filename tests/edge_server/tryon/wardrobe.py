"""Garments of a few straight lines, with exact landmarks."""

import cv2
import numpy as np

from edge_server.tryon.values import XY, Garment, Kind

SIZE = 480


def upper(
    kind: Kind = Kind.TOP,
    sleeve: float = 1.0,
    hem: float = 0.8,
    bgr: tuple[int, int, int] = (60, 60, 200),
    flare: float = 0.0,
    stripes: bool = False,
) -> Garment:
    """Sleeves hang out at an angle; `sleeve` is their length, 1: to the wrist, 0: none. A jacket is open in front."""
    half = {
        "neck": (0.09, 0.08), "shoulder": (0.21, 0.12), "armpit": (0.19, 0.33),
        "waist": (0.175, 0.60), "hem": (0.19 + flare, hem), "outer": (0.21 + 0.24 * sleeve, 0.12 + 0.55 * sleeve),
        "inner": (0.19 + 0.17 * sleeve, 0.33 + 0.40 * sleeve),
    }  # fmt: skip
    if not sleeve:
        half["shoulder"], half["armpit"] = (0.16, 0.10), (0.19, 0.33)
        half["outer"], half["inner"] = half["shoulder"], half["armpit"]
    front = (0.5, 0.15)
    right = [half[name] for name in ("neck", "shoulder", "outer", "inner", "armpit", "waist", "hem")]
    outline = [front, *((0.5 - x, y) for x, y in right), *((0.5 + x, y) for x, y in reversed(right))]
    holes = [[(0.5, 0.15), (0.47, 0.4), (0.47, hem + 0.05), (0.53, hem + 0.05), (0.53, 0.4)]]
    names = {"outer": "sleeve_outer", "inner": "sleeve_inner"}
    marks: dict[str, XY] = {"neck_front": front}
    for name, (x, y) in half.items():
        marks[f"{names.get(name, name)}_left"] = (0.5 + x, y)
        marks[f"{names.get(name, name)}_right"] = (0.5 - x, y)
    picture = _filled(outline, bgr, holes if kind is Kind.JACKET else [])
    if stripes:
        picture[(np.arange(SIZE) // 16 % 2 == 0), :, :3] = (235, 235, 235)
    return Garment(f"drawn-{kind}", "Drawn", kind, picture, marks)


def trousers(hem: float = 0.96) -> Garment:
    """Two legs with a gap between them."""
    half = {"waist": (0.15, 0.04), "hip": (0.19, 0.22)}
    outer = {"knee_outer": (0.20, 0.60), "hem_outer": (0.20, hem)}
    inner = {"knee_inner": (0.05, 0.60), "hem_inner": (0.07, hem)}
    crotch = (0.5, 0.32)
    down = [*half.values(), *outer.values()]
    right = [(0.5 - x, y) for x, y in (*down, *reversed(inner.values()))]
    left = [(0.5 + x, y) for x, y in (*inner.values(), *reversed(down))]
    marks: dict[str, XY] = {"crotch": crotch}
    for name, (x, y) in (half | outer | inner).items():
        marks[f"{name}_left"], marks[f"{name}_right"] = (0.5 + x, y), (0.5 - x, y)
    return Garment(
        "drawn-trousers", "Drawn", Kind.TROUSERS, _filled([*right, crotch, *left], (90, 120, 150), []), marks
    )


def _filled(outline: list[XY], bgr: tuple[int, int, int], holes: list[list[XY]]) -> np.ndarray:
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    for corners, colour in ((outline, (*bgr, 255)), *((hole, (*bgr, 0)) for hole in holes)):
        fixed = np.round((np.array(corners) * SIZE - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(picture, [fixed], colour, cv2.LINE_AA, 4)
    return picture
