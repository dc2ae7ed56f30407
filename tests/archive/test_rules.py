"""What is forgotten goes, also what is undated, and nothing else does, whatever lies below `forgotten/`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.bucket import Bucket
from archive.config import StorageConfig
from archive.face import NO_TRACK, Face
from archive.index import Index
from archive.rules import Rule, Rules
from archive.sweep import Swept, meant, sweep
from tests.archive.made import DAY, made, paths, put, series

NOW = DAY + timedelta(days=1)
BEFORE = DAY + timedelta(seconds=7)  # between the second and the third face of a series
TODAY, TWO_DAYS_AGO = (f"{DAY - timedelta(days=days):%Y-%m-%d}" for days in (0, 2))
FOREIGN = ["notes.txt", f"{TODAY}/rover/readme.txt", f"{TODAY}/rover/t1/photo.png", f"{TODAY}.png", "rover/t1/x"]
FOREIGN += [f"index/{TODAY}/notes.txt", "forgotten/notes.txt"]

NAMES = st.none() | st.sampled_from(["rover", "t1", "..", "a/b", "%", "é\n"])
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # it adds the zone


def in_memory() -> Bucket:
    return Bucket(StorageConfig(url="memory://"))


async def fill(bucket: Bucket) -> list[str]:
    """Faces of two robots and days, one undated, and what is not ours; all the keys of faces."""
    faces = [
        *series("rover", "t1", 4),
        *series("rover", "t1", 2, DAY - timedelta(days=2)),
        *series("rover", "t2", 2),
        *series("rover-2", "t1", 2),
        *series("rov", "t1", 1),
        made(Face("rover", "t1"), stored=datetime.now(UTC)),
        made(Face("rover-2", "t2"), stored=datetime.now(UTC)),
    ]
    await put(bucket, faces, part=3)
    for path in FOREIGN:
        await bucket.put(path, b"not ours", "text/plain")
    return [each.key for each in faces]


async def swept(rule: Rule) -> tuple[Swept, list[str]]:
    """What such a sweep says, and which faces are gone. Checks that no object and no line went for nothing."""
    bucket = in_memory()
    index, keys = Index(bucket, "store"), await fill(bucket)
    result = await sweep(bucket, index, rule)
    left = await paths(bucket)
    assert set(FOREIGN) <= set(left)
    lines = {key for day in await index.days() for key in await index.read(day)}
    assert lines == set(keys) & set(left), "objects and lines do not match"
    assert await sweep(bucket, index, rule) == Swept()  # done again it finds nothing
    assert await paths(bucket) == left
    return result, [key for key in keys if key not in left]


NOW_HERE = datetime.now(UTC) + timedelta(hours=1)  # undated objects have the time at which they came


async def test_a_robot_is_forgotten_with_what_is_undated() -> None:
    result, gone = await swept(Rule(NOW_HERE, robot="rover"))
    assert all(key.split("/")[1] == "rover" for key in gone)
    assert len(gone) == 9
    assert result == Swept(9, 9)


async def test_a_track_is_forgotten_and_its_namesake_of_another_robot_is_not() -> None:
    _, gone = await swept(Rule(NOW_HERE, robot="rover", track="t1"))
    assert {tuple(key.split("/")[1:3]) for key in gone} == {("rover", "t1")}
    assert len(gone) == 7


async def test_a_track_of_every_robot() -> None:
    _, gone = await swept(Rule(NOW_HERE, track="t1"))
    assert {key.split("/")[2] for key in gone} == {"t1"}
    assert len(gone) == 10


async def test_what_is_before_a_moment_goes_and_what_is_at_it_or_later_stays() -> None:
    exactly = DAY + timedelta(seconds=5)
    _, gone = await swept(Rule(NOW_HERE, before=exactly))
    assert len(gone) == 2 + 4  # two days ago, and the first of each series
    assert not any("undated" in key for key in gone)


async def test_all_that_is_given_has_to_fit() -> None:
    _, gone = await swept(Rule(NOW_HERE, robot="rover", track="t1", before=BEFORE))
    assert len(gone) == 2 + 2


async def test_a_rule_does_not_mean_what_came_after_it() -> None:
    _, gone = await swept(Rule(DAY - timedelta(days=1), robot="rover"))
    assert {key.split("/")[0] for key in gone} == {TWO_DAYS_AGO}


async def test_a_named_track_is_forgotten_for_good_as_the_person_may_still_be_in_view() -> None:
    _, gone = await swept(Rule(DAY - timedelta(days=1), robot="rover", track="t1"))
    assert len(gone) == 7
    _, gone = await swept(Rule(DAY - timedelta(days=1), track=NO_TRACK))  # everybody without one: until then only
    assert gone == []


async def test_nobody_of_that_name_is_nothing_deleted() -> None:
    for rule in (
        Rule(NOW_HERE, robot="rove"),
        Rule(NOW_HERE, robot=""),
        Rule(NOW_HERE, track="t"),
        Rule(NOW, robot="%"),
    ):
        assert await swept(rule) == (Swept(), [])


async def test_more_than_one_listing_holds_goes_whole_from_a_folder(tmp_path: Path) -> None:
    bucket = Bucket(StorageConfig(url=f"file://{tmp_path}/faces"))
    png = made(Face("rover", "t1", DAY)).png
    for number in range(1100):  # 1000 a listing
        path = tmp_path / f"faces/{TODAY}/rover/t{number % 50}/0930{number % 60:02}.{number:06}-{number:016x}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
    await put(bucket, series("rover-2", "t1", 1))
    assert (await sweep(bucket, Index(bucket, "store"), Rule(NOW, robot="rover"))).objects == 1100
    assert len(await paths(bucket, TODAY)) == 1
    assert not (tmp_path / f"faces/{TODAY}/rover").exists()


# ---- rules as objects ----


@given(st.builds(Rule, TIMES, NAMES, NAMES, st.none() | TIMES, is_done=st.booleans()))
def test_a_rule_comes_back_from_its_object_unless_it_would_mean_everything(rule: Rule) -> None:
    back = Rule.from_json(rule.to_json(), "forgotten/x.json")
    if (rule.robot, rule.track, rule.before) == (None, None, None):
        assert back is None
    else:
        assert back is not None
        assert back.to_json() == rule.to_json()
        assert back.path == "forgotten/x.json"


AT = '"at": "2026-11-27T10:00:00Z"'
NO_RULES = [
    b"",
    b"not json",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"robot": "rover"}',
    b'{"at": "today", "robot": "rover"}',
    b'{"at": "2026-11-27T10:00:00", "robot": "rover"}',
    b'{"at": 7, "robot": "rover"}',
    *(
        f"{{{AT}{more}}}".encode()
        for more in (
            "",
            ', "robot": null, "track": null, "before": null',
            ', "robot": 7',
            ', "robot": ["rover"]',
            ', "robot": ""',
            ', "robot": "rover", "track": 7',
            ', "robot": "rover", "track": {}',
            ', "robot": "rover", "before": "soon"',
            ', "robot": "rover", "before": ""',
            ', "robot": "rover", "before": 7',
            ', "robot": "rover", "before": "2026-11-27T10:00:00"',
            ', "robot": "rover", "before": false',
        )
    ),
]


@pytest.mark.parametrize("data", NO_RULES)
async def test_what_is_no_rule_deletes_nothing(data: bytes) -> None:
    bucket = in_memory()
    keys = await fill(bucket)
    await bucket.put("forgotten/somebody-elses.json", data, "application/json")
    rules = Rules(bucket)
    for rule in await rules.refresh():
        await sweep(bucket, Index(bucket, "store"), rule)
    assert set(keys) <= set(await paths(bucket))
    assert rules.covering("rover", "t1", DAY) is None
    assert list(rules) == []


async def test_a_name_that_no_encoding_has_is_no_error() -> None:
    bucket = in_memory()
    keys = await fill(bucket)
    await bucket.put("forgotten/x.json", b'{"at": "2026-11-27T10:00:00Z", "robot": "\\ud800"}', "application/json")
    for rule in await Rules(bucket).refresh():
        assert await sweep(bucket, Index(bucket, "store"), rule) == Swept()
    assert set(keys) <= set(await paths(bucket))


async def test_rules_are_read_once_and_known_to_every_reader() -> None:
    bucket = in_memory()
    writer, reader = Rules(bucket), Rules(bucket)
    rule = await writer.add(Rule(NOW, robot="rover", track="../x"))
    assert await writer.refresh() == []
    assert await reader.refresh() == [rule]
    assert await reader.refresh() == []
    assert reader.covering("rover", "../x", DAY) == rule
    assert reader.covering("rover", "t1", DAY) is None
    await writer.done(rule)
    assert [each.is_done for each in await Rules(bucket).refresh()] == [True]
    assert len(await paths(bucket, "forgotten")) == 1


async def test_two_rules_of_one_moment_are_two() -> None:
    bucket = in_memory()
    rules = Rules(bucket)
    for track in ("t1", "t2"):
        await rules.add(Rule(NOW, robot="rover", track=track))
    assert len(await Rules(bucket).refresh()) == 2


async def test_a_dry_look_lists_what_a_sweep_would_delete() -> None:
    bucket = in_memory()
    await fill(bucket)
    rule = Rule(NOW_HERE, robot="rover", track="t2")
    listed = [each.path async for some in meant(bucket, rule) for each in some]
    before = await paths(bucket)
    await sweep(bucket, Index(bucket, "store"), rule)
    assert sorted(listed) == sorted(path for path in before if path.startswith(f"{TODAY}/rover/t2/"))


def test_a_rule_says_what_it_means() -> None:
    rule = Rule(NOW, "rover", "t1", datetime(2026, 1, 1, tzinfo=UTC))
    assert str(rule) == "robot rover, track t1, before 2026-01-01T00:00:00.000000Z"
    assert json.loads(rule.to_json())["done"] is False
