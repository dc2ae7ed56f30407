"""What is remembered of the target while it is gone, and whether somebody could be it."""

import math
from collections.abc import Sequence

from robot.appearance import START, Appearance, Colour, colour
from robot.tracker_object import HEIGHT_M
from robot.values import CameraModel, Track, wrap_rad

_LOOKED_AFTER_RAD = 0.05  # a robot that turned this far towards where the target left looks beyond that edge
# Who was last seen this near to the frame's edge (of its width; and half a box), or as near as a second's walk towards
# it, is taken to have walked out.
_EDGE, _SOON_S = 0.02, 1.0
_SIZE_RATIO = 1.5  # of heights, for a short absence; people come nearer or go away while not seen
_SIZE_RATIO_PER_S = 0.25
_OTHER_SIDE_S = 6.0  # time to walk round the robot, from one edge of the picture to the other
_INSIDE_M = 1.0  # how far inside the picture somebody who comes in may be first seen
_FASTEST_MPS = 2.5
_BOX_SLACK = 0.5  # box widths by which first and last sightings may be off
_STRANGER = 16.0  # squared distance of colours beyond which somebody was clearly dressed differently
_HEIGHT_SHARE = 0.1  # of the newest sighting: who is half hidden seems small for a moment
# Somebody who comes out from behind something may begin a new track before the old one, gone astray, gets its last box.
_SPLIT_S = 0.5
_COLOUR_MEMORY = 100.0  # sightings


class Memory:
    """Colour, size, place and company of the target."""

    def __init__(self, track: Track, camera: CameraModel, away_s: float) -> None:
        self._camera = camera
        self._away_s = away_s
        self._look = Appearance(colour(track.mean_rgb))
        self._others: dict[int, Colour] = {}  # tracks seen beside the target, and so not the target, with their colours
        self._beside: set[int] = set()  # living tracks, unconfirmed ones too, once seen in the same picture
        self._seen_s = -math.inf
        self._doubles_s: dict[int, float] = {}  # tracks that looked like the target and were not, when last seen
        self._height = track.box.h
        self.last = track

    def keep(self, track: Track, tracks: Sequence[Track], fresh_s: float) -> None:
        """The target was followed on in an update that gave these tracks."""
        if track.track_id != self.last.track_id:
            self._others.pop(track.track_id, None)
        if track.last_seen_s <= self._seen_s:
            return
        self._seen_s = track.last_seen_s
        self._doubles_s.clear()
        self.last = track
        self._height += _HEIGHT_SHARE * (track.box.h - self._height)
        self._look.add(colour(track.mean_rgb), _COLOUR_MEMORY)
        for other in tracks:
            if other.track_id == track.track_id or other.last_seen_s != track.last_seen_s:
                continue
            self._beside.add(other.track_id)
            if other.confirmed:
                self._others[other.track_id] = colour(other.mean_rgb)
        self._beside &= {each.track_id for each in tracks}
        if len(self._others) > 200:
            self._others = {t.track_id: colour(t.mean_rgb) for t in tracks if t.track_id in self._others}

    def saw_double(self, track: Track) -> None:
        """Somebody with the same colours was there and not believed to be the target. It may have been: so whoever
        comes next has not been away since the target was last seen, but since then."""
        self._doubles_s[track.track_id] = track.last_seen_s

    def distance2(self, track: Track) -> float:
        """Squared Mahalanobis distance of the colours; generous, as the light is another one after a while."""
        seen, mean = colour(track.mean_rgb), self._look.mean
        return sum(
            (s - m) ** 2 / max(v, (0.7 * wide) ** 2)
            for s, m, v, wide in zip(seen, mean, self._look.var, START, strict=True)
        )

    def size_fits(self, first: Track, now: Track) -> bool:
        """Whether that track, first seen as `first`, is about as large as the target was."""
        ratio = now.box.h / max(self._height, 1e-6)
        most = _SIZE_RATIO + _SIZE_RATIO_PER_S * max(0.0, first.time_s - self.last.last_seen_s)
        return 1 / most < ratio < most

    def could_be(self, first: Track, now: Track) -> bool:
        """Whether that track, first seen as `first`, can be the target as to place and company."""
        other = self._others.get(now.track_id)
        if other is not None:
            # It was beside the target. Unless the two were mixed up meanwhile, which only clothes can tell.
            was = sum((s - m) ** 2 / wide**2 for s, m, wide in zip(other, self._look.mean, START, strict=True))
            return was > _STRANGER
        gone_s = first.time_s - self.last.last_seen_s
        if gone_s < -_SPLIT_S or (gone_s < 0 and now.track_id in self._beside):
            return False  # was there while the target was seen
        return self._reachable(first, max(0.0, gone_s))

    def _reachable(self, first: Track, gone_s: float) -> bool:
        """Whether a walking person gets from where the target was to where this one appeared."""
        last = self.last
        rad_per_width = 2 * self._camera.half_width
        height_m = HEIGHT_M.get(last.label, 1.0)
        metre_rad = last.box.h * self._camera.height_px / self._camera.width_px / height_m * rad_per_width
        way_m = wrap_rad(first.azimuth_rad - last.azimuth_rad) / max(metre_rad, 1e-6)
        slack_m = _BOX_SLACK * last.box.w * rad_per_width / max(metre_rad, 1e-6)
        if abs(way_m) > slack_m + _FASTEST_MPS * gone_s:
            return False
        side = self._side_left(gone_s)
        if side == 0:
            return True
        if side * way_m < -slack_m - _INSIDE_M:
            return gone_s > _OTHER_SIDE_S  # came in far from where the target went out
        if side * wrap_rad(self._heading_rad(first) - self._heading_rad(last)) > _LOOKED_AFTER_RAD:
            return True  # the robot turned that way, and there somebody is
        doubles_s = (seen_s for number, seen_s in self._doubles_s.items() if number != first.track_id)
        return first.time_s - max(last.last_seen_s, *doubles_s, -math.inf) >= self._away_s

    def _heading_rad(self, track: Track) -> float:
        return wrap_rad(track.azimuth_rad - self._camera.bearing_rad(track.box.cx))

    def _side_left(self, gone_s: float) -> int:
        """In that time: 1: walked out at the left edge, -1: at the right edge, 0: vanished inside the picture."""
        box, speed = self.last.box, self.last.velocity[0]
        soon_s = min(_SOON_S, gone_s)  # the last steps are often not seen any more
        if box.x < max(_EDGE + 0.5 * box.w, -soon_s * speed):
            return 1
        if 1 - box.x - box.w < max(_EDGE + 0.5 * box.w, soon_s * speed):
            return -1
        return 0
