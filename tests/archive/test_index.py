"""The daily index: many small parts, few large ones, and each face once for who reads it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.bucket import Bucket, StorageError
from archive.config import StorageConfig
from archive.face import NO_TRACK, Face
from archive.index import MAX_PART_BYTES, MERGE_AT, Index, Line, lines_in
from archive.keys import UNDATED, Key
from tests.archive.made import DAY, paths, series

NOW = DAY + timedelta(hours=1)
TODAY, YESTERDAY = (f"{DAY - timedelta(days=days):%Y-%m-%d}" for days in (0, 1))


def lines(robot: str, number: int, begin: datetime = DAY) -> list[Line]:
    return [each.line for each in series(robot, "t1", number, begin)]


def in_memory() -> Bucket:
    return Bucket(StorageConfig(url="memory://"))


async def add_one_by_one(index: Index, some: Sequence[Line]) -> None:
    for number, line in enumerate(some):
        await index.add([line], NOW + timedelta(seconds=number))


class BreakingBucket(Bucket):
    """Its storage goes away at the first delete, or the first put, once `breaks` says so."""

    breaks = ""

    async def delete(self, paths: Sequence[str]) -> None:
        if self.breaks == "delete":
            raise StorageError("storage.url: gone")
        await super().delete(paths)

    async def put(self, path: str, data: bytes, content_type: str, fields: object = None) -> None:
        if self.breaks == "put":
            raise StorageError("storage.url: gone")
        await super().put(path, data, content_type)


async def test_what_was_added_is_read_by_day() -> None:
    index, today, before = Index(in_memory(), "store"), lines("rover", 3), lines("rover", 2, DAY - timedelta(days=1))
    await index.add([*today, *before], NOW)
    assert await index.read(TODAY) == {line.key: line for line in today}
    assert await index.read(YESTERDAY) == {line.key: line for line in before}
    assert await index.read("2001-01-01") == {}
    assert await index.days() == [TODAY, YESTERDAY]


async def test_days_are_newest_first_and_undated_is_last() -> None:
    index = Index(in_memory(), "store")
    face = Face("rover", "t1")
    undated = Line(str(Key.of(face, "0" * 16)), face, NOW, 10)
    await index.add([undated, *lines("rover", 1), *lines("rover", 1, DAY + timedelta(days=40))], NOW)
    assert await index.days() == [f"{DAY + timedelta(days=40):%Y-%m-%d}", TODAY, UNDATED]
    assert (await index.read(UNDATED))[undated.key].time == NOW


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.text(st.characters(codec="utf-8"), max_size=100),
)
def test_a_line_is_one_line_and_comes_back_whatever_the_names_are(robot: str, track: str, edge: str) -> None:
    face = Face(robot, track, DAY, 0.5, edge=edge)
    line = Line(str(Key.of(face, "0123456789abcdef")), face, NOW, 10)
    data = (line.to_json() + "\n").encode()
    assert data.count(b"\n") == 1
    assert len(data.splitlines()) == 1
    back = lines_in(data)[line.key]
    assert (back.face.robot, back.face.track, back.face.time, back.size) == (robot, track, DAY, 10)
    assert Line.from_json(back.to_json()) == back


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "7",
        "null",
        "[]",
        "{}",
        '{"key": 7, "stored": "2026-11-27T10:00:00Z"}',
        '{"key": "2026-11-27/../t1/093000.000000-0123456789abcdef.png"}',
        '{"key": "notes.txt", "stored": "2026-11-27T10:00:00Z"}',
        '{"key": "undated/r/t/0123456789abcdef.png", "stored": "yesterday"}',
        '{"key": "undated/r/t/0123456789abcdef.png", "stored": 7}',
        "[" * 100_000,
        "\ud800",
    ],
)
def test_what_is_no_line_of_ours_is_passed_over(text: str) -> None:
    assert Line.from_json(text) is None
    good = lines("rover", 1)[0]
    assert list(lines_in(f"{text}\n{good.to_json()}\n".encode(errors="replace"))) == [good.key]


def test_fields_of_a_line_that_make_no_sense_are_passed_over() -> None:
    line = lines("rover", 1)[0]
    data = json.loads(line.to_json()) | {"box": 7, "confidence": None, "robot": "other", "track": "x", "bytes": "many"}
    back = Line.from_json(json.dumps(data))
    assert back is not None
    assert (back.face.robot, back.face.track, back.face.confidence, back.size) == ("rover", "t1", 0.0, 0)


async def test_parts_are_merged_at_sixteen_and_nothing_changes_for_readers() -> None:
    bucket = in_memory()
    index, some = Index(bucket, "store"), lines("rover", MERGE_AT + 3)
    assert await index.merge(NOW) == 0
    await add_one_by_one(index, some[: MERGE_AT - 1])
    assert await index.merge(NOW) == 0
    await add_one_by_one(index, some[MERGE_AT - 1 :])
    before = await index.read(TODAY)
    assert await index.merge(NOW) == MERGE_AT
    assert len(await paths(bucket, "index")) == 4
    assert await index.read(TODAY) == before == {line.key: line for line in some}


async def test_merged_parts_are_merged_again() -> None:
    bucket = in_memory()
    index, some = Index(bucket, "store"), lines("rover", (MERGE_AT + 1) * MERGE_AT)
    for start in range(0, len(some), MERGE_AT):
        await add_one_by_one(index, some[start : start + MERGE_AT])
        await index.merge(NOW)
    found = await paths(bucket, "index")
    assert len(found) == 2
    assert any(path.endswith("-L2.jsonl") for path in found)
    assert await index.read(TODAY) == {line.key: line for line in some}


@pytest.mark.parametrize("at", ["delete", "put"])
async def test_a_crash_in_the_middle_of_a_merge_loses_nothing_and_shows_nothing_twice(at: str) -> None:
    bucket = BreakingBucket(StorageConfig(url="memory://"))
    index, some = Index(bucket, "store"), lines("rover", MERGE_AT)
    await add_one_by_one(index, some)
    bucket.breaks = at
    with pytest.raises(StorageError):
        await index.merge(NOW)
    bucket.breaks = ""
    assert await index.read(TODAY) == {line.key: line for line in some}
    again = Index(bucket, "store")  # after a restart
    assert await again.merge(NOW) == MERGE_AT
    assert await again.read(TODAY) == {line.key: line for line in some}


async def test_after_a_storage_that_was_away_the_same_writer_merges_too() -> None:
    bucket = BreakingBucket(StorageConfig(url="memory://"))
    index = Index(bucket, "store")
    await index.merge(NOW)
    await add_one_by_one(index, lines("rover", MERGE_AT))
    bucket.breaks = "put"
    with pytest.raises(StorageError):
        await index.merge(NOW)
    bucket.breaks = ""
    assert await index.merge(NOW) == MERGE_AT


async def test_what_was_left_before_a_restart_is_merged_on_every_day() -> None:
    bucket = in_memory()
    for begin in (DAY, DAY - timedelta(days=9)):
        await add_one_by_one(Index(bucket, "store"), lines("rover", MERGE_AT, begin))
    assert await Index(bucket, "store").merge(NOW) == 2 * MERGE_AT


async def test_two_writers_share_a_bucket_and_leave_each_others_parts_alone() -> None:
    bucket = in_memory()
    one, other = Index(bucket, "store-1"), Index(bucket, "store-2")
    mine, others = lines("rover", MERGE_AT), lines("rover-2", MERGE_AT)
    await add_one_by_one(one, mine)
    await add_one_by_one(other, others)
    assert await one.merge(NOW) == MERGE_AT
    assert len(await paths(bucket, "index")) == 1 + MERGE_AT
    expected = {line.key: line for line in [*mine, *others]}
    assert await one.read(TODAY) == await other.read(TODAY) == expected


async def test_a_part_is_never_written_over_even_if_the_clock_stands_still_or_goes_back() -> None:
    bucket = in_memory()
    index, some = Index(bucket, "store"), lines("rover", 3)
    for line, now in zip(some, (NOW, NOW, NOW - timedelta(days=1)), strict=True):
        await index.add([line], now)
    assert len(await paths(bucket, "index")) == 3
    assert len(await index.read(TODAY)) == 3


async def test_large_parts_stay_as_they_are() -> None:
    bucket = in_memory()
    index, line = Index(bucket, "store"), lines("rover", 1)[0]
    big = (line.to_json() + "\n").encode() * (MAX_PART_BYTES // 200 + 1)
    assert len(big) > MAX_PART_BYTES
    for number in range(MERGE_AT):
        await bucket.put(f"index/{TODAY}/store-{number}-L0.jsonl", big, "application/x-ndjson")
    assert await index.merge(NOW) == 0


async def test_removing_takes_the_lines_that_are_meant_out_of_everybodys_parts() -> None:
    bucket = in_memory()
    one, other = Index(bucket, "store-1"), Index(bucket, "store-2")
    await one.add([*lines("rover", 3), *lines("rover-2", 2)], NOW)
    await other.add(lines("rover", 1, DAY + timedelta(hours=1)), NOW)
    await other.add(lines("rover-2", 1, DAY + timedelta(hours=1)), NOW + timedelta(seconds=1))
    assert await one.remove(TODAY, lambda line: line.face.robot == "rover") == 4
    assert {line.face.robot for line in (await one.read(TODAY)).values()} == {"rover-2"}
    assert len(await one.read(TODAY)) == 3
    assert len(await paths(bucket, "index")) == 2  # an empty part is none
    assert await one.remove(TODAY, lambda line: line.face.robot == "rover") == 0


async def test_removing_looks_only_where_the_mark_stands() -> None:
    index = Index(in_memory(), "store")
    await index.add(lines("rover", 1), NOW)
    assert await index.remove(TODAY, lambda line: True, b"/rover-2/") == 0
    assert await index.remove(TODAY, lambda line: True, b"/rover/") == 1


async def test_a_face_without_track_or_time_has_a_line_too() -> None:
    face = Face("rover", NO_TRACK)
    line = Line(str(Key.of(face, "f" * 16)), face, datetime(2026, 11, 27, tzinfo=UTC), 1)
    assert Line.from_json(line.to_json()) == line
