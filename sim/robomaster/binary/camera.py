"""The camera's streams and settings, and the detectors that run on its pictures."""

from common.errors import DeviceError
from protos.robomaster.ids import Command, Host, Stream
from protos.robomaster.payloads import (
    Photo,
    StreamControl,
    VisionColor,
    VisionEnable,
    VisionStatusAck,
    WhiteBalance,
)
from protos.robomaster.unverified import RET_WRONG_STATE
from sim.robomaster.binary.desk import Desk, Refused
from sim.robomaster.binary.entry import Entries, Entry


def stream(desk: Desk, request: StreamControl) -> None:
    """DJI's package first opens the SDK's streams as a whole, then the one it wants."""
    if not request.switch.on:
        desk.stop_streams(audio=request.stream is not Stream.VIDEO, video=request.stream is not Stream.AUDIO)
        return
    if not desk.rover.has_camera:
        raise Refused(RET_WRONG_STATE)
    try:
        if request.stream is Stream.VIDEO:
            desk.start_video(request.resolution)
        elif request.stream is Stream.AUDIO and not desk.start_audio():
            raise Refused(RET_WRONG_STATE)
    except DeviceError as error:
        raise Refused(RET_WRONG_STATE) from error


def enable_vision(desk: Desk, request: VisionEnable) -> None:
    """Remembered and told; nothing is ever detected, since no detector runs."""
    desk.vision = request.detectors


def vision_status(desk: Desk, _request: object) -> VisionStatusAck:
    return VisionStatusAck(detectors=desk.vision)


def nothing_to_do(_desk: Desk, _request: object) -> None:
    """Answered: the robot has no card for photos, and its camera no zoom and no colours to set."""


ENTRIES: Entries = {
    Command.STREAM: Entry(stream, StreamControl.unpack, Host.CAMERA),
    Command.PHOTO: Entry(nothing_to_do, Photo.unpack, Host.CAMERA),
    Command.ZOOM: Entry(nothing_to_do, to=Host.CAMERA),
    Command.GET_ZOOM: Entry(nothing_to_do, to=Host.CAMERA),
    Command.WHITE_BALANCE: Entry(nothing_to_do, WhiteBalance.unpack, Host.CAMERA),
    Command.VISION_ENABLE: Entry(enable_vision, VisionEnable.unpack, Host.VISION, answer_bytes=3),
    Command.VISION_STATUS: Entry(vision_status, to=Host.VISION, answer_bytes=3),
    Command.VISION_COLOR: Entry(nothing_to_do, VisionColor.unpack, Host.VISION),
}
