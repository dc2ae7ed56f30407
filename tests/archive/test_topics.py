"""Names of topics, and the receipts that come back on them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import receipts
from archive.receipts import MAX_TICKETS, Receipt
from archive.topics import LOCAL, REMOTE, FaceTopic, check_robot
from common.errors import ConfigError

SPOOL = "0123456789abcdef"
BAD_ROBOTS = ["", ".", "..", "a/b", "a+", "#", "$SYS", "a\x00", "a\nb", "\x7f", "\x9f", "\ud800", "\ufffe", "x" * 65]
BAD_ROBOTS += ["é" * 41]  # 82 bytes, 246 percent-encoded
GOOD_ROBOTS = ["rover-1", "x" * 64, "é" * 40, "a b", "%2F", "a$b", "...", "~", "小车"]


@pytest.mark.parametrize("name", GOOD_ROBOTS)
def test_a_robot_is_found_in_its_own_topic(name: str) -> None:
    topic = FaceTopic(LOCAL)
    assert topic.robot_in(topic.of(name)) == name
    assert check_robot(name) == name


@pytest.mark.parametrize("name", BAD_ROBOTS)
def test_a_robot_that_cannot_be_in_a_topic_is_refused_with_the_setting_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"robot_id: .* cannot be part of an MQTT topic.*for example"):
        FaceTopic(LOCAL).of(name)
    with pytest.raises(ConfigError, match=r"^camera\.name: "):
        check_robot(name, "camera.name")


@pytest.mark.parametrize("name", BAD_ROBOTS)
def test_nor_is_such_a_name_taken_out_of_one(name: str) -> None:
    """Whoever takes a message from one topic has to be able to send it to the other."""
    assert FaceTopic(LOCAL).robot_in(f"tagalong/{name}/faces") is None


@given(st.text(st.characters(codec=None), max_size=70))
def test_what_is_taken_out_can_be_published(name: str) -> None:
    robot = FaceTopic(LOCAL).robot_in(f"tagalong/{name}/faces")
    assert robot is None or FaceTopic(REMOTE).of(robot) == f"archive/{name}/faces"


@pytest.mark.parametrize(
    "topic",
    ["", "tagalong", "tagalong/rover", "tagalong/rover/face", "tagalong/rover/faces/more", "/tagalong/rover/faces"],
)
def test_another_topic_is_nobodys(topic: str) -> None:
    assert FaceTopic(LOCAL).robot_in(topic) is None


def test_local_and_remote_topics_are_kept_apart() -> None:
    assert FaceTopic(REMOTE).robot_in(FaceTopic(LOCAL).of("rover")) is None
    assert FaceTopic(LOCAL).filter == "tagalong/+/faces"


def test_the_robot_may_stand_anywhere() -> None:
    assert FaceTopic("{robot}").robot_in("rover") == "rover"
    assert FaceTopic("a/b/{robot}").robot_in("a/b/rover") == "rover"


@pytest.mark.parametrize(
    "pattern", ["", "faces", "{robot}/{robot}", "a{robot}/b", "+/{robot}", "{robot}/#", "{x}/{robot}"]
)
def test_a_pattern_without_exactly_one_robot_says_how_to_write_it(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"exactly one of them \{robot\}.*for example tagalong/\{robot\}/faces"):
        FaceTopic(pattern)


# ---- receipts ----


NUMBERS = st.lists(st.integers(0, 10**18 - 1))
MINE, OTHER = "0123456789abcdef", "fedcba9876543210"


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_receipt_comes_back_as_it_was_written_and_says_nothing_of_another_spool(
    stored: list[int], refused: list[int], others: list[int]
) -> None:
    mine = [[receipts.ticket(MINE, number) for number in numbers] for numbers in (stored, refused)]
    other = [receipts.ticket(OTHER, number) for number in others]
    written = receipts.write(other + mine[0], mine[1] + other)
    assert receipts.read(written, MINE) == Receipt(tuple(stored), tuple(refused))
    assert receipts.read(written, OTHER) == Receipt(tuple(others), tuple(others))


@given(st.lists(st.binary(max_size=40)))
def test_correlation_data_of_strangers_is_left_out(garbage: list[bytes]) -> None:
    written = receipts.write([*garbage, receipts.ticket(MINE, 7)], garbage)
    assert receipts.read(written, MINE) == Receipt((7,))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(f"{MINE}.7"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["stored", "refused", "x"]), inner),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_receipt_is_no_error(payload: bytes) -> None:
    receipt = receipts.read(payload, MINE)
    assert set(receipt.stored + receipt.refused) <= {7}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[" * 100_000,
        b'{"stored": 7}',
        b'{"stored": "0123456789abcdef.7"}',
        b'{"stored": {"0123456789abcdef.7": 7}}',
        b'{"stored": ["0123456789abcdef.7"], "refused": "x"}',
        b'{"stored": [true, 1.0, 7, "7", null, ["0123456789abcdef.7"], "0123456789abcdef.7\\n", "0123456789ABCDEF.7"]}',
        b'{"stored": ["0123456789abcdef.' + b"9" * 5000 + b'"]}',
        b'{"stored": [' + b"9" * 5000 + b"]}",
        json.dumps({"stored": [f"{MINE}.7"] * (MAX_TICKETS + 1)}).encode(),
        b"\xff\xfe\x00",
    ],
)
def test_nothing_is_confirmed_by_garbage(payload: bytes) -> None:
    assert receipts.read(payload, MINE) == Receipt()


@pytest.mark.parametrize(
    "topic",
    ["", "archive-receipts", "archive-receipts/", "archive-receipts/a/b", "archive/rover/faces", "archive-receipts/+"],
)
def test_the_store_answers_only_where_receipts_go(topic: str) -> None:
    assert not receipts.is_topic(topic)
    assert receipts.is_topic(receipts.topic_of("forwarder"))
