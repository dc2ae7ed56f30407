"""Lamps, sounds and the blaster."""

from protos.robomaster.ids import Command, Effect, Host, LedBits, PlayMode
from protos.robomaster.payloads import ActionAck, BlasterFire, BlasterLed, PlaySound, SetLed, SoundPush
from sim.robomaster.action import Action
from sim.robomaster.binary.desk import Desk
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.progress import Report
from sim.robomaster.binary.starting import DONE, start
from sim.robomaster.values import Led, LedEffect, SoundMode

LEDS = {
    LedBits.BOTTOM_BACK: Led.BOTTOM_BACK,
    LedBits.BOTTOM_FRONT: Led.BOTTOM_FRONT,
    LedBits.BOTTOM_LEFT: Led.BOTTOM_LEFT,
    LedBits.BOTTOM_RIGHT: Led.BOTTOM_RIGHT,
    LedBits.TOP_LEFT: Led.TOP_LEFT,
    LedBits.TOP_RIGHT: Led.TOP_RIGHT,
}
EFFECTS = {
    Effect.OFF: LedEffect.OFF,
    Effect.ON: LedEffect.SOLID,
    Effect.BREATH: LedEffect.PULSE,
    Effect.FLASH: LedEffect.BLINK,
    Effect.SCROLLING: LedEffect.SCROLLING,
}


def set_led(desk: Desk, request: SetLed) -> None:
    desk.rover.set_led(
        [led for bit, led in LEDS.items() if request.parts & bit],
        (request.red, request.green, request.blue),
        EFFECTS[request.effect],
        request.on_ms / 1000,
        request.off_ms / 1000,
        request.leds & 0xFF,
    )


def play_sound(desk: Desk, request: PlaySound) -> ActionAck:
    if request.control.cancel or request.mode is PlayMode.STOP:
        desk.rover.stop_sound()
        return DONE

    def words(report: Report, _action: Action) -> bytes:
        return SoundPush(report.action_id, report.percent, report.state, request.sound_id).pack()

    return start(
        desk,
        lambda: desk.rover.play_sound(request.sound_id, request.times, SoundMode(request.mode)),
        request.action_id,
        request.control,
        Command.SOUND_PUSH,
        words,
    )


def fire(desk: Desk, request: BlasterFire) -> None:
    desk.rover.modules.fire("ir" if request.infrared else "bead", request.times)


def set_blaster_led(_desk: Desk, _request: BlasterLed) -> None:
    """The world's rover has no blaster that could shine."""


ENTRIES: Entries = {
    Command.SET_LED: Entry(set_led, SetLed.unpack),
    Command.PLAY_SOUND: Entry(play_sound, PlaySound.unpack, answer_bytes=2),
    Command.BLASTER_FIRE: Entry(fire, BlasterFire.unpack, Host.BLASTER),
    Command.BLASTER_LED: Entry(set_blaster_led, BlasterLed.unpack, Host.BLASTER),
}
