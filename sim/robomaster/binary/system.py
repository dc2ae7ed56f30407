"""Taking charge, who the robot is, and subscriptions."""

from protos.robomaster.ids import Command, Host, Subject
from protos.robomaster.payloads import (
    GetSerial,
    GetVersion,
    ModuleVersionAck,
    NodeAdd,
    NodeAddAck,
    NodeReset,
    SdkMode,
    SerialAck,
    Subscribe,
    SubscribeAck,
    Unsubscribe,
    VersionAck,
)
from protos.robomaster.unverified import RET_BAD_PARAMETER, RET_WRONG_STATE
from sim.robomaster.binary.desk import Desk, Refused
from sim.robomaster.binary.entry import Entries, Entry
from sim.robomaster.binary.subscriptions import RATES_HZ, SUBJECTS_MAX

NODE_WAS_THERE = 0x50
UIDS = frozenset(Subject)


def sdk_mode(desk: Desk, request: SdkMode) -> None:
    if not request.enter:
        desk.forget()
        desk.rover.release(desk)
    elif desk.rover.claim(desk):
        desk.is_sdk_on = True
    else:
        raise Refused(RET_WRONG_STATE)  # another one has it meanwhile


def heartbeat(_desk: Desk, _request: object) -> None:
    """Every frame is a sign of life."""


def version(desk: Desk, _request: GetVersion) -> VersionAck:
    return VersionAck.of(desk.rover.identity.firmware)


def serial_number(desk: Desk, _request: GetSerial) -> SerialAck:
    return SerialAck(0, desk.rover.identity.serial_number)


def module_version(desk: Desk, _request: object) -> ModuleVersionAck:
    whole = VersionAck.of(desk.rover.identity.firmware)
    return ModuleVersionAck(0, whole.minor, whole.patch // 100, whole.patch % 100)


def node_reset(desk: Desk, _request: NodeReset) -> None:
    desk.subscriptions.clear()
    desk.has_node = False


def node_add(desk: Desk, _request: NodeAdd) -> NodeAddAck:
    was_there, desk.has_node = desk.has_node, True
    return NodeAddAck(NODE_WAS_THERE if was_there else 0)


def subscribe(desk: Desk, request: Subscribe) -> SubscribeAck:
    """Only periodic ones (mode 0) are known, at the rates that are written down."""
    unknown = [uid for uid in request.uids if uid not in UIDS]
    bad_uid = unknown[0] & 0xFFFF_FFFF if unknown else 0
    is_possible = request.mode == 0 and request.rate_hz in RATES_HZ and 0 < len(request.uids) <= SUBJECTS_MAX
    if unknown or not is_possible or desk.subscriptions.is_full:
        return SubscribeAck(RET_BAD_PARAMETER, mode=request.mode, msg_id=request.msg_id, bad_uid=bad_uid)
    desk.subscriptions.add(request.msg_id, [Subject(uid) for uid in request.uids], request.rate_hz, desk.now_s)
    return SubscribeAck(mode=request.mode, msg_id=request.msg_id)


def unsubscribe(desk: Desk, request: Unsubscribe) -> None:
    if not desk.subscriptions.remove(request.msg_id):
        raise Refused(RET_BAD_PARAMETER)


ENTRIES: Entries = {
    Command.SDK_MODE: Entry(sdk_mode, SdkMode.unpack, is_always=True),
    Command.HEARTBEAT: Entry(heartbeat, is_always=True),
    Command.VERSION: Entry(version, GetVersion.unpack, Host.VERSION, answer_bytes=13, is_always=True),
    Command.SERIAL: Entry(serial_number, GetSerial.unpack, Host.VERSION, answer_bytes=3, is_always=True),
    Command.MODULE_VERSION: Entry(module_version, to=None, answer_bytes=30, is_always=True),
    Command.NODE_RESET: Entry(node_reset, NodeReset.unpack),
    Command.NODE_ADD: Entry(node_add, NodeAdd.unpack, answer_bytes=2),
    Command.SUBSCRIBE: Entry(subscribe, Subscribe.unpack, answer_bytes=8),
    Command.UNSUBSCRIBE: Entry(unsubscribe, Unsubscribe.unpack),
}
