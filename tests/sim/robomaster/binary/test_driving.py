"""Taking charge, modes, speeds, and moves with their reports."""

import pytest

from protos.robomaster.ids import Accept, ActionState, Axes, Command, GimbalPower, PushRate, RobotMode
from protos.robomaster.payloads import (
    ActionAck,
    Control,
    DriveSpeed,
    DriveWheels,
    GimbalMove,
    GimbalOrder,
    GimbalPush,
    GimbalRecenter,
    GimbalSpeed,
    ModeAck,
    Move,
    MovePush,
    Pwm,
    SdkMode,
    SerialAck,
    SetMode,
    VersionAck,
)
from protos.robomaster.payloads.gimbal import GimbalAxes
from sim.robomaster.binary.progress import LAST_WORDS
from sim.robomaster.identity import Identity
from tests.sim.robomaster.binary.stand import Stand


def moves(stand: Stand) -> list[MovePush]:
    return [MovePush.unpack(data) for data in stand.pushes(Command.MOVE_PUSH)]


def test_it_says_who_it_is() -> None:
    stand = Stand(Identity("3JKDH3B001NN0A", "01.02.0345"))
    assert VersionAck.unpack(stand.ask(Command.VERSION, bytes(9))).version == "01.02.0345"
    assert SerialAck.unpack(stand.ask(Command.SERIAL, b"\1")).serial_number == "3JKDH3B001NN0A"
    assert len(stand.ask(Command.MODULE_VERSION)) >= 30


def test_the_mode_is_set_and_told() -> None:
    stand = Stand()
    for mode in RobotMode:
        assert stand.ask(Command.SET_MODE, SetMode(mode)) == b"\0"
        assert ModeAck.unpack(stand.ask(Command.GET_MODE)) == ModeAck(0, mode)


def test_a_speed_is_driven_until_it_is_changed_and_is_answered_only_when_asked() -> None:
    stand = Stand()
    stand.send(Command.DRIVE_SPEED, DriveSpeed(0.5, -0.2, 30.0), wants_ack=0)
    assert stand.answers == []
    assert stand.run(2.0).speed == pytest.approx((0.5, -0.2, 30.0))
    assert stand.ask(Command.DRIVE_SPEED, DriveSpeed()) == b"\0"
    assert stand.run(0.02).speed == (0.0, 0.0, 0.0)


def test_wheels_turn_the_robot_clockwise_when_the_left_ones_go_forward() -> None:
    stand = Stand()
    assert stand.ask(Command.DRIVE_WHEELS, DriveWheels(100, 100, 100, 100)) == b"\0"
    assert stand.run(0.02).speed == pytest.approx((0.524, 0.0, 0.0), abs=0.002)
    stand.send(Command.DRIVE_WHEELS, DriveWheels(-100, 100, 100, -100))
    x, y, turn = stand.run(0.02).speed
    assert (x, y) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert turn > 90


def test_leaving_sdk_mode_stops_the_robot_and_gives_it_back() -> None:
    stand = Stand()
    stand.send(Command.DRIVE_SPEED, DriveSpeed(0.5))
    stand.run(0.1)
    assert stand.ask(Command.SDK_MODE, SdkMode(False)) == b"\0"
    assert stand.run(0.02).speed == (0.0, 0.0, 0.0)
    other = object()
    assert stand.rover.claim(other)
    assert stand.ask(Command.SDK_MODE, SdkMode(True))[0] != 0  # another one has it
    stand.rover.release(other)
    assert stand.ask(Command.SDK_MODE, SdkMode(True)) == b"\0"


def test_a_move_is_accepted_reported_and_ends_where_it_was_told_to() -> None:
    stand = Stand()
    ack = stand.ask(Command.MOVE, Move(7, x_m=0.5, speed_mps=0.7))
    assert ActionAck.unpack(ack) == ActionAck(0, Accept.STARTED)
    stand.run(4.0)
    pushes = moves(stand)
    assert {push.action_id for push in pushes} == {7}
    running, ended = pushes[:-LAST_WORDS], pushes[-LAST_WORDS:]
    assert all(push.state is ActionState.RUNNING and push.percent < 100 for push in running)
    assert [push.percent for push in running] == sorted(push.percent for push in running)
    assert all(push.state is ActionState.SUCCEEDED and push.percent == 100 for push in ended)
    assert ended[-1].x_m == pytest.approx(0.5, abs=0.011)
    assert stand.rover.position().x_m == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rate", PushRate)
def test_a_move_is_reported_as_often_as_it_was_asked(rate: PushRate) -> None:
    stand = Stand()
    stand.send(Command.MOVE, Move(1, Control(rate=rate), x_m=5.0, speed_mps=0.5))
    stand.run(3.0)
    assert len(moves(stand)) == pytest.approx(3 * rate.hz + 1, abs=1)


