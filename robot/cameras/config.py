"""Settings of cameras and pictures, apart from the code: reading settings does not load OpenCV."""

from typing import Literal

from pydantic import Field

from common.settings import Strict


class OpencvCameraConfig(Strict):
    """A webcam, a video file or a stream."""

    kind: Literal["opencv"] = "opencv"
    source: str = "0"
    """Index of a webcam (0 is /dev/video0), path of a video file, or address (rtsp://...)."""
    width_px: int = Field(default=640, ge=64, le=4096)
    """Asked of a webcam; it may give another size."""
    height_px: int = Field(default=480, ge=48, le=4096)
    """Asked of a webcam; it may give another size."""
    fps: float = Field(default=20.0, gt=0, le=120)
    """Asked of a webcam. A file plays at its own rate."""
    hfov_deg: float = Field(default=62.0, gt=5, lt=170)
    """Horizontal field of view: turns columns into bearings. 62 is a Pi camera 2; many webcams have 60 to 78."""
    repeat: bool = False
    """Play a video file again and again."""


class EncoderConfig(Strict):
    """How pictures are sent."""

    quality: int = Field(default=80, ge=10, le=100)
    """JPEG quality. 80: 640x480 in 36 kB and 0.6 ms; LIQUID EDGE's 98 needs four times the bytes."""
    max_width_px: int = Field(default=640, ge=64, le=4096)
    """Wider pictures are scaled down to this before they are sent."""
    budget_s: float = Field(default=0.4, gt=0, le=5)
    """An answer later than this after a picture's arrival is of no use; the server may drop it."""
