"""How the light falls on what is worn: its folds and shadows, as a factor for the new garment's colours.

What is worn may have prints. Its pixels are grouped by hue and saturation, which light does not change; each pixel's
factor is its brightness against the usual one of its group, so a badge is neither a shadow nor a light.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import BGR

Floats = NDArray[np.float32]
_GROUPS = 4
_SAMPLES = 1500
_SAME_HUE = 0.045  # groups whose share of blue and red differs less are one cloth
_MAIN_SHARE = 0.35  # of an area's pixels: a smaller group is not what the area is made of
_OFFSET = 14.0  # added to all channels: the hue of what is nearly black is noise
_DARKEST, _LIGHTEST = -0.75, 0.45  # natural logarithms of the factor
_GAIN = 0.9


def shading(bgr: BGR, areas: NDArray[np.uint8], unit_px: float) -> Floats:
    """A factor around 1 for every pixel of a picture; `areas` number the clothes and skin that will be covered.

    Where `areas` is 0 it fades to 1.
    """
    worn = areas > 0
    if int(worn.sum()) < 40:
        return np.ones(worn.shape, np.float32)
    pixels = bgr.astype(np.float32) + _OFFSET
    total = pixels.sum(axis=2)
    hue = pixels[..., [0, 2]] / total[..., None]
    bright = np.log(total)
    group = _groups(hue, worn)
    factor = np.zeros(worn.shape, np.float32)
    solid = cv2.erode(worn.astype(np.uint8), np.ones((3, 3), np.uint8))
    trust = solid.astype(np.float32)
    for each in range(int(group.max()) + 1):
        own = worn & (group == each)
        if not own.any():
            continue
        factor[own] = bright[own] - np.median(bright[own])
        # Black, grey and white have one hue; light alone does not make one cloth differ that much.
        spread = 1.48 * float(np.median(np.abs(factor[own])))
        trust[own] *= float(np.clip(2.2 - spread / 0.25, 0.02, 1.0))
        for area in np.unique(areas[own]):
            here = areas == area
            if int((own & here).sum()) < _MAIN_SHARE * int(here.sum()):  # a badge, a strap, a bag
                trust[own & here] *= 0.02
        # Between two groups lie pixels that are mixed of both.
        trust[own & (cv2.erode(own.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)] *= 0.05
    factor = np.clip(factor, 1.4 * _DARKEST, 1.4 * _LIGHTEST)
    trust *= _unlike_print(factor, trust, unit_px)
    wide, _ = _smooth(factor, trust, 0.16 * unit_px)
    fine, sure = _smooth(factor, trust, max(0.012 * unit_px, 0.8))
    folds = (fine - wide) * np.clip(sure * 1.5, 0, 1)
    return np.exp(np.clip(_GAIN * (wide + folds * _fold_strength(fine, wide, trust)), _DARKEST, _LIGHTEST))


def exposure(bgr: BGR) -> float:
    """How bright the brightest of the picture are, 1: as bright as a catalogue's white."""
    brightest = float(np.percentile(bgr[::4, ::4].max(axis=2), 97))
    return float(np.clip(brightest / 228, 0.55, 1.0))


def _smooth(values: Floats, weights: Floats, sigma_px: float) -> tuple[Floats, Floats]:
    """The weighted mean around each pixel, and how much weight there was; fades to 0 where there is none."""
    step = max(int(sigma_px / 3), 1)  # a wide blur is as good on a small picture
    small = (max(values.shape[1] // step, 2), max(values.shape[0] // step, 2))
    both = cv2.resize(np.dstack([values * weights, weights]), small, interpolation=cv2.INTER_AREA)
    both = cv2.GaussianBlur(both, (0, 0), sigma_px / step, borderType=cv2.BORDER_REPLICATE)
    both = cv2.resize(both, (values.shape[1], values.shape[0]), interpolation=cv2.INTER_LINEAR)
    return both[..., 0] / (both[..., 1] + 0.02), both[..., 1]


def _unlike_print(factor: Floats, trust: Floats, unit_px: float) -> Floats:
    """Less trust in pixels far from what is usual around them: white letters on black have no hue of their own."""
    around, _ = _smooth(factor, trust, 0.07 * unit_px)
    off = factor - around
    return np.asarray(1.0 / (1.0 + (off / 0.28) ** 4), np.float32)


def _fold_strength(fine: Floats, wide: Floats, trust: Floats) -> float:
    """Folds rarely change brightness by more than a quarter; what does so all over is a pattern woven or printed."""
    sure = trust > 0.5
    if not sure.any():
        return 0.0
    contrast = float(np.sqrt(np.mean((fine - wide)[sure] ** 2)))
    return float(np.clip(1.3 - contrast / 0.25, 0.3, 1.0))


def _groups(hue: Floats, worn: NDArray[np.bool_]) -> NDArray[np.int32]:
    """For every pixel the number of its group: k-means with fixed starts, so that the same picture looks the same."""
    samples = hue[worn]
    samples = samples[:: max(len(samples) // _SAMPLES, 1)]
    centres = [np.median(samples, axis=0)]
    for _ in range(_GROUPS - 1):
        distance = np.min([((samples - centre) ** 2).sum(1) for centre in centres], axis=0)
        centres.append(samples[int(np.argmax(distance * (distance < np.quantile(distance, 0.995) + 1e-9)))])
    found = np.array(centres)
    for _ in range(5):
        nearest = ((samples[:, None] - found[None]) ** 2).sum(2).argmin(1)
        for each in range(_GROUPS):
            if (nearest == each).any():
                found[each] = samples[nearest == each].mean(0)
    shares = np.bincount(((samples[:, None] - found[None]) ** 2).sum(2).argmin(1), minlength=_GROUPS)
    kept = [int(np.argmax(shares))]
    for each in np.argsort(-shares):
        far = min(float(np.hypot(*(found[each] - found[other]))) for other in kept)
        if far > _SAME_HUE and shares[each] > 0.02 * shares.sum():
            kept.append(int(each))
    centres_kept = found[kept]
    # hue differs by two numbers only: the distances are cheaper one group at a time
    distances = [((hue - centre) ** 2).sum(axis=2) for centre in centres_kept]
    return np.argmin(np.stack(distances), axis=0).astype(np.int32)
