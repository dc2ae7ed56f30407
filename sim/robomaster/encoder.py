"""Pictures become H.264 as the robot sends it: Annex B, parameter sets before each key frame, no frame held back."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from common.errors import DeviceError
from protos.robomaster.ids import Resolution
from robot.values import BGR

BIT_RATE_720P = 4_000_000
GOP_FRAMES = 30  # a second, so a viewer that lost its place waits no longer than that


@dataclass(frozen=True, slots=True)
class Chunk:
    """One coded picture."""

    data: bytes
    is_key: bool


def require_av() -> Any:
    """PyAV, which is loaded only where video or sound is asked for."""
    try:
        import av
    except ImportError as error:
        raise DeviceError(
            "The emulated robot's video and sound need PyAV: pip install 'tagalong[robomaster]'"
        ) from error
    return av


class Encoder:
    """For one stream of one size. Belongs to one thread at a time."""

    def __init__(self, resolution: Resolution, fps: float) -> None:
        """Raises DeviceError without PyAV."""
        self._av = require_av()
        codec = self._av.CodecContext.create("libx264", "w")
        codec.width, codec.height = resolution.size_px
        codec.pix_fmt = "yuv420p"
        codec.framerate = Fraction(fps).limit_denominator(1001)
        codec.time_base = 1 / codec.framerate
        codec.gop_size = GOP_FRAMES
        codec.max_b_frames = 0
        codec.bit_rate = BIT_RATE_720P * codec.width * codec.height // (1280 * 720)
        codec.thread_count = 1  # the machine has the world to simulate too
        codec.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
        self._codec = codec
        self._size = resolution.size_px
        self._number = 0

    def encode(self, bgr: BGR, as_key: bool = False) -> list[Chunk]:
        """Any size goes in; it is scaled. `as_key`: somebody can only begin with such a picture."""
        width, height = self._size
        frame = self._av.VideoFrame.from_ndarray(bgr, "bgr24").reformat(width, height, "yuv420p")
        frame.pts = self._number
        picture_type = self._av.video.frame.PictureType
        frame.pict_type = picture_type.I if as_key else picture_type.NONE
        self._number += 1
        return [Chunk(bytes(packet), bool(packet.is_keyframe)) for packet in self._codec.encode(frame)]
