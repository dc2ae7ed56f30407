"""The text protocol's commands as data: their words, arguments, ranges and replies."""

import math
from dataclasses import dataclass

from common.errors import BadMessageError

MODES = ("chassis_lead", "gimbal_lead", "free")
PUSH_RATES_HZ = (1, 5, 10, 20, 30, 50)
LED_PARTS = (
    "all",
    "top_all",
    "top_right",
    "top_left",
    "bottom_all",
    "bottom_front",
    "bottom_back",
    "bottom_left",
    "bottom_right",
)
LED_EFFECTS = ("solid", "off", "pulse", "blink", "scrolling")
STATUS_FLAGS = (
    "static",
    "uphill",
    "downhill",
    "on_slope",
    "pick_up",
    "slip",
    "impact_x",
    "impact_y",
    "impact_z",
    "roll_over",
    "hill_static",
)


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument: a number within bounds, or one of some words."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    required: bool = True
    is_whole: bool = False
    is_hex: bool = False
    above_low: bool = False  # `low` itself is not allowed
    among: tuple[int, ...] = ()

    def read(self, word: str) -> float | int | str:
        """Raises BadMessageError."""
        if self.choices:
            if word not in self.choices:
                raise BadMessageError(f"{self.name} {word!r} is none of {', '.join(self.choices)}")
            return word
        value = self._number(word)
        inside = self.low <= value <= self.high and not (self.above_low and value == self.low)
        if not inside or (self.among and value not in self.among):
            wanted = ", ".join(map(str, self.among)) or f"{self.low:g} to {self.high:g}"
            raise BadMessageError(f"{self.name} {word} is not within {wanted}")
        return value

    def _number(self, word: str) -> float | int:
        try:
            if "_" in word or not word.isascii():
                raise ValueError("no digits")
            value = int(word, 16) if self.is_hex else float(word)
        except ValueError as error:
            raise BadMessageError(f"{self.name} {word!r} is no number") from error
        if self.is_hex:
            return value
        if not math.isfinite(value) or (self.is_whole and value != int(value)):
            raise BadMessageError(f"{self.name} {word} is no {'whole ' if self.is_whole else ''}number")
        return int(value) if self.is_whole else value


@dataclass(frozen=True, slots=True)
class TextCommand:
    """`words`, then arguments without names in order, then pairs of name and value in any order, then maybe `?`."""

    name: str  # its words, with the `?` of a query
    positional: tuple[Arg, ...] = ()
    keywords: tuple[Arg, ...] = ()
    reply: tuple[str, ...] = ("ok",)  # names of the values it answers with; ("ok",): that word

    @property
    def query(self) -> bool:
        return self.name.endswith(" ?")

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.name.removesuffix(" ?").split())

    def keyword(self, name: str) -> Arg | None:
        return next((arg for arg in self.keywords if arg.name == name), None)


def _word(name: str, *choices: str, required: bool = True) -> Arg:
    return Arg(name, choices=choices, required=required)


def _switch(name: str, required: bool = True) -> Arg:
    return _word(name, "on", "off", required=required)


def _number(name: str, low: float, high: float, required: bool = True, above_low: bool = False) -> Arg:
    return Arg(name, low, high, required=required, above_low=above_low)


def _whole(name: str, low: int, high: int, required: bool = True) -> Arg:
    return Arg(name, low, high, required=required, is_whole=True)


def _rate(name: str) -> Arg:
    return Arg(name, among=PUSH_RATES_HZ, required=False, is_whole=True)


def _some(name: str, low: float, high: float, above_low: bool = False) -> Arg:
    return _number(name, low, high, required=False, above_low=above_low)


# Both only in DJI's page on several robots: without it a move is answered at its end.
_WAIT = _word("wait_for_complete", "true", "false", required=False)
_MASK = Arg("mask", 0, 0xFFFFFFFF, is_hex=True)  # port k is bit k - 1
_GIMBAL_SPEEDS = (_some("vp", 0, 540), _some("vy", 0, 540), _WAIT)
_AI = ("person", "gesture", "line", "marker", "robot")
_ADAPTER = (_whole("id", 1, 6), _whole("port", 1, 2))
_COLORS = ("red", "blue", "green")

