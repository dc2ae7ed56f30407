"""Which areas of a body a kind of garment covers, and what is always in front of it."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import Area, Kind

Mask = NDArray[np.bool_]
_ARMS = (Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM)
COVERED: Mapping[Kind, tuple[Area, ...]] = {
    Kind.TOP: (Area.TORSO, *_ARMS),
    Kind.JACKET: (Area.TORSO, *_ARMS),
    Kind.DRESS: (Area.TORSO, *_ARMS, Area.LEGS),
    Kind.TROUSERS: (Area.LEGS,),
}
IN_FRONT = (Area.HAIR, Area.FACE, Area.LEFT_HAND, Area.RIGHT_HAND)


def covered(labels: NDArray[np.uint8], kind: Kind, grow: float, neck: bool = False) -> Mask:
    """What a garment of this kind may change: its areas, grown by `grow` heights, never what is in front of them."""
    areas = (*COVERED[kind], Area.NECK) if neck else COVERED[kind]
    mask = np.isin(labels, [int(area) for area in areas]).astype(np.uint8)
    reach = round(grow * labels.shape[0])
    if reach:
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        mask = np.asarray(cv2.dilate(mask, around), np.uint8)
    kept = IN_FRONT if neck or kind is Kind.TROUSERS else (*IN_FRONT, Area.NECK)
    return (mask > 0) & ~np.isin(labels, [int(area) for area in kept])
