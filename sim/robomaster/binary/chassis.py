"""Wheels and who leads."""

from protos.robomaster.ids import Command, Host
from protos.robomaster.payloads import (
    ActionAck,
    DriveSpeed,
    DriveWheels,
    ModeAck,
    Move,
    MovePush,
    Pwm,
    SetMode,
    StickOverlay,
    UartSend,
    UartSet,
    WorkMode,
)
from sim.robomaster.action import Action
from sim.robomaster.binary.desk import Desk
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.progress import Report
from sim.robomaster.binary.starting import STARTED, start
from sim.robomaster.binary.subjects import MODES, NUMBER_OF_MODE
from sim.robomaster.values import Wheels


def set_mode(desk: Desk, request: SetMode) -> None:
    desk.rover.set_mode(MODES[request.mode])


def get_mode(desk: Desk, _request: object) -> ModeAck:
    return ModeAck(mode=NUMBER_OF_MODE[desk.rover.mode])


def drive_speed(desk: Desk, request: DriveSpeed) -> None:
    desk.rover.drive_speed(request.x_mps, request.y_mps, request.z_degps)


def drive_wheels(desk: Desk, request: DriveWheels) -> None:
    desk.rover.drive_wheels(
        Wheels(request.right_front_rpm, request.left_front_rpm, request.left_rear_rpm, request.right_rear_rpm)
    )


def move(desk: Desk, request: Move) -> ActionAck:
    if request.control.cancel:
        desk.rover.stop()
        return STARTED

    def words(report: Report, action: Action) -> bytes:
        x_m, y_m, z_deg = action.place
        return MovePush(report.action_id, report.percent, report.state, x_m, y_m, z_deg).pack()

    return start(
        desk,
        lambda: desk.rover.move(request.x_m, request.y_m, request.z_deg, request.speed_mps, request.turn_degps),
        request.action_id,
        request.control,
        Command.MOVE_PUSH,
        words,
    )


def set_pwm_value(desk: Desk, request: Pwm) -> None:
    for port, value in _masked(request):
        desk.rover.modules.pwm_percent[port] = float(value)


def set_pwm_frequency(desk: Desk, request: Pwm) -> None:
    for port, value in _masked(request):
        desk.rover.modules.pwm_hz[port] = float(value)


def _masked(request: Pwm) -> list[tuple[int, int]]:
    return [(port, value) for port, value in enumerate(request.values, 1) if request.mask >> port - 1 & 1]


def nothing_to_do(_desk: Desk, _request: object) -> None:
    """Answered, and without effect in this robot: nothing is on the serial line, and nobody holds a remote control."""


ENTRIES: Entries = {
    Command.SET_MODE: Entry(set_mode, SetMode.unpack),
    Command.GET_MODE: Entry(get_mode, answer_bytes=2),
    Command.DRIVE_SPEED: Entry(drive_speed, DriveSpeed.unpack, Host.CHASSIS),
    Command.DRIVE_WHEELS: Entry(drive_wheels, DriveWheels.unpack, Host.CHASSIS),
    Command.MOVE: Entry(move, Move.unpack, Host.CHASSIS, answer_bytes=2),
    Command.STICK_OVERLAY: Entry(nothing_to_do, StickOverlay.unpack, Host.CHASSIS),
    Command.CHASSIS_WORK_MODE: Entry(nothing_to_do, WorkMode.unpack, Host.CHASSIS),
    Command.PWM_VALUE: Entry(set_pwm_value, Pwm.unpack, Host.CHASSIS),
    Command.PWM_FREQUENCY: Entry(set_pwm_frequency, Pwm.unpack, Host.CHASSIS),
    Command.UART_SET: Entry(nothing_to_do, UartSet.unpack, Host.CHASSIS),
    Command.UART_DATA: Entry(nothing_to_do, UartSend.unpack, Host.CHASSIS),
}
