"""The first words on a new connection: taking charge, who is it, what is it to tell."""

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.errors import BadMessageError, DeviceError
from protos.robomaster.ids import Command, Host, RobotMode, Subject
from protos.robomaster.payloads import (
    DriveSpeed,
    GetSerial,
    GetVersion,
    NodeAdd,
    NodeAddAck,
    NodeReset,
    SdkMode,
    SerialAck,
    SetMode,
    SubjectPush,
    Subscribe,
    SubscribeAck,
    VersionAck,
)
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import Handler, Link

log = logging.getLogger(__name__)

LEAST_FIRMWARE = "01.01.0500"  # below it an EP has no SDK
S1_FIRMWARE = "00."
FIRST_MESSAGE = 20  # DJI's package numbers its subscriptions from here on


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers."""

    serial_number: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the rover is to push, how often, and who takes it."""

    subject: Subject
    rate_hz: int
    take: Handler


async def take_charge(link: Link, profile: str) -> Identity:
    """After it the rover stands, obeys, and its camera looks ahead whichever way it turns.

    Raises RoverGone, and DeviceError for a rover that no other try will help with.
    """
    await _done(link, Host.SERVICE, Command.SDK_MODE, SdkMode(True).pack())
    link.tell(Host.CHASSIS, Command.DRIVE_SPEED, DriveSpeed().pack())
    identity = await identify(link)
    check_firmware(profile, identity.firmware)
    await set_mode(link, RobotMode.CHASSIS_LEAD)
    return identity


async def identify(link: Link) -> Identity:
    """Raises RoverGone."""
    version = VersionAck.unpack(await link.ask(Host.VERSION, Command.VERSION, GetVersion().pack()))
    serial = SerialAck.unpack(await link.ask(Host.VERSION, Command.SERIAL, GetSerial().pack()))
    if version.ret or serial.ret:
        raise RoverGone(f"rover: does not say who it is (codes {version.ret}, {serial.ret}). Is it still starting?")
    return Identity(serial.serial_number, version.version)


def check_firmware(profile: str, firmware: str) -> None:
    """Raises DeviceError."""
    if profile == "s1":
        return
    if firmware.startswith(S1_FIRMWARE):
        raise DeviceError(
            f"rover: firmware {firmware} is an S1's, which measures next to nothing. Set base.profile to s1."
        )
    if firmware < LEAST_FIRMWARE:  # all parts have their zeros in front
        raise DeviceError(
            f"rover: firmware {firmware} has no SDK, an EP needs {LEAST_FIRMWARE} at least. Update it with DJI's app."
        )


async def set_mode(link: Link, mode: RobotMode) -> None:
    """Through `free`, as DJI's package does: the gimbal lets go of its old place so. Raises RoverGone."""
    for each in dict.fromkeys((RobotMode.FREE, mode)):
        await _done(link, Host.SERVICE, Command.SET_MODE, SetMode(each).pack())


async def subscribe(link: Link, wanted: Sequence[Wanted]) -> None:
    """Instead of what was subscribed before. What the rover will not push is told and left out. Raises RoverGone."""
    await _done(link, Host.SERVICE, Command.NODE_RESET, NodeReset().pack())
    added = NodeAddAck.unpack(await link.ask(Host.SERVICE, Command.NODE_ADD, NodeAdd().pack()))
    if not added.is_ok:
        raise RoverGone(f"rover: NODE_ADD is refused with code {added.ret}. Switch it off and on if this stays so.")
    takers: dict[int, Handler] = {}
    link.listen(Command.SUBJECT_PUSH, lambda payload: _hand_on(takers, payload))
    for number, each in zip(itertools.count(FIRST_MESSAGE), wanted, strict=False):
        takers[number] = each.take
        request = Subscribe(number, (int(each.subject),), each.rate_hz)  # one each: so does DJI's package
        answer = SubscribeAck.unpack(await link.ask(Host.SERVICE, Command.SUBSCRIBE, request.pack()))
        if answer.ret:
            log.warning("rover: will not push %s at %d Hz (code %d)", each.subject.name, each.rate_hz, answer.ret)


def _hand_on(takers: dict[int, Handler], payload: bytes) -> None:
    push = SubjectPush.unpack(payload)
    take: Callable[[bytes], None] | None = takers.get(push.msg_id)
    if take is None:
        raise BadMessageError(f"SubjectPush: nobody asked for message {push.msg_id}")
    take(push.data)


async def _done(link: Link, to: int, command: Command, payload: bytes) -> None:
    code = await link.order(to, command, payload)
    if code:
        raise RoverGone(f"rover: {command.name} is refused with code {code}. Switch it off and on if this stays so.")
