"""One connection to a real broker: what is acknowledged, what is refused, and how it ends."""

import asyncio
import contextlib
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr

from archive.broker.private import PrivateBroker, free_port
from archive.broker_config import BrokerConfig
from archive.mqtt import BrokerError, Mail, Mqtt, RefusedError
from tests.archive.brokers import broker, client
from tests.archive.parts import as_store, reach, until

Protocol = Literal["5", "3.1.1"]
BOTH: list[Protocol] = ["5", "3.1.1"]
FIELDS = {"robot": "Zoë", "track": "a1-7", "empty": ""}


@pytest.mark.parametrize("protocol", BOTH)
async def test_a_message_arrives_as_it_was_sent(tmp_path: Path, protocol: Protocol) -> None:
    async with broker("local", tmp_path) as local:
        to = reach(local, protocol=protocol)
        async with Mqtt(to, "reader") as reader, Mqtt(to, "writer") as writer:
            await reader.subscribe_to("tagalong/+/faces", 1)
            for qos in (0, 1, 2):
                topic, payload = f"tagalong/rover-{qos}/faces", b"\x00\xff%d" % qos
                assert await writer.send(topic, payload, qos, FIELDS, "image/png", "reply/here", b"7")
                (mail,) = await reader.next_mail(10)
                assert (mail.topic, mail.payload) == (topic, payload)
                if protocol == "5":
                    assert (mail.fields, mail.reply_to, mail.reply_id) == (FIELDS, "reply/here", b"7")
                else:
                    assert (mail.fields, mail.reply_to, mail.reply_id) == ({}, "", b"")


@pytest.mark.parametrize("protocol", BOTH)
async def test_what_is_not_acknowledged_comes_again_and_what_is_does_not(tmp_path: Path, protocol: Protocol) -> None:
    async with broker("local", tmp_path) as local:
        to = reach(local, protocol=protocol)
        async with Mqtt(to, "reader", is_persistent=True) as reader, Mqtt(to, "writer") as writer:
            await reader.subscribe_to("x", 1)
            for number in range(5):
                await writer.send("x", b"%d" % number, 1)
            got: list[Mail] = []
            while len(got) < 5:
                got += await reader.next_mail(10)
            for mail in got[:2]:
                reader.acknowledge(mail)
            await reader.send("y", b"the broker has seen what came before", 1)
        async with Mqtt(to, "reader", is_persistent=True) as reader:
            again: list[Mail] = []
            while len(again) < 3:
                again += await reader.next_mail(10)
            assert [mail.payload for mail in again] == [b"2", b"3", b"4"]
            for mail in again:
                reader.acknowledge(mail)
            await reader.send("y", b"the broker has seen what came before", 1)
        async with Mqtt(to, "reader", is_persistent=True) as reader, Mqtt(to, "writer") as writer:
            await writer.send("x", b"new", 1)
            assert [mail.payload for mail in await reader.next_mail(10)] == [b"new"]


