"""Objects followed over frames: boxes come in with their capture time, tracks with steady ids go out.

Pure: no clock, no I/O. Each object has filters for centre and size in the image, out of which the robot's own turning
is taken; a box is matched by place, size, colour and label together, as a likelihood.
"""

import math
from collections.abc import Callable, Sequence, Set

from pydantic import Field

from common.settings import Strict
from protos.messages import Box, Detection
from robot.assignment import assign
from robot.tracker_noise import BoxNoise
from robot.tracker_object import Scale, Sighting, TrackedObject, edge_margin, scale_of, turned_column
from robot.tracker_overlap import MEET, Meeting, covered
from robot.tracker_second import second_look
from robot.values import CameraModel, Odometry, Track, wrap_rad

# Newcomers are rare: about one in ten seconds, so one in 200 frames. A box that fits a known object badly is still
# rather that object: -2 log(1 / 200).
_NEWCOMER = 10.6
_SAME_IOU = 0.6  # a box on top of one that was matched is the same thing seen twice, not a newcomer
# Who is not seen at the frame's edge for this long has left: whoever comes in there next may be somebody else.
_LEFT_S = 0.35

_SEEN_LATELY_S = 0.5
# Where boxes overlap, the colour in the middle of one may be the other's. With all of its weight the noise of that
# colour outweighed place and size: 3.3 identity switches a run in `bench track`, with this share 1.4.
_MIXED_COLOUR = 0.3

OdometryAt = Callable[[float], Odometry | None]


class TrackerConfig(Strict):
    min_score: float = Field(default=0.1, ge=0, le=1)
    """Boxes below are not looked at. Lower keeps half-hidden people longer and lets more ghosts in."""
    birth_score: float = Field(default=0.4, ge=0, le=1)
    """Only boxes of at least this score start a new track."""
    confirm_hits: int = Field(default=3, ge=1, le=20)
    """Sightings until a track counts. More keeps ghosts out and takes longer."""
    coast_s: float = Field(default=2.0, gt=0, le=30)
    """How long a track lives on without being seen."""
    hidden_s: float = Field(default=4.0, gt=0, le=60)
    """The same for one that another track stands in front of."""
    damping_s: float = Field(default=1.5, gt=0, le=30)
    """While not seen, the speed falls to 1/e in this time: people who vanish often stop."""
    wander_mps: float = Field(default=0.6, gt=0, le=10)
    """By how much an object's speed changes in one second, as a standard deviation. More follows turns sooner."""
    colour_memory: float = Field(default=30.0, ge=2, le=1000)
    """About how many sightings the remembered colour is a mean of."""
    most_detections: int = Field(default=50, ge=1, le=500)
    """Of more boxes in one frame only the best are looked at."""


