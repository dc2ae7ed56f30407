"""From a message to an object: what a wrong clock, a wrong name and a wrong picture become."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.config import StoreConfig
from archive.face import NO_TRACK, Face, hash_of, to_text
from archive.intake import Accepted, accept
from archive.keys import UNDATED, Key
from archive.mqtt import Mail
from archive.pictures import Format, encode, fields_in
from archive.topics import REMOTE, FaceTopic
from common.errors import BadImageError

NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
CONFIG = StoreConfig(max_payload_mb=0.02, max_image_px=10_000)
PIXELS = np.random.default_rng(3).integers(0, 256, (20, 16, 3), np.uint8)
FACE = Face("rover", "a1-7", NOW - timedelta(seconds=1), 0.9, edge="edge-1")


def picture(fields: dict[str, str] | None = None, format: Format = Format.PNG) -> bytes:
    return encode(PIXELS, fields or {}, format)


def take(payload: bytes, fields: dict[str, str] | None = None, topic: str = "archive/rover/faces") -> Accepted:
    return accept(Mail(topic, payload, fields or {}), FaceTopic(REMOTE), CONFIG, NOW)


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("where", ["properties", "picture", "both"])
def test_fields_are_taken_from_where_they_are(format: Format, where: str) -> None:
    inside = {} if where == "properties" else FACE.fields()
    accepted = take(picture(inside, format), {} if where == "picture" else FACE.fields())
    assert accepted.face == FACE
    assert str(accepted.key).startswith("2026-11-27/rover/a1-7/095959.000000-")
    assert not accepted.clock_is_wrong
    assert format is Format.PNG or fields_in(accepted.png) == FACE.fields()


def test_properties_that_a_broker_or_bridge_adds_do_not_hide_what_the_picture_says() -> None:
    assert take(picture(FACE.fields()), {"trace-id": "4711"}).face == FACE


def test_properties_win_over_what_the_picture_says() -> None:
    assert take(picture(FACE.fields()), FACE.fields() | {"track": "b2-8"}).face.track == "b2-8"


def test_the_robot_of_the_topic_wins_over_every_field() -> None:
    fields = FACE.fields() | {"robot": "somebody-else"}
    for accepted in (take(picture(fields)), take(picture(), fields)):
        assert (accepted.face.robot, accepted.key.robot) == ("rover", "rover")


def test_the_same_message_is_the_same_object_whenever_it_comes() -> None:
    mail = Mail("archive/rover/faces", picture(FACE.fields()))
    keys = {str(accept(mail, FaceTopic(REMOTE), CONFIG, NOW + timedelta(days=d)).key) for d in (0, 1, 400)}
    assert len(keys) == 1
    undated = Mail("archive/rover/faces", picture())
    keys = {str(accept(undated, FaceTopic(REMOTE), CONFIG, NOW + timedelta(days=d)).key) for d in (0, 1, 400)}
    assert keys == {f"{UNDATED}/rover/{NO_TRACK}/{hash_of(undated.payload)}.png"}


@pytest.mark.parametrize(
    ("time", "is_wrong"),
    [
        (to_text(NOW + timedelta(seconds=299)), False),
        (to_text(NOW + timedelta(seconds=301)), True),
        ("9999-12-31T23:59:59Z", True),
        ("1970-01-01T00:00:05Z", True),
        ("2014-12-31T23:59:59Z", True),
        ("2015-01-01T00:00:00Z", False),
    ],
)
def test_a_time_that_no_right_clock_gave_makes_the_face_undated(time: str, is_wrong: bool) -> None:
    accepted = take(picture(), FACE.fields() | {"time": time})
    assert accepted.clock_is_wrong == is_wrong
    assert (accepted.key.day == UNDATED) == is_wrong
    assert ("time" in accepted.face.fields()) != is_wrong


@pytest.mark.parametrize("time", ["", "2026-11-27T09:59:59", "now"])
def test_a_face_that_says_no_time_is_undated_without_blaming_a_clock(time: str) -> None:
    accepted = take(picture(), {"time": time})
    assert (accepted.key.day, accepted.clock_is_wrong) == (UNDATED, False)


def test_what_is_too_large_is_refused_with_the_setting_named() -> None:
    with pytest.raises(BadImageError, match=r"20001 bytes are more than max_payload_mb \(0\.02\)"):
        take(bytes(20_001))
    with pytest.raises(BadImageError, match="101x100 is larger than 10000 pixels"):
        take(encode(np.zeros((100, 101, 3), np.uint8), {}, Format.PNG))


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x89PNG\r\n\x1a\n", picture()[:200]])
@pytest.mark.parametrize("fields", [{}, {"robot": "rover"}])
def test_what_is_no_whole_picture_is_refused(payload: bytes, fields: dict[str, str]) -> None:
    with pytest.raises(BadImageError):
        take(payload, fields)


@pytest.mark.parametrize(
    "topic", ["", "archive/faces", "archive//faces", "archive/../faces", "archive/$x/faces", "x/y"]
)
def test_a_topic_without_a_robot_is_refused(topic: str) -> None:
    with pytest.raises(BadImageError, match="names no robot"):
        take(picture(), topic=topic)


@given(
    st.dictionaries(st.sampled_from(sorted(FACE.fields())), st.text(st.characters(codec=None), max_size=80)),
    st.booleans(),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=70),
)
@settings(max_examples=200)
def test_whatever_a_message_says_it_is_an_object_or_refused(fields: dict[str, str], inside: bool, robot: str) -> None:
    try:
        accepted = take(picture(fields if inside else {}), {} if inside else fields, f"archive/{robot}/faces")
    except BadImageError:
        assert FaceTopic(REMOTE).robot_in(f"archive/{robot}/faces") is None
        return
    key = str(accepted.key)
    assert Key.parse(key) == accepted.key
    assert len(key) < 900
    assert all(len(part) <= 255 for part in key.split("/"))
