"""Ten thousand faces, while everything between the local broker and the bucket breaks in turn. All by real programs."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.bucket import Bucket
from archive.config import S3Config, StorageConfig
from archive.face import hash_of
from archive.index import Index
from archive.keys import Key
from bench.archive_parts import forwarder, keys_of, made_faces, memory_mb, publish, store, until_healthy
from tests.archive.brokers import local_and_remote, need_mosquitto
from tests.archive.faulty_front import FaultyFront
from tests.archive.swift import Swift, need_swift

FACES = 10_000
MAX_MB = 150
OUTAGE_S = 20.0


@pytest.mark.timeout(900)
async def test_ten_thousand_faces_arrive_exactly_once_whatever_is_killed_on_the_way(tmp_path: Path) -> None:
    need_mosquitto()
    need_swift()
    faces = made_faces(FACES)
    with Swift(tmp_path / "swift") as swift:
        bucket = swift.create_bucket()
        async with FaultyFront(swift.endpoint) as front, local_and_remote(tmp_path) as (local, remote):
            forward = forwarder(local, remote, tmp_path)
            keep = store(
                remote, f"s3://{bucket}", "--endpoint", front.endpoint,
                environment={"AWS_ACCESS_KEY_ID": swift.access_key, "AWS_SECRET_ACCESS_KEY": swift.secret_key},
            )  # fmt: skip

            async def until_stored(percent: int) -> None:
                """About: by the requests that the storage answered, as counting its objects would keep it busy."""
                await until(lambda: front.passed >= FACES * percent // 100, f"{percent} % of the faces stored")

            try:
                await asyncio.gather(forward.begin(), keep.begin())
                await until_healthy(forward, keep)
                publishing = asyncio.create_task(publish(local, faces))

                await until_stored(15)
                remote.kill()
                await asyncio.sleep(2)  # as long as whoever restarts it needs
                await remote.restart()

                await until_stored(35)
                forward.crash()
                await forward.begin()

                await until_stored(55)
                keep.crash()
                await keep.begin()

                await until_stored(75)
                front.failing = True
                await asyncio.sleep(OUTAGE_S)
                assert front.refused > 0
                front.failing = False

                await publishing
                await until(lambda: forward.numbers()["waiting"] == 0, "an empty queue")
                numbers = forward.numbers()
                assert numbers["rejected"] == numbers["refused"] == 0
                assert numbers["dropped_size"] == numbers["dropped_age"] == numbers["dropped_disk"] == 0
                memory = {"local broker": memory_mb(local.pid), "remote broker": memory_mb(remote.pid)}
            finally:
                await asyncio.gather(forward.end(), keep.end())

        found = sorted(key for key in swift.keys(bucket) if Key.parse(key) is not None)
        assert found == keys_of(faces)  # every one, and each once
        for face, picture in random.Random(1).sample(faces, 20):
            assert swift.get(bucket, str(Key.of(face, hash_of(picture)))).body == picture
        lines = await lines_of(swift, bucket)
        assert lines == found
        memory |= {"forwarder": forward.highest_mb, "store": keep.highest_mb}
        print(f"memory, MB: {memory}")
        assert max(memory.values()) <= MAX_MB, memory


async def lines_of(swift: Swift, bucket: str) -> list[str]:
    """Keys in the index, each once."""
    s3 = S3Config(endpoint=swift.endpoint, access_key_id=swift.access_key, secret_access_key=swift.secret_key)
    index = Index(Bucket(StorageConfig(url=f"s3://{bucket}", s3=s3)), "reader")
    return sorted([key for day in await index.days() for key in await index.read(day)])


async def until(is_so: Callable[[], bool], what: str, limit_s: float = 600.0) -> None:
    try:
        async with asyncio.timeout(limit_s):
            while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 (other processes have no event for it)
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(f"not within {limit_s:g} s: {what}") from None