_ALL = (
    TextCommand("command"),
    TextCommand("quit"),
    TextCommand("version ?", reply=("version",)),
    TextCommand("robot mode", (_word("mode", *MODES),)),
    TextCommand("robot mode ?", reply=("mode",)),
    TextCommand("robot battery ?", reply=("percent",)),
    TextCommand("chassis speed", (), (_some("x", -3.5, 3.5), _some("y", -3.5, 3.5), _some("z", -600, 600))),
    TextCommand("chassis speed ?", reply=("x", "y", "z", "w1", "w2", "w3", "w4")),
    TextCommand("chassis wheel", (), tuple(_some(f"w{number}", -1000, 1000) for number in (1, 2, 3, 4))),
    TextCommand(
        "chassis move",
        (),
        (
            _some("x", -5, 5),
            _some("y", -5, 5),
            _some("z", -1800, 1800),
            _some("vxy", 0, 3.5, above_low=True),
            _some("vz", 0, 600, above_low=True),
            _WAIT,
        ),
    ),
    TextCommand("chassis position ?", reply=("x", "y", "yaw")),
    TextCommand("chassis attitude ?", reply=("pitch", "roll", "yaw")),
    TextCommand("chassis status ?", reply=STATUS_FLAGS),
    TextCommand(
        "chassis push",
        (),
        (
            _switch("position", False),
            _rate("pfreq"),
            _switch("attitude", False),
            _rate("afreq"),
            _switch("status", False),
            _rate("sfreq"),
            _rate("freq"),
        ),
    ),
    TextCommand("gimbal speed", (), (_some("p", -450, 450), _some("y", -450, 450))),
    TextCommand("gimbal move", (), (_some("p", -55, 55), _some("y", -55, 55), *_GIMBAL_SPEEDS)),
    TextCommand("gimbal moveto", (), (_some("p", -25, 30), _some("y", -250, 250), *_GIMBAL_SPEEDS)),
    TextCommand("gimbal suspend"),
    TextCommand("gimbal resume"),
    TextCommand("gimbal recenter"),
    TextCommand("gimbal attitude ?", reply=("pitch", "yaw")),
    TextCommand("gimbal push", (), (_switch("attitude", False), _rate("afreq"), _rate("freq"))),
    TextCommand("blaster bead", (_whole("n", 1, 5),)),
    TextCommand("blaster bead ?", reply=("n",)),
    TextCommand("blaster fire"),
    TextCommand("armor sensitivity", (_whole("n", 1, 10),)),
    TextCommand("armor sensitivity ?", reply=("n",)),
    TextCommand("armor event hit", (_switch("on"),)),
    TextCommand("sound event applause", (_switch("on"),)),
    TextCommand(
        "led control",
        (),
        (
            _word("comp", *LED_PARTS),
            _whole("r", 0, 255, False),
            _whole("g", 0, 255, False),
            _whole("b", 0, 255, False),
            _word("effect", *LED_EFFECTS, required=False),
        ),
    ),
    TextCommand("pwm value", (_MASK, _number("value", 0, 100))),
    TextCommand("pwm freq", (_MASK, _number("value", 0, 50000))),
    TextCommand("stream on"),
    TextCommand("stream off"),
    TextCommand("audio on"),
    TextCommand("audio off"),
    TextCommand("camera exposure", (_word("level", "default", "small", "medium", "large"),)),
    TextCommand("AI push", (), tuple(_switch(name, False) for name in _AI)),
    TextCommand(
        "AI attribute",
        (),
        (
            _word("line_color", *_COLORS, required=False),
            _word("marker_color", *_COLORS, required=False),
            _some("marker_dist", 0.5, 3),
        ),
    ),
    TextCommand("ir_distance_sensor measure", (_switch("on"),)),
    TextCommand("ir_distance_sensor distance ?", (_whole("id", 1, 4),), reply=("mm",)),
    TextCommand("servo angle", (), (_whole("id", 1, 3), _number("angle", -180, 180))),
    TextCommand("servo angle ?", (), (_whole("id", 1, 3),), reply=("angle",)),
    TextCommand("servo speed", (), (_whole("id", 1, 3), _number("speed", -1800, 1800))),
    TextCommand("servo stop", (), (_whole("id", 1, 3, False),)),
    TextCommand("robotic_arm move", (), (_some("x", -100, 100), _some("y", -100, 100))),
    TextCommand("robotic_arm moveto", (), (_some("x", -100, 100), _some("y", -100, 100))),
    TextCommand("robotic_arm recenter"),
    TextCommand("robotic_arm stop"),
    TextCommand("robotic_arm position ?", reply=("x", "y")),
    TextCommand("robotic_gripper open", (_whole("level", 1, 4, False),)),
    TextCommand("robotic_gripper close", (_whole("level", 1, 4, False),)),
    TextCommand("robotic_gripper status ?", reply=("status",)),
    TextCommand("sensor_adapter adc ?", (), _ADAPTER, reply=("value",)),
    TextCommand("sensor_adapter io_level ?", (), _ADAPTER, reply=("value",)),
    TextCommand("sensor_adapter pulse_period ?", (), _ADAPTER, reply=("value",)),
    TextCommand("sensor_adapter pulse_period", (), _ADAPTER, reply=("value",)),  # the documents leave the `?` out
    TextCommand("sensor_adapter event io_level", (_switch("on"),)),
    TextCommand("game_msg on"),
    TextCommand("game_msg off"),
)

COMMANDS: dict[str, TextCommand] = {command.name: command for command in _ALL}
