"""`WarpEngine`: the embedded try-on."""

import threading
from typing import Literal

import cv2
import numpy as np

from edge_server.tryon.values import BGR, Area, Facing, Garment, Kind, Person, Progress, TryOnError
from edge_server.tryon.warp.body import Body
from edge_server.tryon.warp.compose import Composer, Dressed
from edge_server.tryon.warp.fit import fit
from edge_server.tryon.warp.layers import bend
from edge_server.tryon.warp.pattern import Pattern, cut

Quality = Literal["photo", "live"]
_KEPT = 12  # patterns: a live picture asks for the same garment again and again
_LEGS_IN_VIEW = 0.5  # squares of the shoulders' width: less than that of legs cannot wear trousers


class WarpEngine:
    """Bends garments by thin-plate splines. `live` takes fewer samples: quicker, with harder edges."""

    def __init__(self, quality: Quality = "photo") -> None:
        if quality not in ("photo", "live"):
            raise ValueError(f'quality "{quality}" is not known: "photo" or "live"')
        self.name = "warp" if quality == "photo" else "warp-live"
        self._quality = quality
        self._patterns: list[tuple[Garment, float, Pattern]] = []
        self._lock = threading.Lock()

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        return self.dress(person, garment, progress).bgr

    def dress(self, person: Person, garment: Garment, progress: Progress) -> Dressed:
        """The same, and what is garment in it."""
        progress(0.02, "measuring the body")
        body = Body(person)
        _check(person, body, garment)
        progress(0.1, "cutting the garment")
        pattern = self._pattern(garment, body)
        progress(0.25, "laying out the garment")
        layout = fit(pattern, body)
        progress(0.3, "light and folds")
        photo = self._quality == "photo"
        composer = Composer(person, body, layout, garment.kind, detailed=photo)
        for number, piece in enumerate(layout.pieces):
            progress(0.5 + 0.45 * number / len(layout.pieces), "bending the garment")
            layer = bend(piece, body.width, body.height, 2 if photo else 1, 4 if photo else 8)
            if layer is not None:
                composer.lay(layer)
        dressed = composer.finish()
        progress(1.0, "done")
        return dressed

    def close(self) -> None:
        with self._lock:
            self._patterns.clear()

    def _pattern(self, garment: Garment, body: Body) -> Pattern:
        """Cut at about the size it is worn at, so that bending it needs no filter against aliasing."""
        height, width = garment.bgra.shape[:2]
        pair = "hip" if garment.kind is Kind.TROUSERS else "armpit"
        try:
            (x0, y0), (x1, y1) = (garment.landmarks[f"{pair}_{side}"] for side in ("left", "right"))
        except KeyError as error:
            raise TryOnError(f"The garment {garment.garment_id} lacks its landmark {error}. Add it anew.") from error
        drawn = float(np.hypot((x0 - x1) * width, (y0 - y1) * height))
        if drawn < 4:
            raise TryOnError(f"The landmarks of the garment {garment.garment_id} lie on one spot. Add it anew.")
        worn = body.half(0.3, "left") + body.half(0.3, "right")
        scale = worn / drawn * (1.4 if self._quality == "photo" else 1.0)
        # Steps of a fifth: somebody who moves a little needs no new pattern.
        scale = min(float(2 ** (np.round(np.log2(scale) * 4) / 4)), 1.0, 1400 / max(height, width))
        with self._lock:
            for known, size, pattern in self._patterns:
                if known is garment and size == scale:
                    return pattern
        pattern = cut(garment, scale)
        with self._lock:
            self._patterns = [*self._patterns[-_KEPT + 1 :], (garment, scale, pattern)]
        return pattern


def _has_print(garment: Garment) -> bool:
    """Something on the middle of its front that the rest of it does not have; stripes all over are no print."""
    height, width = garment.bgra.shape[:2]
    marks = garment.landmarks
    top, bottom = marks["neck_front"][1] * height, marks["waist_left"][1] * height
    left, right = marks["armpit_right"][0] * width, marks["armpit_left"][0] * width
    front = garment.bgra[int(top + 0.08 * (bottom - top)) : int(bottom), int(left) : int(right)]
    if min(front.shape[:2]) < 8:
        return False
    small = cv2.resize(front, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    usual = np.median(small[..., :3].reshape(-1, 3), axis=0)
    unlike = (np.abs(small[..., :3] - usual).max(axis=2) > 45) & (small[..., 3] > 200)
    middle, rest = float(unlike[:, 8:24].mean()), float(unlike[:, [*range(8), *range(24, 32)]].mean())
    return middle > 0.05 + 2 * rest


def _check(person: Person, body: Body, garment: Garment) -> None:
    """Refuse, in words, what cannot look right."""
    if person.pose.facing is Facing.SIDE:
        raise TryOnError("The picture shows a person from the side. Turn your chest to the camera.")
    if body.shows_back and garment.kind is Kind.JACKET:
        raise TryOnError("The picture shows a person from behind, where a jacket's front is not seen. Turn round.")
    if body.shows_back and garment.kind is not Kind.TROUSERS and _has_print(garment):
        raise TryOnError("The picture shows a person from behind, where this print is not seen. Turn round.")
    if garment.kind is Kind.TROUSERS:
        legs = person.parsing.labels == Area.LEGS
        knees = [body.point(f"{side}_knee") for side in ("left", "right")]
        in_view = any(knee is not None and -1 < knee[1] < body.height for knee in knees)
        if not in_view or int(legs.sum()) < _LEGS_IN_VIEW * body.unit**2:
            raise TryOnError("No legs in the picture to wear trousers. Step back until your knees are seen.")
    else:
        torso = int((person.parsing.labels == Area.TORSO).sum()) / body.unit**2
        if torso < 0.25:
            raise TryOnError("Too little of the chest is in the picture. Step back, and let your arms hang.")
