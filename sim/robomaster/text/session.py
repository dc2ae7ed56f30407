"""One client's talk with the robot, without its sockets: bytes in, replies out."""

from common.errors import BadMessageError, DeviceError
from protos.robomaster.text import Call, Splitter, UnknownCommandError, parse, recognise
from protos.robomaster.unverified import ALREADY_IN_SDK_MODE, BUSY, FAIL, FORMAT_ERROR, PARSE_ERROR, REPLY_BLANK
from sim.robomaster.action import Action
from sim.robomaster.text import chassis, gimbal, modules, senses
from sim.robomaster.text.desk import OK, Answer, Desk, Handler
from sim.robomaster.values import ActionRefused, ActionState

HANDLERS: dict[str, Handler] = {**chassis.HANDLERS, **gimbal.HANDLERS, **senses.HANDLERS, **modules.HANDLERS}
"""All commands but `command` and `quit`, which are about the talk itself."""


class Session:
    """Has the rover from `command` until `quit`, or until the client has gone."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._splitter = Splitter()
        self._waiting: list[tuple[Action, int | None]] = []  # one an action that goes on, so few

    @property
    def has_rover(self) -> bool:
        """In SDK mode, as DJI calls it."""
        return self._desk.rover.owner is self

    def feed(self, data: bytes) -> list[str]:
        """What to send back now. Any bytes will do."""
        replies = []
        *ended, rest = data.split(b";")
        for piece in [*(part + b";" for part in ended), rest]:
            dropped = self._splitter.dropped_messages
            replies += [reply for message in self._splitter.feed(piece) for reply in self._answer(message)]
            if self._splitter.dropped_messages > dropped and self.has_rover:
                replies.append(_reply(PARSE_ERROR, None))
        return replies

    def poll(self) -> list[str]:
        """Replies to moves that have come to their end."""
        over = [(action, seq) for action, seq in self._waiting if action.is_over]
        if over:
            self._waiting = [each for each in self._waiting if not each[0].is_over]
        return [_reply(OK if action.state is ActionState.SUCCEEDED else FAIL, seq) for action, seq in over]

    def close(self) -> None:
        """The client has gone: all stops."""
        self._desk.rover.release(self)

    def forget(self) -> None:
        """The rover was taken away: nobody waits for a reply any more."""
        self._waiting.clear()

    def _answer(self, text: str) -> list[str]:
        try:
            message = parse(text)
        except BadMessageError:
            return [_reply(FORMAT_ERROR, None)] if self.has_rover else []
        if not self.has_rover and message.tokens != ("command",):
            return []
        try:
            answer = self._obey(recognise(message.tokens))
        except UnknownCommandError:
            answer = PARSE_ERROR
        except BadMessageError:
            answer = FORMAT_ERROR
        except (ActionRefused, DeviceError):
            answer = FAIL
        if isinstance(answer, Action):
            self._waiting.append((answer, message.seq))
            return []
        return [_reply(answer, message.seq)]

    def _obey(self, call: Call) -> Answer:
        if call.name == "command":
            return self._enter()
        if call.name == "quit":
            self._desk.rover.release(self)
            return OK
        return HANDLERS[call.name](self._desk, call)

    def _enter(self) -> str:
        if self.has_rover:
            return ALREADY_IN_SDK_MODE
        return OK if self._desk.rover.claim(self) else BUSY


def _reply(text: str, seq: int | None) -> str:
    return text + (f" seq {seq}" if seq is not None else "") + (" ;" if REPLY_BLANK else ";")
