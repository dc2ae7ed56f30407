"""The text protocol: messages out of bytes, commands with their arguments checked, pushes and events."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from common.errors import BadMessageError
from protos.robomaster.text_commands import COMMANDS, Arg, TextCommand

MESSAGE_MAX_BYTES = 1024
"""Of one message; the longest command has fewer than 200."""

Value = float | int | str
_BY_HEAD: dict[str, list[TextCommand]] = {}
for _command in COMMANDS.values():
    _BY_HEAD.setdefault(_command.words[0], []).append(_command)


class UnknownCommandError(BadMessageError):
    """No command has these words."""


class Splitter:
    """Messages out of a stream of bytes; each ends with `;`. Never raises; holds at most one message."""

    def __init__(self) -> None:
        self.dropped_messages = 0  # too long
        self._rest = b""
        self._is_dropping = False

    def feed(self, data: bytes) -> list[str]:
        *whole, rest = (self._rest + data).split(b";")
        messages = []
        for message in whole:
            if self._is_dropping or len(message) > MESSAGE_MAX_BYTES:
                self._is_dropping = False
                self.dropped_messages += 1
                continue
            text = " ".join(message.decode("ascii", errors="replace").split())
            if text:
                messages.append(text)
        if len(rest) > MESSAGE_MAX_BYTES:
            self._is_dropping, rest = True, b""
        self._rest = b"" if self._is_dropping else rest
        return messages


@dataclass(frozen=True, slots=True)
class Message:
    """The words of one message; `seq` comes back in the reply."""

    tokens: tuple[str, ...]
    seq: int | None = None

    def __str__(self) -> str:
        return " ".join(self.tokens) + (f" seq {self.seq}" if self.seq is not None else "")


def parse(message: str) -> Message:
    """Raises BadMessageError for an empty message and for a `seq` without a number."""
    tokens = tuple(message.split())
    if "seq" in tokens:
        at = tokens.index("seq")
        number = tokens[at + 1 :]
        if len(number) != 1 or not (number[0].isascii() and number[0].isdigit() and len(number[0]) <= 10):
            raise BadMessageError(f"{message!r}: `seq` takes one whole number, and ends the message")
        tokens, seq = tokens[:at], int(number[0])
    else:
        seq = None
    if not tokens:
        raise BadMessageError("an empty message")
    return Message(tokens, seq)


@dataclass(frozen=True, slots=True)
class Call:
    """A command with its arguments, all within their ranges; those left out are missing."""

    command: TextCommand
    values: Mapping[str, Value]

    @property
    def name(self) -> str:
        return self.command.name

    def number(self, name: str, default: float = 0.0) -> float:
        return float(self.values.get(name, default))

    def word(self, name: str, default: str = "") -> str:
        return str(self.values.get(name, default))

    def is_on(self, name: str) -> bool | None:
        """None: not said."""
        return None if name not in self.values else self.values[name] == "on"


def recognise(tokens: tuple[str, ...]) -> Call:
    """Which command that is. Raises UnknownCommandError, or BadMessageError for its arguments."""
    fault: BadMessageError | None = None
    for command in _BY_HEAD.get(tokens[0] if tokens else "", ()):
        size = len(command.words)
        if tokens[:size] != command.words or (tokens[-1] == "?") is not command.query:
            continue
        arguments = tokens[size : -1 if command.query else None]
        try:
            return Call(command, _arguments(command, arguments))
        except BadMessageError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    if tokens == ("version",):  # the samples leave the question mark out
        return Call(COMMANDS["version ?"], {})
    raise UnknownCommandError(f"{' '.join(tokens)!r} is no command")


def _arguments(command: TextCommand, tokens: tuple[str, ...]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    left = list(tokens)
    for arg in command.positional:
        if left and left[0] == arg.name and len(left) > 1:  # `open level 1` beside `open 1`
            left.pop(0)
        if left:
            values[arg.name] = arg.read(left.pop(0))
        elif arg.required:
            raise BadMessageError(f"{command.name}: {arg.name} is missing")
    while left:
        name = left.pop(0)
        keyword = command.keyword(name)
        if keyword is None or name in values or not left:
            raise BadMessageError(f"{command.name}: {name} is unknown, twice there, or has no value")
        values[name] = keyword.read(left.pop(0))
    missing = [arg.name for arg in command.keywords if arg.required and arg.name not in values]
    if missing:
        raise BadMessageError(f"{command.name}: {', '.join(missing)} is missing")
    return values


def format_number(value: float, decimals: int = 4) -> str:
    """Without an exponent, which the robot may not know."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number for a command")
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def command(name: str, seq: int | None = None, /, **values: Value) -> str:
    """`command("chassis speed", 7, x=0.5, y=0, z=0)` gives `chassis speed x 0.5 y 0 z 0 seq 7;`.

    Raises ValueError for what the robot would refuse.
    """
    about = COMMANDS[name]
    tokens = list(about.words)
    known = {arg.name for arg in (*about.positional, *about.keywords)}
    if unknown := values.keys() - known:
        raise ValueError(f"{name}: {', '.join(sorted(unknown))}: it takes {', '.join(sorted(known)) or 'nothing'}")
    for arg in (*about.positional, *about.keywords):
        if arg.name not in values:
            if arg.required:
                raise ValueError(f"{name}: {arg.name} is missing")
            continue
        written = _written(arg, values[arg.name])
        try:
            arg.read(written)
        except BadMessageError as error:
            raise ValueError(f"{name}: {error}") from error
        tokens += [written] if arg in about.positional else [arg.name, written]
    tokens += ["?"] if about.query else []
    tokens += ["seq", str(seq)] if seq is not None else []
    return " ".join(tokens) + ";"


def _written(arg: Arg, value: Value) -> str:
    if isinstance(value, str):
        return value
    return f"{int(value):x}" if arg.is_hex else format_number(value)


@dataclass(frozen=True, slots=True)
class Push:
    """A push or an event: `chassis push position 0.1 0.2` is Push("chassis", "position", ("0.1", "0.2"))."""

    device: str
    attribute: str
    words: tuple[str, ...]
    is_event: bool = False

    def numbers(self, count: int) -> tuple[float, ...]:
        """Raises BadMessageError unless there are so many finite numbers at least."""
        try:
            values = tuple(float(word) for word in self.words[:count])
        except ValueError as error:
            raise BadMessageError(f"{self}: {error}") from error
        if len(values) < count or not all(map(math.isfinite, values)):
            raise BadMessageError(f"{self}: {count} numbers are meant to be there")
        return values

    def __str__(self) -> str:
        return " ".join((self.device, "event" if self.is_event else "push", self.attribute, *self.words))


def pushes(datagram: bytes) -> list[Push]:
    """All in one datagram; only the first of several carries the words `chassis push`. Never raises."""
    found: list[Push] = []
    for message in Splitter().feed(datagram + b";"):
        tokens = message.split()
        if len(tokens) >= 3 and tokens[1] in ("push", "event"):
            found.append(Push(tokens[0], tokens[2], tuple(tokens[3:]), tokens[1] == "event"))
        elif len(tokens) >= 2 and found:
            found.append(Push(found[-1].device, tokens[0], tuple(tokens[1:]), found[-1].is_event))
    return found
