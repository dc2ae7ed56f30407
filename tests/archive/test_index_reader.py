"""Days are read anew where something changed, and only there."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from archive.bucket import Bucket, Found, StorageError
from archive.config import StorageConfig
from archive.face import Face
from archive.forget import forget
from archive.index import Index
from archive.index_reader import FRESH_S, IndexReader
from archive.rules import Rule, Rules
from tests.archive.made import DAY, made, put, series

NAME = f"{DAY:%Y-%m-%d}"


class CountingBucket(Bucket):
    """Knows what was fetched: that is what it costs."""

    def __init__(self, config: StorageConfig) -> None:
        super().__init__(config)
        self.fetched: list[str] = []

    async def get(self, path: str) -> bytes | None:
        self.fetched.append(path)
        return await super().get(path)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_by(self) -> None:
        self.now_s += FRESH_S + 0.1


@pytest.fixture
def bucket(tmp_path: Path) -> CountingBucket:
    return CountingBucket(StorageConfig(url=f"file://{tmp_path}/faces"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_newest_first_and_only_new_parts_are_fetched(bucket: CountingBucket, clock: Clock) -> None:
    faces = await put(bucket, series("rover", "t1", 6), part=2)
    reader = IndexReader(bucket, clock)
    first = await reader.day(NAME)
    assert list(first.lines) == [each.key for each in reversed(faces)]
    assert len(bucket.fetched) == 3
    await put(bucket, series("rover", "t2", 1, DAY - timedelta(minutes=1)))
    assert await reader.day(NAME) is first  # looked up a moment ago
    clock.pass_by()
    second = await reader.day(NAME)
    assert len(second.lines) == 7
    assert list(second.lines.values())[-1].face.track == "t2"
    assert second.version != first.version
    assert len(bucket.fetched) == 4
    clock.pass_by()
    assert await reader.day(NAME) is second
    assert len(bucket.fetched) == 4


async def test_merging_changes_nothing_that_is_seen(bucket: CountingBucket, clock: Clock) -> None:
    index = Index(bucket, "store")
    await put(bucket, series("rover", "t1", 40), index, part=1)
    reader = IndexReader(bucket, clock)
    before = list((await reader.day(NAME)).lines)
    assert await index.merge(DAY) > 0
    clock.pass_by()
    assert list((await reader.day(NAME)).lines) == before


async def test_parts_that_are_merged_while_they_are_read_lose_no_line(bucket: CountingBucket, clock: Clock) -> None:
    index = Index(bucket, "store")
    await put(bucket, series("rover", "t1", 40), index, part=1)
    reader = IndexReader(bucket, clock)
    listed = reader.parts

    async def parts_then_merge(name: str) -> frozenset[Found]:
        found = await listed(name)
        await index.merge(DAY)
        return found

    reader.parts = parts_then_merge  # type: ignore[method-assign]
    assert len((await reader.day(NAME)).lines) == 40


async def test_what_a_rule_covers_is_not_shown_even_where_its_line_still_stands(
    bucket: CountingBucket, clock: Clock
) -> None:
    await put(bucket, [*series("rover", "t1", 3), *series("rover", "t2", 2), made(Face("rover", "t1"))])
    reader = IndexReader(bucket, clock)
    assert len((await reader.day(NAME)).lines) == 5
    await Rules(bucket).add(Rule(DAY + timedelta(hours=1), robot="rover", track="t1"))  # nobody sweeps
    clock.pass_by()
    assert {line.face.track for line in (await reader.day(NAME)).lines.values()} == {"t2"}
    assert not (await reader.day("undated")).lines
    assert len(await Index(bucket, "test").read(NAME)) == 5


async def test_lines_that_are_taken_out_are_gone_and_an_emptied_day_is_none(
    bucket: CountingBucket, clock: Clock
) -> None:
    await put(bucket, [*series("rover", "t1", 3), *series("rover", "t2", 2)])
    reader = IndexReader(bucket, clock)
    await reader.day(NAME)
    await forget(bucket, track="t1", now=DAY + timedelta(hours=1))
    reader.expire()
    assert len((await reader.day(NAME)).lines) == 2
    await forget(bucket, track="t2", now=DAY + timedelta(hours=1))
    reader.expire()
    assert await reader.days() == []
    assert not (await reader.day(NAME)).lines


async def test_strange_parts_and_lines_are_passed_over(bucket: CountingBucket, clock: Clock) -> None:
    await put(bucket, series("rover", "t1", 2))
    lines = [b"", b"no json", b"[]", b'{"key": "../../etc/passwd", "stored": "2024-05-17T00:00:00Z"}', b"\xff\xfe"]
    await bucket.put(f"index/{NAME}/other.jsonl", b"\n".join(lines), "x/y")
    await bucket.put(f"index/{NAME}/notes.txt", json.dumps({"a": 1}).encode(), "x/y")
    assert len((await IndexReader(bucket, clock).day(NAME)).lines) == 2


async def test_days_that_were_used_least_lately_leave_the_memory(bucket: CountingBucket, clock: Clock) -> None:
    for back in range(3):
        await put(bucket, series("rover", f"t{back}", 10, DAY - timedelta(days=back)))
    reader = IndexReader(bucket, clock, max_lines=25)
    last, middle, first = (f"{DAY - timedelta(days=back):%Y-%m-%d}" for back in range(3))
    for day in (last, middle, last, first):
        assert len((await reader.day(day)).lines) == 10
    assert len(bucket.fetched) == 3
    await reader.day(last)
    assert len(bucket.fetched) == 3
    await reader.day(middle)
    assert len(bucket.fetched) == 4


async def test_a_folder_that_is_gone_is_an_error_and_not_an_empty_archive(
    bucket: CountingBucket, clock: Clock, tmp_path: Path
) -> None:
    await put(bucket, series("rover", "t1", 1))
    reader = IndexReader(bucket, clock)
    assert await reader.days() == [NAME]
    (tmp_path / "faces").rename(tmp_path / "away")
    clock.pass_by()
    with pytest.raises(StorageError, match="is not there any more"):
        await reader.days()
    (tmp_path / "away").rename(tmp_path / "faces")
    assert await reader.days() == [NAME]
