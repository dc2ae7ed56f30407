"""Where an object lies can be read back, and never lies anywhere else, whatever robots and tracks are called."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.bucket import Bucket
from archive.config import StorageConfig
from archive.face import MAX_NAME_BYTES, Face, short_name
from archive.keys import UNDATED, Key, is_day, segment

NASTY = ["..", ".", "...", "/", "../../etc", "%", "%2F", "%2e%2e", "", "\x00", "a\x00b", "\\", "a\\..\\b", "CON", "~"]
NASTY += ["-rf", "#1", "a#1", "a?b", "a b", "\n", "é", "e\u0301", "😀", "\u202e", "index", "forgotten", "x" * 1000, "*"]
NAMES = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8"))
TIMES = st.none() | st.datetimes(datetime(2015, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # it adds the zone
HASHES = st.from_regex("[0-9a-f]{16}", fullmatch=True)


def key_of(robot: str, track: str, time: datetime | None, hash_: str) -> Key:
    return Key.of(Face(robot, track, time), hash_)


@given(NAMES.filter(bool), NAMES.filter(bool), TIMES, HASHES)
@settings(max_examples=300)
def test_a_key_comes_back_from_its_path_as_it_was(robot: str, track: str, time: datetime | None, hash_: str) -> None:
    key = key_of(robot, track, time, hash_)
    assert Key.parse(str(key)) == key


@given(NAMES, NAMES, TIMES, HASHES)
@settings(max_examples=300)
def test_a_path_has_four_harmless_parts_always(robot: str, track: str, time: datetime | None, hash_: str) -> None:
    path = str(key_of(robot, track, time, hash_))
    parts = path.split("/")
    assert len(parts) == 4
    assert len(PurePosixPath(path).parts) == 4
    assert all(part and not part.startswith(".") for part in parts)
    assert path.isascii()
    assert path.isprintable()
    assert not set(path) & set(" \\\"'`$&|;<>*?#:@=+{}[]()!\n\x00")
    assert is_day(parts[0])
    assert (parts[0] == UNDATED) == (time is None)


@given(NAMES.filter(bool), NAMES.filter(bool))
def test_two_names_are_never_one_part(one: str, other: str) -> None:
    assert (segment(one) == segment(other)) == (one == other)


@given(st.text(st.characters(codec=None)))
def test_a_name_that_can_be_published_fits_into_every_file_system(text: str) -> None:
    name = short_name(text)
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert len(segment(name)) <= 255
    assert len(str(key_of(name, name, datetime(2026, 1, 1, tzinfo=UTC), "0" * 16))) < 900  # of S3's 1024


def test_a_name_that_no_encoding_has_is_no_error() -> None:
    assert segment("\ud800").isascii()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_on_a_real_folder_every_object_stays_below_it_and_can_be_found() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        bucket = Bucket(StorageConfig(url=f"file://{root}"))
        wanted = {}
        for number, name in enumerate(short_name(name) or "empty" for name in NASTY):
            time = datetime(2026, 11, 27, 10, 0, 0, number, tzinfo=UTC)
            key = key_of(name, name, time, f"{number:016x}")
            wanted[str(key)] = key
            await bucket.put(str(key), name.encode(), "image/png")
        files = files_in(Path(folder))
        assert {str(path.relative_to(root)) for path in files} == set(wanted)
        assert all(path.resolve().is_relative_to(root.resolve()) for path in files)
        async for found in bucket.listing():
            for each in found:
                assert Key.parse(each.path) == wanted.pop(each.path)
        assert not wanted


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "2026-11-27/rover/t1",
        "2026-11-27/rover/t1/093000.000000-0123456789abcdef.png/x",
        "2026-11-27/rover/t1/093000.000000-0123456789abcdef.jpg",
        "2026-11-27/rover/t1/093000-0123456789abcdef.png",
        "2026-11-27/rover/t1/0123456789abcdef.png",
        "undated/rover/t1/093000.000000-0123456789abcdef.png",
        "2026-02-30/rover/t1/093000.000000-0123456789abcdef.png",
        "2026-11-27/rover/t1/253000.000000-0123456789abcdef.png",
        "2026-11-27/rover/t1/093000.000000-0123456789ABCDEF.png",
        "2026-11-27/rover/t1/093000.000000-0123456789abcdef.png\n",
        "index/2026-11-27/store-1-L0.jsonl",
        "forgotten/x/y/0123456789abcdef.png",
        "27-11-2026/rover/t1/093000.000000-0123456789abcdef.png",
    ],
)
def test_what_is_no_face_of_ours_is_none(path: str) -> None:
    assert Key.parse(path) is None


def test_midnight_belongs_to_the_day_that_begins() -> None:
    key = key_of("rover", "t1", datetime(2026, 11, 28, tzinfo=UTC), "0123456789abcdef")
    assert str(key) == "2026-11-28/rover/t1/000000.000000-0123456789abcdef.png"
