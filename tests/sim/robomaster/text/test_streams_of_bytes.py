"""What TCP makes of commands: split anywhere, merged, mixed with garbage."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.robomaster.body import NoBody
from sim.robomaster.rover import Rover
from sim.robomaster.text.desk import Desk
from sim.robomaster.text.session import Session

TALK = (
    b"command;robot mode ? seq 1;chassis speed x 0.5 y 0 z 0 seq 2; \r\nversion;dance;"
    + b"a" * 1500
    + b";chassis speed x 99;led control comp all r 1 g 2 b 3 effect solid seq 3;;\xff\xfe;gimbal attitude ?;"
    b"command;quit;robot mode ?;command seq 4;seq;robot battery ? seq 5;"
)
REPLIES = [
    "ok;", "free seq 1;", "ok seq 2;", "version 00.00.00.68;", "command parse error;",
    "command parse error;", "command format error;", "ok seq 3;", "command parse error;", "0 0;",
    "Already in SDK mode;", "ok;", "ok seq 4;", "command format error;", "100 seq 5;",
]  # fmt: skip


def session() -> Session:
    return Session(Desk(Rover(NoBody())))


def test_the_talk_in_one_piece() -> None:
    assert session().feed(TALK) == REPLIES


@settings(max_examples=200)
@given(st.lists(st.integers(0, len(TALK)), max_size=60))
def test_any_split_of_a_stream_gives_the_same_replies(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TALK)]
    talk = session()
    replies = [reply for a, b in pairwise(edges) for reply in talk.feed(TALK[a:b])]
    assert replies == REPLIES


def test_byte_by_byte() -> None:
    talk = session()
    assert [reply for byte in TALK for reply in talk.feed(bytes([byte]))] == REPLIES


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_after_any_bytes_the_next_command_is_answered(garbage: list[bytes]) -> None:
    talk = session()
    assert talk.feed(b"command;") == ["ok;"]
    for data in garbage:
        assert all(reply.endswith(";") and reply.count(";") == 1 for reply in talk.feed(data))
    talk.feed(b";command;")  # whatever was half said, and `quit` may have been among it
    assert talk.feed(b"chassis position ? seq 99;") == ["0 0 0 seq 99;"]


def test_an_endless_message_costs_no_memory_and_is_refused_at_its_end() -> None:
    talk = session()
    talk.feed(b"command;")
    for _ in range(1000):
        assert talk.feed(b"chassis speed x 1 " * 500) == []
    assert len(talk._splitter._rest) <= 1024
    assert talk.feed(b";robot mode ?;") == ["command parse error;", "free;"]
