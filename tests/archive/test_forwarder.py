"""From the local broker to the remote one: what is kept, what is given up, and what each is counted as."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archive import receipts
from archive.broker.private import PrivateBroker
from archive.broker_config import BrokerConfig
from archive.config import ForwardConfig, SpoolConfig
from archive.face import Face, to_text
from archive.forwarder import Forwarder
from archive.mqtt import Mail, Mqtt, RefusedError
from archive.spool import Spool
from common.errors import ConfigError
from tests.archive.brokers import local_and_remote
from tests.archive.parts import as_store, beside, face, picture, publish, reach, until


class Store:
    """Takes what comes at the remote broker, and confirms it as far as it is told to."""

    def __init__(self, remote: PrivateBroker) -> None:
        self._remote = remote
        self.got: list[Mail] = []
        self.confirms = True
        self.ready = asyncio.Event()

    async def run(self) -> None:
        async with Mqtt(as_store(self._remote), "a-store", is_persistent=True) as mqtt:
            await mqtt.subscribe_to("archive/+/faces", 1)
            self.ready.set()
            while True:
                for mail in await mqtt.next_mail(100):
                    self.got.append(mail)
                    mqtt.acknowledge(mail)
                    if self.confirms and receipts.is_topic(mail.reply_to):
                        await mqtt.send(mail.reply_to, receipts.write([mail.reply_id], []), 1)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with beside(self.run()):
            await self.ready.wait()
            yield

    @property
    def payloads(self) -> set[bytes]:
        return {mail.payload for mail in self.got}


def forwarder(
    local: PrivateBroker, remote: PrivateBroker, folder: Path, login: BrokerConfig | None = None, **more: Any
) -> Forwarder:
    spool = SpoolConfig(path=folder / "spool.db", keep_free_mb=0)
    given: dict[str, Any] = {"local": reach(local), "remote": login or reach(remote), "spool": spool}
    return Forwarder(ForwardConfig(**(given | more)))


def adds_up(forward: Forwarder, at_start: int = 0) -> bool:
    """What the counts' own text promises."""
    counts = forward.counts
    gone = ("delivered", "lost", "dropped_size", "dropped_age", "dropped_disk", "rejected")
    return counts["taken"] + at_start == sum(counts[each] for each in gone) + forward.spool.count


