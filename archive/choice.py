"""Which crops of a stream of faces are published. Pure: time is passed in.

A new track is watched for a moment, then the best of its crops goes out; later only one that is clearly better, and not
too often. Somebody who is gone before that moment is over is published all the same. With `all`, every crop goes out.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archive.camera_config import ChoiceConfig

GONE_S = 2.0  # a track that was not seen for so long has ended
MAX_TRACKS = 200

Crop = TypeVar("Crop")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Crop]):
    """One crop of one track."""

    track: str
    time_s: float
    quality: float
    crop: Crop = field(repr=False)


@dataclass(slots=True)
class _Track(Generic[Crop]):
    first_s: float
    last_s: float
    best: Candidate[Crop] | None = None  # since the last one was published
    published: float = 0.0  # quality of the best one published
    published_s: float = -math.inf


class Choice(Generic[Crop]):
    """`offer` each crop, `tick` now and then; both return what to publish."""

    def __init__(self, config: ChoiceConfig) -> None:
        self._config = config
        self._tracks: dict[str, _Track[Crop]] = {}
        self._allowance = 0.0
        self._allowed_s: float | None = None
        self.limited = 0
        """Crops that `max_per_s` kept back for good."""

    def offer(self, now_s: float, candidate: Candidate[Crop]) -> list[Candidate[Crop]]:
        if self._config.all:
            if self._may(now_s):
                return [candidate]
            self.limited += 1
            return []
        track = self._tracks.get(candidate.track)
        if track is None:
            track = self._tracks[candidate.track] = _Track(now_s, now_s)
        track.last_s = now_s
        if track.best is None or candidate.quality > track.best.quality:
            track.best = candidate
        return self.tick(now_s)

    def tick(self, now_s: float) -> list[Candidate[Crop]]:
        """Those whose time has come, and the last ones of tracks that ended."""
        out: list[Candidate[Crop]] = []
        for name, track in list(self._tracks.items()):
            has_ended = now_s - track.last_s > GONE_S
            if track.best is not None and self._is_due(now_s, track, has_ended):
                if self._may(now_s):
                    out.append(track.best)
                    track.published, track.published_s, track.best = track.best.quality, now_s, None
                elif has_ended:
                    self.limited += 1
            if has_ended:
                del self._tracks[name]
        while len(self._tracks) > MAX_TRACKS:
            out += self._last_of([self._tracks.pop(next(iter(self._tracks)))])
        return out

    def finish(self) -> list[Candidate[Crop]]:
        """The camera ends: nobody who was seen is left out."""
        tracks, self._tracks = list(self._tracks.values()), {}
        return self._last_of(tracks)

    def _is_due(self, now_s: float, track: _Track[Crop], has_ended: bool) -> bool:
        assert track.best is not None
        if track.published_s == -math.inf:
            return has_ended or now_s - track.first_s >= self._config.settle_s
        is_better = track.best.quality >= self._config.better * track.published
        return is_better and now_s - track.published_s >= self._config.every_s

    def _last_of(self, tracks: Iterable[_Track[Crop]]) -> list[Candidate[Crop]]:
        return [track.best for track in tracks if track.best is not None and track.published_s == -math.inf]

    def _may(self, now_s: float) -> bool:
        """A token bucket of one second: short bursts pass, the mean does not exceed `max_per_s`."""
        rate = self._config.max_per_s
        if rate == 0:
            return True
        full = max(1.0, rate)
        if self._allowed_s is None:
            self._allowance = full
        else:
            self._allowance = min(full, self._allowance + rate * max(0.0, now_s - self._allowed_s))
        self._allowed_s = now_s
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True
