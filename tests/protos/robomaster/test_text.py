"""The text protocol: the same messages however they arrive, and commands held to their ranges."""

import contextlib
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadMessageError
from protos.robomaster.text import (
    MESSAGE_MAX_BYTES,
    Message,
    Push,
    Splitter,
    UnknownCommandError,
    command,
    format_number,
    parse,
    pushes,
    recognise,
)
from protos.robomaster.text_commands import COMMANDS, Arg, TextCommand


@given(st.binary(max_size=3000) | st.text("ab ;\n", max_size=200).map(str.encode), st.lists(st.integers(0, 3000)))
def test_messages_are_the_same_however_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    whole, pieces = Splitter(), Splitter()
    expected = whole.feed(stream)
    found = [message for start, end in itertools.pairwise(edges) for message in pieces.feed(stream[start:end])]
    assert found == expected
    assert pieces.dropped_messages == whole.dropped_messages
    assert pieces.feed(b";") == whole.feed(b";")


def test_blanks_and_line_ends_do_not_matter_and_empty_messages_are_none() -> None:
    assert Splitter().feed(b" ok ;;\r\n ; chassis   speed ?;half") == ["ok", "chassis speed ?"]


def test_a_message_without_end_is_dropped_and_the_next_one_is_read() -> None:
    splitter = Splitter()
    for _ in range(MESSAGE_MAX_BYTES // 100 + 5):
        assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"still the same;version ?;") == ["version ?"]
    assert splitter.dropped_messages == 1


def test_seq_is_taken_off_the_end() -> None:
    assert parse("robot mode free seq 17") == Message(("robot", "mode", "free"), 17)
    assert str(parse("ok seq 3")) == "ok seq 3"
    assert parse("ok").seq is None


@pytest.mark.parametrize("message", ["", "   ", "seq 3", "ok seq", "ok seq x", "ok seq -1", "ok seq 1 2", "ok seq ²"])
def test_a_message_without_words_or_with_a_broken_seq_is_refused(message: str) -> None:
    with pytest.raises(BadMessageError):
        parse(message)


EXAMPLES = [
    ("command", "command", {}),
    ("version", "version ?", {}),
    ("version ?", "version ?", {}),
    ("robot mode chassis_lead", "robot mode", {"mode": "chassis_lead"}),
    ("robot battery ?", "robot battery ?", {}),
    ("chassis speed x 0.1 y 0.1 z 1", "chassis speed", {"x": 0.1, "y": 0.1, "z": 1.0}),
    ("chassis wheel w2 20 w1 10 w3 16 w4 10", "chassis wheel", {"w1": 10.0, "w2": 20.0, "w3": 16.0, "w4": 10.0}),
    ("chassis move x 0.1 vxy 0.5", "chassis move", {"x": 0.1, "vxy": 0.5}),
    ("chassis move z 90 wait_for_complete false", "chassis move", {"z": 90.0, "wait_for_complete": "false"}),
    ("chassis speed ?", "chassis speed ?", {}),
    ("chassis push attitude on afreq 5 status on", "chassis push", {"attitude": "on", "afreq": 5, "status": "on"}),
    ("gimbal moveto p 10 y -20 vp 0.1", "gimbal moveto", {"p": 10.0, "y": -20.0, "vp": 0.1}),
    ("blaster bead 2", "blaster bead", {"n": 2}),
    ("armor event hit on", "armor event hit", {"on": "on"}),
    (
        "led control comp all r 255 g 0 b 0 effect solid",
        "led control",
        {"comp": "all", "r": 255, "g": 0, "b": 0, "effect": "solid"},
    ),
    ("pwm value 1f 50", "pwm value", {"mask": 0x1F, "value": 50.0}),
    ("AI push marker on line on", "AI push", {"marker": "on", "line": "on"}),
    ("ir_distance_sensor distance 1 ?", "ir_distance_sensor distance ?", {"id": 1}),
    ("servo angle id 1 ?", "servo angle ?", {"id": 1}),
    ("sensor_adapter adc id 1 port 2 ?", "sensor_adapter adc ?", {"id": 1, "port": 2}),
    ("sensor_adapter pulse_period id 1 port 1", "sensor_adapter pulse_period", {"id": 1, "port": 1}),
    ("robotic_gripper open 1", "robotic_gripper open", {"level": 1}),
    ("robotic_gripper open level 2", "robotic_gripper open", {"level": 2}),
    ("robotic_gripper close", "robotic_gripper close", {}),
]


