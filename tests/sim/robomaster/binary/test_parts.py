"""Lamps, sounds, plates, camera, and what can be plugged in."""

import pytest

from protos.robomaster.ids import (
    Accept,
    ActionState,
    ArmorId,
    Command,
    Effect,
    GripperOrder,
    Host,
    LedBits,
    PlayMode,
    Resolution,
    Stream,
    Subject,
    VisionBits,
    address,
)
from protos.robomaster.payloads import (
    ActionAck,
    ArmMove,
    ArmorSensitivity,
    ArmPositionAck,
    ArmPush,
    BlasterFire,
    Gripper,
    GripperControl,
    HitEvent,
    PlaySound,
    SdkMode,
    SensorAck,
    SensorRead,
    ServoAngleAck,
    ServoGet,
    ServoMode,
    ServoMove,
    ServoPush,
    ServoSpeed,
    SetLed,
    SoundPush,
    StreamControl,
    SubjectPush,
    Subscribe,
    VisionEnable,
    VisionStatusAck,
)
from protos.robomaster.payloads.modules import StreamSwitch
from sim.robomaster.body import Touch
from sim.robomaster.identity import Identity
from sim.robomaster.values import Hit, HitKind, HitSide, Led, LedEffect
from tests.sim.robomaster.binary.stand import Stand

OFF = StreamSwitch(on=False)


def test_lamps_shine_as_told() -> None:
    stand = Stand()
    bottom = SetLed(LedBits.BOTTOM_ALL, effect=Effect.FLASH, red=255, green=10, on_ms=100, off_ms=150)
    assert stand.ask(Command.SET_LED, bottom) == b"\0"
    assert stand.ask(Command.SET_LED, SetLed(LedBits.TOP_LEFT, 0x0F, Effect.SCROLLING, blue=9)) == b"\0"
    front, left, right = (stand.body.lamps.get(led) for led in (Led.BOTTOM_FRONT, Led.TOP_LEFT, Led.TOP_RIGHT))
    assert front is not None
    assert (front.rgb, front.effect, front.on_s, front.off_s) == ((255, 10, 0), LedEffect.BLINK, 0.1, 0.15)
    assert left is not None
    assert (left.effect, left.mask, left.rgb) == (LedEffect.SCROLLING, 0x0F, (0, 0, 9))
    assert right is None


def test_a_sound_plays_to_its_end_and_a_stored_one_only_once_it_is_there() -> None:
    stand = Stand()
    assert ActionAck.unpack(stand.ask(Command.PLAY_SOUND, PlaySound(3, sound_id=0x110))).accept is Accept.STARTED
    stand.run(1.0)
    last = SoundPush.unpack(stand.pushes(Command.SOUND_PUSH)[-1])
    assert (last.action_id, last.percent, last.state, last.sound_id) == (3, 100, ActionState.SUCCEEDED, 0x110)
    assert ActionAck.unpack(stand.ask(Command.PLAY_SOUND, PlaySound(4, sound_id=0xE2))).accept is Accept.REJECTED
    stand.rover.store_audio(2, bytes(1000))
    assert ActionAck.unpack(stand.ask(Command.PLAY_SOUND, PlaySound(5, sound_id=0xE2))).accept is Accept.STARTED
    stop = PlaySound(6, mode=PlayMode.STOP)
    assert ActionAck.unpack(stand.ask(Command.PLAY_SOUND, stop)).accept is Accept.DONE
    assert stand.rover.sounds_playing == ()
    assert stand.rover.sounds_played == [0x110, 0xE2]


@pytest.mark.parametrize("side", HitSide)
def test_hits_are_told_without_being_asked_for_while_sdk_mode_is_on(side: HitSide) -> None:
    stand = Stand(enter=False)
    stand.rover.hit(Hit(side, HitKind.BEAD))
    assert stand.run(0.05).pushed == []
    stand.ask(Command.SDK_MODE, SdkMode(True))
    stand.body.touches.append(Touch(side, 1.5))
    stand.run(0.05)
    (frame,) = stand.pushed
    assert (frame.sender, frame.receiver, frame.is_ack, len(frame.payload)) == (Host.ARMOR, Host.SDK, False, 5)
    event = HitEvent.unpack(frame.payload)
    assert (event.plate, event.kind in (0, 1), event.strength) == (ArmorId(side), True, 1500)
    stand.ask(Command.SDK_MODE, SdkMode(False))
    stand.rover.hit(Hit(side, HitKind.BEAD))
    assert len(stand.run(0.05).pushed) == 1


def test_plates_feel_more_the_smaller_the_number() -> None:
    stand = Stand()
    felt = []
    for sensitivity in (0, 5, 10):
        assert stand.ask(Command.ARMOR_SENSITIVITY, ArmorSensitivity.of(sensitivity)) == b"\0"
        felt.append(stand.rover.sensitivity)
    assert felt == [10, 5, 1]


def test_the_blaster_counts_its_shots() -> None:
    stand = Stand()
    assert stand.ask(Command.BLASTER_FIRE, BlasterFire.of(3, infrared=True)) == b"\0"
    stand.send(Command.BLASTER_FIRE, BlasterFire.of(1))
    assert stand.rover.modules.shots == [("ir", 3), ("bead", 1)]


