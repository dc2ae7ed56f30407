"""What holds for every command."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import BadMessageError
from protos.robomaster.frame import Frame
from protos.robomaster.ids import Command, Host
from protos.robomaster.payloads import DriveSpeed, SdkMode
from protos.robomaster.unverified import RET_BAD_PARAMETER, RET_UNKNOWN_COMMAND, RET_WRONG_STATE
from sim.robomaster.binary.table import TABLE
from tests.sim.robomaster.binary.stand import Stand

PUSHED_ONLY = {
    Command.HIT_EVENT, Command.IR_EVENT, Command.MOVE_PUSH, Command.GIMBAL_PUSH, Command.SOUND_PUSH, Command.ARM_PUSH,
    Command.SERVO_PUSH, Command.SUBJECT_PUSH, Command.VISION_PUSH, Command.GAME_EVENT, Command.UWB_EVENT,
    Command.AI_EVENT,
}  # fmt: skip
ELSEWHERE = {Command.HANDSHAKE}  # on a port of its own
REQUESTS = [command for command in Command if command not in PUSHED_ONLY | ELSEWHERE]


def test_every_command_that_a_client_can_send_is_in_the_table() -> None:
    assert set(TABLE) == {command.value for command in REQUESTS}


@pytest.mark.parametrize("command", REQUESTS, ids=lambda command: command.name)
def test_a_payload_that_is_too_short_gets_an_error_as_long_as_the_usual_answer(command: Command) -> None:
    entry = TABLE[command.value]
    try:
        entry.unpack(b"")
    except BadMessageError:
        stand = Stand()
        answer = stand.ask(command, b"")
        assert answer[0] == RET_BAD_PARAMETER
        assert len(answer) == entry.answer_bytes
        assert stand.session.bad_payloads == 1
    else:
        assert Stand().ask(command, b"", to=Host.SENSOR if command is Command.SENSOR_READ else None)


@settings(max_examples=300)
@given(requests=st.lists(st.tuples(st.sampled_from(REQUESTS), st.binary(max_size=60)), max_size=30))
def test_nonsense_in_payloads_never_raises_and_is_always_answered(requests: list[tuple[Command, bytes]]) -> None:
    stand = Stand()
    for command, payload in requests:
        assert len(stand.ask(command, payload)) >= 1
        stand.run(0.01)
    stand.run(0.2)
    stand.session.close()
    assert stand.run(0.02).speed == (0.0, 0.0, 0.0)


def test_an_unknown_command_gets_an_error_where_an_answer_was_asked_for() -> None:
    stand = Stand()
    unknown = Frame(Host.SDK, Host.SERVICE, 7, 0x3F, 0x99, wants_ack=1)
    (answer,) = (outgoing.frame for outgoing in stand.session.receive(unknown, 0.0))
    assert (answer.is_ack, answer.payload, answer.seq) == (True, bytes([RET_UNKNOWN_COMMAND]), 7)
    silent = Frame(Host.SDK, Host.SERVICE, 8, 0x3F, 0x99)
    assert stand.session.receive(silent, 0.0) == []
    assert stand.session.unknown_commands == 2


def test_a_command_for_another_part_of_the_robot_is_unknown_there() -> None:
    stand = Stand()
    assert stand.ask(Command.DRIVE_SPEED, DriveSpeed(1.0), to=Host.GIMBAL) == bytes([RET_UNKNOWN_COMMAND])
    assert stand.run(0.1).speed == (0.0, 0.0, 0.0)


def test_outside_sdk_mode_the_robot_only_says_who_it_is() -> None:
    stand = Stand(enter=False)
    assert stand.ask(Command.DRIVE_SPEED, DriveSpeed(1.0)) == bytes([RET_WRONG_STATE])
    assert stand.run(0.1).speed == (0.0, 0.0, 0.0)
    for command in (Command.HEARTBEAT, Command.MODULE_VERSION):
        assert stand.ask(command)[0] == 0
    assert stand.ask(Command.SDK_MODE, SdkMode(True)) == b"\0"


def test_a_frame_from_the_client_to_itself_comes_back_as_it_is() -> None:
    stand = Stand()
    wake = Frame(Host.SDK, Host.SDK, 5, 0x00, 0x01, wants_ack=2)
    assert [outgoing.frame for outgoing in stand.session.receive(wake, 0.0)] == [wake]
