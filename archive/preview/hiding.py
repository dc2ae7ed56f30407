"""Which picture may be shown to others, and what is to be hidden in it.

A passer-by must be able to rely on this, so in doubt more is hidden:
- Only a picture that a server has answered is shown: it is known where its faces are, however late the answer came.
- It is shown half a second later, with what was found in the pictures after it as well as before it. So a face is
  hidden also in the picture before the first one in which it was found, and in one in which it was missed.
- What was found some time before or after is hidden the wider the longer it is, unless the face is found there still.
- Where servers have not answered all along, the whole picture is hidden.
A face that no server finds for a second and a half is not hidden: a detector's blindness is the limit.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from archive.preview.shown import Looked, Shown
from protos.messages import Box

AHEAD_S = 0.5  # shown so much later
BEFORE_S = 1.0  # what was found so long before is hidden still
GAP_S = 0.7  # between two answered pictures; more is a gap in what is known
STALE_S = 1.5  # without an answer for so long nobody finds faces
KEEP_S = AHEAD_S + BEFORE_S + 2 * GAP_S
WIDER_PER_S = 0.8  # of a face's size, on each side
SAME_IOU = 0.3


class Cover(StrEnum):
    """What is hidden."""

    NOTHING = "nothing"  # nobody asked for it
    FACES = "faces"
    SOON = "soon"  # the whole picture, until it is known for long enough where faces are
    BLIND = "blind"  # the whole picture: no server answers


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to show."""

    jpeg: bytes = field(default=b"", repr=False)  # as the camera gave it: not to be sent before `cover` is obeyed
    faces: tuple[Box, ...] = ()  # to draw frames around
    cover: Cover = Cover.BLIND
    hidden: tuple[Box, ...] = ()  # for FACES


class Hiding:
    """Looks at a camera many times a second; what was seen once is needed later."""

    def __init__(self) -> None:
        self._looked: deque[Looked] = deque()

    def forget(self) -> None:
        self._looked.clear()

    def scene(self, shown: Shown, now_s: float) -> Scene:
        """What may be shown now, with faces hidden. `now_s` as the pictures are stamped."""
        self._remember(shown.looked)
        if not self._looked or not 0 <= now_s - self._looked[-1].capture_s <= STALE_S:
            self.forget()
            return Scene(shown.jpeg, cover=Cover.BLIND)
        newest_s = self._looked[-1].capture_s
        chosen = next((each for each in reversed(self._looked) if each.capture_s <= newest_s - AHEAD_S), None)
        if chosen is None or self._looked[0].capture_s > chosen.capture_s - BEFORE_S:
            return Scene(shown.jpeg, cover=Cover.SOON)
        return Scene(chosen.jpeg, chosen.found, Cover.FACES, tuple(self._around(chosen)))

    def _remember(self, looked: Looked | None) -> None:
        newest = self._looked[-1] if self._looked else None
        if looked is None or looked is newest:
            return
        if newest is not None and not 0 < looked.capture_s - newest.capture_s <= GAP_S:
            self.forget()
        self._looked.append(looked)
        while self._looked[0].capture_s < looked.capture_s - KEEP_S:
            self._looked.popleft()

    def _around(self, chosen: Looked) -> Iterator[Box]:
        yield from chosen.found
        yield from chosen.lost
        for other in self._looked:
            apart_s = abs(other.capture_s - chosen.capture_s)
            if other is chosen or (other.capture_s < chosen.capture_s and apart_s > BEFORE_S):
                continue
            for box in (*other.found, *other.lost):
                is_there_still = any(box.iou(each) >= SAME_IOU for each in chosen.found)
                yield box if is_there_still else _wider(box, WIDER_PER_S * apart_s)


def _wider(box: Box, share: float) -> Box:
    """On each side. Reaches out of the picture where it has to."""
    return Box(box.x - share * box.w, box.y - share * box.h, (1 + 2 * share) * box.w, (1 + 2 * share) * box.h)
