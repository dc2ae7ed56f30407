"""Which of the tracks is followed, and who that is.

The largest one is selected and then kept until truly gone. While gone, it is remembered by colour, size and where it
was last seen; a new track is taken for it only if all of these speak for that. Anybody else is selected only after the
lost one has been forgotten, as a new person: nobody is ever taken over silently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from common.settings import Strict
from robot.target_memory import Memory
from robot.values import CameraModel, Track


class TargetEvent(StrEnum):
    """What became of the target in one update."""

    NONE = "none"  # nobody is followed, nobody is remembered
    SELECTED = "selected"  # somebody new, once
    KEPT = "kept"
    COASTING = "coasting"  # not seen just now; where the track says
    LOST = "lost"  # gone, but remembered: in every update until refound or forgotten
    REFOUND = "refound"  # the same person again, maybe under another track id, once


class TargetConfig(Strict):
    label: str = "person"
    """What is followed, unless `update` is told otherwise."""
    coast_after_s: float = Field(default=0.3, ge=0, le=10)
    """Unseen for this long, the target counts as coasting."""
    lost_after_s: float = Field(default=1.5, gt=0, le=60)
    """Unseen for this long, the target is lost, even if its track lives on behind somebody."""
    forget_after_s: float = Field(default=10.0, gt=0, le=600)
    """Lost for this long, the target is forgotten and the largest one is selected anew."""
    centre_preference: float = Field(default=0.3, ge=0, le=1)
    """At selection an object at the frame's edge counts as smaller by this share."""
    refind_distance2: float = Field(default=9.0, gt=0, le=100)
    """How different a refound target's colour may be (squared Mahalanobis distance). More refinds more, also others."""
    refind_hits: int = Field(default=4, ge=1, le=100)
    """Sightings of a newcomer before it may be taken for the lost target."""
    away_s: float = Field(default=1.5, ge=0, le=60)
    """Who walked out of the picture is not believed to be back sooner: turning round out there takes time."""


@dataclass(frozen=True, slots=True)
class TargetState:
    """The target after an update. `track` is None when there is none or it is lost; `last` is its last track then."""

    event: TargetEvent
    track: Track | None = None
    last: Track | None = None
    person: int = 0  # counts the people followed: as long as it is the same, so is the person. 0: nobody yet
    lost_since_s: float | None = None

    @property
    def is_followed(self) -> bool:
        return self.track is not None


_NOBODY = TargetState(TargetEvent.NONE)


class TargetSelector:
    """`update` with the tracks of each result; `reset` to choose anew."""

    def __init__(self, config: TargetConfig | None = None, camera: CameraModel | None = None) -> None:
        self._config = config or TargetConfig()
        self._camera = camera or CameraModel()
        self._person = 0
        self._memory: Memory | None = None
        self._track_id: int | None = None  # None: lost
        self._lost_s: float | None = None
        self._label = self._config.label
        self._first_seen: dict[int, Track] = {}  # of every living track
        self._plausible: dict[int, bool] = {}  # verdicts on newcomers: whoever came in running may stand still later
        self.state = _NOBODY

    def reset(self) -> None:
        """Forget the target: whoever is largest then is selected as a new person."""
        self._memory = None
        self._track_id = None
        self._lost_s = None
        self._plausible.clear()
        self.state = TargetState(TargetEvent.NONE, person=self._person)

    def update(self, now_s: float, tracks: Sequence[Track], label: str | None = None) -> TargetState:
        """Decide on the target. `now_s` is on the tracks' clock; the best is the time of the result they are from.

        Another label than before is another wish: the target is forgotten.
        """
        if label is not None and label != self._label:
            self._label = label
            self.reset()
        wanted = [track for track in tracks if track.label == self._label]
        alive = {track.track_id for track in tracks}
        self._first_seen = {number: track for number, track in self._first_seen.items() if number in alive}
        for track in wanted:
            self._first_seen.setdefault(track.track_id, track)
        self.state = self._decide(now_s, wanted)
        return self.state

    def _decide(self, now_s: float, tracks: Sequence[Track]) -> TargetState:
        memory = self._memory
        if memory is None:
            return self._select(now_s, tracks)
        mine = next((track for track in tracks if track.track_id == self._track_id), None)
        if mine is not None:
            unseen_s = now_s - mine.last_seen_s
            if unseen_s < self._config.lost_after_s:
                memory.keep(mine, tracks, self._config.coast_after_s)
                if unseen_s < self._config.coast_after_s:
                    return TargetState(TargetEvent.KEPT, mine, mine, self._person)
                # its track may have gone astray, and a new one be where it really is
                refound = self._refind(now_s, memory, tracks)
                return refound or TargetState(TargetEvent.COASTING, mine, mine, self._person)
        if self._lost_s is None:
            self._lost_s = now_s
        self._track_id = None
        refound = self._refind(now_s, memory, tracks)
        if refound is not None:
            return refound
        if now_s - self._lost_s >= self._config.forget_after_s:
            self.reset()
            return self._select(now_s, tracks)
        return TargetState(TargetEvent.LOST, None, memory.last, self._person, self._lost_s)

    def _select(self, now_s: float, tracks: Sequence[Track]) -> TargetState:
        fresh = [t for t in tracks if t.confirmed and now_s - t.last_seen_s < self._config.coast_after_s]
        if not fresh:
            return TargetState(TargetEvent.NONE, person=self._person)
        best = max(fresh, key=self._appeal)
        self._person += 1
        self._track_id, self._lost_s = best.track_id, None
        self._memory = Memory(best, self._camera, self._config.away_s)
        self._memory.keep(best, tracks, self._config.coast_after_s)
        return TargetState(TargetEvent.SELECTED, best, best, self._person)

    def _appeal(self, track: Track) -> float:
        off_centre = min(1.0, abs(track.box.cx - 0.5) * 2)
        return track.box.clipped().area * (1 - self._config.centre_preference * off_centre)

    def _refind(self, now_s: float, memory: Memory, tracks: Sequence[Track]) -> TargetState | None:
        found = self._like_it(now_s, memory, tracks)
        if found is None:
            return None
        self._track_id, self._lost_s = found.track_id, None
        self._plausible.clear()
        memory.keep(found, tracks, self._config.coast_after_s)
        return TargetState(TargetEvent.REFOUND, found, found, self._person)

    def _like_it(self, now_s: float, memory: Memory, tracks: Sequence[Track]) -> Track | None:
        config = self._config
        best: Track | None = None
        best_distance2 = config.refind_distance2
        for track in tracks:
            if not track.confirmed or now_s - track.last_seen_s >= config.coast_after_s:
                continue
            distance2 = memory.distance2(track)
            if distance2 >= best_distance2:
                continue
            if track.track_id == memory.last.track_id or self._is_plausible(track, memory):
                best, best_distance2 = track, distance2
            else:
                memory.saw_double(track)
        return best

    def _is_plausible(self, track: Track, memory: Memory) -> bool:
        first = self._first_seen[track.track_id]
        if track.hits < self._config.refind_hits or not memory.size_fits(first, track):
            return False
        if track.track_id not in self._plausible:
            self._plausible[track.track_id] = memory.could_be(first, track)
        return self._plausible[track.track_id]
