"""The garment cut out of its photo: which pixels are it, how much at the edge, and what colour it has there."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.backdrop import FAR, Backdrop, learn, refit
from edge_server.garments.photo import Photo
from edge_server.garments.record import GarmentError
from edge_server.tryon.values import BGR, BGRA

Bits = NDArray[np.bool_]
CUT_PX = 512  # longer side of the picture that is cut coarsely
LONG_PX = 640  # longer side of the garment's picture in the catalogue
MIN_GARMENT_PX = 160  # longer side of the garment in the photo
MIN_SHARE = 0.03  # of the photo that has to be garment
OTHER_SHARE = 0.06  # of the garment's area: another thing as large as this is not dust
HOLE_SHARE = 0.0008  # of the garment's area: smaller holes are spots on it
ALIKE_SHARE = 0.06  # of the garment that looks like the background in shade: more is its own colour
MARGIN = 0.02
FAINT_PX, FAINT_SHARE = (
    384,
    0.05,
)  # of the garment's area; on paper 0.001 was measured, where parts were lost 0.15 and more
SHADOW_REACH = 0.045  # of the photo: so far from a garment its shadow is not seen any more


def cut_out(photo: Photo) -> BGRA:
    """The garment alone, with a small margin, no longer than `LONG_PX`. Raises GarmentError that says what to do."""
    if photo.alpha is not None:
        mask = photo.alpha > 0.5
        _check(mask)
        return _framed(photo.bgr, np.where(_largest(mask), photo.alpha, 0).astype(np.float32))
    mask, backdrop = _mask(photo.bgr)
    _check_seen(mask, backdrop)
    _check(mask)
    mask = _largest(mask)
    alpha, colours = _edge(photo.bgr, mask, backdrop)
    return _framed(colours, alpha)


def _mask(bgr: BGR) -> tuple[Bits, Backdrop]:
    """Coarse by GrabCut on a small picture, then carried to the large one."""
    height, width = bgr.shape[:2]
    share = min(1.0, CUT_PX / max(height, width))
    small = bgr if share == 1 else cv2.resize(bgr, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.bilateralFilter(small, 5, 18, 3), np.uint8)
    backdrop = learn(small)
    limit = max(FAR * 0.6, 4 * backdrop.grain)
    backdrop = refit(backdrop, backdrop.away < limit)
    away, shadow = backdrop.away, backdrop.shadow
    sure = (away > max(FAR * 1.3, 6 * backdrop.grain)) & ~shadow
    sure |= backdrop.lab[..., 0] < 0.4 * backdrop.ground[..., 0]
    if sure.mean() < 0.004 and not (away > limit).mean() > 0.02:
        raise GarmentError(
            "there is nothing to be seen on the background. Choose one whose colour differs from the garment's."
        )
    marks = np.full(away.shape, cv2.GC_PR_BGD, np.uint8)
    marks[(away > limit) & ~_soft(shadow, backdrop)] = cv2.GC_PR_FGD
    marks[_opened(sure, 1)] = cv2.GC_FGD
    marks[_open_ground(away, max(2.6, 2.2 * backdrop.grain))] = cv2.GC_BGD
    if not (marks == cv2.GC_FGD).any() and not (marks == cv2.GC_PR_FGD).any():
        raise GarmentError("there is nothing to be seen on the background.")
    found = _grab(small, marks)
    found = _closed(found, 1)
    found = _crevices(_holes(found, backdrop), backdrop, limit)
    smooth = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 1.0)
    large = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC) > 0.5
    ground = cv2.resize(backdrop.ground, (width, height), interpolation=cv2.INTER_LINEAR)
    lab = np.asarray(cv2.cvtColor(bgr.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2LAB), np.float32)
    return np.asarray(large), Backdrop(lab, ground.astype(np.float32), backdrop.grain)


def _soft(shadow: Bits, backdrop: Backdrop) -> Bits:
    """Shadow-like pixels with no edge near: shadows fade, cloth ends."""
    light = cv2.GaussianBlur(backdrop.lab[..., 0], (0, 0), 1.2)
    slope = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)) / 8
    return np.asarray(shadow & (slope < 3.0))


def _open_ground(away: NDArray[np.float32], limit: float) -> Bits:
    """Surely background: its colour, and joined to the border by more of it."""
    calm = _opened(cv2.GaussianBlur(away, (0, 0), 1.0) < limit, 1).astype(np.uint8)
    _, labels = cv2.connectedComponents(calm, connectivity=4)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.asarray(np.isin(labels, np.unique(edges[edges > 0])))


def _grab(bgr: BGR, marks: NDArray[np.uint8]) -> Bits:
    if not np.isin(marks, (cv2.GC_BGD, cv2.GC_PR_BGD)).any():
        return np.ones(marks.shape, bool)
    marks = marks.copy()
    cv2.setRNGSeed(1)  # its k-means starts by chance
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(bgr, marks, None, models[0], models[1], 3, cv2.GC_INIT_WITH_MASK)
    except cv2.error as error:
        raise GarmentError("the garment cannot be told from its background. Choose another background.") from error
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))


def _holes(found: Bits, backdrop: Backdrop) -> Bits:
    """Fill holes, but for those through which the background is really seen."""
    filled = found.copy()
    area = max(1, int(found.sum()))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~found).astype(np.uint8), connectivity=4)
    height, width = found.shape
    for label in range(1, count):
        left, top, wide, high, size = stats[label]
        if left == 0 or top == 0 or left + wide == width or top + high == height:
            continue  # joined to the border: that is outside
        inside = labels == label
        seen = float(np.median(backdrop.away[inside]))
        shaded = float(backdrop.shadow[inside].mean())
        is_ground = seen < max(3.0, 2.5 * backdrop.grain) or (shaded > 0.9 and seen < 3 * FAR)
        thick = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3).max()
        if size < HOLE_SHARE * area or not is_ground or thick < 2.5:
            filled |= inside
    return filled


def _crevices(found: Bits, backdrop: Backdrop, limit: float) -> Bits:
    """Take out shaded ground between sleeve and body, where nothing of the garment looks like shaded ground."""
    ground = found & (backdrop.shadow | (backdrop.away < limit))
    if not found.any() or ground.sum() > ALIKE_SHARE * found.sum():
        return found
    count, labels = cv2.connectedComponents(_opened(ground, 1).astype(np.uint8), connectivity=4)
    beside = _morph(~found, cv2.MORPH_DILATE, 1)
    taken = found.copy()
    for label in range(1, count):
        part = labels == label
        rim = part & _morph(~part, cv2.MORPH_DILATE, 1)
        mouth = (rim & beside).sum() / rim.sum()  # open to the outside; a garment's pale edge is so along half its rim
        if 0 < mouth < 0.35:
            taken &= ~part
    return taken


def _check_seen(mask: Bits, backdrop: Backdrop) -> None:
    """Raises GarmentError where something else is just to be seen far from what was found: more of the garment."""
    if not mask.any():
        return
    share = FAINT_PX / max(mask.shape)
    small = cv2.resize(mask.astype(np.uint8), None, fx=share, fy=share, interpolation=cv2.INTER_NEAREST)
    away = cv2.resize(backdrop.lab - backdrop.ground, small.shape[::-1], interpolation=cv2.INTER_AREA)
    away = np.linalg.norm(away, axis=2)
    far = ~_morph(small > 0, cv2.MORPH_DILATE, round(SHADOW_REACH * FAINT_PX))
    if not far.any():
        return
    faint = far & (away > 4 * max(0.6, float(np.median(away[far]))))
    if faint.sum() > FAINT_SHARE * small.sum():
        raise GarmentError(
            "parts of the garment can hardly be told from the background. Choose one whose colour differs more from "
            "the garment's, with nothing else on it."
        )


def _check(mask: Bits) -> None:
    """Raises GarmentError: too small, cut off by the border, several things."""
    height, width = mask.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        raise GarmentError(
            "there is nothing to be seen on the background. Choose one whose colour differs from the garment's."
        )
    sizes = stats[1:, cv2.CC_STAT_AREA]
    main = int(np.argmax(sizes))
    left, top, wide, high, size = (int(value) for value in stats[1 + main])
    if size < MIN_SHARE * height * width or max(wide, high) < MIN_GARMENT_PX:
        raise GarmentError(
            f"the garment is too small: {wide}x{high} pixels of {width}x{height}. "
            f"Go nearer, so that it fills the picture; {MIN_GARMENT_PX} pixels are the least."
        )
    gap = 2
    right, bottom = left + wide >= width - gap, top + high >= height - gap
    sides = zip(("left", "upper", "right", "lower"), (left <= gap, top <= gap, right, bottom), strict=True)
    cut = [name for name, touches in sides if touches]
    if cut:
        raise GarmentError(
            f"the garment reaches the picture's {' and '.join(cut)} edge, so that a part of it may be missing. "
            "Leave some background all around it."
        )
    others = [int(other) for index, other in enumerate(sizes) if index != main and other > OTHER_SHARE * size]
    if others:
        raise GarmentError(
            f"there are {1 + len(others)} things in the picture. Take one garment alone; crop what else there is."
        )


def _largest(mask: Bits) -> Bits:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _edge(bgr: BGR, mask: Bits, backdrop: Backdrop) -> tuple[NDArray[np.float32], BGR]:
    """How much of each pixel near the edge is garment, judged between the colours on either side of it."""
    scale = max(1.0, max(mask.shape) / CUT_PX)
    reach = 2.0 * scale + 0.5
    outwards = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    inwards = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    core = inwards > reach
    near = np.maximum(outwards, inwards) <= reach
    own = _carried(bgr, core)
    other = _carried(bgr, outwards > reach)
    span = own.astype(np.float32) - other
    length = (span**2).sum(axis=2)
    share = ((bgr.astype(np.float32) - other) * span).sum(axis=2) / np.maximum(length, 1)
    plain = np.clip(0.5 + (inwards - outwards) / (1.2 * scale), 0, 1)  # where both sides look alike
    trust = np.clip((np.sqrt(length) - 18) / 30, 0, 1)
    judged = trust * np.clip((share - 0.08) / 0.84, 0, 1) + (1 - trust) * plain
    alpha = np.where(near, judged, mask.astype(np.float32))
    alpha = np.where(near, np.clip(alpha, plain - 0.75, plain + 0.75), alpha).astype(np.float32)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.6)
    colours = np.where((inwards > 0.7 * reach)[..., None], bgr, own)
    return np.clip(alpha, 0, 1).astype(np.float32), colours.astype(np.uint8)


def _carried(bgr: BGR, known: Bits) -> BGR:
    """Colours of the nearest known pixels."""
    if not known.any():
        return bgr
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[known]] = bgr[known]
    return np.asarray(cv2.blur(colours[nearest], (3, 3)), np.uint8)


def _framed(bgr: BGR, alpha: NDArray[np.float32]) -> BGRA:
    """Cropped to the garment and a margin, smaller if it is large; straight alpha."""
    rows, columns = np.flatnonzero((alpha > 0.5).any(axis=1)), np.flatnonzero((alpha > 0.5).any(axis=0))
    margin = max(3, round(MARGIN * max(rows[-1] - rows[0], columns[-1] - columns[0])))
    pad = ((margin, margin), (margin, margin))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    bgr = np.pad(bgr[part], (*pad, (0, 0)), mode="edge")
    alpha = np.pad(alpha[part], pad)
    share = min(1.0, LONG_PX / max(alpha.shape))
    if share < 1:
        size = max(1, round(alpha.shape[1] * share)), max(1, round(alpha.shape[0] * share))
        weighed = np.dstack([bgr.astype(np.float32) * alpha[..., None], alpha])
        weighed = cv2.resize(weighed, size, interpolation=cv2.INTER_AREA)
        alpha = weighed[..., 3]
        colours = weighed[..., :3] / np.maximum(alpha, 1e-3)[..., None]
        bgr = np.where((alpha > 0.05)[..., None], colours, cv2.resize(bgr, size, interpolation=cv2.INTER_AREA))
    return np.dstack([np.clip(bgr, 0, 255), np.round(alpha * 255)]).astype(np.uint8)


def _opened(mask: Bits, radius: int) -> Bits:
    return _morph(mask, cv2.MORPH_OPEN, radius)


def _closed(mask: Bits, radius: int) -> Bits:
    return _morph(_morph(mask, cv2.MORPH_CLOSE, radius), cv2.MORPH_OPEN, 1)


def _morph(mask: Bits, how: int, radius: int) -> Bits:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), how, disc) > 0)
