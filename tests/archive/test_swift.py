"""The object store of the tests is a real one: it checks who asks, also through the front that can fail."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.exceptions import BaseError, GenericError, PermissionDeniedError
from obstore.store import S3Store

from tests.archive.faulty_front import FaultyFront
from tests.archive.swift import READER, STRANGER, WRITER, Keys, StoredObject, Swift, need_swift

KEYS = ("faces/2026-11-27/rover%2E1/7/101500.250-ab12.png", "a b/é+&=#?", "%2F%25", "~*'()!:{}|")


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    need_swift()
    with Swift(tmp_path_factory.mktemp("swift")) as swift:
        yield swift


def store(swift: Swift, bucket: str, keys: Keys = WRITER, endpoint: str = "", retries: int = 0) -> S3Store:
    return S3Store(
        bucket,
        endpoint=endpoint or swift.endpoint,
        region=swift.region,
        access_key_id=keys.access_key,
        secret_access_key=keys.secret_key,
        client_options={"allow_http": True, "timeout": timedelta(seconds=30)},
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=60),
            "backoff": {"init_backoff": timedelta(milliseconds=20), "max_backoff": timedelta(milliseconds=100)},
        },
    )


async def listed(store: S3Store) -> list[str]:
    return [meta["path"] async for batch in store.list() for meta in batch]


async def test_what_is_put_through_the_front_is_there_with_its_metadata_until_it_is_deleted(swift: Swift) -> None:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        faces = store(swift, bucket, endpoint=front.endpoint)
        body = os.urandom(100_000)
        await faces.put_async(
            "faces/a.png", body, attributes={"Content-Type": "image/png", "robot": "rover 1", "n": "7"}
        )
        assert swift.get(bucket, "faces/a.png") == StoredObject(body, "image/png", {"robot": "rover 1", "n": "7"})
        got = await faces.get_async("faces/a.png")
        assert (bytes(await got.bytes_async()), got.attributes["robot"]) == (body, "rover 1")
        assert await listed(faces) == swift.keys(bucket) == ["faces/a.png"]
        await faces.delete_async("faces/a.png")
        assert await listed(faces) == swift.keys(bucket) == []
        assert (front.passed, front.refused) == (5, 0)
    with pytest.raises(KeyError, match=r"faces/a\.png"):
        swift.get(bucket, "faces/a.png")


async def test_keys_come_back_as_they_were(swift: Swift) -> None:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        faces = store(swift, bucket, endpoint=front.endpoint)
        for key in KEYS:
            await faces.put_async(key, key.encode())
        assert sorted(await listed(faces)) == sorted(swift.keys(bucket)) == sorted(KEYS)
        assert [swift.get(bucket, key).body for key in KEYS] == [key.encode() for key in KEYS]


async def test_a_large_object_comes_in_parts(swift: Swift) -> None:
    bucket = swift.create_bucket()
    body = os.urandom(6_000_000)
    await store(swift, bucket).put_async("index.jsonl", body)
    assert swift.get(bucket, "index.jsonl").body == body


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        pytest.param(Keys(WRITER.access_key, "guessed"), "SignatureDoesNotMatch", id="wrong secret"),
        pytest.param(Keys("archive:nobody", WRITER.secret_key), "SignatureDoesNotMatch", id="unknown user"),
        pytest.param(READER, "AccessDenied", id="not this reader's"),
    ],
)
async def test_who_may_not_write_is_refused_with_the_reason(swift: Swift, keys: Keys, code: str) -> None:
    bucket = swift.create_bucket()
    with pytest.raises(PermissionDeniedError, match=rf"403 Forbidden.*\n<Error><Code>{code}</Code>"):
        await store(swift, bucket, keys).put_async("a.png", b"1")
    assert swift.keys(bucket) == []


async def test_a_reader_sees_what_it_may_not_change(swift: Swift) -> None:
    bucket = swift.create_bucket(readers=(READER,))
    await store(swift, bucket).put_async("a.png", b"1")
    mine = store(swift, bucket, READER)
    assert await listed(mine) == ["a.png"]
    assert bytes(await (await mine.get_async("a.png")).bytes_async()) == b"1"
    with pytest.raises(PermissionDeniedError, match="AccessDenied"):
        await mine.put_async("a.png", b"2")
    with pytest.raises(GenericError, match="AccessDenied"):
        await mine.delete_async("a.png")
    assert swift.get(bucket, "a.png").body == b"1"


@pytest.mark.parametrize("keys", [WRITER, STRANGER], ids=["nobody has it", "another account has it"])
async def test_a_missing_bucket_is_told(swift: Swift, keys: Keys) -> None:
    bucket = swift.create_bucket() if keys is STRANGER else "missing"
    with pytest.raises(FileNotFoundError, match="NoSuchBucket"):
        await store(swift, bucket, keys).put_async("a.png", b"1")


async def test_while_the_front_fails_nothing_arrives_and_afterwards_all_is_well(swift: Swift) -> None:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        faces = store(swift, bucket, endpoint=front.endpoint)
        await faces.put_async("before.png", b"1")  # the connection stays
        front.failing = True
        with pytest.raises(GenericError, match=r"503 Service Unavailable.*\n.*<Code>SlowDown</Code>"):
            await faces.put_async("during.png", b"2")
        with pytest.raises(BaseError, match="503 Service Unavailable"):
            await faces.head_async("before.png")
        assert front.refused == 2
        assert swift.keys(bucket) == ["before.png"]
        front.failing = False
        await faces.put_async("after.png", b"3")
        assert swift.keys(bucket) == ["after.png", "before.png"]


async def test_a_client_that_tries_again_gets_through(swift: Swift) -> None:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        front.failing = True
        patient = store(swift, bucket, endpoint=front.endpoint, retries=1000)
        put = asyncio.ensure_future(patient.put_async("a.png", b"1"))
        await front.until_refused(3)
        front.failing = False
        await put
    assert swift.keys(bucket) == ["a.png"]


async def test_the_front_goes_while_clients_are_connected(swift: Swift) -> None:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front:
        faces = store(swift, bucket, endpoint=front.endpoint)
        await asyncio.gather(*(faces.put_async(f"{number}.png", b"1") for number in range(8)))
    with pytest.raises(GenericError, match="error sending request"):
        await faces.put_async("late.png", b"1")
    assert len(swift.keys(bucket)) == 8


async def test_a_store_in_memory_does_the_same_and_no_server_stays_behind(tmp_path: Path) -> None:
    need_swift()
    with Swift(tmp_path / "swift", in_memory=True) as swift:
        assert servers(tmp_path) == 5  # with the program that made them
        bucket = swift.create_bucket()
        await store(swift, bucket).put_async("a.png", b"1", attributes={"Content-Type": "image/png", "robot": "r"})
        assert swift.get(bucket, "a.png") == StoredObject(b"1", "image/png", {"robot": "r"})
        assert swift.keys(bucket) == ["a.png"]
    assert servers(tmp_path) == 0


def test_the_servers_end_with_the_program_that_made_them(tmp_path: Path) -> None:
    need_swift()
    with Swift(tmp_path / "swift") as swift:
        os.kill(swift.pid, signal.SIGKILL)
        ended_by = time.monotonic() + 20
        while servers(tmp_path) and time.monotonic() < ended_by:
            time.sleep(0.02)  # the system says nothing when a process ends that is not ours
        assert servers(tmp_path) == 0


def servers(folder: Path) -> int:
    """How many processes have a path in that folder on their command line."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended since
            lines.append(process.read_bytes())
    return sum(str(folder).encode() in line for line in lines)