class Tracker:
    """`update` with each result, `predict` whenever a box is wanted for a time in between."""

    def __init__(self, config: TrackerConfig | None = None, camera: CameraModel | None = None) -> None:
        self._config = config or TrackerConfig()
        self._camera = camera or CameraModel()
        self._objects: list[TrackedObject] = []
        self._meetings: dict[tuple[int, int], Meeting] = {}
        self._next_id = 1
        self._time_s = -math.inf
        self._heading_rad: float | None = None
        self._noise = BoxNoise(self._camera)

    def reset(self) -> None:
        """Forget all tracks. Ids go on: none is ever given twice."""
        self._objects.clear()
        self._meetings.clear()
        self._time_s = -math.inf
        self._heading_rad = None

    def update(
        self, time_s: float, detections: Sequence[Detection], odometry_at: OdometryAt | None = None
    ) -> list[Track]:
        """Take in what was seen in the picture taken at `time_s`; returns all tracks at that time.

        A result that is not newer than the last one changes nothing. One that is older by more than the tracks live
        means that the clock was set anew: all tracks are dropped.
        """
        if not math.isfinite(time_s):
            return self._tracks()
        if time_s <= self._time_s:
            if self._time_s - time_s <= max(self._config.coast_s, self._config.hidden_s):
                return self._tracks()
            self.reset()
        self._move_on(time_s, odometry_at)
        self._bury([each for each in self._objects if self._has_left(each)])
        self._find_meetings()
        seen = self._sightings(detections)
        scales = [scale_of(o.label, o.w.p, o.h.p, self._camera, self._noise.of(o.label)) for o in self._objects]
        touching = {id(o) for m in self._meetings.values() if m.touching for o in (m.a, m.b)}
        costs = [
            [self._cost(each, sighting, scale, touching) for sighting in seen]
            for each, scale in zip(self._objects, scales, strict=True)
        ]
        pairs = second_look(assign(costs), self._objects, seen, list(self._meetings.values()))
        mixed = {id(o) for m in self._meetings.values() if self._both_seen(m) for o in (m.a, m.b)}
        for row, column in pairs:
            each, sighting, scale = self._objects[row], seen[column], scales[row]
            if each.confirmed and id(each) not in mixed and not (sighting.cut_left or sighting.cut_right):
                self._noise.learn(each, sighting)
            each.update(time_s, sighting, scale)
            each.confirmed = each.confirmed or each.hits >= self._config.confirm_hits
            if id(each) not in mixed:
                each.remember(sighting, self._config.colour_memory)
            for meeting in self._meetings.values():
                meeting.saw(each, sighting)
        matched = {row for row, _ in pairs}
        for row, each in enumerate(self._objects):
            each.misses += row not in matched
        self._judge_meetings()
        self._bury([each for each in self._objects if each.misses and self._is_too_old(each)])
        known = {column for _, column in pairs}
        taken = [seen[column] for column in known]
        self._give_birth(time_s, [s for i, s in enumerate(seen) if i not in known and not _is_double(s, taken)])
        return self._tracks()

    def predict(self, now_s: float, odometry_at: OdometryAt | None = None) -> list[Track]:
        """All tracks as they should be at `now_s`; at most one second ahead, and never back. Changes nothing."""
        dt_s = max(0.0, min(1.0, now_s - self._time_s)) if math.isfinite(now_s) else 0.0
        if not self._objects or dt_s == 0:
            return self._tracks()
        odometry = odometry_at(self._time_s + dt_s) if odometry_at else None
        turned_rad = 0.0
        heading = self._heading_rad
        if odometry is not None and heading is not None:
            turned_rad = wrap_rad(odometry.pose.heading_rad - heading)
            heading = odometry.pose.heading_rad
        tracks: list[Track] = []
        for each in self._objects:
            cx = each.cx.p + dt_s * each.cx.v
            cx = turned_column(cx, turned_rad, self._camera) if turned_rad else cx
            w, h = max(1e-3, each.w.p + dt_s * each.w.v), max(1e-3, each.h.p + dt_s * each.h.v)
            box = Box(cx - w / 2, each.cy.p + dt_s * each.cy.v - h / 2, w, h)
            tracks.append(self._track(each, box, self._time_s + dt_s, heading))
        return tracks

    def _move_on(self, time_s: float, odometry_at: OdometryAt | None) -> None:
        """All objects, and their copies in meetings, to the new time and the robot's new heading."""
        odometry = odometry_at(time_s) if odometry_at else None
        heading = (
            odometry.pose.heading_rad if odometry is not None and math.isfinite(odometry.pose.heading_rad) else None
        )
        turned_rad = 0.0
        if heading is not None and self._heading_rad is not None:
            turned_rad = wrap_rad(heading - self._heading_rad)
        dt_s = min(time_s - self._time_s, 60.0) if self._objects else 0.0
        config = self._config
        for each in self._objects:
            damping_s = config.damping_s if each.misses else math.inf
            each.predict(dt_s, turned_rad, config.wander_mps, damping_s, self._camera)
        for meeting in self._meetings.values():
            for before in (meeting.before_a, meeting.before_b):
                before.predict(dt_s, turned_rad, config.wander_mps, math.inf, self._camera)
        self._time_s = time_s
        self._heading_rad = heading

    def _both_seen(self, meeting: Meeting) -> bool:
        """Lately: the colour of who is seen alone is not mixed with anybody's."""
        return self._time_s - min(meeting.a.seen_s, meeting.b.seen_s) < _SEEN_LATELY_S

    def _find_meetings(self) -> None:
        confirmed = [(o, o.box) for o in self._objects if o.confirmed]
        for i, (a, box_a) in enumerate(confirmed):
            for b, box_b in confirmed[i + 1 :]:
                if a.label != b.label:
                    continue
                key = (min(a.track_id, b.track_id), max(a.track_id, b.track_id))
                meeting = self._meetings.get(key)
                touching = covered(box_a, box_b) > MEET
                if meeting is not None:
                    meeting.overlap(self._time_s, touching)
                elif touching:
                    self._meetings[key] = Meeting(a, b)

    def _sightings(self, detections: Sequence[Detection]) -> list[Sighting]:
        """The best boxes that any frame can hold, without the same one twice."""
        sane = [d for d in detections if d.box.is_sane and d.score >= self._config.min_score]
        best = sorted(sane, key=lambda d: -d.score)[: self._config.most_detections]
        kept: list[Detection] = []
        for detection in best:
            if not any(d.label == detection.label and d.box.iou(detection.box) > 0.9 for d in kept):
                kept.append(detection)
        return [Sighting.of(detection, self._camera, self._noise.of(detection.label)) for detection in kept]

    def _cost(self, each: TrackedObject, seen: Sighting, scale: Scale, touching: Set[int]) -> float:
        """Below 0 where this box is rather this object than something new."""
        if each.label != seen.detection.label or abs((seen.x0 + seen.x1) / 2 - each.cx.p) > 0.5:
            return math.inf
        # Colour may disagree while place and size fit (a shadow, a pillar); the longer unseen, the less it may.
        unseen_s = self._time_s - each.seen_s
        odd = min(12.0 + 40.0 * unseen_s, each.look.surprise(seen.colour))
        if id(each) in touching:
            odd *= _MIXED_COLOUR
        return each.motion_cost(seen, scale) + odd - _NEWCOMER

    def _judge_meetings(self) -> None:
        for key, meeting in list(self._meetings.items()):
            a = meeting.a
            scale = scale_of(a.label, a.w.p, a.h.p, self._camera, self._noise.of(a.label))
            verdict = meeting.judge(self._time_s, scale)
            if verdict is None:
                continue
            del self._meetings[key]
            if verdict:
                a.swap_identity(meeting.b)
                # what others concluded from these two is void
                for other, each in list(self._meetings.items()):
                    if {id(each.a), id(each.b)} & {id(a), id(meeting.b)}:
                        del self._meetings[other]

    def _bury(self, objects: Sequence[TrackedObject]) -> None:
        if objects:
            gone = set(map(id, objects))
            self._objects = [each for each in self._objects if id(each) not in gone]
            self._meetings = {
                key: m for key, m in self._meetings.items() if id(m.a) not in gone and id(m.b) not in gone
            }

    def _has_left(self, each: TrackedObject) -> bool:
        """Walked out of the picture, or stood with a part outside; not where the robot turned away from it."""
        if self._time_s - each.seen_s <= _LEFT_S:
            return False
        noise = self._noise.of(each.label)
        margin = max(0.1 * each.w.p, edge_margin(each.label, each.w.p, each.h.p, self._camera, noise))
        left, right = each.cx.p - each.w.p / 2 < margin, each.cx.p + each.w.p / 2 > 1 - margin
        by_robot = each.swept < -margin if left else each.swept > margin
        return (left or right) and not by_robot

    def _is_too_old(self, each: TrackedObject) -> bool:
        unseen_s = self._time_s - each.seen_s
        if not each.confirmed:
            return each.misses > 2 or unseen_s > 0.5
        hidden = any(m.touching and each in (m.a, m.b) for m in self._meetings.values())
        return unseen_s > (self._config.hidden_s if hidden else self._config.coast_s)

    def _give_birth(self, time_s: float, seen: Sequence[Sighting]) -> None:
        for sighting in seen:
            if sighting.detection.score < self._config.birth_score:
                continue
            if len(self._objects) >= 2 * self._config.most_detections:
                return
            noise = self._noise.of(sighting.detection.label)
            self._objects.append(TrackedObject(self._next_id, time_s, sighting, self._camera, noise))
            self._objects[-1].confirmed = self._config.confirm_hits <= 1
            self._next_id += 1

    def _tracks(self) -> list[Track]:
        return [self._track(each, each.box, self._time_s, self._heading_rad) for each in self._objects]

    def _track(self, each: TrackedObject, box: Box, time_s: float, heading_rad: float | None) -> Track:
        bearing_rad = self._camera.bearing_rad(box.cx)
        return Track(
            track_id=each.track_id,
            label=each.label,
            box=box,
            velocity=(each.cx.v, each.cy.v),
            score=each.score,
            mean_rgb=each.mean_rgb(),
            time_s=time_s,
            last_seen_s=each.seen_s,
            hits=each.hits,
            confirmed=each.confirmed,
            azimuth_rad=bearing_rad if heading_rad is None else wrap_rad(heading_rad + bearing_rad),
        )


def _is_double(seen: Sighting, taken: Sequence[Sighting]) -> bool:
    box, label = seen.detection.box, seen.detection.label
    return any(other.detection.label == label and box.iou(other.detection.box) > _SAME_IOU for other in taken)
