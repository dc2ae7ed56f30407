"""What can be plugged in: pins, distance sensors, servos, arm, gripper, sensor boards."""

from protos.robomaster.text import Call
from sim.robomaster.text.desk import OK, Answer, Desk, Handler, numbers

MM_PER_CM = 10.0
GRIPPER_OPEN, GRIPPER_CLOSED = 2, 0


def pwm_value(desk: Desk, call: Call) -> Answer:
    _set_ports(desk.rover.modules.pwm_percent, call)
    return OK


def pwm_freq(desk: Desk, call: Call) -> Answer:
    _set_ports(desk.rover.modules.pwm_hz, call)
    return OK


def _set_ports(values: dict[int, float], call: Call) -> None:
    for port in values:
        if int(call.number("mask")) >> (port - 1) & 1:
            values[port] = call.number("value")


def measure(desk: Desk, call: Call) -> Answer:
    desk.rover.modules.measures_distance = bool(call.is_on("on"))
    return OK


def distance(desk: Desk, call: Call) -> Answer:
    return str(desk.rover.modules.distance_mm[int(call.number("id"))])


def servo_angle(desk: Desk, call: Call) -> Answer:
    desk.rover.modules.turn_servo(int(call.number("id")), call.number("angle"))
    return OK


def servo_where(desk: Desk, call: Call) -> Answer:
    return numbers(desk.rover.modules.servo_deg[int(call.number("id"))])


def servo_speed(desk: Desk, call: Call) -> Answer:
    desk.rover.modules.servo_degps[int(call.number("id"))] = call.number("speed")
    return OK


def servo_stop(desk: Desk, call: Call) -> Answer:
    """All of them where no number is said."""
    speeds = desk.rover.modules.servo_degps
    for number in [int(call.number("id"))] if "id" in call.values else list(speeds):
        speeds[number] = 0.0
    return OK


def arm_move(desk: Desk, call: Call) -> Answer:
    x_mm, y_mm = desk.rover.modules.arm_mm
    desk.rover.modules.arm_mm = (x_mm + call.number("x") * MM_PER_CM, y_mm + call.number("y") * MM_PER_CM)
    return OK


def arm_moveto(desk: Desk, call: Call) -> Answer:
    desk.rover.modules.arm_mm = (call.number("x") * MM_PER_CM, call.number("y") * MM_PER_CM)
    return OK


def arm_recenter(desk: Desk, _call: Call) -> Answer:
    desk.rover.modules.arm_mm = (0.0, 0.0)
    return OK


def arm_stop(_desk: Desk, _call: Call) -> Answer:
    """It always stands: moves of the arm take no time here."""
    return OK


def arm_position(desk: Desk, _call: Call) -> Answer:
    x_mm, y_mm = desk.rover.modules.arm_mm
    return numbers(x_mm / MM_PER_CM, y_mm / MM_PER_CM)


def gripper_open(desk: Desk, _call: Call) -> Answer:
    desk.rover.modules.gripper = GRIPPER_OPEN
    return OK


def gripper_close(desk: Desk, _call: Call) -> Answer:
    desk.rover.modules.gripper = GRIPPER_CLOSED
    return OK


def gripper_status(desk: Desk, _call: Call) -> Answer:
    return str(desk.rover.modules.gripper)


def adapter(desk: Desk, call: Call) -> Answer:
    modules = desk.rover.modules
    values = {"adc": modules.adc, "io_level": modules.io_level, "pulse_period": modules.pulse_period_ms}
    return str(values[call.command.words[-1]].get((int(call.number("id")), int(call.number("port"))), 0))


HANDLERS: dict[str, Handler] = {
    "pwm value": pwm_value,
    "pwm freq": pwm_freq,
    "ir_distance_sensor measure": measure,
    "ir_distance_sensor distance ?": distance,
    "servo angle": servo_angle,
    "servo angle ?": servo_where,
    "servo speed": servo_speed,
    "servo stop": servo_stop,
    "robotic_arm move": arm_move,
    "robotic_arm moveto": arm_moveto,
    "robotic_arm recenter": arm_recenter,
    "robotic_arm stop": arm_stop,
    "robotic_arm position ?": arm_position,
    "robotic_gripper open": gripper_open,
    "robotic_gripper close": gripper_close,
    "robotic_gripper status ?": gripper_status,
    "sensor_adapter adc ?": adapter,
    "sensor_adapter io_level ?": adapter,
    "sensor_adapter pulse_period ?": adapter,
    "sensor_adapter pulse_period": adapter,
}
