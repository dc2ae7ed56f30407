"""What is remembered of the target while it is gone, and whether somebody could be it."""

import math
from collections.abc import Sequence

from robot.appearance import START, Appearance, Lab, lab
from robot.tracker_object import HEIGHT_M
from robot.values import CameraModel, Track, wrap_rad

_EDGE = 0.02  # of the frame's width: who was last seen with the box this near to the edge, or beyond, has walked out
_SIZE_RATIO = 1.5  # of heights, for a short absence; people come nearer or go away while not seen
_SIZE_RATIO_PER_S = 0.25
_OTHER_SIDE_S = 6.0  # time to walk round the robot, from one edge of the picture to the other
_FASTEST_MPS = 2.5
_BOX_SLACK = 0.5  # box widths by which first and last sightings may be off
_STRANGER = 16.0  # squared distance of colours beyond which somebody was clearly dressed differently
_COLOUR_MEMORY = 100.0  # sightings


class Memory:
    """Colour, size, place and company of the target."""

    def __init__(self, track: Track, camera: CameraModel) -> None:
        self._camera = camera
        self._look = Appearance(lab(track.mean_rgb))
        self._others: dict[int, Lab] = {}  # tracks seen beside the target, and so not the target, with their colours
        self._seen_s = -math.inf
        self.last = track

    def keep(self, track: Track, tracks: Sequence[Track], fresh_s: float) -> None:
        """The target was followed on in an update that gave these tracks."""
        if track.track_id != self.last.track_id:
            self._others.pop(track.track_id, None)
        if track.last_seen_s <= self._seen_s:
            return
        self._seen_s = track.last_seen_s
        self.last = track
        self._look.add(lab(track.mean_rgb), _COLOUR_MEMORY)
        for other in tracks:
            if other.confirmed and other.track_id != track.track_id and other.last_seen_s == track.last_seen_s:
                self._others[other.track_id] = lab(other.mean_rgb)
        if len(self._others) > 200:
            self._others = {t.track_id: lab(t.mean_rgb) for t in tracks if t.track_id in self._others}

    def distance2(self, track: Track) -> float:
        """Squared Mahalanobis distance of the colours; generous, as the light is another one after a while."""
        seen, mean = lab(track.mean_rgb), self._look.mean
        return sum(
            (s - m) ** 2 / max(v, (0.7 * wide) ** 2)
            for s, m, v, wide in zip(seen, mean, self._look.var, START, strict=True)
        )

    def could_be(self, first: Track, now: Track, reach_mps2: float) -> bool:
        """Whether that track, first seen as `first`, can be the target as to place, size and company."""
        other = self._others.get(now.track_id)
        if other is not None:
            # It was beside the target. Unless the two were mixed up meanwhile, which only clothes can tell.
            was = sum((s - m) ** 2 / wide**2 for s, m, wide in zip(other, self._look.mean, START, strict=True))
            return was > _STRANGER
        gone_s = first.time_s - self.last.last_seen_s
        if gone_s < 0:
            return False  # was there while the target was seen
        ratio = now.box.h / max(self.last.box.h, 1e-6)
        most = _SIZE_RATIO + _SIZE_RATIO_PER_S * gone_s
        if not 1 / most < ratio < most:
            return False
        return self._reachable(first, now, gone_s, reach_mps2)

    def _reachable(self, first: Track, now: Track, gone_s: float, reach_mps2: float) -> bool:
        """Whether a walking person gets from where the target was to where this one appeared."""
        last = self.last
        rad_per_width = 2 * self._camera.half_width
        height_m = HEIGHT_M.get(last.label, 1.0)
        metre_rad = last.box.h * self._camera.height_px / self._camera.width_px / height_m * rad_per_width
        way_m = wrap_rad(first.azimuth_rad - last.azimuth_rad) / max(metre_rad, 1e-6)
        slack_m = _BOX_SLACK * last.box.w * rad_per_width / max(metre_rad, 1e-6)
        if abs(way_m) > slack_m + _FASTEST_MPS * gone_s:
            return False
        side = self._side_left()
        if side == 0:
            return True
        # azimuths grow to the left, columns to the right
        speed_mps = -last.velocity[0] * rad_per_width / max(metre_rad, 1e-6)
        back_mps = -now.velocity[0] * rad_per_width / max(metre_rad, 1e-6)
        if side * way_m < -2 * slack_m:
            return gone_s > _OTHER_SIDE_S  # came in far from where the target went out
        outwards, inwards = max(0.0, side * speed_mps), max(0.0, -side * back_mps)
        return gone_s >= (outwards + inwards) / reach_mps2

    def _side_left(self) -> int:
        """1: walked out at the left edge, -1: at the right edge, 0: vanished inside the picture."""
        box, speed = self.last.box, self.last.velocity[0]
        soon = 0.3 * speed  # the last steps are often not seen any more
        if box.x + min(0.0, soon) < _EDGE and speed <= 0:
            return 1
        if box.x + box.w + max(0.0, soon) > 1 - _EDGE and speed >= 0:
            return -1
        return 0