async def until_refused(remote: PrivateBroker, topic: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                async with Mqtt(reach(remote), "somebody") as mqtt:
                    await mqtt.send(topic, b"", 1)
            except RefusedError:
                return


async def until_up(forward: Forwarder) -> None:
    await until(lambda: not forward.local.problem, "the local broker")


async def test_what_is_published_arrives_as_it_was_and_leaves_the_spool_when_it_is_safe(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        forward, store = forwarder(local, remote, tmp_path), Store(remote)
        async with store.running(), beside(forward.run()):
            await until_up(forward)
            faces = [face(number) for number in range(50)] + [face(100, "rover-2", "Zoë/..")]
            images = await publish(reach(local), faces)
            await until(lambda: forward.counts["delivered"] == 51)
            assert forward.spool.count == 0
            assert adds_up(forward)
            assert forward.problem == ""
        assert store.payloads == set(images)
        back = [Face.from_fields(mail.fields, mail.topic.split("/")[1]) for mail in store.got]
        assert sorted(back, key=str) == sorted(faces, key=str)


async def test_without_a_receipt_it_stays_over_a_restart_and_goes_again(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store = Store(remote)
        store.confirms = False
        async with store.running():
            forward = forwarder(local, remote, tmp_path)
            async with beside(forward.run()):
                await until_up(forward)
                images = await publish(reach(local), [face(number) for number in range(10)])
                await until(lambda: len(store.got) >= 10)
                assert forward.spool.count == 10
                assert adds_up(forward)
            store.got.clear()
            store.confirms = True
            again = forwarder(local, remote, tmp_path)
            async with beside(again.run()):
                await until(lambda: again.counts["delivered"] == 10)
            assert store.payloads == set(images)
            assert adds_up(again, at_start=10)


async def test_what_comes_while_the_remote_is_away_or_crashes_arrives_later(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store, forward = Store(remote), forwarder(local, remote, tmp_path, resend_s=1.0)
        await remote.terminate()
        async with beside(forward.run()):
            await until_up(forward)
            images = await publish(reach(local), [face(number) for number in range(40)])
            await until(lambda: forward.counts["taken"] == 40)
            assert "nobody to talk to" in forward.problem
            await remote.start()
            async with store.running():
                await until(lambda: forward.counts["delivered"] == 40)
            assert store.payloads == set(images)
            assert adds_up(forward)


async def test_receipts_of_strangers_and_garbage_confirm_nothing(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store, forward = Store(remote), forwarder(local, remote, tmp_path)
        store.confirms = False
        async with store.running(), beside(forward.run()):
            await until_up(forward)
            await publish(reach(local), [face(1)])
            await until(lambda: len(store.got) == 1)
            mail = store.got[0]
            garbage = [b"", b"\xff\x00", b"[" * 10_000, b'{"stored": [1]}', b'{"stored": ["0000000000000000.1"]}']
            right = receipts.write([mail.reply_id], [])
            async with Mqtt(as_store(remote), "another-store") as mqtt:
                for payload in garbage:
                    assert await mqtt.send(mail.reply_to, payload, 1)
                assert forward.spool.count == 1
                await mqtt.send(mail.reply_to, right, 1)
                await until(lambda: forward.counts["delivered"] == 1)
                await mqtt.send(mail.reply_to, right, 1)  # twice
            assert forward.remote.connections == 1
            assert adds_up(forward)


async def test_what_the_store_will_never_take_leaves_and_is_counted_as_that(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store, forward = Store(remote), forwarder(local, remote, tmp_path)
        store.confirms = False
        async with store.running(), beside(forward.run()):
            await until_up(forward)
            await publish(reach(local), [face(1)])
            await until(lambda: len(store.got) == 1)
            async with Mqtt(as_store(remote), "another-store") as mqtt:
                await mqtt.send(store.got[0].reply_to, receipts.write([], [store.got[0].reply_id]), 1)
            await until(lambda: forward.counts["rejected"] == 1)
            assert forward.spool.count == 0
            assert adds_up(forward)


async def test_poisonous_messages_are_refused_or_go_on_and_stop_nothing(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store, forward = Store(remote), forwarder(local, remote, tmp_path)
        async with store.running(), beside(forward.run()):
            await until_up(forward)
            async with Mqtt(reach(local, protocol="3.1.1"), "poisoner") as mqtt:
                for robot in ("$x", "..", ".", "x" * 65, "é" * 41):
                    await mqtt.send(f"tagalong/{robot}/faces", picture(1), 1)
                for payload in (b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(2_000_001)):
                    await mqtt.send("tagalong/rover/faces", payload, 1)
                for number, text in enumerate(("\x00", "\n", "\ud800", "\uffff", "x" * 3000, "\x9f")):
                    inside = {"track": text, "edge": text, "time": text}
                    await mqtt.send("tagalong/rover/faces", picture(number, fields=inside), 1)
            (image,) = await publish(reach(local), [face(77)])
            await until(lambda: image in store.payloads)
            await until(lambda: forward.counts["delivered"] == 7)
            assert forward.counts["refused"] == 9
            assert (forward.local.connections, forward.remote.connections) == (1, 1)
            assert adds_up(forward)


async def test_a_robot_without_the_right_does_not_stop_the_others(tmp_path: Path) -> None:
    """Mosquitto 2.0.11 hangs up after it has refused a message."""
    async with local_and_remote(tmp_path) as (local, remote):
        acl = remote.folder / "acl"
        acl.write_text(acl.read_text().replace("topic write archive/+/faces", "topic write archive/rover/faces"))
        assert remote.pid
        os.kill(remote.pid, signal.SIGHUP)  # Mosquitto reads it again
        await until_refused(remote, "archive/intruder/faces")
        store, forward = Store(remote), forwarder(local, remote, tmp_path)
        async with store.running(), beside(forward.run()):
            await until_up(forward)
            faces = [face(number, "intruder" if number == 3 else "rover") for number in range(30)]
            await publish(reach(local), faces)
            await until(lambda: forward.counts["delivered"] >= 29)
            assert forward.spool.count == 1
            assert adds_up(forward)


async def test_a_wrong_login_at_the_remote_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        wrong = BrokerConfig(url=remote.url, username="forwarder", password=SecretStr("guess"))
        forward = forwarder(local, remote, tmp_path, wrong)
        async with beside(forward.run()):
            await until_up(forward)
            await publish(reach(local), [face(1)])
            await until(lambda: "Check remote.username and remote.password" in forward.problem)
            await until(lambda: forward.counts["taken"] == 1)
            assert forward.spool.count == 1


async def test_with_confirm_broker_the_remote_broker_is_enough_if_somebody_listens_there(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        forward, store = forwarder(local, remote, tmp_path, confirm="broker"), Store(remote)
        store.confirms = False
        async with beside(forward.run()):
            await until_up(forward)
            await publish(reach(local), [face(1)])
            await until(lambda: forward.counts["taken"] == 1 and not forward.remote.problem)
            assert forward.counts["delivered"] == 0  # nobody is there: the broker would throw it away
            async with store.running():
                await until(lambda: forward.counts["delivered"] == 1)
            assert not store.got[0].reply_to
            assert adds_up(forward)


async def test_with_qos_0_a_dead_remote_blocks_nothing_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        store, forward = Store(remote), forwarder(local, remote, tmp_path, qos=0)
        async with beside(forward.run()):
            await until_up(forward)
            await until(lambda: not forward.remote.problem)
            async with store.running():
                await publish(reach(local), [face(number) for number in range(10)], qos=0)
                await until(lambda: len(store.got) == 10)
            assert forward.counts["delivered"] == 10
            remote.freeze()
            await publish(reach(local), [face(number) for number in range(300)], qos=0, side=110)
            await until(lambda: forward.counts["taken"] == 310)
            assert forward.counts["lost"] > 0
            remote.kill()
            await until(lambda: bool(forward.remote.problem))
            await publish(reach(local), [face(number) for number in range(20)], qos=0)
            await until(lambda: forward.counts["taken"] == 330)
            assert forward.counts["delivered"] + forward.counts["lost"] == 330
        assert not (tmp_path / "spool.db").exists()


async def test_what_the_spool_drops_is_counted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        await remote.terminate()
        small = SpoolConfig(path=tmp_path / "spool.db", max_mb=1, keep_free_mb=0)
        forward = forwarder(local, remote, tmp_path, spool=small)

        def taken(faces: int) -> Callable[[], bool]:
            return lambda: forward.counts["taken"] == faces

        async with beside(forward.run()):
            await until_up(forward)
            for begin in range(0, 150, 10):  # a batch that is larger than the spool would be taken all the same
                await publish(reach(local), [face(number) for number in range(begin, begin + 10)], side=60)
                await until(taken(begin + 10))
            await until(lambda: forward.counts["dropped_size"] > 0)
            assert forward.spool.bytes <= 1_000_000
            assert adds_up(forward)
    assert any("dropped the" in r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING)


async def test_what_the_local_broker_sends_twice_is_taken_once(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        await remote.terminate()
        forward = forwarder(local, remote, tmp_path)
        async with beside(forward.run()):
            await until_up(forward)
            for _ in range(2):
                await publish(reach(local), [face(number) for number in range(5)])
            await until(lambda: forward.counts["again"] == 5)
            assert forward.counts["taken"] == forward.spool.count == 5


async def test_a_spool_that_somebody_has_ends_the_start(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path) as (local, remote):
        holder = Spool(tmp_path / "spool.db")
        holder.open()
        try:
            with pytest.raises(ConfigError, match=r"spool\.path: .*Is another forwarder using it\?"):
                await forwarder(local, remote, tmp_path).run()
        finally:
            holder.close()


def test_times_are_told_to_the_microsecond() -> None:
    """What the spool tells pictures of one moment apart by."""
    one = Face("rover", time=datetime(2026, 1, 1, 0, 0, 0, 1, UTC))
    assert to_text(one.time or datetime.now(UTC)) == "2026-01-01T00:00:00.000001Z"
