"""What is known of a face travels as text and comes back; garbage is worth nothing and breaks nothing."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.face import MAX_NAME, MAX_NAME_BYTES, NO_TRACK, WHOLE, Face, from_text, hash_of, plain, short_name, to_text
from protos.messages import Box

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)  # lone surrogates, too: JSON can hold them
TIMES = st.datetimes(timezones=st.just(UTC))
PLACES = st.integers(0, 50_000).map(lambda n: n / 100_000)
SIDES = st.integers(1, 50_000).map(lambda n: n / 100_000)
BOXES = st.builds(Box, PLACES, PLACES, SIDES, SIDES)
SHARES = st.integers(0, 10_000).map(lambda n: n / 10_000)
NAMES = st.from_regex(r"[A-Za-z0-9é./%-]{1,40}", fullmatch=True)


@given(st.builds(Face, NAMES, NAMES, st.none() | TIMES, SHARES, BOXES, NAMES, SHARES))
def test_a_face_comes_back_from_its_fields_as_it_was(face: Face) -> None:
    assert Face.from_fields(face.fields(), face.robot) == face


@given(st.dictionaries(st.sampled_from(list(Face("r", time=datetime(2026, 1, 1, tzinfo=UTC)).fields())), ANY_TEXT))
def test_garbage_in_fields_is_no_error_and_what_comes_out_makes_sense(fields: dict[str, str]) -> None:
    face = Face.from_fields(fields, "rover")
    assert face.robot == "rover"
    assert 0 < len(face.track) <= MAX_NAME
    assert len(face.track.encode()) <= MAX_NAME_BYTES
    assert 0 <= face.confidence <= 1
    assert 0 <= face.quality <= 1
    assert face.box.is_sane
    assert face.time is None or face.time.tzinfo is UTC
    assert Face.from_fields(face.fields(), "rover").fields() == face.fields()  # it can go on as it is


@given(ANY_TEXT, ANY_TEXT)
def test_no_field_holds_what_a_broker_hangs_up_on(track: str, edge: str) -> None:
    made = Face("rover", track, edge=edge)
    for face in (made, Face.from_fields({"track": track, "edge": edge}, "rover")):
        for text in face.fields().values():
            text.encode()  # no lone surrogate
            assert plain(text) == text
    assert plain("\x00a\n\x7f\x9f\ufdd0\uffff\U0010fffe") == "_a______"
    assert plain("Zoë 小 ‮ 😀") == "Zoë 小 ‮ 😀"


@given(ANY_TEXT)
def test_a_shortened_name_stays_the_same_when_it_is_shortened_again(text: str) -> None:
    assert short_name(short_name(text)) == short_name(text)


def test_a_field_cannot_contradict_the_topic() -> None:
    assert Face.from_fields({"robot": "somebody-else"}, "rover").robot == "rover"


@pytest.mark.parametrize("track", ["", "   ", "\u3000"])
def test_no_track_is_called_untracked(track: str) -> None:
    assert Face.from_fields({"track": track}, "rover").track == NO_TRACK


@given(TIMES)
def test_every_time_comes_back_from_its_text(time: datetime) -> None:
    assert from_text(to_text(time)) == time


@given(TIMES)
def test_texts_of_times_sort_as_the_times_do(time: datetime) -> None:
    assert len(to_text(time)) == len("2026-11-27T10:54:03.123456Z")


def test_a_time_of_another_zone_is_the_same_moment_in_utc() -> None:
    time = from_text("2026-11-27T12:54:03+02:00")
    assert time == datetime(2026, 11, 27, 10, 54, 3, tzinfo=UTC)
    assert time is not None
    assert to_text(time.astimezone(timezone(timedelta(hours=-9)))) == "2026-11-27T10:54:03.000000Z"


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-11-27T10:54:03", "2026-11-27", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_time_without_a_zone_or_beyond_the_calendar_is_none(text: str) -> None:
    assert from_text(text) is None


@pytest.mark.parametrize(("text", "share"), [("nan", 0.0), ("inf", 0.0), ("-inf", 0.0), ("-3", 0.0), ("7", 1.0)])
def test_a_confidence_is_between_0_and_1(text: str, share: float) -> None:
    face = Face.from_fields({"confidence": text, "quality": text}, "rover")
    assert (face.confidence, face.quality) == (share, share)
    assert not math.isnan(face.confidence)


@pytest.mark.parametrize("text", ["0,0,0,0", "0,0,2,2", "nan,0,1,1", "0,0,1", "0,0,1,1,1", "a,b,c,d", "-1,0,1,1", ","])
def test_a_box_that_is_none_is_the_whole_crop(text: str) -> None:
    assert Face.from_fields({"box": text}, "rover").box == WHOLE


NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)
OLDEST = datetime(2015, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "is_believed"),
    [
        (NOW, True),
        (NOW + timedelta(seconds=300), True),
        (NOW + timedelta(seconds=301), False),
        (NOW - timedelta(days=3650), True),
        (OLDEST, True),
        (OLDEST - timedelta(microseconds=1), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (datetime.max.replace(tzinfo=UTC), False),
        (None, True),
    ],
)
def test_only_a_time_that_a_right_clock_can_have_given_is_kept(time: datetime | None, is_believed: bool) -> None:
    face = Face("rover", "t1", time)
    assert face.trusted(NOW, 300.0, OLDEST).time == (time if is_believed else None)
    assert face.trusted(NOW, 300.0, OLDEST).track == "t1"


def test_hashes_tell_pictures_apart() -> None:
    assert hash_of(b"one") != hash_of(b"other")
    assert hash_of(b"one") == hash_of(bytes(bytearray(b"one")))
    assert len(hash_of(b"")) == 16
