"""One client of the binary protocol, from its connection request on: frames in, frames out, no sockets."""

import logging
from dataclasses import dataclass

from common.errors import BadMessageError
from protos.robomaster.frame import Frame
from protos.robomaster.unverified import RET_BAD_PARAMETER, RET_UNKNOWN_COMMAND, RET_WRONG_STATE
from sim.robomaster.binary.armour import hit_push
from sim.robomaster.binary.desk import Audio, Desk, Refused, Video
from sim.robomaster.binary.entry import Entry
from sim.robomaster.binary.outbox import Push
from sim.robomaster.binary.table import TABLE
from sim.robomaster.rover import Rover
from sim.robomaster.values import Hit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to send, and of which stream a newer one may take its place while it waits."""

    frame: Frame
    stream: int | None = None


class Session:
    """One client at a time has the rover: `claim` it first, and `close` at the end."""

    def __init__(self, rover: Rover, video: Video, audio: Audio | None, host: int, now_s: float) -> None:
        self.desk = Desk(rover, video, audio, host, now_s)
        self.is_over = False
        self.unknown_commands = 0
        self.bad_payloads = 0
        self._rover = rover
        self._heard_s = now_s
        self._seq = 0
        rover.on_hit.append(self._on_hit)
        rover.on_release.append(self._on_release)

    def silent_for_s(self, now_s: float) -> float:
        return now_s - self._heard_s

    def receive(self, frame: Frame, now_s: float) -> list[Outgoing]:
        """The answer, and what follows from it at once: the first sample of a subscription, the start of an action."""
        self._heard_s = self.desk.now_s = now_s
        self.desk.receiver = frame.receiver
        if frame.is_ack or self.is_over:
            return []
        if frame.receiver == frame.sender:  # DJI's package wakes its own receiver so, over TCP, to end it
            return [Outgoing(frame)]
        payload = self._answer(frame)
        answers = [Outgoing(frame.ack(payload))] if frame.wants_ack else []
        return answers + self.due(now_s)

    def due(self, now_s: float) -> list[Outgoing]:
        """What there is to say by now without being asked."""
        return [self._pushed(push) for push in self.desk.due(now_s)]

    def close(self) -> None:
        """The client has gone: everything stops."""
        if self.is_over:
            return
        self.is_over = True
        self._rover.on_hit.remove(self._on_hit)
        self._rover.on_release.remove(self._on_release)
        self.desk.forget()
        self._rover.release(self.desk)

    def _answer(self, frame: Frame) -> bytes:
        entry = TABLE.get((frame.cmdset, frame.cmdid))
        if entry is None or not entry.is_for(frame.receiver):
            self.unknown_commands += 1
            log.debug("unknown command %02X/%02X to 0x%02X", frame.cmdset, frame.cmdid, frame.receiver)
            return bytes([RET_UNKNOWN_COMMAND])
        try:
            return self._handled(entry, frame)
        except Refused as refused:
            # As long as the usual answer: DJI's package reads past the code and dies of what is not there.
            return bytes([refused.code]).ljust(entry.answer_bytes, b"\0")

    def _handled(self, entry: Entry, frame: Frame) -> bytes:
        if not (self.desk.is_sdk_on or entry.is_always):
            raise Refused(RET_WRONG_STATE)
        try:
            request = entry.unpack(frame.payload)
        except BadMessageError as error:
            self.bad_payloads += 1
            log.debug("%s", error)
            raise Refused(RET_BAD_PARAMETER) from error
        answer = entry.handle(self.desk, request)
        return bytes(entry.answer_bytes) if answer is None else answer.pack()

    def _pushed(self, push: Push) -> Outgoing:
        self._seq = (self._seq + 1) & 0xFFFF
        command = push.command
        frame = Frame(push.sender, self.desk.host, self._seq, command.cmdset, command.cmdid, push.payload)
        return Outgoing(frame, push.stream)

    def _on_hit(self, hit: Hit) -> None:
        if self.desk.is_sdk_on:
            self.desk.events.append(hit_push(hit))

    def _on_release(self, owner: object) -> None:
        if owner is self.desk and self.desk.is_sdk_on:  # not by us: its link is gone
            self.close()