@pytest.mark.parametrize(("message", "name", "values"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_commands_as_the_documents_show_them(message: str, name: str, values: dict[str, object]) -> None:
    call = recognise(parse(message).tokens)
    assert call.name == name
    assert call.values == values


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("chassis speed x 3.6", "not within -3.5 to 3.5"),
        ("chassis speed x nan", "no number"),
        ("chassis speed x 1_0", "no number"),
        ("chassis speed x", "has no value"),
        ("chassis speed x 1 x 2", "twice"),
        ("chassis speed q 1", "unknown"),
        ("chassis move vz 0", "not within 0 to 600"),
        ("chassis push pfreq 7", "not within 1, 5, 10"),
        ("robot mode fast", "none of chassis_lead"),
        ("robot mode", "mode is missing"),
        ("led control r 1", "comp is missing"),
        ("blaster bead 1.5", "no whole number"),
        ("armor sensitivity 0", "not within 1 to 10"),
        ("pwm value xyz 50", "no number"),
    ],
)
def test_arguments_out_of_their_range_are_refused(message: str, why: str) -> None:
    with pytest.raises(BadMessageError, match=why) as caught:
        recognise(parse(message).tokens)
    assert not isinstance(caught.value, UnknownCommandError)


@pytest.mark.parametrize("tokens", [(), ("dance",), ("chassis",), ("chassis", "fly"), ("robot", "mode", "free", "?")])
def test_other_words_are_no_command(tokens: tuple[str, ...]) -> None:
    with pytest.raises(BadMessageError):
        recognise(tokens)


@given(st.lists(st.sampled_from(["chassis", "speed", "x", "?", "led", "1", "nan", "comp", "seq", "²", "-", "1e999"])))
def test_no_words_make_it_raise_anything_else(words: list[str]) -> None:
    with contextlib.suppress(BadMessageError):
        recognise(parse(" ".join(words)).tokens)


def values_for(arg: Arg) -> st.SearchStrategy[float | int | str]:
    if arg.choices:
        return st.sampled_from(arg.choices)
    if arg.among:
        return st.sampled_from(arg.among)
    if arg.is_whole or arg.is_hex:
        return st.integers(int(arg.low), int(arg.high))
    return st.integers(math.ceil(arg.low * 1000) + arg.above_low, int(arg.high * 1000)).map(lambda n: n / 1000)


@st.composite
def calls(draw: st.DrawFn) -> tuple[TextCommand, dict[str, float | int | str]]:
    about = draw(st.sampled_from(list(COMMANDS.values())))
    taken = [arg for arg in (*about.positional, *about.keywords) if arg.required or draw(st.booleans())]
    return about, {arg.name: draw(values_for(arg)) for arg in taken}


@given(calls(), st.none() | st.integers(0, 99999))
def test_a_command_that_is_written_is_read_again(
    call: tuple[TextCommand, dict[str, float | int | str]], seq: int | None
) -> None:
    about, values = call
    (message,) = Splitter().feed(command(about.name, seq, **values).encode())
    parsed = parse(message)
    again = recognise(parsed.tokens)
    assert (again.name, again.values, parsed.seq) == (about.name, values, seq)


def test_what_the_robot_would_refuse_is_not_written() -> None:
    assert command("chassis speed", 7, x=0.5, y=-0.000001, z=1e-3) == "chassis speed x 0.5 y 0 z 0.001 seq 7;"
    for values in ({"x": 4.0}, {"x": math.nan}, {"q": 1.0}):
        with pytest.raises(ValueError, match=r"x|q|number"):
            command("chassis speed", **values)
    with pytest.raises(ValueError, match="mode is missing"):
        command("robot mode")


@given(st.floats(-1e6, 1e6))
def test_numbers_have_no_exponent(value: float) -> None:
    text = format_number(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, abs=1e-4)


def test_a_call_gives_its_values_with_defaults() -> None:
    call = recognise(parse("chassis push position on pfreq 10").tokens)
    assert call.is_on("position") is True
    assert call.is_on("attitude") is None
    assert call.number("pfreq") == 10
    assert call.number("freq", 5) == 5
    assert call.word("nothing") == ""


def test_several_pushes_in_one_datagram() -> None:
    position, attitude, status = pushes(b"chassis push position 0.1 0.2 ; attitude 1 2 3 ; status 1 0;")
    assert position == Push("chassis", "position", ("0.1", "0.2"))
    assert position.numbers(2) == (0.1, 0.2)
    assert attitude == Push("chassis", "attitude", ("1", "2", "3"))
    assert str(status) == "chassis push status 1 0"
    (hit,) = pushes(b"armor event hit 2 1 ;")
    assert hit == Push("armor", "hit", ("2", "1"), is_event=True)


@given(st.binary(max_size=200))
def test_no_datagram_makes_it_raise(datagram: bytes) -> None:
    for push in pushes(datagram):
        try:
            push.numbers(2)
        except BadMessageError:
            continue


@pytest.mark.parametrize("words", [("1",), ("1", "x"), ("nan", "1"), ("inf", "1")])
def test_a_push_without_its_numbers_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BadMessageError):
        Push("chassis", "position", words).numbers(2)
