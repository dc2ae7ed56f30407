"""Into a real object store that checks signatures, and that fails: nothing is acknowledged that is not safe."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from archive.broker.private import PrivateBroker, free_port
from archive.bucket import Bucket, SetupError, StorageError
from archive.config import S3Config, StorageConfig, StoreConfig
from archive.face import Face, hash_of
from archive.index import Index
from archive.keys import Key
from archive.mqtt import Mqtt
from archive.pictures import Format
from archive.rules import Rule, Rules
from archive.store import Store
from common.backoff import Backoff
from tests.archive.brokers import broker, client, payloads, take
from tests.archive.faulty_front import FaultyFront
from tests.archive.parts import START, as_store, beside, face, picture, publish, reach, until
from tests.archive.swift import READER, STRANGER, Keys, Swift, need_swift

ARCHIVE = "archive/{robot}/faces"


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    need_swift()
    with Swift(tmp_path_factory.mktemp("swift")) as swift:
        yield swift


def s3(swift: Swift, bucket: str, keys: Keys | None = None, endpoint: str = "", **more: Any) -> StorageConfig:
    given = {
        "endpoint": endpoint or swift.endpoint,
        "region": swift.region,
        "access_key_id": keys.access_key if keys else swift.access_key,
        "secret_access_key": keys.secret_key if keys else swift.secret_key,
    }
    return StorageConfig(url=f"s3://{bucket}", s3=S3Config(**(given | more)), timeout_s=5)


def store_of(remote: PrivateBroker, storage: StorageConfig) -> Store:
    return Store(StoreConfig(broker=as_store(remote), storage=storage))


def faces_in(swift: Swift, bucket: str) -> set[str]:
    return {key for key in swift.keys(bucket) if Key.parse(key)}


async def test_objects_are_what_was_published_with_metadata_and_a_line(swift: Swift, tmp_path: Path) -> None:
    bucket = swift.create_bucket()
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, s3(swift, bucket))
        async with beside(store.run()), Mqtt(reach(remote), "a-robot") as mqtt:
            await until(lambda: store.problem == "")
            png, jpeg = picture(1, 30), picture(2, 30, Format.JPEG)
            await mqtt.send("archive/rover/faces", png, 1, face(1).fields(), "image/png")
            await mqtt.send("archive/rover/faces", png, 1, face(1).fields(), "image/png")
            await mqtt.send("archive/rover/faces", jpeg, 1, face(2).fields(), "image/jpeg")
            await until(lambda: store.counts["stored"] == 3)
    keys = {image: str(Key.of(face(number), hash_of(image))) for number, image in ((1, png), (2, jpeg))}
    assert faces_in(swift, bucket) == set(keys.values())
    stored = swift.get(bucket, keys[png])
    assert stored.body == png
    assert stored.content_type == "image/png"
    assert {name: stored.metadata[name] for name in face(1).fields()} == face(1).fields()
    from_jpeg = swift.get(bucket, keys[jpeg]).body
    assert from_jpeg.startswith(b"\x89PNG")
    stored_px, published_px = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in (from_jpeg, jpeg))
    assert np.array_equal(stored_px, published_px)
    lines = await Index(Bucket(s3(swift, bucket)), "reader").read("2026-11-27")
    assert set(lines) == set(keys.values())


ODD = [
    "Zoë 小",
    "a  b",
    " lead",
    "100%41",
    "%",
    "é" * 256,
    "x" * 256,
    "a\tb",
    "\U0001f600" * 60,
    "=?UTF-8?B?WA==?=",
    '"\\,;',
]


async def test_odd_names_are_stored_signed_and_read_back_from_the_metadata(swift: Swift) -> None:
    name = swift.create_bucket()
    bucket = Bucket(s3(swift, name))
    for number, text in enumerate(ODD):
        each = Face.from_fields(Face("小车/../%2F" * 3, text, START, edge=text).fields(), "小车 %41")
        key = str(Key.of(each, f"{number:016x}"))
        await bucket.put(key, b"x", "image/png", each.fields())
        metadata = swift.get(name, key).metadata
        fields = {field: unquote(value) for field, value in metadata.items()}
        assert fields["robot"] == each.robot
        assert fields["track"] == each.track
        edge = fields.get("edge", "").rstrip("\ufffd")
        assert each.edge.startswith(edge)
        assert edge == each.edge or len(metadata["edge"]) > 240
    assert len(faces_in(swift, name)) == len(ODD)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"secret_access_key": "guess"}, r"^storage\.s3\.secret_access_key: s3://.* does not accept the signature"),
        ({"access_key_id": "nobody"}, r"storage\.s3\.access_key_id"),  # Swift calls that a wrong signature, too
        (
            {"access_key_id": READER.access_key, "secret_access_key": READER.secret_key},
            r"^storage\.url: .* does not let",
        ),
    ],
)
async def test_wrong_credentials_end_the_start_with_the_setting_named(
    swift: Swift, tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    bucket = swift.create_bucket(readers=(READER,))
    async with broker("remote", tmp_path) as remote:
        with pytest.raises(SetupError, match=message) as caught:
            async with asyncio.timeout(30):
                await store_of(remote, s3(swift, bucket, **more)).run()
    assert "guess" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_bucket_that_is_not_there_or_somebody_elses_ends_the_start(swift: Swift, tmp_path: Path) -> None:
    mine = swift.create_bucket()
    async with broker("remote", tmp_path) as remote:
        for storage in (s3(swift, "missing"), s3(swift, mine, STRANGER)):
            with pytest.raises(SetupError, match=r"^storage\.url: s3://.*: there is no such bucket\. Make it first"):
                async with asyncio.timeout(30):
                    await store_of(remote, storage).run()


async def test_another_region_is_named(swift: Swift) -> None:
    with pytest.raises(StorageError, match=r"region|AuthorizationHeaderMalformed"):
        await Bucket(s3(swift, swift.create_bucket(), region="eu-nowhere-1")).check()


async def test_a_storage_that_nobody_serves_is_waited_for_and_said(tmp_path: Path) -> None:
    storage = StorageConfig(
        url="s3://b",
        s3=S3Config(endpoint=f"http://127.0.0.1:{free_port()}", access_key_id="a", secret_access_key="b"),
        timeout_s=2,
    )
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, storage)
        async with beside(store.run()):
            await until(lambda: "does not answer as it should" in store.problem)
            assert store.problem.startswith("storage.url: s3://b ")


async def left_unacknowledged(remote: PrivateBroker, store: Store, number: int) -> list[bytes]:
    """What the broker would give the store's successor."""
    async with client(remote, store._id, "store", stays=True) as successor:
        return payloads(await take(successor, lambda got: len(got) >= number))


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store tries again soon."""
    monkeypatch.setattr(Backoff, "next_s", lambda self: 0.2)


@contextlib.asynccontextmanager
async def failing(swift: Swift, tmp_path: Path) -> AsyncIterator[tuple[str, FaultyFront, PrivateBroker, Store]]:
    bucket = swift.create_bucket()
    async with FaultyFront(swift.endpoint) as front, broker("remote", tmp_path) as remote:
        yield bucket, front, remote, store_of(remote, s3(swift, bucket, endpoint=front.endpoint))


@pytest.mark.usefixtures("_impatient")
async def test_while_the_storage_fails_nothing_is_acknowledged(swift: Swift, tmp_path: Path) -> None:
    async with failing(swift, tmp_path) as (bucket, front, remote, store):
        async with beside(store.run()):
            await until(lambda: store.problem == "")
            front.failing = True
            images = await publish(reach(remote), [face(number) for number in range(10)], ARCHIVE)
            await front.until_refused(20)
            assert "(503 Service Unavailable, SlowDown)" in store.problem
            assert store.counts["stored"] == 0
        assert faces_in(swift, bucket) == set()
        again = await left_unacknowledged(remote, store, 10)
        assert set(again) == set(images)


@pytest.mark.usefixtures("_impatient")
async def test_after_the_storage_failed_all_is_stored_and_acknowledged(swift: Swift, tmp_path: Path) -> None:
    async with failing(swift, tmp_path) as (bucket, front, remote, store):
        async with beside(store.run()):
            await until(lambda: store.problem == "")
            front.failing = True
            faces = [face(number) for number in range(100)]
            images = await publish(reach(remote), faces, ARCHIVE)
            await front.until_refused(20)
            front.failing = False
            await until(lambda: store.counts["stored"] >= 100)
            await until(lambda: store.problem == "")
        keys = {str(Key.of(each, hash_of(image))) for each, image in zip(faces, images, strict=True)}
        assert faces_in(swift, bucket) == keys
        lines = await Index(Bucket(s3(swift, bucket)), "reader").read("2026-11-27")
        assert set(lines) == keys
        await publish(reach(remote), [face(1000)], ARCHIVE)
        assert await left_unacknowledged(remote, store, 1) == [picture(1000)]


async def test_who_is_forgotten_while_the_storage_fails_is_not_stored_after_it(swift: Swift, tmp_path: Path) -> None:
    async with failing(swift, tmp_path) as (bucket, front, remote, store):
        async with beside(store.run()):
            await until(lambda: store.problem == "")
            front.failing = True
            await publish(reach(remote), [face(1, track="gone"), face(2, track="stays")], ARCHIVE)
            await front.until_refused(12)  # the pauses between tries are longer than those between looks at the rules
            rules = Rules(Bucket(s3(swift, bucket)))
            await rules.add(Rule(START + timedelta(days=1), track="gone"))
            front.failing = False
            await until(lambda: store.counts["stored"] + store.counts["forgotten"] >= 2)
            await until(
                lambda: any(b'"done": true' in swift.get(bucket, key).body for key in swift.keys(bucket, "forg"))
            )
        assert {key.split("/")[2] for key in faces_in(swift, bucket)} == {"stays"}


@pytest.mark.usefixtures("_impatient")
async def test_a_broker_that_crashes_while_the_storage_fails_costs_nothing_that_is_sent_again(
    swift: Swift, tmp_path: Path
) -> None:
    async with failing(swift, tmp_path) as (bucket, front, remote, store):
        async with beside(store.run()):
            await until(lambda: store.problem == "")
            front.failing = True
            faces = [face(number) for number in range(10)]
            await publish(reach(remote), faces, ARCHIVE)
            await front.until_refused(20)
            remote.kill()
            await remote.restart()
            front.failing = False
            await until(lambda: store.problem == "")
            await publish(reach(remote), faces, ARCHIVE)  # as a forwarder does that has no receipts
            await until(lambda: len(faces_in(swift, bucket)) == 10)
            await until(lambda: store.counts["stored"] >= 10)
        lines = await Index(Bucket(s3(swift, bucket)), "reader").read("2026-11-27")
        assert set(lines) == faces_in(swift, bucket)