def test_a_turn_is_counter_clockwise() -> None:
    stand = Stand()
    stand.send(Command.MOVE, Move(1, z_deg=90.0, turn_degps=90.0))
    stand.run(4.0)
    assert stand.rover.position().yaw_deg == pytest.approx(-90, abs=1)
    assert moves(stand)[-1].z_deg == pytest.approx(90, abs=1)


def test_a_second_move_is_rejected_and_the_first_goes_on() -> None:
    stand = Stand()
    stand.send(Command.MOVE, Move(1, x_m=0.5))
    stand.run(0.1)
    assert ActionAck.unpack(stand.ask(Command.MOVE, Move(2, x_m=-1.0))).accept is Accept.REJECTED
    stand.run(4.0)
    assert moves(stand)[-1].action_id == 1
    assert moves(stand)[-1].state is ActionState.SUCCEEDED


@pytest.mark.parametrize("by", ["cancelling", "a speed", "leaving"])
def test_a_move_that_is_broken_off_is_told_as_failed(by: str) -> None:
    stand = Stand()
    stand.send(Command.MOVE, Move(1, x_m=2.0))
    stand.run(0.3)
    if by == "cancelling":
        stand.send(Command.MOVE, Move(1, Control(cancel=True)))
    elif by == "a speed":
        stand.send(Command.DRIVE_SPEED, DriveSpeed())
    else:
        stand.send(Command.SDK_MODE, SdkMode(False))
    told = len(moves(stand))
    stand.run(1.0)
    assert stand.speed == (0.0, 0.0, 0.0)
    if by == "leaving":
        assert len(moves(stand)) == told
    else:
        last = moves(stand)[-LAST_WORDS:]
        assert all(push.state is ActionState.FAILED and push.percent < 100 for push in last)


def test_the_gimbal_turns_comes_back_and_sleeps() -> None:
    stand = Stand()
    stand.send(Command.GIMBAL_MOVE, GimbalMove(1, yaw_deg=40, pitch_deg=10, yaw_degps=90, pitch_degps=90))
    stand.run(1.5)
    end = GimbalPush.unpack(stand.pushes(Command.GIMBAL_PUSH)[-1])
    assert (end.state, end.yaw_deg, end.pitch_deg) == (ActionState.SUCCEEDED, 40.0, 10.0)
    only_yaw = GimbalAxes(pitch=False, axes=Axes.YCPN)
    stand.send(Command.GIMBAL_MOVE, GimbalMove(2, about=only_yaw, yaw_deg=-20, yaw_degps=180))
    stand.run(1.0)
    assert (stand.rover.gimbal().yaw_deg, stand.rover.gimbal().pitch_deg) == pytest.approx((-20.0, 10.0))
    stand.send(Command.GIMBAL_RECENTER, GimbalRecenter(3))
    stand.run(1.0)
    assert GimbalPush.unpack(stand.pushes(Command.GIMBAL_PUSH)[-1]).state is ActionState.SUCCEEDED
    stand.send(Command.GIMBAL_SPEED, GimbalSpeed(yaw_degps=10, pitch_degps=5), wants_ack=0)
    stand.run(1.0)
    assert (stand.rover.gimbal().yaw_deg, stand.rover.gimbal().pitch_deg) == pytest.approx((10, 5), abs=0.2)
    stand.send(Command.GIMBAL_POWER, GimbalOrder(GimbalPower.SUSPEND), wants_ack=0)
    assert ActionAck.unpack(stand.ask(Command.GIMBAL_MOVE, GimbalMove(4, yaw_deg=5))).accept is Accept.REJECTED
    stand.send(Command.GIMBAL_POWER, GimbalOrder(GimbalPower.RESUME), wants_ack=0)
    assert ActionAck.unpack(stand.ask(Command.GIMBAL_MOVE, GimbalMove(5, yaw_deg=5))).accept is Accept.STARTED


def test_pwm_outputs_are_set_by_mask() -> None:
    stand = Stand()
    stand.send(Command.PWM_VALUE, Pwm(0b000101, (50, 60, 70, 0, 0, 0)))
    stand.send(Command.PWM_FREQUENCY, Pwm(0b000010, (0, 400, 0, 0, 0, 0)))
    modules = stand.rover.modules
    assert (modules.pwm_percent[1], modules.pwm_percent[2], modules.pwm_percent[3]) == (50.0, 7.5, 70.0)
    assert (modules.pwm_hz[1], modules.pwm_hz[2]) == (50.0, 400.0)
