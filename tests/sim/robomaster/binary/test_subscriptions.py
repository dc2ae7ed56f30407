"""Samples at their rates, the first at once."""

import pytest

from protos.robomaster import payloads
from protos.robomaster.ids import Command, Subject
from protos.robomaster.payloads import (
    SUBJECTS,
    DriveSpeed,
    NodeAdd,
    NodeAddAck,
    NodeReset,
    SubjectPush,
    Subscribe,
    SubscribeAck,
    Unsubscribe,
)
from protos.robomaster.payloads.subjects import SubjectData
from sim.robomaster.binary.subscriptions import RATES_HZ, SUBSCRIPTIONS_MAX
from sim.robomaster.identity import Identity
from tests.sim.robomaster.binary.stand import Stand


def subscribe(stand: Stand, subject: Subject, rate_hz: int = 10, number: int = 21) -> SubscribeAck:
    return SubscribeAck.unpack(stand.ask(Command.SUBSCRIBE, Subscribe(number, (subject,), rate_hz)))


def samples(stand: Stand, number: int = 21) -> list[bytes]:
    pushes = [SubjectPush.unpack(data) for data in stand.pushes(Command.SUBJECT_PUSH)]
    return [push.data for push in pushes if push.msg_id == number]


def latest(stand: Stand, subject: Subject) -> SubjectData:
    return SUBJECTS[subject].unpack(samples(stand)[-1])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_samples_come_at_the_rate_and_the_first_with_the_answer(rate_hz: int) -> None:
    stand = Stand()
    ack = subscribe(stand, Subject.POSITION, rate_hz)
    assert (ack.ret, ack.msg_id, ack.bad_uid) == (0, 21, 0)
    assert len(samples(stand)) == 1
    stand.run(2.0)
    assert len(samples(stand)) == pytest.approx(1 + 2 * rate_hz, abs=1)


@pytest.mark.parametrize("subject", Subject, ids=lambda subject: subject.name)
@pytest.mark.parametrize("identity", [Identity(), Identity.s1()], ids=["ep", "s1"])
def test_every_subject_has_the_length_that_the_package_of_dji_takes(subject: Subject, identity: Identity) -> None:
    stand = Stand(identity)
    assert subscribe(stand, subject).ret == 0
    stand.run(0.3)
    assert {len(data) for data in samples(stand)} == {len(SUBJECTS[subject]().pack())}


def test_samples_show_what_the_robot_does() -> None:
    stand = Stand()
    stand.send(Command.DRIVE_SPEED, DriveSpeed(0.5, 0.2, 0.0))
    stand.run(1.0)
    subscribe(stand, Subject.POSITION)
    here = latest(stand, Subject.POSITION)
    assert isinstance(here, payloads.Position)
    assert (here.x_m, here.y_m, here.z) == pytest.approx((0.5, 0.2, 0.0), abs=0.01)
    subscribe(stand, Subject.VELOCITY)
    is_ = latest(stand, Subject.VELOCITY)
    assert isinstance(is_, payloads.Velocity)
    assert (is_.body_x_mps, is_.body_y_mps, is_.world_x_mps) == pytest.approx((0.5, 0.2, 0.5))
    stand.send(Command.DRIVE_SPEED, DriveSpeed(z_degps=90.0))
    stand.run(1.0)
    subscribe(stand, Subject.ATTITUDE)
    attitude = latest(stand, Subject.ATTITUDE)
    assert isinstance(attitude, payloads.Attitude)
    assert attitude.yaw_deg == pytest.approx(90, abs=1)
    subscribe(stand, Subject.ESC)
    esc = latest(stand, Subject.ESC)
    assert isinstance(esc, payloads.Esc)
    assert [speed > 0 for speed in esc.speed_rpm] == [False, True, True, False]


def test_an_opened_s1_says_zero_where_the_real_one_does() -> None:
    stand = Stand(Identity.s1())
    stand.send(Command.DRIVE_SPEED, DriveSpeed(0.5, 0.0, 30.0))
    stand.run(0.5)
    for subject in (Subject.POSITION, Subject.BATTERY, Subject.IMU, Subject.ESC, Subject.ATTITUDE):
        subscribe(stand, subject)
        assert not any(samples(stand)[-1]), subject.name
    subscribe(stand, Subject.VELOCITY)
    assert any(samples(stand)[-1])


@pytest.mark.parametrize("rate_hz", [0, 2, 30, 100, 65535])
def test_a_rate_that_does_not_exist_is_refused(rate_hz: int) -> None:
    stand = Stand()
    assert subscribe(stand, Subject.POSITION, rate_hz).ret != 0
    assert samples(stand.run(0.5)) == []


def test_a_subject_that_does_not_exist_is_refused_and_named() -> None:
    stand = Stand()
    request = Subscribe(30, (Subject.POSITION, 0x00020009_12345678), 10)
    ack = SubscribeAck.unpack(stand.ask(Command.SUBSCRIBE, request))
    assert (ack.ret != 0, ack.msg_id, ack.bad_uid) == (True, 30, 0x12345678)
    assert SubscribeAck.unpack(stand.ask(Command.SUBSCRIBE, Subscribe(30, (), 10))).ret != 0
    assert SubscribeAck.unpack(stand.ask(Command.SUBSCRIBE, Subscribe(30, (Subject.IMU,), 10, mode=1))).ret != 0
    assert stand.run(0.2).pushed == []


def test_several_subjects_in_one_message_come_one_after_the_other() -> None:
    stand = Stand()
    stand.send(Command.SUBSCRIBE, Subscribe(40, (Subject.POSITION, Subject.BATTERY), 10))
    (data,) = samples(stand, 40)
    assert payloads.Battery.unpack(data[12:]).percent == 100


def test_unsubscribing_ends_the_samples_of_that_number_only() -> None:
    stand = Stand()
    subscribe(stand, Subject.POSITION, 50, 21)
    subscribe(stand, Subject.ATTITUDE, 50, 22)
    assert stand.ask(Command.UNSUBSCRIBE, Unsubscribe(msg_id=21)) == b"\0"
    before = len(samples(stand, 21))
    stand.run(0.5)
    assert len(samples(stand, 21)) == before
    assert len(samples(stand, 22)) > 20
    assert stand.ask(Command.UNSUBSCRIBE, Unsubscribe(msg_id=21))[0] != 0


def test_a_node_that_is_reset_hears_no_more() -> None:
    stand = Stand()
    assert NodeAddAck.unpack(stand.ask(Command.NODE_ADD, NodeAdd())).ret == 0
    again = NodeAddAck.unpack(stand.ask(Command.NODE_ADD, NodeAdd()))
    assert (again.ret, again.is_ok) == (0x50, True)
    subscribe(stand, Subject.POSITION, 50)
    assert stand.ask(Command.NODE_RESET, NodeReset()) == b"\0"
    before = len(samples(stand))
    assert len(samples(stand.run(0.2))) == before
    assert NodeAddAck.unpack(stand.ask(Command.NODE_ADD, NodeAdd())).ret == 0


def test_there_are_not_more_subscriptions_than_the_robot_can_bear() -> None:
    stand = Stand()
    acks = [subscribe(stand, Subject.IMU, 1, number).ret for number in range(SUBSCRIPTIONS_MAX + 1)]
    assert acks == [0] * SUBSCRIPTIONS_MAX + [acks[-1]]
    assert acks[-1] != 0


def test_after_a_pause_missed_samples_are_left_out() -> None:
    stand = Stand()
    subscribe(stand, Subject.POSITION, 50)
    stand.now_s += 1.0  # the process stood still
    stand.run(0.1)
    assert len(samples(stand)) < 10
