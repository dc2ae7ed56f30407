"""Plates that feel hits. Nobody subscribes to them: they are told of while the client has the robot in SDK mode."""

from protos.robomaster.ids import ArmorId, Command, Host
from protos.robomaster.payloads import ArmorSensitivity, HitEvent
from protos.robomaster.unverified import HIT_TYPE_OF_COLLISION, SDK_SENSITIVITY_IS_REVERSED
from sim.robomaster.binary.desk import Desk
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.outbox import Push
from sim.robomaster.values import Hit, HitKind

WATER = 0
STRENGTH_PER_MPS = 1000  # nobody knows what the plates' microphones say; a faster hit is a louder one


def hit_push(hit: Hit) -> Push:
    kind = HIT_TYPE_OF_COLLISION if hit.kind is HitKind.COLLISION else WATER
    strength = min(round(hit.strength_mps * STRENGTH_PER_MPS), 0xFFFF)
    return Push(Command.HIT_EVENT, HitEvent.of(ArmorId(hit.side), kind, strength).pack(), Host.ARMOR)


def set_sensitivity(desk: Desk, request: ArmorSensitivity) -> None:
    """The robot here has one for all plates."""
    sensitivity = round(request.sensitivity)
    desk.rover.set_armor_sensitivity(10 - sensitivity if SDK_SENSITIVITY_IS_REVERSED else sensitivity)


ENTRIES: Entries = {
    Command.ARMOR_SENSITIVITY: Entry(set_sensitivity, ArmorSensitivity.unpack, Host.ARMOR),
}