def test_the_video_is_switched_as_asked_and_off_when_the_client_leaves() -> None:
    stand = Stand()
    assert stand.ask(Command.STREAM, StreamControl(Stream.SDK)) == b"\0"
    assert stand.video.resolution is None
    assert stand.ask(Command.STREAM, StreamControl(Stream.VIDEO, resolution=Resolution.P360)) == b"\0"
    assert stand.video.resolution is Resolution.P360
    assert stand.ask(Command.STREAM, StreamControl(Stream.VIDEO, OFF)) == b"\0"
    assert stand.video.resolution is None
    for stream in (Stream.VIDEO, Stream.AUDIO):
        assert stand.ask(Command.STREAM, StreamControl(stream)) == b"\0"
    assert stand.audio.resolution is not None
    stand.ask(Command.SDK_MODE, SdkMode(False))
    assert (stand.video.resolution, stand.audio.resolution) == (None, None)


def test_a_client_that_leaves_does_not_end_a_stream_that_it_did_not_begin() -> None:
    stand = Stand()
    stand.video.start(Resolution.P540)
    stand.ask(Command.SDK_MODE, SdkMode(False))
    stand.session.close()
    assert stand.video.resolution is Resolution.P540


def test_an_opened_s1_refuses_the_stream() -> None:
    stand = Stand(Identity.s1())
    for stream in Stream:
        assert stand.ask(Command.STREAM, StreamControl(stream))[0] != 0
    assert stand.video.resolution is None


def test_detectors_can_be_switched_on_and_find_nothing() -> None:
    stand = Stand()
    assert stand.ask(Command.VISION_ENABLE, VisionEnable(VisionBits.PERSON | VisionBits.LINE))[0] == 0
    status = VisionStatusAck.unpack(stand.ask(Command.VISION_STATUS))
    assert status.detectors == VisionBits.PERSON | VisionBits.LINE
    assert stand.run(0.3).pushed == []


def test_a_servo_turns_to_an_angle_or_on_and_on() -> None:
    stand = Stand()
    two = address(Host.SERVO, 2)
    assert ActionAck.unpack(stand.ask(Command.SERVO_MOVE, ServoMove(1, device=two, angle_deg=-45))).ret == 0
    stand.run(0.3)
    last = ServoPush.unpack(stand.pushes(Command.SERVO_PUSH)[-1])
    assert (last.state, last.angle_deg) == (ActionState.SUCCEEDED, -45.0)
    assert ServoAngleAck.unpack(stand.ask(Command.SERVO_ANGLE, ServoGet(two))).angle_deg == pytest.approx(135)
    assert stand.ask(Command.SERVO_MODE, ServoMode(two)) == b"\0"
    assert stand.ask(Command.SERVO_SPEED, ServoSpeed(two, speed=20)) == b"\0"
    turned = stand.run(1.0).rover.modules.servo_deg[2]
    assert turned == pytest.approx(-25, abs=0.5)
    assert stand.ask(Command.SERVO_SPEED, ServoSpeed(two, on=False)) == b"\0"
    assert stand.run(1.0).rover.modules.servo_deg[2] == pytest.approx(turned, abs=0.2)
    no_such = address(Host.SERVO, 7)
    assert len(stand.ask(Command.SERVO_ANGLE, ServoGet(no_such))) == 5
    assert stand.ask(Command.SERVO_MOVE, ServoMove(2, device=no_such))[0] != 0


def test_the_arm_goes_where_it_can_reach() -> None:
    stand = Stand()
    assert ActionAck.unpack(stand.ask(Command.ARM_MOVE, ArmMove(1, x_m=0.05, y_m=-0.02))).accept is Accept.STARTED
    stand.send(Command.ARM_MOVE, ArmMove(2, x_m=0.01))
    stand.run(0.3)
    assert ArmPush.unpack(stand.pushes(Command.ARM_PUSH)[-1]).x_m == pytest.approx(0.06)
    place = ArmPositionAck.unpack(stand.ask(Command.ARM_POSITION))
    assert (place.x_m, place.y_m) == pytest.approx((0.06, -0.02))
    assert ActionAck.unpack(stand.ask(Command.ARM_MOVE, ArmMove(3, x_m=5.0))).accept is Accept.REJECTED


@pytest.mark.parametrize(("order", "status"), [(GripperOrder.OPEN, 1), (GripperOrder.CLOSE, 2)])
def test_the_gripper_opens_and_closes(order: GripperOrder, status: int) -> None:
    stand = Stand()
    assert stand.ask(Command.GRIPPER, GripperControl(order=order)) == b"\0"
    stand.send(Command.SUBSCRIBE, Subscribe(30, (Subject.GRIPPER,), 5))
    (push,) = stand.pushes(Command.SUBJECT_PUSH)
    assert Gripper.unpack(SubjectPush.unpack(push).data).status == status


def test_a_sensor_board_says_what_is_on_its_port() -> None:
    stand = Stand()
    stand.rover.modules.adc[3, 2] = 512
    stand.rover.modules.io_level[3, 2] = 1
    ack = SensorAck.unpack(stand.ask(Command.SENSOR_READ, SensorRead(2), to=address(Host.SENSOR, 3)))
    assert (ack.port, ack.adc, ack.io) == (2, 512, 1)
    assert len(stand.ask(Command.SENSOR_READ, SensorRead(2), to=Host.CHASSIS)) == 9
