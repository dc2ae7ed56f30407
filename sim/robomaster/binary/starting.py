"""Starting an action: accepted and followed, or rejected."""

from collections.abc import Callable

from protos.robomaster.ids import Accept, Command
from protos.robomaster.payloads import ActionAck, Control
from sim.robomaster.action import Action
from sim.robomaster.binary.desk import Desk
from sim.robomaster.binary.progress import Words
from sim.robomaster.values import ActionRefused

STARTED, REJECTED, DONE = (ActionAck(accept=accept) for accept in (Accept.STARTED, Accept.REJECTED, Accept.DONE))


def start(
    desk: Desk, begin: Callable[[], Action], action_id: int, control: Control, push: Command, words: Words
) -> ActionAck:
    """`begin` starts it; `words` tells how far it is in a `push`."""
    try:
        action = begin()
    except ActionRefused:
        return REJECTED
    desk.progress.follow(action, action_id, push, desk.receiver, control.rate, words, desk.now_s)
    return STARTED
