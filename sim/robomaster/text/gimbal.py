"""`gimbal` and `blaster`: what sits on top."""

from protos.robomaster import unverified
from protos.robomaster.text import Call
from sim.robomaster.rover import GIMBAL_DEGPS
from sim.robomaster.text.chassis import switch_push
from sim.robomaster.text.desk import OK, Answer, Desk, Handler, numbers, started
from sim.robomaster.text.pushes import READERS, Attribute


def turn(desk: Desk, call: Call) -> Answer:
    desk.rover.gimbal_speed(call.number("p"), call.number("y"))
    return OK


def move(desk: Desk, call: Call) -> Answer:
    return _go(desk, call, absolute=False)


def moveto(desk: Desk, call: Call) -> Answer:
    return _go(desk, call, absolute=True)


def _go(desk: Desk, call: Call, absolute: bool) -> Answer:
    speeds = call.number("vp", GIMBAL_DEGPS), call.number("vy", GIMBAL_DEGPS)
    return started(desk.rover.gimbal_move(call.number("p"), call.number("y"), *speeds, absolute=absolute), call)


def suspend(desk: Desk, _call: Call) -> Answer:
    desk.rover.gimbal_suspend()
    return OK


def resume(desk: Desk, _call: Call) -> Answer:
    desk.rover.gimbal_resume()
    return OK


def recenter(desk: Desk, _call: Call) -> Answer:
    action = desk.rover.gimbal_recenter()
    return OK if unverified.RECENTER_REPLIES_AT_ONCE else action


def attitude(desk: Desk, _call: Call) -> Answer:
    return numbers(*READERS[Attribute.GIMBAL](desk.rover))


def push(desk: Desk, call: Call) -> Answer:
    switch_push(desk, call, Attribute.GIMBAL, "attitude", "afreq")
    return OK


def set_beads(desk: Desk, call: Call) -> Answer:
    desk.rover.modules.beads = int(call.number("n"))
    return OK


def beads(desk: Desk, _call: Call) -> Answer:
    return str(desk.rover.modules.beads)


def fire(desk: Desk, _call: Call) -> Answer:
    desk.rover.modules.fire("bead", desk.rover.modules.beads)
    return OK


HANDLERS: dict[str, Handler] = {
    "gimbal speed": turn,
    "gimbal move": move,
    "gimbal moveto": moveto,
    "gimbal suspend": suspend,
    "gimbal resume": resume,
    "gimbal recenter": recenter,
    "gimbal attitude ?": attitude,
    "gimbal push": push,
    "blaster bead": set_beads,
    "blaster bead ?": beads,
    "blaster fire": fire,
}
