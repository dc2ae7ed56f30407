"""Pictures on their way out: JPEG, and smaller where that is wanted."""

import asyncio

import cv2

from common.errors import DeviceError
from protos.messages import EncodedFrame
from robot.cameras.config import EncoderConfig
from robot.values import Frame


def encode(config: EncoderConfig, frame: Frame, number: int) -> EncodedFrame:
    """Raises DeviceError for something that is no picture."""
    bgr = frame.bgr
    if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.size == 0:
        raise DeviceError(f"the camera gave an array of shape {bgr.shape}, not a colour picture")
    height_px, width_px = bgr.shape[:2]
    if width_px > config.max_width_px:
        height_px, width_px = round(height_px * config.max_width_px / width_px), config.max_width_px
        bgr = cv2.resize(bgr, (width_px, height_px), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, config.quality))
    if not done:
        raise DeviceError(f"a picture of {width_px}x{height_px} cannot be encoded as JPEG")
    return EncodedFrame(
        number=number,
        capture_ns=round(frame.capture_s * 1e9),
        image=jpeg.tobytes(),
        width_px=width_px,
        height_px=height_px,
        budget_s=config.budget_s,
        truth=frame.truth,
    )


async def encode_aside(config: EncoderConfig, frame: Frame, number: int) -> EncodedFrame:
    """In a thread: OpenCV releases the interpreter lock, and the control loop is not held up."""
    return await asyncio.to_thread(encode, config, frame, number)
