"""From pictures and what was found in them to crops: who looks on while a robot or a camera runs."""

import asyncio
import logging
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from archive.camera_config import PublisherConfig
from archive.choice import Candidate, Choice
from archive.crop import cut, pixels
from archive.face import NO_TRACK, Face
from archive.pictures import Format, encode
from archive.publisher import Letter, Publisher
from archive.quality import quality
from common.supervise import Job, supervise
from protos.messages import Box, Detection
from robot.values import BGR, Frame, Track
from robot.watching import Answered

log = logging.getLogger(__name__)

MAX_FRAMES = 12  # whose answers may still come; 0.9 MB each
MAX_FRAME_BYTES = 150_000_000  # of all of them: large pictures are fewer
MAX_WAITING = 4  # answered pictures whose faces were not yet cut out
SAME_IOU = 0.3  # a detection and its track overlap at least so much
TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """One face in one picture, cut out."""

    face: Face
    bgr: BGR = field(repr=False)


class FaceWatcher:
    """A watcher of a robot (`robot.watching`), and the heart of `tagalong archive camera`."""

    tasks = ("face",)

    def __init__(
        self,
        config: PublisherConfig,
        robot_id: str,
        clock: Callable[[], float] = time.monotonic,
        program: str = "robot",
        setting: str = "broker",
    ) -> None:
        """`clock` stamps the pictures. `program` and `setting`: see Publisher. Raises ConfigError."""
        self.publisher = Publisher(config, robot_id, program, setting)
        self.counts = self.publisher.counts
        self._config, self._robot_id, self._clock = config, robot_id, clock
        self._run = uuid.uuid4().hex[:6]  # track numbers begin anew with each start; names of tracks never come again
        self._choice: Choice[Seen] = Choice(config.choice)
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._work: deque[tuple[Frame, Answered]] = deque()
        self._filled = asyncio.Event()
        self._is_cutting = False
        self._limited = 0
        self.newest: deque[Letter] = deque(maxlen=8)
        """The last ones that were chosen, for whoever shows them."""

    def saw(self, number: int, frame: Frame) -> None:
        self._frames[number] = frame
        while len(self._frames) > min(MAX_FRAMES, max(1, MAX_FRAME_BYTES // max(1, frame.bgr.nbytes))):
            self._frames.popitem(last=False)

    def answered(self, answer: Answered) -> None:
        frame = self._frames.pop(answer.number, None)
        if frame is None or not any(each.label == "face" for each in answer.detections):
            return
        if len(self._work) >= MAX_WAITING:
            self._work.popleft()
            self.counts.add("skipped")
        self._work.append((frame, answer))
        self._filled.set()

    async def run(self) -> None:
        """Until cancelled; then whoever was seen and not yet published is lost with the process."""
        await supervise([Job("faces are cut out", self._cut_all), Job("faces are published", self.publisher.run)])

    async def probe(self) -> str:
        return await self.publisher.probe()

    async def finish(self) -> None:
        """At the end of a video: publishes what was held back, and waits until the broker has it."""
        while self._work or self._is_cutting:  # noqa: ASYNC110  # once, at the end
            await asyncio.sleep(0.02)
        await self._publish(self._choice.finish())
        await self.publisher.drained()

    async def _cut_all(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._filled.wait()
            except TimeoutError:
                pass
            self._filled.clear()
            while self._work:
                self._is_cutting = True
                await self._cut(*self._work.popleft())
            self._is_cutting = False
            await self._publish(self._choice.tick(self._clock()))
            self.counts.add("limited", self._choice.limited - self._limited)
            self._limited = self._choice.limited

    async def _cut(self, frame: Frame, answer: Answered) -> None:
        try:
            candidates = await asyncio.to_thread(self._candidates, frame, answer)
        except Exception:  # one odd picture ends nothing
            log.exception("the faces of picture %d could not be cut out", answer.number)
            self.counts.add("skipped")
            return
        for candidate in candidates:
            await self._publish(self._choice.offer(self._clock(), candidate))

    def _candidates(self, frame: Frame, answer: Answered) -> list[Candidate[Seen]]:
        """In a thread."""
        choice = self._config.choice
        found: list[Candidate[Seen]] = []
        time_ = datetime.now(UTC) - timedelta(seconds=max(0.0, self._clock() - answer.capture_s))
        for each in answer.detections:
            inside = each.box.clipped()
            face_bgr = pixels(frame.bgr, inside)
            if (
                each.label != "face"
                or each.score < choice.min_confidence
                or min(face_bgr.shape[:2]) < choice.min_side_px
            ):
                continue
            track = _track_of(each, answer.tracks)
            if track is None and not choice.all:
                continue  # seen once: perhaps no face at all
            good = quality(face_bgr, each.points)
            face = Face(
                robot=self._robot_id,
                track=NO_TRACK if track is None else f"{self._run}-{track.track_id}",
                time=time_,
                confidence=each.score,
                box=_rounded(inside),
                edge=answer.server_id,
                quality=good,
            )
            seen = Seen(face, cut(frame.bgr, each.box, self._config.crop))
            found.append(Candidate(face.track, answer.capture_s, good, seen))
        return found

    async def _publish(self, chosen: list[Candidate[Seen]]) -> None:
        for candidate in chosen:
            letter = await asyncio.to_thread(self._letter, candidate.crop)
            self.newest.append(letter)
            self.publisher.put(letter)

    def _letter(self, seen: Seen) -> Letter:
        crop = self._config.crop
        return Letter(seen.face, encode(seen.bgr, seen.face.fields(), Format(crop.format), crop.jpeg_quality))


def _track_of(detection: Detection, tracks: tuple[Track, ...]) -> Track | None:
    """The confirmed one that this detection belongs to."""
    alike = [each for each in tracks if each.label == detection.label and each.confirmed]
    best = max(alike, key=lambda each: each.box.iou(detection.box), default=None)
    return best if best is not None and best.box.iou(detection.box) >= SAME_IOU else None


def _rounded(box: Box) -> Box:
    return Box(*(round(value, 5) for value in (box.x, box.y, box.w, box.h)))
