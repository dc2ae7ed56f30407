"""What the robot shows, hears, sees and feels: lamps, streams, the camera's detectors, the armour."""

from common.errors import BadMessageError
from protos.robomaster import unverified
from protos.robomaster.text import Call
from sim.lamps import BOTTOM, TOP
from sim.robomaster.text.desk import OK, Answer, Desk, Handler, Stream
from sim.robomaster.values import ActionRefused, Led, LedEffect

PARTS: dict[str, frozenset[Led]] = {
    "all": TOP | BOTTOM,
    "top_all": TOP,
    "bottom_all": BOTTOM,
    **{led.value: frozenset({led}) for led in Led},
}
# Seconds on and off, and which lights of a ring are lit.
TIMES: dict[LedEffect, tuple[float, float, int]] = {
    LedEffect.SOLID: (1.0, 0.0, 0xFF),
    LedEffect.OFF: (0.0, 1.0, 0xFF),
    LedEffect.PULSE: (*unverified.TEXT_PULSE_S, 0xFF),
    LedEffect.BLINK: (*unverified.TEXT_BLINK_S, 0xFF),
    LedEffect.SCROLLING: (*unverified.TEXT_SCROLL_S, 0x0F),
}


def led(desk: Desk, call: Call) -> Answer:
    """Raises BadMessageError for lights that should go round where there is no ring."""
    parts, effect = PARTS[call.word("comp")], LedEffect(call.word("effect", LedEffect.SOLID))
    if effect is LedEffect.SCROLLING and not parts <= TOP:
        raise BadMessageError("led control: only the top lamps can scroll")
    red, green, blue = (int(call.number(colour)) for colour in "rgb")
    on_s, off_s, mask = TIMES[effect]
    desk.rover.set_led(parts, (red, green, blue), effect, on_s, off_s, mask)
    return OK


def stream_on(desk: Desk, _call: Call) -> Answer:
    if not desk.rover.has_camera:
        raise ActionRefused("this robot's camera gives no stream")
    return _start(desk.video)


def stream_off(desk: Desk, _call: Call) -> Answer:
    return _stop(desk.video)


def audio_on(desk: Desk, _call: Call) -> Answer:
    return _start(desk.audio)


def audio_off(desk: Desk, _call: Call) -> Answer:
    return _stop(desk.audio)


def _start(stream: Stream | None) -> Answer:
    if stream is None:
        raise ActionRefused("there is no such stream")
    stream.start()
    return OK


def _stop(stream: Stream | None) -> Answer:
    if stream is not None:
        stream.stop()
    return OK


def set_sensitivity(desk: Desk, call: Call) -> Answer:
    desk.rover.set_armor_sensitivity(int(call.number("n")))
    return OK


def sensitivity(desk: Desk, _call: Call) -> Answer:
    return str(desk.rover.sensitivity)


def event(desk: Desk, call: Call) -> Answer:
    """`armor event hit on`, `sound event applause on`, `sensor_adapter event io_level on`."""
    device, _, attribute = call.command.words
    if call.is_on("on"):
        desk.events.add(f"{device} {attribute}")
    else:
        desk.events.discard(f"{device} {attribute}")
    return OK


def remember(desk: Desk, call: Call) -> Answer:
    """The camera's exposure, what the detectors look for, key presses: accepted; the world has no use for it."""
    if not call.values:
        desk.settings[call.command.words[0]] = call.command.words[-1]
    for name, value in call.values.items():
        desk.settings[f"{call.name} {name}"] = str(value)
    return OK


HANDLERS: dict[str, Handler] = {
    "led control": led,
    "stream on": stream_on,
    "stream off": stream_off,
    "audio on": audio_on,
    "audio off": audio_off,
    "armor sensitivity": set_sensitivity,
    "armor sensitivity ?": sensitivity,
    "armor event hit": event,
    "sound event applause": event,
    "sensor_adapter event io_level": event,
    "camera exposure": remember,
    "AI push": remember,
    "AI attribute": remember,
    "game_msg on": remember,
    "game_msg off": remember,
}
