"""Payloads: what DJI's package means with its bytes, and that no bytes can do harm."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadMessageError
from protos.robomaster import payloads
from protos.robomaster.frame import decode
from protos.robomaster.ids import (
    COMMANDS,
    Accept,
    ActionState,
    ArmorBits,
    ArmorId,
    Axes,
    Command,
    Connection,
    Effect,
    GimbalPower,
    GripperOrder,
    HandshakeState,
    Host,
    LedBits,
    PlayMode,
    PushRate,
    Resolution,
    RobotMode,
    Stream,
    Subject,
    Transport,
)
from protos.robomaster.payloads import (
    SUBJECTS,
    ActionAck,
    ArmMove,
    ArmorSensitivity,
    Attitude,
    Battery,
    BlasterFire,
    BlasterLed,
    Control,
    DriveSpeed,
    DriveWheels,
    Empty,
    Esc,
    GetMode,
    GetSerial,
    GetVersion,
    Gimbal,
    GimbalMove,
    GimbalOrder,
    GimbalRecenter,
    GimbalSpeed,
    Handshake,
    HandshakeAck,
    HitEvent,
    ModeAck,
    ModuleVersionAck,
    Move,
    MovePush,
    NodeAddAck,
    PlaySound,
    SdkMode,
    SerialAck,
    ServoMove,
    SetLed,
    StaInfo,
    StartAction,
    Status,
    StreamControl,
    SubjectPush,
    Subscribe,
    SubscribeAck,
    Tof,
    UartReceived,
    VersionAck,
)
from protos.robomaster.payloads.gimbal import GimbalAxes
from protos.robomaster.payloads.modules import StreamSwitch

GOLDEN: dict[str, str] = json.loads(Path(__file__).with_name("golden_frames.json").read_text())
CALLS: dict[str, tuple[Command, Any]] = {
    "sdk_mode": (Command.SDK_MODE, SdkMode()),
    "handshake": (Command.HANDSHAKE, Handshake(connection=Connection.RNDIS, ip="192.168.42.3", port=10123)),
    "heartbeat": (Command.HEARTBEAT, Empty()),
    "version": (Command.VERSION, GetVersion()),
    "serial": (Command.SERIAL, GetSerial()),
    "get_mode": (Command.GET_MODE, GetMode()),
    "drive_speed": (Command.DRIVE_SPEED, DriveSpeed(0.5, -0.25, 30)),
    "drive_wheels": (Command.DRIVE_WHEELS, DriveWheels(10, 20, 30, -40)),
    "move": (Command.MOVE, Move(7, x_m=0.5, y_m=-0.3, z_deg=90, speed_mps=0.7, turn_degps=45)),
    "gimbal_speed": (Command.GIMBAL_SPEED, GimbalSpeed(pitch_degps=-12.5, yaw_degps=45)),
    "gimbal_suspend": (Command.GIMBAL_POWER, GimbalOrder(GimbalPower.SUSPEND)),
    "gimbal_resume": (Command.GIMBAL_POWER, GimbalOrder(GimbalPower.RESUME)),
    "gimbal_move": (
        Command.GIMBAL_MOVE,
        GimbalMove(7, pitch_deg=5, yaw_deg=-20, pitch_degps=40, yaw_degps=50),
    ),
    "gimbal_moveto": (
        Command.GIMBAL_MOVE,
        GimbalMove(7, about=GimbalAxes(axes=Axes.YCPN), pitch_deg=5, yaw_deg=-20, pitch_degps=40, yaw_degps=50),
    ),
    "gimbal_recenter": (Command.GIMBAL_RECENTER, GimbalRecenter(7, pitch_degps=60, yaw_degps=70)),
    "led_on": (Command.SET_LED, SetLed(LedBits.ALL, red=1, green=2, blue=3)),
    "led_flash": (
        Command.SET_LED,
        SetLed(LedBits.BOTTOM_LEFT, effect=Effect.FLASH, red=255, on_ms=100, off_ms=100),
    ),
    "led_breath": (
        Command.SET_LED,
        SetLed(LedBits.TOP_RIGHT, effect=Effect.BREATH, green=255, on_ms=1000, off_ms=1000),
    ),
    "led_scrolling": (
        Command.SET_LED,
        SetLed(LedBits.TOP_ALL, 0x0F, effect=Effect.SCROLLING, blue=255, on_ms=30, off_ms=40),
    ),
    "led_gimbal": (Command.SET_LED, SetLed(LedBits.TOP_ALL, 0x85, effect=Effect.OFF, red=255, green=25, blue=50)),
    "sensitivity": (Command.ARMOR_SENSITIVITY, ArmorSensitivity.of(1, ArmorBits.BOTTOM_LEFT)),
    "fire": (Command.BLASTER_FIRE, BlasterFire.of(3, infrared=True)),
    "blaster_led": (Command.BLASTER_LED, BlasterLed(red=200, green=200, blue=200)),
    "play_sound": (Command.PLAY_SOUND, PlaySound(7, sound_id=0x110, times=2)),
    "arm": (Command.ARM_MOVE, ArmMove(7, is_absolute=True, x_m=0.02, y_m=-0.03)),
    "servo": (Command.SERVO_MOVE, ServoMove(7, device=Host.SERVO + 2 * 32, angle_deg=300)),
    "subscribe": (Command.SUBSCRIBE, Subscribe(20, (Subject.POSITION,), 10)),
    "stream": (Command.STREAM, StreamControl(Stream.VIDEO, resolution=Resolution.P540)),
}
CLASSES = [each for each in (getattr(payloads, name) for name in payloads.__all__) if hasattr(each, "unpack")]
WITH_DEFAULTS = [
    each for each in CLASSES if all(field.default is not dataclasses.MISSING for field in dataclasses.fields(each))
]


def test_every_golden_frame_has_its_payload_here() -> None:
    assert CALLS.keys() == GOLDEN.keys()


@pytest.mark.parametrize("name", CALLS)
def test_payloads_are_those_of_dji_to_the_byte(name: str) -> None:
    command, payload = CALLS[name]
    frame = decode(bytes.fromhex(GOLDEN[name]))
    assert COMMANDS[frame.cmdset, frame.cmdid] is command
    assert payload.pack() == frame.payload
    again = type(payload).unpack(frame.payload)
    assert again.pack() == frame.payload
    for field in dataclasses.fields(payload):
        got, wanted = getattr(again, field.name), getattr(payload, field.name)
        assert got == (pytest.approx(wanted, abs=0.01) if isinstance(wanted, float) else wanted), field.name


@pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.__name__)
@given(data=st.binary(max_size=64))
def test_any_bytes_are_understood_or_refused_and_what_was_understood_comes_back(each, data: bytes) -> None:
    try:
        payload = each.unpack(data)
    except BadMessageError:
        return
    assert each.unpack(payload.pack()) == payload


@pytest.mark.parametrize("each", WITH_DEFAULTS, ids=lambda each: each.__name__)
def test_a_payload_with_more_behind_it_is_still_read_and_a_shorter_one_is_not(each) -> None:
    packed = each().pack()
    assert each.unpack(packed + bytes(9)) == each()
    if packed:
        with pytest.raises(BadMessageError, match=each.__name__):
            each.unpack(packed[:-1])


def test_what_a_field_cannot_hold_is_sent_as_its_limit() -> None:
    assert Move.unpack(Move(1, x_m=1e9, speed_mps=99).pack()).x_m == pytest.approx(327.67)
    assert DriveWheels.unpack(DriveWheels(left_front_rpm=1e9).pack()).left_front_rpm == 32768


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_are_none_are_neither_sent_nor_taken(number: float) -> None:
    with pytest.raises(ValueError, match="for a number"):
        DriveSpeed(number).pack()
    with pytest.raises(ValueError, match="for a number"):
        DriveWheels(number).pack()
    with pytest.raises(BadMessageError, match="for a number"):
        DriveSpeed.unpack(b"\x00\x00\x80\x7f" * 3)


def test_left_wheels_are_counted_backwards_on_the_wire_only() -> None:
    packed = DriveWheels(100, 100, 100, 100).pack()
    assert packed == (100).to_bytes(2, "little") + (-100).to_bytes(2, "little", signed=True) * 2 + packed[:2]
    assert DriveWheels.unpack(packed).speeds == (100, 100, 100, 100)


def test_an_error_may_come_without_the_rest() -> None:
    assert ModeAck.unpack(b"\x01") == ModeAck(1)
    assert NodeAddAck.unpack(b"\x50").is_ok
    assert SerialAck.unpack(b"\x01") == SerialAck(1)
    with pytest.raises(BadMessageError, match="1 bytes where 2"):
        ModeAck.unpack(b"\x00")
    with pytest.raises(BadMessageError, match="0 bytes where 2"):
        ModeAck.unpack(b"")


def test_unknown_values_of_enums_are_refused() -> None:
    with pytest.raises(BadMessageError, match="9 is not a valid RobotMode"):
        ModeAck.unpack(b"\x00\x09")
    with pytest.raises(BadMessageError, match="not a valid PushRate"):
        StartAction.unpack(b"\x07\xff")


def test_answers_lie_where_dji_package_looks_for_them() -> None:
    version = VersionAck.of("01.01.0500")
    assert version.pack()[9:13] == b"\xf4\x01\x01\x01"
    assert version.version == "01.01.0500"
    serial = SerialAck(0, "3JKDH2T001ULTD").pack()
    assert serial[0] == 0
    assert serial[1] == 14
    assert serial[3:] == b"3JKDH2T001ULTD"
    assert len(ModuleVersionAck().pack()) == 30
    assert ActionAck(0, Accept.REJECTED).pack() == b"\x00\x01"
    ack = HandshakeAck(0, HandshakeState.READY, "10.0.0.7").pack()
    assert ack == b"\x00\x02\x0a\x00\x00\x07"
    assert SubscribeAck(0, 0xC3, 0, 20).pack() == b"\x00\xc3\x00\x14\x00\x00\x00\x00"
    assert len(HitEvent.of(ArmorId.BOTTOM_FRONT, 0, 12, 3).pack()) == 5
    assert HitEvent.of(ArmorId.BOTTOM_FRONT, 0).pack()[0] == 0x20
    push = MovePush(7, 50, ActionState.RUNNING, 0.25, -0.1, 45).pack()
    assert push == b"\x07\x32\x00\x19\x00\xf6\xff\xc2\x01"


def test_serial_numbers_are_cut_out_of_broken_answers_never() -> None:
    for broken in (b"", b"\x00", b"\x00\x0e\x00short", b"\x00\x02\x00\xff\xfe"):
        with pytest.raises(BadMessageError, match="no serial number"):
            SerialAck.unpack(broken)


@pytest.mark.parametrize(
    ("subject", "size"),
    [
        ("POSITION", 12), ("VELOCITY", 24), ("ATTITUDE", 12), ("IMU", 24), ("ESC", 36), ("STATUS", 2), ("MODE", 2),
        ("BATTERY", 10), ("GIMBAL", 9), ("SBUS", 33), ("SERVO", 17), ("ARM", 9), ("GRIPPER", 1), ("TOF", 20),
        ("PINBOARD", 36),
    ],
)  # fmt: skip
def test_subjects_are_as_long_as_dji_package_needs_them(subject: str, size: int) -> None:
    assert len(SUBJECTS[Subject[subject]]().pack()) == size


def test_every_subject_has_its_data() -> None:
    assert SUBJECTS.keys() == set(Subject)


def test_an_esc_shows_the_left_wheels_backwards_on_the_wire_only() -> None:
    esc = Esc((100, 100, 100, 100), (90, 90, 90, 90), (600, 600, 600, 600))
    packed = esc.pack()
    assert packed[:8] == b"\x64\x00\x9c\xff\x9c\xff\x64\x00"
    assert Esc.unpack(packed) == esc
    assert Esc.unpack(packed).speeds.left_rear_rpm == 100


def test_status_flags_are_bits_in_order() -> None:
    assert Status(static=True, impact_z=True, hill_static=True).pack() == b"\x01\x05"
    assert Status.unpack(b"\x80\x00") == Status(impact_y=True)


def test_small_subjects() -> None:
    assert Battery(12.3, 28.5, -0.6, 99).pack() == b"\x0c\x30\x1d\x01\xa8\xfd\xff\xff\x63\x00"
    assert Gimbal(10.5, 1, -20, 0).pack() == b"\x69\x00\x0a\x00\x38\xff\x00\x00\x00"
    assert Tof((1, 2, 3, 4), distances_mm=(0x0102, 0, 0, 0)).pack()[:5] == b"\x01\x00\x00\x01\x02"
    assert UartReceived(b"hi").pack() == b"\x01\x00\x02hi"
    assert Attitude(yaw_deg=90).pack()[:4] == b"\x00\x00\xb4\x42"


def test_a_push_carries_its_number_and_the_data() -> None:
    push = SubjectPush(20, Attitude(1, 2, 3).pack())
    again = SubjectPush.unpack(push.pack())
    assert again == push
    assert Attitude.unpack(again.data) == Attitude(1, 2, 3)
    with pytest.raises(BadMessageError, match="too few"):
        SubjectPush.unpack(b"\x00")


@given(st.lists(st.sampled_from(Subject), max_size=8), st.integers(0, 255), st.integers(0, 50))
def test_subscriptions_come_back(subjects: list[Subject], msg_id: int, rate_hz: int) -> None:
    subscribe = Subscribe(msg_id, tuple(subjects), rate_hz)
    assert Subscribe.unpack(subscribe.pack()) == subscribe


def test_an_announcement_is_scrambled_as_dji_does() -> None:
    info = StaInfo("192.168.1.20", b"\x60\x60\x1f\x00\x00\x01", b"abcdefgh", is_pairing=True)
    packed = info.pack()
    # made by the SDK's own function for scrambling
    assert packed == bytes.fromhex("5de771ca63d9ad6e7e20e9428410a51ff64ee25e962e9ade")
    assert StaInfo.unpack(packed) == info
    with pytest.raises(BadMessageError, match="no robot's announcement"):
        StaInfo.unpack(bytes(24))
    with pytest.raises(ValueError, match="8 of appid"):
        StaInfo("1.2.3.4", appid=b"").pack()


@pytest.mark.parametrize("ip", ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1..2.3"])
def test_a_wrong_address_is_refused(ip: str) -> None:
    with pytest.raises(ValueError, match=r"IPv4|range"):
        Handshake(ip=ip).pack()


def test_names_of_numbers() -> None:
    assert Control(cancel=True, rate=PushRate.HZ_5).__int__() == 5
    assert PushRate.HZ_5.hz == 5
    assert Resolution.P540.size_px == (960, 540)
    assert Command.DRIVE_SPEED.cmdset == 0x3F
    assert Command.DRIVE_SPEED.cmdid == 0x21
    assert StreamSwitch.of(int(StreamSwitch(on=True, usb=True))) == StreamSwitch(True, True)
    assert ArmorSensitivity.of(3).sensitivity == pytest.approx(3)
    assert {each.value for each in (RobotMode.FREE, Transport.UDP, GripperOrder.PAUSE, PlayMode.STOP)} == {0}