async def test_a_broker_sends_no_more_ahead_than_it_was_asked_to(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        to = reach(local)
        async with Mqtt(to, "reader", receive_maximum=3) as reader, Mqtt(to, "writer") as writer:
            await reader.subscribe_to("x", 1)
            for number in range(10):
                await writer.send("x", b"%d" % number, 1)
            await until(lambda: reader.mail.qsize() == 3)
            await writer.send("y", b"the broker has had time to send more", 1)
            got = await reader.next_mail(10)
            assert len(got) == 3
            reader.acknowledge(got[0])
            assert [mail.payload for mail in await reader.next_mail(10)] == [b"3"]


async def test_what_somebody_left_behind_is_no_news(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        to = reach(local)
        async with client(local, "somebody") as somebody:
            await somebody.publish("x", b"old", qos=1, retain=True)
        async with Mqtt(to, "reader", is_persistent=True) as reader, Mqtt(to, "writer") as writer:
            await reader.subscribe_to("x", 1)
            await writer.send("x", b"new", 1)
            assert [mail.payload for mail in await reader.next_mail(10)] == [b"new"]


async def test_nobody_subscribed_is_said(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local, Mqtt(reach(local), "writer") as writer:
        assert not await writer.send("x", b"1", 1)
        async with Mqtt(reach(local), "reader") as reader:
            await reader.subscribe_to("x", 1)
            assert await writer.send("x", b"2", 1)


async def test_messages_of_qos_0_that_nobody_takes_are_bounded_and_counted(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        to = reach(local)
        async with Mqtt(to, "reader", max_waiting=10) as reader, Mqtt(to, "writer") as writer:
            await reader.subscribe_to("x", 0)
            for _ in range(50):
                await writer.send("x", b"", 0)
            await until(lambda: reader.mail.qsize() + reader.overflowed == 50)
            assert (reader.mail.qsize(), reader.overflowed) == (10, 40)


async def test_a_wrong_login_is_refused_with_the_user_and_the_settings_named(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote:
        wrong = BrokerConfig(url=remote.url, username="forwarder", password=SecretStr("guess"))
        for config, who in (
            (wrong, "user 'forwarder'"),
            (BrokerConfig(url=remote.url), "a client without a user name"),
        ):
            for protocol in BOTH:
                with pytest.raises(BrokerError) as caught:
                    async with Mqtt(config.model_copy(update={"protocol": protocol}), "x", "remote"):
                        pass
                assert f"refuses the login of {who}" in str(caught.value)
                assert "Check remote.username and remote.password" in str(caught.value)
                assert "guess" not in str(caught.value)


async def test_where_no_broker_is_is_said_with_the_setting() -> None:
    with pytest.raises(
        BrokerError, match=r"remote\.url: nobody to talk to at mqtt://127.0.0.1:\d+ .*Is a broker running"
    ):
        async with Mqtt(BrokerConfig(url=f"mqtt://127.0.0.1:{free_port()}"), "x", "remote"):
            pass


async def test_a_name_that_nobody_knows_is_said_with_the_setting() -> None:
    with pytest.raises(BrokerError, match=r"broker\.url: nobody to talk to at mqtt://no-such-host\.invalid"):
        async with Mqtt(BrokerConfig(url="mqtt://no-such-host.invalid"), "x"):
            pass


async def test_a_topic_without_the_right_is_refused_and_may_be_allowed_later(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote, Mqtt(as_store(remote), "store") as store:
        with pytest.raises(RefusedError, match="refuses a message to archive/rover/faces: Not authorized") as caught:
            await store.send("archive/rover/faces", b"x", 1)
        assert not caught.value.is_final


async def test_a_message_larger_than_the_broker_takes_is_refused_before_it_throws_us_out(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote, Mqtt(reach(remote), "forwarder") as mqtt:
        with pytest.raises(
            RefusedError, match="5000000 bytes, and it takes packets of 4259840 bytes at most"
        ) as caught:
            await mqtt.send("archive/rover/faces", bytes(5_000_000), 1)
        assert caught.value.is_final
        await mqtt.send("archive/rover/faces", bytes(4_000_000), 1)
        mqtt.check()


@pytest.mark.parametrize("protocol", BOTH)
async def test_what_mqtt_cannot_hold_is_refused_for_good_and_the_connection_stays(
    tmp_path: Path, protocol: Protocol
) -> None:
    async with broker("local", tmp_path) as local, Mqtt(reach(local, protocol=protocol), "x") as mqtt:
        sending = [mqtt.send(topic, b"x", 1) for topic in ("a/+", "a/#", "a/\ud800")]
        if protocol == "5":
            sending += [mqtt.send("x", b"x", 1, {"track": text}) for text in ("\ud800", "x" * 70_000)]
        for each in sending:
            with pytest.raises(RefusedError) as caught:
                await each
            assert caught.value.is_final
        await mqtt.send("x", b"x", 1)


async def test_a_broker_that_dies_ends_all_that_waits_at_once(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local, Mqtt(reach(local), "x") as mqtt:
        local.freeze()
        sending = [asyncio.create_task(mqtt.send("x", bytes(100_000), 1)) for _ in range(5)]
        reading = asyncio.create_task(mqtt.next_mail(1))
        watching = asyncio.create_task(mqtt.gone())
        await asyncio.sleep(0)
        local.kill()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*sending, reading, watching, return_exceptions=True)
        assert [type(result) for result in results] == [BrokerError] * 7
        assert all(local.url in str(result) for result in results)
        with pytest.raises(BrokerError):
            mqtt.check()
        with pytest.raises(BrokerError):
            await mqtt.send("x", b"", 1)


async def frozen(local: PrivateBroker) -> BrokerConfig:
    """Connections are still made, by the kernel; nobody answers."""
    local.freeze()
    return reach(local)


async def test_a_broker_that_does_not_answer_is_given_up_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    """A task or socket that outlived it would fail this test."""
    async with broker("local", tmp_path) as local:
        mqtt = Mqtt(await frozen(local), "x")
        mqtt.timeout = 0.2
        with pytest.raises(BrokerError, match=r"nobody to talk to at .*timed out"):
            async with mqtt:
                pass
        local.resume()


async def test_a_broker_that_hangs_up_instead_of_an_answer_is_noticed_at_once() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            with pytest.raises(BrokerError, match=r"nobody to talk to at .*hung up before it had answered"):
                async with Mqtt(BrokerConfig(url=f"mqtt://127.0.0.1:{port}"), "x"):
                    pass


@pytest.mark.parametrize("how", ["cancelled", "failing"])
async def test_who_leaves_a_frozen_broker_is_not_held_and_hears_of_the_first_error(tmp_path: Path, how: str) -> None:
    async with broker("local", tmp_path) as local:
        is_full = asyncio.Event()

        async def use() -> None:
            async with Mqtt(reach(local), "x") as mqtt, asyncio.TaskGroup() as group:
                local.freeze()
                for _ in range(20):
                    group.create_task(mqtt.send("x", bytes(2_000_000), 1))
                await until(lambda: mqtt.backlog > 5)
                is_full.set()
                if how == "failing":
                    raise ZeroDivisionError("first")
                await asyncio.Event().wait()

        task = asyncio.create_task(use())
        await is_full.wait()
        if how == "cancelled":
            task.cancel()
        async with asyncio.timeout(8):
            with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
                await task
        assert task.cancelled() == (how == "cancelled")
        if how == "failing":
            assert isinstance(task.exception(), ExceptionGroup)
        local.resume()


async def test_the_second_client_of_a_name_throws_the_first_one_out(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local, Mqtt(reach(local), "x") as one, Mqtt(reach(local), "x") as other:
        with pytest.raises(BrokerError):
            await one.next_mail(1)
        await other.send("x", b"", 1)
