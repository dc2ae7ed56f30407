"""Settings of cameras and pictures, apart from the code: reading settings does not load OpenCV."""

from typing import Literal

from pydantic import Field, model_validator

from common.settings import Strict


class OpencvCameraConfig(Strict):
    """A webcam, a video file, a picture file or a stream."""

    kind: Literal["opencv"] = "opencv"
    source: str = "0"
    """Index of a webcam (0 is /dev/video0), path of a video file, of a picture (photo.jpg, .png: shown again and again,
    without end), or address (rtsp://...)."""
    width_px: int = Field(default=640, ge=64, le=4096)
    """Asked of a webcam; it may give another size."""
    height_px: int = Field(default=480, ge=48, le=4096)
    """Asked of a webcam; it may give another size."""
    fps: float = Field(default=20.0, gt=0, le=120)
    """Asked of a webcam; how often a picture file is shown. A video file plays at its own rate."""
    hfov_deg: float = Field(default=62.0, gt=5, lt=170)
    """Horizontal field of view: turns columns into bearings. 62 is a Pi camera 2; many webcams have 60 to 78."""
    repeat: bool = False
    """Play a video file again and again."""


class Picamera2Config(Strict):
    """A camera on a Raspberry Pi's ribbon cable, through libcamera."""

    kind: Literal["picamera2"] = "picamera2"
    camera: int = Field(default=0, ge=0, le=3)
    """Which one; `rpicam-hello --list-cameras` counts them."""
    width_px: int = Field(default=640, ge=64, le=4096, multiple_of=2)
    """Width of the pictures."""
    height_px: int = Field(default=480, ge=48, le=4096, multiple_of=2)
    """Height of the pictures."""
    fps: float = Field(default=20.0, gt=0, le=120)
    """Pictures a second. In the dark a lower rate allows longer exposures."""
    stream: Literal["main", "lores"] = "main"
    """Which of the camera's two scalers. `lores` is scaled down from a larger `main`, which is then there too."""
    main_width_px: int = Field(default=1280, ge=64, le=4096, multiple_of=2)
    """Width of `main` while `stream` is `lores`."""
    main_height_px: int = Field(default=960, ge=64, le=4096, multiple_of=2)
    """Height of `main` while `stream` is `lores`."""
    format: Literal["RGB888", "BGR888", "XRGB8888", "XBGR8888", "YUV420"] | None = None
    """libcamera's name of the pixel format, which reads backwards: `RGB888` lies in memory as B, G, R and is the only
    one that costs no conversion. None: `RGB888`, for `lores` `YUV420` (the only kind before the Pi 5)."""
    hflip: bool = False
    """Mirror left and right."""
    vflip: bool = False
    """Mirror top and bottom. A camera that hangs upside down needs both."""
    whole_sensor: bool = True
    """Scaled down from the whole sensor. False: libcamera chooses, which on a camera 2 at 640x480 is the middle of the
    picture: a view of 26 degrees instead of 62."""
    hfov_deg: float | None = Field(default=None, gt=5, lt=170)
    """Horizontal field of view of the pictures as they come. None: known from the sensor's name and the part of it that
    is read; 62 for a sensor that is not known."""

    @model_validator(mode="after")
    def _lores_is_smaller(self) -> "Picamera2Config":
        if self.stream == "lores" and (self.width_px > self.main_width_px or self.height_px > self.main_height_px):
            raise ValueError(
                f"lores ({self.width_px}x{self.height_px}) cannot be larger than main "
                f"({self.main_width_px}x{self.main_height_px}). Raise main_width_px and main_height_px, or take main"
            )
        return self


class EncoderConfig(Strict):
    """How pictures are sent."""

    quality: int = Field(default=80, ge=10, le=100)
    """JPEG quality. 80: 640x480 in 36 kB and 0.6 ms; LIQUID EDGE's 98 needs four times the bytes."""
    max_width_px: int = Field(default=640, ge=64, le=4096)
    """Wider pictures are scaled down to this before they are sent."""
    budget_s: float = Field(default=0.4, gt=0, le=5)
    """An answer later than this after a picture's arrival is of no use; the server may drop it."""
