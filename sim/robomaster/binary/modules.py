"""What can be plugged in: servos, arm, gripper, sensor boards. They have a state and nothing in the world."""

from protos.robomaster.ids import Command, GripperOrder, Host
from protos.robomaster.payloads import (
    ActionAck,
    ArmMove,
    ArmPositionAck,
    ArmPush,
    GripperControl,
    SensorAck,
    SensorRead,
    ServoAngleAck,
    ServoGet,
    ServoMode,
    ServoMove,
    ServoPush,
    ServoSpeed,
)
from protos.robomaster.unverified import RET_BAD_PARAMETER
from sim.robomaster.action import Action, ActionKind
from sim.robomaster.binary.desk import Desk, Refused
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.progress import Report
from sim.robomaster.binary.starting import REJECTED, start

GRIPPER_CLOSED, GRIPPER_BETWEEN, GRIPPER_OPEN = 0, 1, 2
GRIPPER_AFTER = {GripperOrder.OPEN: GRIPPER_OPEN, GripperOrder.CLOSE: GRIPPER_CLOSED}
ARM_REACH_M = 0.3  # more than the real one's, in whatever direction


def move_arm(desk: Desk, request: ArmMove) -> ActionAck:
    """It is there at once."""
    x_mm, y_mm = (0.0, 0.0) if request.is_absolute else desk.rover.modules.arm_mm
    x_mm, y_mm = x_mm + 1000 * request.x_m, y_mm + 1000 * request.y_m
    if max(abs(x_mm), abs(y_mm)) > 1000 * ARM_REACH_M:
        return REJECTED

    def begin() -> Action:
        desk.rover.modules.arm_mm = (x_mm, y_mm)
        return _done(ActionKind.ARM)

    def words(report: Report, _action: Action) -> bytes:
        return ArmPush(report.action_id, report.percent, report.state, x_mm / 1000, y_mm / 1000).pack()

    return start(desk, begin, request.action_id, request.control, Command.ARM_PUSH, words)


def arm_position(desk: Desk, _request: object) -> ArmPositionAck:
    x_mm, y_mm = desk.rover.modules.arm_mm
    return ArmPositionAck(x_m=x_mm / 1000, y_m=y_mm / 1000)


def move_servo(desk: Desk, request: ServoMove) -> ActionAck:
    """It is there at once."""
    number = _servo(desk, request.device)

    def begin() -> Action:
        desk.rover.modules.turn_servo(number, request.angle_deg)
        return _done(ActionKind.SERVO)

    def words(report: Report, _action: Action) -> bytes:
        return ServoPush(report.action_id, report.percent, report.state, request.angle_deg).pack()

    return start(desk, begin, request.action_id, request.control, Command.SERVO_PUSH, words)


def servo_angle(desk: Desk, request: ServoGet) -> ServoAngleAck:
    return ServoAngleAck(angle_deg=desk.rover.modules.servo_deg[_servo(desk, request.device)] + 180)


def servo_mode(desk: Desk, request: ServoMode) -> None:
    _servo(desk, request.device)


def servo_speed(desk: Desk, request: ServoSpeed) -> None:
    desk.rover.modules.servo_degps[_servo(desk, request.device)] = request.speed if request.on else 0.0


def _servo(desk: Desk, device: int) -> int:
    number = device >> 5
    if device & 0x1F != Host.SERVO or number not in desk.rover.modules.servo_deg:
        raise Refused(RET_BAD_PARAMETER)
    return number


def grip(desk: Desk, request: GripperControl) -> None:
    """It opens and closes at once."""
    modules = desk.rover.modules
    modules.gripper = GRIPPER_AFTER.get(request.order, modules.gripper)


def read_sensor(desk: Desk, request: SensorRead) -> SensorAck:
    host, board = desk.receiver & 0x1F, desk.receiver >> 5
    if host != Host.SENSOR:
        raise Refused(RET_BAD_PARAMETER)
    where = (board, request.port)
    modules = desk.rover.modules
    return SensorAck(
        port=request.port,
        adc=modules.adc.get(where, 0),
        io=modules.io_level.get(where, 0),
        time_ms=modules.pulse_period_ms.get(where, 0),
    )


def _done(kind: ActionKind) -> Action:
    action = Action(kind)
    action.succeed()
    return action


ENTRIES: Entries = {
    Command.ARM_MOVE: Entry(move_arm, ArmMove.unpack, Host.CHASSIS, answer_bytes=2),
    Command.ARM_POSITION: Entry(arm_position, to=None, answer_bytes=13),
    Command.SERVO_MOVE: Entry(move_servo, ServoMove.unpack, Host.CHASSIS, answer_bytes=2),
    Command.SERVO_ANGLE: Entry(servo_angle, ServoGet.unpack, Host.SERVOS, answer_bytes=5),
    Command.SERVO_MODE: Entry(servo_mode, ServoMode.unpack, Host.SERVOS),
    Command.SERVO_SPEED: Entry(servo_speed, ServoSpeed.unpack, Host.SERVOS),
    Command.GRIPPER: Entry(grip, GripperControl.unpack, Host.CHASSIS),
    Command.SENSOR_READ: Entry(read_sensor, SensorRead.unpack, to=None, answer_bytes=9),
}
