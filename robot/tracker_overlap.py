"""Two people cross: who is who afterwards?

While two boxes overlap, a detector mixes their colours and may see one person only, so what is matched then is not to
be trusted. From the moment two objects meet, a copy of each as it was before goes on by itself. Some sightings after
they parted, copies and objects are compared both ways, by motion, size and colour; if crosswise fits clearly better,
the two objects exchange their identities.
"""

from protos.messages import Box
from robot.tracker_object import Scale, Sighting, TrackedObject

MEET = 0.1  # share of the smaller box that is covered
_HITS_APART = 4  # sightings of each, after parting, before judging
_PATIENCE_S = 0.7  # then one of the two is enough
_GIVE_UP_S = 2.0  # of being apart: judge with what there is
_CLEARLY = 4.0  # -2 log likelihood: 7 times as likely. Exchanging back and forth is worse than staying wrong.
_MOST_MOTION = 30.0  # of one comparison: people do turn round behind each other, so motion alone is not proof


def covered(a: Box, b: Box) -> float:
    """Share of the smaller box that lies inside the other."""
    across = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    down = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / max(min(a.area, b.area), 1e-9)


class Meeting:
    """Two objects whose boxes overlap, or did a moment ago."""

    __slots__ = ("_apart_s", "_colour", "_hits", "a", "b", "before_a", "before_b", "touching")

    def __init__(self, a: TrackedObject, b: TrackedObject) -> None:
        self.a, self.b = a, b
        self.before_a, self.before_b = a.copy(), b.copy()
        self.touching = True
        self._apart_s: float | None = None
        self._colour = [0.0, 0.0]  # sums over sightings after parting: below 0 speaks for staying as they are
        self._hits = [0, 0]

    def overlap(self, time_s: float, touching: bool) -> None:
        """Tell whether the two overlap now."""
        self.touching = touching
        if touching:
            self._apart_s = None
            self._colour = [0.0, 0.0]
            self._hits = [0, 0]
        elif self._apart_s is None:
            self._apart_s = time_s

    def saw(self, which: TrackedObject, seen: Sighting) -> None:
        """One of the two was seen while they are apart."""
        if self.touching or which not in (self.a, self.b):
            return
        me = 0 if which is self.a else 1
        own, other = (self.before_a, self.before_b) if me == 0 else (self.before_b, self.before_a)
        difference = own.look.surprise(seen.colour) - other.look.surprise(seen.colour)
        self._colour[me] += max(-15.0, min(15.0, difference))
        self._hits[me] += 1

    def judge(self, time_s: float, scale: Scale) -> bool | None:
        """True: exchange their identities; False: all is well; None: too early to say."""
        if self._apart_s is None:
            return None
        apart_s = time_s - self._apart_s
        enough = [hits >= _HITS_APART for hits in self._hits]
        if not (all(enough) or (any(enough) and apart_s >= _PATIENCE_S) or apart_s >= _GIVE_UP_S):
            return None
        cost = 0.0
        for me, (now, own, other) in enumerate(
            ((self.a, self.before_a, self.before_b), (self.b, self.before_b, self.before_a))
        ):
            if not self._hits[me]:
                continue
            # neighbouring frames share their light: all sightings together weigh as a few
            cost += self._colour[me] / self._hits[me] * min(self._hits[me], _HITS_APART)
            cost += max(-_MOST_MOTION, min(_MOST_MOTION, _misfit(now, own, scale) - _misfit(now, other, scale)))
        return cost > _CLEARLY


def _misfit(now: TrackedObject, before: TrackedObject, scale: Scale) -> float:
    """How badly `now` goes on from `before`: squared Mahalanobis distance of places, speeds and sizes."""
    total = 0.0
    for mine, its, noise in (
        (now.cx, before.cx, scale.noise_x),
        (now.cy, before.cy, scale.noise_y),
        (now.w, before.w, scale.noise_w),
        (now.h, before.h, scale.noise_h),
    ):
        total += (mine.p - its.p) ** 2 / (mine.pp + its.pp + noise)
    total += (now.cx.v - before.cx.v) ** 2 / (now.cx.vv + before.cx.vv)
    return total
