"""The gimbal's two motors."""

from protos.robomaster.ids import Command, GimbalPower, Host
from protos.robomaster.payloads import (
    ActionAck,
    Empty,
    GimbalMove,
    GimbalOrder,
    GimbalPush,
    GimbalRecenter,
    GimbalSpeed,
)
from sim.robomaster.action import Action
from sim.robomaster.binary.desk import Desk
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.progress import Report
from sim.robomaster.binary.starting import STARTED, start


def set_speed(desk: Desk, request: GimbalSpeed) -> None:
    desk.rover.gimbal_speed(request.pitch_degps, request.yaw_degps)


def set_power(desk: Desk, request: GimbalOrder) -> None:
    if request.order is GimbalPower.SUSPEND:
        desk.rover.gimbal_suspend()
    else:
        desk.rover.gimbal_resume()


def move(desk: Desk, request: GimbalMove) -> ActionAck:
    if request.control.cancel:
        return _stopped(desk)
    here = desk.rover.gimbal()
    still_pitch, still_yaw = (here.pitch_deg, here.yaw_deg) if request.is_absolute else (0.0, 0.0)

    def begin() -> Action:
        return desk.rover.gimbal_move(
            request.pitch_deg if request.about.pitch else still_pitch,
            request.yaw_deg if request.about.yaw else still_yaw,
            request.pitch_degps,
            request.yaw_degps,
            request.is_absolute,
        )

    return start(desk, begin, request.action_id, request.control, Command.GIMBAL_PUSH, _words)


def recenter(desk: Desk, request: GimbalRecenter) -> ActionAck:
    if request.control.cancel:
        return _stopped(desk)
    return start(
        desk,
        lambda: desk.rover.gimbal_recenter(request.pitch_degps, request.yaw_degps),
        request.action_id,
        request.control,
        Command.GIMBAL_PUSH,
        _words,
    )


def _stopped(desk: Desk) -> ActionAck:
    desk.rover.gimbal_speed(0.0, 0.0)  # which ends a move
    return STARTED


def _words(report: Report, action: Action) -> bytes:
    pitch_deg, yaw_deg, _ = action.place
    return GimbalPush(report.action_id, report.percent, report.state, yaw_deg=yaw_deg, pitch_deg=pitch_deg).pack()


def nothing_to_do(_desk: Desk, _request: object) -> None:
    """The gimbal's own modes; who leads is set for the whole robot."""


ENTRIES: Entries = {
    Command.GIMBAL_SPEED: Entry(set_speed, GimbalSpeed.unpack, Host.GIMBAL),
    Command.GIMBAL_POWER: Entry(set_power, GimbalOrder.unpack, Host.GIMBAL),
    Command.GIMBAL_WORK_MODE: Entry(nothing_to_do, Empty.unpack, Host.GIMBAL),
    Command.GIMBAL_MOVE: Entry(move, GimbalMove.unpack, Host.GIMBAL, answer_bytes=2),
    Command.GIMBAL_RECENTER: Entry(recenter, GimbalRecenter.unpack, Host.GIMBAL, answer_bytes=2),
}
