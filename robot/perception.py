"""From answers of servers to one target on the ground: tracker, target selection, ground filter, odometry together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from protos.messages import Detection
from robot.approach import ApproachConfig, Estimate, GroundFilter
from robot.ego_motion import OdometryHistory
from robot.sight import Ranger, Usual
from robot.target import TargetConfig, TargetSelector, TargetState
from robot.tracker import Tracker, TrackerConfig
from robot.values import CameraModel, DriveCommand, Odometry, Pose, Result, Track

OWN_ODOMETRY_AFTER_S = 0.5  # without odometry from the base for so long, the robot's own commands stand in for it
FAR = 1e6  # m, m/s or rad/s: no robot gets there, a broken driver does
HIDING_S = 0.35  # from the first centimetres out of sight until a box is odd enough to notice, at walking pace
SAME_BOX_IOU = 0.3  # a detection that overlaps the target's track at least so much is what was seen of it


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known about the target at one moment."""

    target: Track | None
    in_view: bool  # seen in the newest answer, not only remembered
    measured: bool  # and whole, so that its place is known
    estimate: Estimate | None  # None when there is no target or nothing is known of its place
    pose: Pose
    speed: DriveCommand  # of the robot, by its odometry

    @property
    def bearing_and_distance(self) -> tuple[float, float] | None:
        return None if self.estimate is None else self.estimate.seen_from(self.pose)

    def bearing_after(self, ahead_s: float) -> float | None:
        """Of the target, when it walks on and the robot stands."""
        target = self.estimate
        if target is None:
            return None
        x, y = target.x_m + ahead_s * target.vx_mps, target.y_m + ahead_s * target.vy_mps
        return replace(target, x_m=x, y_m=y).seen_from(self.pose)[0]


@dataclass(slots=True)
class Dropped:
    """Counts of what was not believed."""

    late: int = 0  # older than one taken in before
    from_future: int = 0
    bad_boxes: int = 0
    bad_odometry: int = 0


class Perception:
    """Everything measured goes in here, with its own time."""

    def __init__(
        self,
        camera: CameraModel,
        tracker: TrackerConfig,
        target: TargetConfig,
        approach: ApproachConfig,
        heights_m: Mapping[str, float],
        default_height_m: float,
    ) -> None:
        self._tracker_config, self._target_config = tracker, target
        self._ground = GroundFilter(approach)
        self._heights_m, self._default_height_m = heights_m, default_height_m
        self.label = target.label
        self.dropped = Dropped()
        self.use_camera(camera)

    def use_camera(self, camera: CameraModel) -> None:
        """The pictures come from another camera, or in another size: all starts anew."""
        self.camera = camera
        self._tracker = Tracker(self._tracker_config, camera)
        self._selector = TargetSelector(self._target_config, camera)
        self._ranger = Ranger(camera)
        self._usual = Usual()
        self.forget()

    def forget(self) -> None:
        """The clock jumped: nothing measured before can be compared with what comes."""
        self._tracker.reset()
        self._selector.reset()
        self._history = OdometryHistory()
        self._base_odometry_s = -math.inf
        self.newest_capture_s: float | None = None
        self.tracks: list[Track] = []
        self.target: TargetState = self._selector.state
        self._new_target()

    def look_for(self, label: str) -> None:
        """Follow another kind of object from now on."""
        if label != self.label:
            self.label = label
            self._selector.reset()
            self.target = self._selector.state
            self._new_target()

    @property
    def rejected(self) -> int:
        return self._ground.rejected

    @property
    def odometry(self) -> Odometry | None:
        return self._history.newest

    def on_odometry(self, odometry: Odometry) -> None:
        pose = odometry.pose
        numbers = (pose.x_m, pose.y_m, odometry.forward_mps, odometry.left_mps, odometry.turn_radps)
        if not all(abs(number) < FAR for number in numbers) or not math.isfinite(odometry.time_s + pose.heading_rad):
            self.dropped.bad_odometry += 1
            return
        self._base_odometry_s = odometry.time_s
        self._history.add(odometry)

    def on_command(self, now_s: float, command: DriveCommand) -> None:
        """What is driven from `now_s` on: dead reckoning where the base tells nothing."""
        if now_s - self._base_odometry_s <= OWN_ODOMETRY_AFTER_S:
            return
        here = self._history.at(now_s) or self._history.newest
        pose = here.pose if here is not None else Pose()
        self._history.add(Odometry(now_s, pose, command.forward_mps, command.left_mps, command.turn_radps))

    def on_result(self, result: Result) -> bool:
        """Take in one answer. False when it was dropped: too late, or from the future."""
        if not (math.isfinite(result.capture_s) and result.capture_s <= result.received_s):
            self.dropped.from_future += 1
            return False
        if self.newest_capture_s is not None and result.capture_s <= self.newest_capture_s:
            self.dropped.late += 1
            return False
        sane = tuple(d for d in result.detections if d.box.is_sane and math.isfinite(d.score))
        self.dropped.bad_boxes += len(result.detections) - len(sane)
        self.newest_capture_s = result.capture_s
        self.tracks = self._tracker.update(result.capture_s, sane, self._history.at)
        followed = self.target.person
        self.target = self._selector.update(result.capture_s, self.tracks, self.label)
        if self.target.person != followed:
            self._new_target()
        if self.target.track is not None and self.target.track.last_seen_s >= result.capture_s:
            self._measure(result.capture_s, self.target.track, sane)
        return True

    def tracks_at(self, now_s: float) -> list[Track]:
        """All tracks as they should be now, for pages and pictures."""
        return self._tracker.predict(now_s, self._history.at)

    def look(self, now_s: float) -> Seen:
        """The target and the robot at `now_s`."""
        here = self._here(now_s)
        track = self.target.track
        speed = DriveCommand(here.forward_mps, here.left_mps, here.turn_radps)
        estimate = self._ground.at(now_s) if track is not None else None
        return Seen(
            target=track,
            in_view=track is not None and track.last_seen_s == self.newest_capture_s,
            measured=estimate is not None and estimate.seen_s == self.newest_capture_s,
            estimate=estimate,
            pose=here.pose,
            speed=speed,
        )

    def _here(self, now_s: float) -> Odometry:
        return self._history.at(now_s) or self._history.newest or Odometry(now_s, Pose())

    def _new_target(self) -> None:
        self._ground.reset()
        self._ranger.forget()
        self._usual.forget()

    def _measure(self, capture_s: float, track: Track, detections: Sequence[Detection]) -> None:
        there = self._history.at(capture_s)
        if there is None:
            if self._history.newest is not None:
                return  # a picture from outside the odometry's memory
            there = Odometry(capture_s, Pose())
        height_m = self._heights_m.get(track.label, self._default_height_m)
        seen = _behind(track, detections)
        if seen is not None and not self._usual.is_whole(capture_s, seen):
            # where a part of somebody is tells neither where that person is nor how far, and half a step ago it was
            # not whole either
            self._ground.rewind(capture_s - HIDING_S)
            return
        look = self._ranger.look(track.box if seen is None else seen.box, height_m)
        self._ground.measure(capture_s, there.pose, look.bearing_rad, look.distance_m)


def _behind(track: Track, detections: Sequence[Detection]) -> Detection | None:
    """The detection behind a track: its own box is smoothed, and smoothing twice adds lag."""
    alike = [d for d in detections if d.label == track.label]
    best = max(alike, key=lambda d: d.box.iou(track.box), default=None)
    return best if best is not None and best.box.iou(track.box) >= SAME_BOX_IOU else None
