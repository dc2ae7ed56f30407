"""What is forgotten is gone from the bucket itself, and nothing else is."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.bucket import Bucket, StorageError
from archive.config import S3Config, StorageConfig
from archive.face import NO_TRACK, Face
from archive.forget import UnfinishedError, forget, moment, run_forget, survey
from archive.index import Index
from archive.rules import Rule, Rules
from archive.sweep import Swept
from common.errors import ConfigError
from tests.archive.faulty_front import FaultyFront
from tests.archive.made import DAY, Made, made, paths, put, series
from tests.archive.swift import Swift, need_swift

NOW = DAY + timedelta(hours=2)
HOSTILE = "../<img src=x>/%2F\n"


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    need_swift()
    with Swift(tmp_path_factory.mktemp("swift")) as swift:
        yield swift


def s3(swift: Swift, bucket: str, endpoint: str = "") -> StorageConfig:
    access = S3Config(
        endpoint=endpoint or swift.endpoint,
        region=swift.region,
        access_key_id=swift.access_key,
        secret_access_key=swift.secret_key,
    )
    return StorageConfig(url=f"s3://{bucket}/hall", s3=access)


def on(folder: Path) -> StorageConfig:
    return StorageConfig(url=f"file://{folder}")


def some_faces() -> list[Made]:
    return [
        *series("rover", "t1", 3),
        *series("rover", "t1", 2, DAY - timedelta(days=1)),
        *series("rover", "t10", 2),
        *series("rover-2", "t1", 2),
        *series("rover", HOSTILE, 2),
        made(Face("rover", "t1"), stored=datetime.now(UTC)),  # undated
    ]


async def listed(bucket: Bucket) -> set[str]:
    """Keys with a line in the index."""
    index = Index(bucket, "test")
    return {key for day in await index.days() for key in await index.read(day)}


async def objects(bucket: Bucket) -> set[str]:
    return {path for path in await paths(bucket) if path.endswith(".png")}


async def check_that_one_track_goes(bucket: Bucket) -> None:
    faces = await put(bucket, some_faces(), part=2)
    swept = await forget(bucket, robot="rover", track="t1", now=datetime.now(UTC))
    left = {each.key for each in faces if (each.face.robot, each.face.track) != ("rover", "t1")}
    assert (swept.objects, swept.lines) == (6, 6)
    assert await objects(bucket) == await listed(bucket) == left
    rules = Rules(bucket)
    [rule] = await rules.refresh()
    assert rule.is_done
    late = made(Face("rover", "t1", DAY + timedelta(seconds=1)))
    assert rules.covering("rover", "t1", late.line.time) == rule  # one that was in a queue is refused


async def test_a_track_goes_from_every_day_with_its_lines_and_nothing_else_does(tmp_path: Path) -> None:
    await check_that_one_track_goes(Bucket(on(tmp_path)))
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*/rover/t1")))


async def test_the_same_in_memory() -> None:
    await check_that_one_track_goes(Bucket(StorageConfig(url="memory://")))


async def test_the_same_in_a_real_s3(swift: Swift) -> None:
    name = swift.create_bucket()
    await check_that_one_track_goes(Bucket(s3(swift, name)))
    assert not [key for key in swift.keys(name) if "/rover/t1/" in key]
    assert len(swift.keys(name, "hall/forgotten/")) == 1


async def test_all_that_is_given_has_to_fit(tmp_path: Path) -> None:
    bucket = Bucket(on(tmp_path))
    faces = await put(bucket, some_faces())
    cut = DAY + timedelta(seconds=3)
    swept = await forget(bucket, robot="rover", before=cut, now=NOW)
    gone = {each.key for each in faces if each.face.robot == "rover" and each.face.time and each.face.time < cut}
    assert (swept.objects, swept.lines, len(gone)) == (5, 5, 5)
    assert await objects(bucket) == await listed(bucket) == {each.key for each in faces} - gone


async def test_more_than_one_listing_of_faces_goes(tmp_path: Path) -> None:
    bucket = Bucket(on(tmp_path))
    await put(bucket, series("rover", "long", 2100, every_s=0.1), part=700)
    await put(bucket, series("rover", "other", 1))
    assert await forget(bucket, track="long", now=NOW) == Swept(2100, 2100)
    assert len(await objects(bucket)) == len(await listed(bucket)) == 1


async def test_faces_of_a_robot_whose_clock_is_ahead_go_too(tmp_path: Path) -> None:
    bucket = Bucket(on(tmp_path))
    await put(bucket, series("rover", "t1", 3, NOW + timedelta(minutes=4)))
    assert (await forget(bucket, robot="rover", track="t1", now=NOW)).objects == 3
    assert await objects(bucket) == set()


async def test_what_comes_after_the_rule_is_not_meant(tmp_path: Path) -> None:
    bucket = Bucket(on(tmp_path))
    await put(bucket, series("rover", "t1", 1))
    await forget(bucket, robot="rover", now=NOW)
    rules = Rules(bucket)
    await rules.refresh()
    assert rules.covering("rover", "t9", NOW) is not None
    assert rules.covering("rover", "t9", NOW + timedelta(seconds=1)) is None


class BucketThatGoes(Bucket):
    """Its server fails as soon as something was written."""

    def __init__(self, config: StorageConfig, front: FaultyFront) -> None:
        super().__init__(config)
        self.front = front

    async def put(self, path: str, data: bytes, content_type: str, fields: Mapping[str, str] | None = None) -> None:
        await super().put(path, data, content_type, fields)
        self.front.failing = True


async def test_it_is_noted_down_when_the_storage_goes_away_in_the_middle_and_ends_the_next_time(swift: Swift) -> None:
    name = swift.create_bucket()
    whole = Bucket(s3(swift, name))
    await put(whole, series("rover", "t1", 4))
    async with FaultyFront(swift.endpoint) as front:
        bucket = BucketThatGoes(s3(swift, name, front.endpoint), front)
        with pytest.raises(UnfinishedError, match=r"noted down \(robot rover, track t1\).*same again"):
            await forget(bucket, robot="rover", track="t1", now=NOW)
    rules = Rules(whole)
    [rule] = await rules.refresh()
    assert not rule.is_done
    assert len(await objects(whole)) == 4
    assert (await forget(whole, robot="rover", track="t1", now=NOW)).objects == 4
    assert await objects(whole) == await listed(whole) == set()


async def test_nothing_is_noted_down_where_the_storage_is_away(swift: Swift) -> None:
    name = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        front.failing = True
        with pytest.raises(StorageError) as told:
            await forget(Bucket(s3(swift, name, front.endpoint)), track="t1", now=NOW)
    assert not isinstance(told.value, UnfinishedError)
    assert swift.keys(name) == []


async def test_a_survey_says_how_much_it_is(tmp_path: Path) -> None:
    bucket = Bucket(on(tmp_path))
    assert str(await survey(bucket, Rule(NOW, track="t1"))) == "nothing that is stored now"
    await put(bucket, series("rover", "t1", 1))
    assert str(await survey(bucket, Rule(NOW, track="t1"))).startswith("1 face (0.0 MB) of 1 track and 1 robot, 2024-")
    await put(bucket, some_faces())
    found = await survey(bucket, Rule(datetime.now(UTC) + timedelta(days=400), robot="rover"))
    assert (found.objects, len(found.tracks), len(found.robots)) == (10, 3, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "no date and no time"),
        ("2024-02-30", "day is out of range"),
        ("2024-05-17T10:00", "has no zone"),
        ("20240517", "has no zone"),
        ("9999-12-31T23:59:59-12:00", "beyond the calendar"),
        ("2024-05-18", "yet to come"),
        ("2024-05-17T11:30:01Z", "yet to come"),
    ],
)
def test_a_moment_that_is_none_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        moment(text, NOW)


def test_a_date_is_its_first_moment_in_utc() -> None:
    assert moment("2024-05-17", NOW) == datetime(2024, 5, 17, tzinfo=UTC)
    assert moment("2024-05-17T10:00+02:00", NOW) == datetime(2024, 5, 17, 8, tzinfo=UTC)


# ---- the command ----


@pytest.fixture
def filled(tmp_path: Path) -> StorageConfig:
    storage = on(tmp_path / "faces")
    asyncio.run(put(Bucket(storage), some_faces()))
    return storage


def left(storage: StorageConfig) -> int:
    return len(list(Bucket(storage).folder.glob("*/*/*/*.png")))


def test_a_dry_run_says_what_would_go_and_keeps_it(filled: StorageConfig, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(filled)
    assert not run_forget(filled, track="t1", robot="rover", dry_run=True)
    said = capsys.readouterr().out
    assert "robot rover, track t1: 6 faces (0.0 MB) of 1 track and 1 robot" in said
    assert "Nothing was deleted." in said
    assert left(filled) == before
    assert not (Bucket(filled).folder / "forgotten").exists()


def test_it_deletes_without_asking_when_told_so(filled: StorageConfig, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(filled)
    assert run_forget(filled, track="t1", yes=True)
    assert "Deleted: 8 objects, 8 lines" in capsys.readouterr().out
    assert left(filled) == before - 8


def test_everything_before_a_day(filled: StorageConfig) -> None:
    before = left(filled)
    assert run_forget(filled, before="2024-05-17", yes=True)
    assert left(filled) == before - 2
    assert not (Bucket(filled).folder / "2024-05-16").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "say what to forget: --track, --robot, --before"),
        ({"track": "", "before": "2024-05-17"}, "--track: is empty"),
        ({"before": ""}, "--before: is empty"),
        ({"before": "soon"}, "no date and no time"),
    ],
)
def test_a_wish_that_makes_no_sense_deletes_nothing(filled: StorageConfig, given: dict[str, str], said: str) -> None:
    before = left(filled)
    with pytest.raises(ConfigError, match=said):
        run_forget(filled, yes=True, **given)  # type: ignore[arg-type]
    assert left(filled) == before


def test_it_asks_on_a_terminal_and_nowhere_else(filled: StorageConfig) -> None:
    before = left(filled)
    code = (
        "import sys; from archive.config import StorageConfig; from archive.forget import run_forget;"
        f"run_forget(StorageConfig(url={filled.url!r}), track='t1')"
    )
    run = [sys.executable, "-c", code]
    refused = subprocess.run(run, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert "there is no terminal to ask on: give --yes" in refused.stderr
    assert left(filled) == before
    for answer, gone in (("n\n", 0), ("\x04", 0), ("y\n", 8)):
        mine, terminal = os.openpty()
        with subprocess.Popen(run, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
            os.write(mine, answer.encode())
            out, problem = asked.communicate(timeout=60)
        os.close(mine)
        os.close(terminal)
        assert asked.returncode == 0, problem
        assert b"8 faces" in out
        assert left(filled) == before - gone


def test_forgetting_faces_without_a_track_says_that_it_is_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_forget(on(tmp_path), track=NO_TRACK, dry_run=True)
    assert "every face without a track" in capsys.readouterr().out
