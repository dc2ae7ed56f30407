"""Crops on their way to the local broker: nobody waits, what can be kept is kept, and the counts add up."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from archive import publisher as publisher_module
from archive.broker.private import PrivateBroker, free_port
from archive.broker_config import BrokerConfig
from archive.camera_config import PublisherConfig
from archive.face import Face
from archive.mqtt import BrokerError, Mqtt
from archive.publisher import UNDER_WAY, Letter, Publisher
from common.errors import ConfigError
from robot.check import Finding, Mark, Probe, look
from robot.config import RobotConfig
from robot.probes import watchers
from tests.archive.brokers import broker
from tests.archive.parts import beside, face, picture, reach, until


def letters(number: int, first: int = 0, side: int = 12) -> list[Letter]:
    return [Letter(face(i), picture(i, side)) for i in range(first, first + number)]


def adds_up(publisher: Publisher) -> bool:
    counts = publisher.counts
    gone = counts["published"] + counts["dropped"] + counts["refused"]
    return counts["offered"] == gone + publisher.waiting


async def read(local: PrivateBroker, ready: asyncio.Event, got: Counter[bytes]) -> None:
    async with Mqtt(reach(local), "reader", is_persistent=True) as reader:
        await reader.subscribe_to("tagalong/+/faces", 1)
        ready.set()
        while True:
            for mail in await reader.next_mail(100):
                got[mail.payload] += 1
                reader.acknowledge(mail)


async def test_what_is_put_arrives_with_its_fields(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        publisher = Publisher(PublisherConfig(broker=reach(local)), "rover")
        async with Mqtt(reach(local), "reader") as reader, beside(publisher.run()):
            await reader.subscribe_to("tagalong/rover/faces", 1)
            letter = letters(1)[0]
            publisher.put(letter)
            (mail,) = await reader.next_mail(1)
            await publisher.drained()
    assert mail.payload == letter.image
    assert Face.from_fields(mail.fields, "rover") == letter.face
    assert publisher.counts.numbers()["published"] == publisher.counts["offered"] == 1


async def test_a_broker_that_comes_later_gets_all_of_it(tmp_path: Path) -> None:
    port = free_port()
    publisher = Publisher(PublisherConfig(broker=BrokerConfig(url=f"mqtt://127.0.0.1:{port}")), "rover")
    sent = letters(100)
    async with beside(publisher.run()):
        for letter in sent:
            publisher.put(letter)
        await until(lambda: "nobody to talk to" in publisher.link.problem)
        assert publisher.waiting == 100
        local = PrivateBroker("local", tmp_path / "local", kind="mosquitto")
        local.port = port
        got: Counter[bytes] = Counter()
        async with local, beside(read(local, asyncio.Event(), got)):
            await publisher.drained()
    assert publisher.counts["published"] == 100
    assert adds_up(publisher)


async def test_a_full_outbox_drops_the_oldest_and_counts_them() -> None:
    nowhere = BrokerConfig(url=f"mqtt://127.0.0.1:{free_port()}")
    publisher = Publisher(PublisherConfig(broker=nowhere, outbox=10), "rover")
    sent = letters(25)
    for letter in sent:
        publisher.put(letter)
    assert publisher.waiting == 10
    assert publisher.counts["dropped"] == 15
    assert adds_up(publisher)


async def test_over_crashes_of_the_broker_everything_arrives(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        publisher = Publisher(PublisherConfig(broker=reach(local), outbox=1000), "rover")
        got: Counter[bytes] = Counter()
        sent = letters(300)
        async with beside(publisher.run()):
            ready = asyncio.Event()
            for number, letter in enumerate(sent):
                publisher.put(letter)
                await asyncio.sleep(0)
                if number in (100, 200):
                    local.kill()
                    await local.restart()
                assert adds_up(publisher)
            async with beside(read(local, ready, got)):
                await ready.wait()
                await publisher.drained()
                last = letters(1, 1000)[0]
                publisher.put(last)
                await until(lambda: last.image in got)
        assert publisher.counts["published"] == 301
        assert publisher.counts["dropped"] == 0
        assert adds_up(publisher)


async def test_with_qos_0_nothing_waits_for_a_broker_that_is_away() -> None:
    nowhere = BrokerConfig(url=f"mqtt://127.0.0.1:{free_port()}")
    publisher = Publisher(PublisherConfig(broker=nowhere, qos=0), "rover")
    for letter in letters(5):
        publisher.put(letter)
    assert (publisher.waiting, publisher.counts["dropped"]) == (0, 5)
    assert adds_up(publisher)


async def test_with_qos_0_a_broker_that_does_not_read_costs_no_memory(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        publisher = Publisher(PublisherConfig(broker=reach(local), qos=0), "rover")
        async with beside(publisher.run()):
            await publisher.link.is_up.wait()
            local.freeze()
            large = Letter(face(1), bytes(1_000_000))
            for _ in range(200):
                publisher.put(large)
                await asyncio.sleep(0)
            await until(lambda: publisher.waiting == 0)
            assert publisher.counts["dropped"] > 150
            assert adds_up(publisher)
            local.resume()


async def test_what_the_broker_will_never_take_is_refused_and_stops_nothing(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        publisher = Publisher(PublisherConfig(broker=reach(local)), "rover")
        async with beside(publisher.run()):
            await publisher.link.is_up.wait()
            publisher.put(Letter(face(0), bytes(6_000_000)))
            for letter in letters(5):
                publisher.put(letter)
            await publisher.drained()
        assert publisher.counts["refused"] == 1
        assert publisher.counts["published"] == 5
        assert publisher.link.connections == 1


async def test_what_may_not_go_now_waits_and_goes_when_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the remote broker, where `store` may not publish faces."""
    monkeypatch.setattr(publisher_module, "TRY_AGAIN_S", 0.05)
    async with broker("remote", tmp_path) as remote:
        config = PublisherConfig(broker=reach(remote, "store"), topic="archive/{robot}/faces")
        publisher = Publisher(config, "rover")
        async with beside(publisher.run()):
            publisher.put(letters(1)[0])
            await until(lambda: publisher.link.connections >= 2)  # this Mosquitto hangs up after a refusal
            assert publisher.waiting == 1
            assert adds_up(publisher)


