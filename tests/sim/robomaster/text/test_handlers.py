"""Every command of the text protocol: answered, within its ranges, and with its effect on the robot. No sockets."""

import math

import pytest

from protos.robomaster.text import format_number
from protos.robomaster.text_commands import COMMANDS, PUSH_RATES_HZ, STATUS_FLAGS, Arg, TextCommand
from sim.robomaster.body import NoBody
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.text.desk import Desk
from sim.robomaster.text.pushes import Attribute
from sim.robomaster.text.session import HANDLERS, Session
from sim.robomaster.values import Hit, HitKind, HitSide, Led, LedEffect, Mode, Position, Wheels

ERRORS = {"fail;", "command format error;", "command parse error;"}


class Switch:
    """A stream that is only on or off."""

    is_on = False

    def start(self) -> None:
        self.is_on = True

    def stop(self) -> None:
        self.is_on = False


class Talk:
    """A client in SDK mode."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.body = NoBody()
        self.rover = Rover(self.body, identity)
        self.video, self.audio = Switch(), Switch()
        self.desk = Desk(self.rover, self.video, self.audio)
        self.session = Session(self.desk)
        self.rover.on_release.append(lambda _owner: self.desk.reset())
        assert self.say("command") == "ok;"

    def say(self, message: str) -> str:
        """Exactly one reply; a move that goes on is told to answer at once."""
        (reply,) = self.session.feed(f"{message};".encode())
        return reply

    def step(self, seconds: float) -> None:
        for _ in range(math.ceil(seconds / 0.01)):
            self.rover.step(self.rover.now_s + 0.01)


def inside(arg: Arg) -> str:
    if arg.choices:
        return arg.choices[0]
    if arg.among:
        return str(arg.among[0])
    if arg.is_hex:
        return "1"
    return format_number(arg.high)


def spoken(command: TextCommand, but: Arg | None = None, value: str = "") -> str:
    """The command with all its arguments; one of them with that value."""
    words = list(command.words)
    for arg in (*command.positional, *command.keywords):
        word = value if arg is but else "false" if arg.name == "wait_for_complete" else inside(arg)
        words += [word] if arg in command.positional else [arg.name, word]
    return " ".join(words) + (" ?" if command.query else "")


RANGED = [
    pytest.param(command, arg, id=f"{command.name} {arg.name}")
    for command in COMMANDS.values()
    for arg in (*command.positional, *command.keywords)
    if not arg.choices and not arg.is_hex
]


def test_every_command_of_the_table_has_a_handler() -> None:
    assert HANDLERS.keys() | {"command", "quit"} == COMMANDS.keys()


@pytest.mark.parametrize("command", list(COMMANDS.values()), ids=str)
def test_every_command_is_answered_with_what_the_table_says(command: TextCommand) -> None:
    if command.name == "command":
        return  # said by Talk
    reply = Talk().say(f"{spoken(command)} seq 17")
    words = reply.removesuffix(";").removesuffix(" seq 17").split()
    assert reply not in ERRORS
    if command.name == "version ?":
        assert words == ["version", "00.00.00.68"]
    elif command.reply == ("ok",):
        assert words == ["ok"]
    else:
        assert len(words) == len(command.reply)
        if command.reply != ("mode",):
            assert all(math.isfinite(float(word)) for word in words)


@pytest.mark.parametrize(("command", "arg"), RANGED)
def test_the_edge_of_each_range_is_taken_and_what_lies_beyond_refused(command: TextCommand, arg: Arg) -> None:
    step = 1.0 if arg.is_whole else 0.001
    taken = [arg.high, arg.low + step if arg.above_low else arg.low]
    beyond = [arg.high + step, arg.low if arg.above_low else arg.low - step]
    if arg.among:
        taken, beyond = list(PUSH_RATES_HZ), [0, 2, 15, 51, -1]

    def say(value: float) -> str:
        return Talk().say(spoken(command, arg, format_number(value)))

    assert [say(value) for value in taken if say(value) in ERRORS] == []
    assert {say(value) for value in beyond} == {"command format error;"}


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("dance", "command parse error;"),
        ("chassis", "command parse error;"),
        ("chassis dance ?", "command parse error;"),
        ("Chassis speed x 1", "command parse error;"),
        ("chassis speed x", "command format error;"),
        ("chassis speed x fast", "command format error;"),
        ("chassis speed x nan", "command format error;"),
        ("chassis speed x inf y 0 z 0", "command format error;"),
        ("chassis speed x 1 x 1", "command format error;"),
        ("chassis speed w 1", "command format error;"),
        ("robot mode", "command format error;"),
        ("robot mode sideways", "command format error;"),
        ("robot mode free free", "command format error;"),
        ("armor sensitivity 2.5", "command format error;"),
        ("led control comp nose r 1 g 1 b 1 effect solid", "command format error;"),
        ("led control comp bottom_front r 1 g 1 b 1 effect scrolling", "command format error;"),
        ("led control comp all r 1 g 1 b 1 effect scrolling", "command format error;"),
        ("pwm value xyz 5", "command format error;"),
        ("chassis speed x 1 seq", "command format error;"),
        ("chassis speed x 1 seq one", "command format error;"),
        ("seq 5", "command format error;"),
    ],
)
def test_a_bad_command_gets_an_error_and_changes_nothing(message: str, reply: str) -> None:
    talk = Talk()
    assert talk.say(message) == reply
    talk.step(0.1)
    assert (talk.body.sensed.x_mps, talk.rover.mode, talk.rover.sensitivity) == (0.0, Mode.FREE, 5)
    assert talk.say("robot mode ?") == "free;"


def test_seq_comes_back_with_answers_and_errors() -> None:
    talk = Talk()
    assert talk.say("robot mode ? seq 41") == "free seq 41;"
    assert talk.say("dance seq 42") == "command parse error seq 42;"
    assert talk.say("chassis speed x 9 seq 43") == "command format error seq 43;"
    assert talk.say("command seq 44") == "Already in SDK mode seq 44;"
    assert talk.say("quit seq 45") == "ok seq 45;"


def test_speeds_hold_and_what_is_left_out_is_zero() -> None:
    talk = Talk()
    talk.say("chassis speed x 0.5 y -0.2 z 30")
    talk.step(2.0)
    assert (talk.body.sensed.x_mps, talk.body.sensed.y_mps, talk.body.sensed.turn_degps) == (0.5, -0.2, 30.0)
    talk.say("chassis speed z 10")
    talk.step(0.1)
    assert (talk.body.sensed.x_mps, talk.body.sensed.y_mps, talk.body.sensed.turn_degps) == (0.0, 0.0, 10.0)
    assert talk.say("chassis speed ?").startswith("0 0 10 ")


def test_wheels_in_any_order_of_keys_and_w3_is_right_rear() -> None:
    talk = Talk()
    talk.say("chassis wheel w2 60 w1 20 w4 40 w3 60")  # no two sums alike, and a speed that the floor allows
    talk.step(0.1)
    wheels = talk.rover.wheels()
    fields = (wheels.right_front_rpm, wheels.left_front_rpm, wheels.right_rear_rpm, wheels.left_rear_rpm)
    talk.say("chassis wheel w1 0 w2 0 w3 0 w4 0")
    talk.rover.drive_wheels(Wheels(right_front_rpm=20, left_front_rpm=60, right_rear_rpm=60, left_rear_rpm=40))
    talk.step(0.1)
    same = talk.rover.wheels()
    assert fields == (same.right_front_rpm, same.left_front_rpm, same.right_rear_rpm, same.left_rear_rpm)
    reply = [float(word) for word in talk.say("chassis speed ?").removesuffix(";").split()]
    assert reply[3:] == pytest.approx(fields, abs=0.001)


def test_queries_tell_what_the_rover_says() -> None:
    talk = Talk()
    assert talk.say("chassis position ?") == "0 0 0;"
    assert talk.say("chassis attitude ?") == "0 0 0;"
    assert talk.say("chassis status ?").removesuffix(";").split()[0] == "1"
    assert len(talk.say("chassis status ?").split()) == len(STATUS_FLAGS)
    assert talk.say("robot battery ?") == "100;"
    talk.say("gimbal speed p 10 y -20")
    talk.step(0.5)
    pitch, yaw = (float(word) for word in talk.say("gimbal attitude ?").removesuffix(";").split())
    assert (pitch, yaw) == pytest.approx((5.0, -10.0), abs=0.5)
    assert isinstance(talk.rover.position(), Position)


def test_a_move_answers_at_its_end_with_its_own_seq() -> None:
    talk = Talk()
    assert talk.session.feed(b"gimbal moveto p 10 y 20 vp 90 vy 90 seq 7;robot mode ? seq 8;") == ["free seq 8;"]
    assert talk.session.poll() == []
    talk.step(1.0)
    assert talk.session.poll() == ["ok seq 7;"]
    assert talk.session.poll() == []
    assert talk.say("gimbal attitude ?") == "10 20;"


def test_a_move_can_be_told_to_answer_at_once() -> None:
    talk = Talk()
    assert talk.say("gimbal move y 20 vy 90 wait_for_complete false") == "ok;"
    assert talk.say("gimbal move y 20 vy 90 wait_for_complete false") == "fail;"  # it still moves
    talk.step(1.0)
    assert talk.session.poll() == []


def test_a_speed_ends_a_move_and_the_move_says_that_it_failed() -> None:
    talk = Talk()
    assert talk.session.feed(b"chassis move x 1 seq 1;") == []
    assert talk.say("chassis speed x 0 y 0 z 0 seq 2") == "ok seq 2;"
    assert talk.session.poll() == ["fail seq 1;"]


def test_lamps_show_what_they_were_told() -> None:
    talk = Talk()
    talk.say("led control comp bottom_all r 255 g 10 b 0 effect blink")
    talk.say("led control comp top_left r 0 g 0 b 255 effect scrolling")
    assert talk.body.lamps[Led.BOTTOM_BACK].rgb == (255, 10, 0)
    assert talk.body.lamps[Led.BOTTOM_BACK].effect is LedEffect.BLINK
    assert talk.body.lamps[Led.TOP_LEFT].effect is LedEffect.SCROLLING
    assert Led.TOP_RIGHT not in talk.body.lamps


def test_modules_keep_what_they_are_set_to() -> None:
    talk = Talk()
    talk.say("pwm value 5 30")  # ports 1 and 3
    assert [port for port, percent in talk.rover.modules.pwm_percent.items() if percent == 30] == [1, 3]
    talk.say("servo angle id 2 angle -45")
    assert talk.say("servo angle id 2 ?") == "-45;"
    talk.say("servo speed id 2 speed 90")
    talk.step(0.5)
    talk.say("servo stop")
    assert float(talk.say("servo angle id 2 ?").removesuffix(";")) == pytest.approx(0.0, abs=3.0)
    talk.say("robotic_arm moveto x 10 y 5")
    talk.say("robotic_arm move x -1 y 2")
    assert talk.say("robotic_arm position ?") == "9 7;"
    talk.say("robotic_gripper close level 2")
    assert talk.say("robotic_gripper status ?") == "0;"
    talk.rover.modules.adc[2, 1] = 512
    assert talk.say("sensor_adapter adc id 2 port 1 ?") == "512;"
    talk.say("blaster bead 3")
    talk.say("blaster fire")
    assert (talk.say("blaster bead ?"), talk.rover.modules.shots) == ("3;", [("bead", 3)])


def test_streams_are_switched_and_an_s1_refuses_its_camera() -> None:
    talk = Talk()
    talk.say("stream on")
    talk.say("audio on")
    assert talk.video.is_on
    assert talk.audio.is_on
    talk.say("stream off")
    assert not talk.video.is_on
    assert Talk(Identity.s1()).say("stream on") == "fail;"
    session = Session(Desk(Rover(NoBody())))
    assert session.feed(b"command;stream on;audio on;stream off;") == ["ok;", "fail;", "fail;", "ok;"]


def test_pushes_come_at_their_rates_of_the_rover_s_time() -> None:
    talk = Talk()
    talk.say("chassis push position on pfreq 10 attitude on afreq 50 status on")
    talk.say("gimbal push attitude on afreq 1")
    sent: list[str] = []
    for _ in range(400):  # 4 s
        sent += talk.desk.pushes.due(talk.rover)
        talk.step(0.01)
    count = {prefix: sum(each.startswith(prefix) for each in sent) for prefix in {_head(each) for each in sent}}
    assert count == {
        "chassis push position": 40,
        "chassis push attitude": 200,
        "chassis push status": 20,
        "gimbal push attitude": 4,
    }
    assert {len(each.split()) for each in sent} == {5, 6, 14}  # x y; pitch roll yaw (pitch yaw); eleven flags


def _head(datagram: str) -> str:
    return " ".join(datagram.split()[:3])


def test_one_freq_goes_for_all_and_a_push_is_switched_off_alone() -> None:
    talk = Talk()
    talk.say("chassis push freq 20 position on pfreq 1 attitude on")
    assert talk.desk.pushes.rates_hz == {Attribute.POSITION: 20, Attribute.ATTITUDE: 20}
    talk.say("chassis push position off")
    assert talk.desk.pushes.rates_hz == {Attribute.ATTITUDE: 20}


def test_pushes_after_a_pause_of_the_whole_process_do_not_come_in_a_heap() -> None:
    talk = Talk()
    talk.say("chassis push attitude on afreq 50")
    talk.desk.pushes.due(talk.rover)
    talk.rover.step(talk.rover.now_s + 60.0)
    heap = 0
    while talk.desk.pushes.due(talk.rover):
        heap += 1
    assert heap <= 2


def test_quit_stops_and_resets_and_another_client_may_come() -> None:
    talk = Talk()
    for message in (
        "robot mode chassis_lead", "armor sensitivity 9", "armor event hit on", "chassis push position on",
        "stream on", "audio on", "gimbal suspend", "camera exposure small", "chassis speed x 1",
    ):  # fmt: skip
        assert talk.say(message) == "ok;"
    talk.step(0.1)
    assert talk.say("quit") == "ok;"
    assert talk.body.sensed.x_mps == 0.0
    assert (talk.rover.mode, talk.rover.sensitivity, talk.rover.gimbal_suspended) == (Mode.FREE, 5, False)
    assert (talk.desk.events, talk.desk.settings, talk.desk.pushes.rates_hz) == (set(), {}, {})
    assert not talk.video.is_on
    assert not talk.audio.is_on
    assert talk.session.feed(b"robot mode ?;chassis speed x 1;quit;") == []
    assert Session(talk.desk).feed(b"command;") == ["ok;"]


def test_before_command_nothing_is_answered_or_done() -> None:
    rover = Rover(NoBody())
    session = Session(Desk(rover))
    assert session.feed(b"robot mode ?;chassis speed x 1;dance;quit;seq x;" + b"x" * 5000 + b";") == []
    assert session.feed(b"command;robot mode ?;") == ["ok;", "free;"]


def test_only_one_client_has_the_rover() -> None:
    desk = Desk(Rover(NoBody()))
    first, second = Session(desk), Session(desk)
    assert first.feed(b"command;") == ["ok;"]
    assert second.feed(b"command;chassis speed x 1;quit;command seq 3;") == ["fail;", "fail seq 3;"]
    assert first.has_rover
    first.close()
    assert second.feed(b"command;") == ["ok;"]
    first.close()  # again: it has no say any more
    assert second.has_rover


def test_hits_and_events_are_switched_by_their_words() -> None:
    talk = Talk()
    for message, name in (
        ("armor event hit", "armor hit"),
        ("sound event applause", "sound applause"),
        ("sensor_adapter event io_level", "sensor_adapter io_level"),
    ):
        talk.say(f"{message} on")
        assert name in talk.desk.events
        talk.say(f"{message} off")
        assert name not in talk.desk.events
    talk.rover.hit(Hit(HitSide.FRONT, HitKind.HAND))  # nobody listens
