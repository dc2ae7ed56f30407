"""What a handler of a command gets to work with: the rover, and what is remembered of the one client."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from protos.robomaster.ids import Resolution, VisionBits
from protos.robomaster.payloads import SubjectPush
from sim.robomaster.binary.outbox import Push
from sim.robomaster.binary.progress import Progress
from sim.robomaster.binary.subjects import sample
from sim.robomaster.binary.subscriptions import Subscriptions
from sim.robomaster.rover import Rover

EVENTS_MAX = 32  # that wait to be pushed


class Video(Protocol):
    """The video port's switch."""

    def start(self, resolution: Resolution) -> None: ...

    def stop(self) -> None: ...


class Audio(Protocol):
    """The audio port's switch."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Refused(Exception):
    """The answer is this return code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"return code 0x{code:02X}")
        self.code = code


@dataclass(eq=False)
class Desk:
    """One client's. Knows nothing of sockets."""

    rover: Rover
    video: Video
    audio: Audio | None
    host: int  # the client's address in frames
    now_s: float  # of the request at hand
    receiver: int = 0  # the part of the robot that the request is for
    is_sdk_on: bool = False
    has_node: bool = False  # it may subscribe
    vision: VisionBits = VisionBits.NONE
    has_video: bool = False  # it has switched the stream on
    has_audio: bool = False
    progress: Progress = field(default_factory=Progress)
    events: deque[Push] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    subscriptions: Subscriptions = field(init=False)

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(
            lambda subject: sample(self.rover, subject), lambda number, data: SubjectPush(number, data).pack()
        )

    def due(self, now_s: float) -> list[Push]:
        """What there is to say by now."""
        events = list(self.events)
        self.events.clear()
        return events + self.progress.due(now_s) + self.subscriptions.due(now_s)

    def start_video(self, resolution: Resolution) -> None:
        """Raises DeviceError."""
        self.video.start(resolution)
        self.has_video = True

    def start_audio(self) -> bool:
        """False: this robot has no microphone. Raises DeviceError."""
        if self.audio is None:
            return False
        self.audio.start()
        self.has_audio = True
        return True

    def stop_streams(self, audio: bool, video: bool) -> None:
        """Those of them that this client has switched on; another one's stay."""
        if video and self.has_video:
            self.video.stop()
            self.has_video = False
        if audio and self.has_audio and self.audio is not None:
            self.audio.stop()
            self.has_audio = False

    def forget(self) -> None:
        """The client has left SDK mode, or is gone."""
        self.is_sdk_on = self.has_node = False
        self.vision = VisionBits.NONE
        self.progress.clear()
        self.events.clear()
        self.subscriptions.clear()
        self.stop_streams(audio=True, video=True)
