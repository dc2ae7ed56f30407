"""`robot` and `chassis`: modes, speeds, moves, and what the chassis says of itself."""

from protos.robomaster.text import Call
from protos.robomaster.unverified import VERSION_REPLY
from sim.robomaster.rover import MOVE_DEGPS, MOVE_MPS
from sim.robomaster.text.desk import OK, Answer, Desk, Handler, numbers, started
from sim.robomaster.text.pushes import DEFAULT_HZ, READERS, Attribute
from sim.robomaster.values import Mode, Wheels


def version(desk: Desk, _call: Call) -> Answer:
    return VERSION_REPLY.format(version=desk.rover.identity.sdk_version)


def set_mode(desk: Desk, call: Call) -> Answer:
    desk.rover.set_mode(Mode(call.word("mode")))
    return OK


def mode(desk: Desk, _call: Call) -> Answer:
    return desk.rover.mode.value


def battery(desk: Desk, _call: Call) -> Answer:
    return str(desk.rover.battery().percent)


def drive_speed(desk: Desk, call: Call) -> Answer:
    """What is left out is 0."""
    desk.rover.drive_speed(call.number("x"), call.number("y"), call.number("z"))
    return OK


def drive_wheels(desk: Desk, call: Call) -> Answer:
    """Here w3 is the right one of the rear wheels; the binary protocol goes round the other way."""
    desk.rover.drive_wheels(
        Wheels(
            right_front_rpm=call.number("w1"),
            left_front_rpm=call.number("w2"),
            right_rear_rpm=call.number("w3"),
            left_rear_rpm=call.number("w4"),
        )
    )
    return OK


def move(desk: Desk, call: Call) -> Answer:
    action = desk.rover.move(
        call.number("x"),
        call.number("y"),
        call.number("z"),
        call.number("vxy", MOVE_MPS),
        call.number("vz", MOVE_DEGPS),
    )
    return started(action, call)


def speed(desk: Desk, _call: Call) -> Answer:
    velocity, wheels = desk.rover.velocity(), desk.rover.wheels()
    return numbers(
        velocity.body_x_mps,
        velocity.body_y_mps,
        velocity.turn_degps,
        wheels.right_front_rpm,
        wheels.left_front_rpm,
        wheels.right_rear_rpm,
        wheels.left_rear_rpm,
    )


def position(desk: Desk, _call: Call) -> Answer:
    return numbers(*desk.rover.position())


def attitude(desk: Desk, _call: Call) -> Answer:
    return numbers(*READERS[Attribute.ATTITUDE](desk.rover))


def status(desk: Desk, _call: Call) -> Answer:
    return numbers(*READERS[Attribute.STATUS](desk.rover))


def push(desk: Desk, call: Call) -> Answer:
    """`freq` goes before each attribute's own rate."""
    for attribute, name, rate in (
        (Attribute.POSITION, "position", "pfreq"),
        (Attribute.ATTITUDE, "attitude", "afreq"),
        (Attribute.STATUS, "status", "sfreq"),
    ):
        switch_push(desk, call, attribute, name, rate)
    return OK


def switch_push(desk: Desk, call: Call, attribute: Attribute, name: str, rate: str) -> None:
    """On, off, or as it is where nothing is said."""
    is_on = call.is_on(name)
    if is_on:
        desk.pushes.on(attribute, int(call.number("freq", call.number(rate, DEFAULT_HZ))), desk.rover.now_s)
    elif is_on is not None:
        desk.pushes.off(attribute)


HANDLERS: dict[str, Handler] = {
    "version ?": version,
    "robot mode": set_mode,
    "robot mode ?": mode,
    "robot battery ?": battery,
    "chassis speed": drive_speed,
    "chassis speed ?": speed,
    "chassis wheel": drive_wheels,
    "chassis move": move,
    "chassis position ?": position,
    "chassis attitude ?": attitude,
    "chassis status ?": status,
    "chassis push": push,
}