async def test_a_field_that_mqtt_has_no_place_for_stops_nothing(tmp_path: Path) -> None:
    """An edge server calls itself what it likes."""
    async with broker("local", tmp_path) as local:
        publisher = Publisher(PublisherConfig(broker=reach(local)), "rover")
        async with beside(publisher.run()):
            for edge in ("\x00", "\n", "\ud800", "x" * 70_000, "\uffff"):
                publisher.put(Letter(Face("rover", "t1", edge=edge), picture(1)))
            await publisher.drained()
        assert publisher.counts["published"] == 5
        assert publisher.link.connections == 1


class BreakingMqtt:
    """A connection that breaks in the very moment in which a letter is put."""

    made: list["BreakingMqtt"]
    backlog = 0

    def __init__(self, *of: Any, **more: Any) -> None:
        self.breaks = asyncio.Event()
        self.sent = 0
        self.made.append(self)

    async def __aenter__(self) -> "BreakingMqtt":
        return self

    async def __aexit__(self, *of: object) -> None:
        pass

    async def gone(self) -> None:
        await self.breaks.wait()
        raise BrokerError("it went away")

    async def send(self, *of: Any) -> bool:
        self.sent += 1
        await asyncio.sleep(0)
        if self.breaks.is_set():
            raise BrokerError("it went away")
        return True


async def test_a_letter_that_comes_in_the_moment_of_a_break_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    BreakingMqtt.made = []
    monkeypatch.setattr(publisher_module, "Mqtt", BreakingMqtt)
    publisher = Publisher(PublisherConfig(outbox=10 * UNDER_WAY), "rover")
    async with beside(publisher.run()):
        await publisher.link.is_up.wait()
        await asyncio.sleep(0.01)
        BreakingMqtt.made[0].breaks.set()
        for letter in letters(2 * UNDER_WAY):
            publisher.put(letter)
        async with asyncio.timeout(10):
            await publisher.drained()
    assert publisher.counts["published"] == 2 * UNDER_WAY
    assert adds_up(publisher)


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "$SYS", ".."])
def test_a_robot_that_cannot_be_in_a_topic_stops_the_start(name: str) -> None:
    with pytest.raises(ConfigError, match="robot_id"):
        Publisher(PublisherConfig(), name)


# ---- before a robot starts ----


async def checked(**broker: Any) -> list[Finding]:
    """As `tagalong robot --check` does it."""
    config = RobotConfig.model_validate({"robot_id": "rover", "archive": {"enabled": True, "broker": broker}})
    return await look(config, [Probe("watchers", 30.0, watchers)])


async def test_a_check_tells_whether_the_broker_lets_the_robot_in(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        (found,) = await checked(url=local.url)
    assert (found.what, found.mark) == ("archive", Mark.GOOD)
    assert found.found == f"{local.url} answers; faces go to tagalong/rover/faces"
    (found,) = await checked(url=local.url)
    assert (found.what, found.mark) == ("archive", Mark.BAD)
    assert found.found.startswith(f"archive.broker.url: nobody to talk to at {local.url}")
    assert found.next_step == "Is a broker running there?"


async def test_a_check_tells_of_a_wrong_login_and_of_files_that_are_not_there(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote:
        (found,) = await checked(url=remote.url, username=remote.username, password="wrong")
        assert found.mark is Mark.BAD
        assert "refuses the login" in found.found
        assert found.next_step == "Check archive.broker.username and archive.broker.password"
        (found,) = await checked(url=remote.url, username="me", password_file=str(tmp_path / "none"))
    assert found.mark is Mark.BAD
    assert found.found.startswith(f"archive.broker.password_file: {tmp_path / 'none'} cannot be read")


async def test_a_check_throws_no_robot_out_that_is_at_work(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        own = {"url": local.url, "client_id": "rover-7"}
        publisher = Publisher(PublisherConfig.model_validate({"broker": own}), "rover")
        async with beside(publisher.run()):
            await publisher.link.is_up.wait()
            (found,) = await checked(**own)
            assert found.mark is Mark.GOOD
            publisher.put(letters(1)[0])
            await publisher.drained()
    assert publisher.link.connections == 1
