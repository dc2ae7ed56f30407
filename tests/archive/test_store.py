"""From the remote broker into a folder: what is stored, what is refused, and what is acknowledged when."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archive import receipts
from archive.broker.private import PrivateBroker
from archive.broker_config import BrokerConfig
from archive.bucket import Bucket
from archive.config import StorageConfig, StoreConfig
from archive.face import Face, hash_of
from archive.index import Index
from archive.keys import UNDATED, Key
from archive.mqtt import Mqtt
from archive.pictures import Format, fields_in
from archive.rules import Rule, Rules
from archive.store import Store
from common.errors import ConfigError
from tests.archive.brokers import broker, client
from tests.archive.parts import START, as_store, beside, face, picture, publish, reach, until
from tests.archive.test_pictures import png_with

ARCHIVE = "archive/{robot}/faces"


def store_of(remote: PrivateBroker, folder: Path, **more: Any) -> Store:
    storage = StorageConfig(url=f"file://{folder}")
    return Store(StoreConfig(**({"broker": as_store(remote), "storage": storage} | more)))


def files(folder: Path) -> set[str]:
    """Keys of faces; by os.walk, as it does not mind a folder that goes while it looks."""
    found = {str((Path(above) / name).relative_to(folder)) for above, _, names in os.walk(folder) for name in names}
    return {path for path in found if not path.startswith(("index/", "forgotten/"))}


async def indexed(folder: Path) -> set[str]:
    index = Index(Bucket(StorageConfig(url=f"file://{folder}")), "reader")
    return {key for day in await index.days() for key in await index.read(day)}


async def up(store: Store) -> None:
    await until(lambda: store.problem == "", "the store is up")


async def test_a_face_becomes_an_object_of_its_very_bytes_and_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            faces = [face(number) for number in range(20)] + [Face("rover-2")]
            images = await publish(reach(remote), faces, ARCHIVE)
            await until(lambda: store.counts["stored"] == 21)
    keys = {str(Key.of(each, hash_of(image))): image for each, image in zip(faces, images, strict=True)}
    assert {path: (folder / path).read_bytes() for path in files(folder)} == keys
    assert await indexed(folder) == set(keys)
    line = json.loads(next(iter((folder / "index/2026-11-27").glob("*.jsonl"))).read_text().splitlines()[0])
    assert (line["robot"], line["track"], line["edge"]) == ("rover", "t1", "edge-1")


async def test_the_same_message_many_times_is_one_object_and_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            for _ in range(3):
                await publish(reach(remote), [face(1), face(1), face(2)], ARCHIVE)
            await until(lambda: store.counts["stored"] == 9)
    assert len(files(folder)) == 2
    assert await indexed(folder) == files(folder)


async def test_who_asks_gets_receipts_for_what_is_safe_and_for_what_will_never_be(tmp_path: Path) -> None:
    spool = "0123456789abcdef"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, tmp_path / "faces")
        async with beside(store.run()), Mqtt(reach(remote), "me") as mqtt:
            await up(store)
            topic = receipts.topic_of("me")
            await mqtt.subscribe_to(topic, 1)
            good, bad = picture(1), b"no picture"
            await mqtt.send("archive/rover/faces", good, 1, face(1).fields(), "", topic, receipts.ticket(spool, 1))
            await mqtt.send("archive/rover/faces", bad, 1, face(1).fields(), "", topic, receipts.ticket(spool, 2))
            for strange in ("archive/rover/faces", "archive-receipts/a/b", "$SYS/x"):
                await mqtt.send("archive/rover/faces", good, 1, face(2).fields(), "", strange, b"\x00\xff")
            stored: set[int] = set()
            refused: set[int] = set()
            async with asyncio.timeout(20):
                while (stored, refused) != ({1}, {2}):
                    for mail in await mqtt.next_mail(10):
                        receipt = receipts.read(mail.payload, spool)
                        stored |= set(receipt.stored)
                        refused |= set(receipt.refused)
                        mqtt.acknowledge(mail)
            await until(lambda: store.counts["stored"] == 4)
            assert store.link.connections == 1


async def test_poisonous_messages_are_refused_or_filed_and_stop_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            broken = (b"", b"text", bytes(100), png_with("[" * 4000))
            poison: list[tuple[str, bytes]] = [("rover", payload) for payload in broken]
            poison += [(robot, picture(1)) for robot in ("..", "$x", "x" * 65, "é" * 41, "小" * 27)]
            poison += [
                ("rover", picture(number, fields={"track": text, "edge": text, "time": text}))
                for number, text in enumerate(("\x00", "../../../etc", "\ud800", "é" * 64, "%2e%2e%2f", "  ", "\uffff"))
            ]
            async with Mqtt(reach(remote, protocol="3.1.1"), "poisoner") as mqtt:
                for robot, payload in poison:
                    await mqtt.send(f"archive/{robot}/faces", payload, 1)
            (image,) = await publish(reach(remote), [face(77)], ARCHIVE)
            await until(lambda: store.counts["stored"] + store.counts["refused"] == len(poison) + 1)
            assert any((folder / path).read_bytes() == image for path in files(folder))
            assert store.counts["refused"] == 8  # broken text in a picture is no reason to refuse the picture
            assert store.link.connections == 1
    assert all(Key.parse(path) for path in files(folder))
    assert set(await asyncio.to_thread(os.listdir, tmp_path)) <= {"faces", "remote"}
    assert await indexed(folder) == files(folder)


async def test_a_wrong_clock_makes_faces_undated_and_is_told_once_for_each_robot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            ahead = [Face("rover", "t1", datetime.now(UTC) + timedelta(days=1, seconds=i)) for i in range(3)]
            async with Mqtt(reach(remote), "a-robot") as mqtt:
                for number, each in enumerate(ahead):
                    await mqtt.send("archive/rover/faces", picture(number), 1, each.fields())
            await until(lambda: store.counts["stored"] == 3)
    assert {path.split("/")[0] for path in files(folder)} == {UNDATED}
    assert sum("the clock of rover is wrong" in record.getMessage() for record in caplog.records) == 1


async def test_a_jpeg_is_stored_as_png_with_its_fields_inside(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()), Mqtt(reach(remote), "a-robot") as mqtt:
            await up(store)
            await mqtt.send("archive/rover/faces", picture(1, 40, Format.JPEG), 1, face(1).fields())
            await until(lambda: store.counts["stored"] == 1)
    (path,) = files(folder)
    assert fields_in((folder / path).read_bytes()) == face(1).fields()


async def test_what_is_larger_than_allowed_is_refused_or_never_gets_here(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, tmp_path / "faces", max_payload_mb=0.01, max_image_px=1000)
        async with beside(store.run()), Mqtt(reach(remote), "a-robot") as mqtt:
            await up(store)
            await mqtt.send("archive/rover/faces", bytes(10_001), 1)
            await mqtt.send("archive/rover/faces", picture(1, 40), 1)
            await mqtt.send("archive/rover/faces", bytes(4_000_000), 1)
            await publish(reach(remote), [face(1)], ARCHIVE)
            await until(lambda: store.counts["stored"] == 1)
            assert store.counts["refused"] == 2
            assert store.link.connections == 1


async def test_what_came_while_no_store_was_running_is_stored_later(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
        await publish(reach(remote), [face(number) for number in range(10)], ARCHIVE)
        assert not files(folder)
        async with beside(store_of(remote, folder).run()):
            await until(lambda: len(files(folder)) == 10)


async def test_a_rule_is_obeyed_for_what_comes_after_it_and_for_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    bucket = Bucket(StorageConfig(url=f"file://{folder}"))
    async with broker("remote", tmp_path) as remote:
        await Rules(bucket).add(Rule(START + timedelta(days=1), robot="rover", track="gone"))
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            faces = [face(1, track="gone"), face(2, track="stays"), face(3, track="late")]
            await publish(reach(remote), faces, ARCHIVE)
            await until(lambda: store.counts["stored"] + store.counts["forgotten"] == 3)
            assert {path.split("/")[2] for path in files(folder)} == {"stays", "late"}
            await Rules(bucket).add(Rule(START + timedelta(days=1), robot="rover", track="late"))
            await until(lambda: {path.split("/")[2] for path in files(folder)} == {"stays"})
            async with asyncio.timeout(30):
                while await indexed(folder) != files(folder):  # noqa: ASYNC110  # lines go after the objects
                    await asyncio.sleep(0.05)
            assert len(await indexed(folder)) == 1


async def test_foreign_files_below_forgotten_do_not_stop_it_and_delete_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    bucket = Bucket(StorageConfig(url=f"file://{folder}"))
    for number, data in enumerate((b'{"at": "2099-01-01T00:00:00Z", "robot": 5}', b"[" * 100_000, b"\xff", b"{}")):
        await bucket.put(f"forgotten/{number}.json", data, "application/json")
    async with broker("remote", tmp_path) as remote:
        store = store_of(remote, folder)
        async with beside(store.run()):
            await up(store)
            await publish(reach(remote), [face(1)], ARCHIVE)
            await until(lambda: store.counts["stored"] == 1)
    assert len(files(folder)) == 1


async def test_a_wrong_login_is_said_and_tried_again(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote:
        wrong = BrokerConfig(url=remote.url, username="store", password=SecretStr("guess"))
        store = store_of(remote, tmp_path / "faces", broker=wrong)
        async with beside(store.run()):
            await until(lambda: "Check broker.username and broker.password" in store.problem)


async def test_a_topic_of_another_kind_is_not_taken(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        store = store_of(local, tmp_path / "faces", broker=reach(local))
        async with beside(store.run()), client(local, "somebody") as somebody:
            await up(store)
            await somebody.publish("archive/rover/other", picture(1), qos=1)
            await somebody.publish("archive/rover/faces", picture(2), qos=1)
            await until(lambda: store.counts["stored"] == 1)
            assert store.counts["refused"] == 0


async def test_a_folder_that_cannot_be_made_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in (f"file://{tmp_path}/file", "s4://x"):
        with pytest.raises(ConfigError, match=r"storage\.url"):
            Store(StoreConfig(storage=StorageConfig(url=url)))


async def test_old_faces_go_when_a_retention_is_set_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    now = datetime.now(UTC)
    async with broker("remote", tmp_path) as remote:
        keeping = store_of(remote, folder)
        async with beside(keeping.run()), Mqtt(reach(remote), "a-robot") as mqtt:
            await up(keeping)
            for number, each in enumerate((Face("rover", "old", now - timedelta(days=3)), Face("rover", "new", now))):
                await mqtt.send("archive/rover/faces", picture(number), 1, each.fields())
            await until(lambda: keeping.counts["stored"] == 2)
        retiring = store_of(remote, folder, retention_days=2.0)
        async with beside(retiring.run()):
            await until(lambda: len(files(folder)) == 1)
    assert {path.split("/")[2] for path in files(folder)} == {"new"}
