"""Private brokers: they start as the settings in deploy/mosquitto say, keep what they promise, and end with us."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest

from archive.broker import private
from archive.broker.private import BrokerError, Kind, PrivateBroker, Role
from tests.archive.brokers import (
    LIMIT_S,
    broker,
    client,
    need_mosquitto,
    payloads,
    send,
    subscribe_and_go,
    take,
    verdict,
)

KINDS: list[Kind] = ["mosquitto", "embedded"]
ROOT = Path(__file__).parents[2]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 (another process has no event for it)
            await asyncio.sleep(0.02)


def state_of(pid: int | None) -> str:
    """One letter as in ps; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.parametrize("kind", KINDS)
async def test_it_takes_connections_when_start_returns(kind: Kind, tmp_path: Path) -> None:
    async with broker("local", tmp_path, kind) as local, client(local, "reader") as reader:
        await reader.subscribe("tagalong/+/faces", qos=1)
        await send(local, "tagalong/rover/faces", [b"face"])
        [message] = await take(reader, bool)
        assert (str(message.topic), message.payload) == ("tagalong/rover/faces", b"face")
        assert local.url == f"mqtt://127.0.0.1:{local.port}"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_remote_one_lets_nobody_in_without_the_right_login(kind: Kind, tmp_path: Path) -> None:
    async with broker("remote", tmp_path, kind) as remote:
        assert remote.username == "forwarder"
        async with client(remote, "forwarder"), client(remote, "store", "store"):
            pass
        remote.password = "guessed"
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await client(remote, "forwarder").__aenter__()
        remote.username = remote.password = None
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await client(remote, "forwarder").__aenter__()


@pytest.mark.parametrize("kind", KINDS)
async def test_only_its_owner_can_read_its_passwords(kind: Kind, tmp_path: Path) -> None:
    async with broker("remote", tmp_path, kind) as remote:
        readable = [file.name for file in remote.folder.iterdir() if file.stat().st_mode & 0o077]
        assert readable == []
        if kind == "mosquitto":
            assert str(remote.password) not in (remote.folder / "passwords").read_text()


async def test_who_may_publish_what_at_the_remote_one(tmp_path: Path) -> None:
    async with broker("remote", tmp_path, forwarders=["forwarder", "rover-7"]) as remote:
        for topic, user, allowed in [
            ("archive/rover/faces", "forwarder", True),
            ("archive/rover/faces", "rover-7", True),
            ("archive/rover/faces", "store", False),
            ("archive/rover/other", "forwarder", False),
            ("tagalong/rover/faces", "forwarder", False),
            ("archive-receipts/forwarder", "forwarder", False),
            ("archive-receipts/forwarder", "store", True),
        ]:
            said = await verdict(remote, topic, b"x", user)
            assert said == ("No matching subscribers" if allowed else "Not authorized"), (topic, user)


async def test_who_may_read_what_at_the_remote_one(tmp_path: Path) -> None:
    async with (
        broker("remote", tmp_path, forwarders=["forwarder", "rover-7"]) as remote,
        client(remote, "tagalong-forward-pi", "forwarder") as forwarder,
        client(remote, "store", "store") as store,
    ):
        await forwarder.subscribe("#", qos=1)
        await store.subscribe("#", qos=1)
        await send(remote, "archive/rover/faces", [b"face"], "rover-7")
        for other in ("rover-7", "forwarder", "tagalong-forward-pi"):
            await send(remote, f"archive-receipts/{other}", [b"receipt"], "store")
        await send(remote, "archive/rover/faces", [b"last"], "rover-7")
        seen = await take(forwarder, lambda got: len(got) == 1)
        assert [str(message.topic) for message in seen] == ["archive-receipts/tagalong-forward-pi"], "its own only"
        seen = await take(store, lambda got: got[-1].payload == b"last")
        assert payloads(seen) == [b"face", b"last"], "faces only"


async def test_nothing_is_retained_at_the_remote_one(tmp_path: Path) -> None:
    async with broker("remote", tmp_path) as remote:
        assert "etain" in await verdict(remote, "archive/rover/faces", b"face", retain=True)


@pytest.mark.parametrize("role", ["local", "remote"])
async def test_what_waits_outlives_a_restart_at_the_same_port(role: Role, tmp_path: Path) -> None:
    async with broker(role, tmp_path) as one:
        reader = "store" if role == "remote" else None
        faces = [b"%04d" % number + bytes(10_000) for number in range(200)]
        await subscribe_and_go(one, "reader", "archive/+/faces", reader)
        await send(one, "archive/rover/faces", faces)
        first_port, first_pid = one.port, one.pid
        await one.restart()
        assert one.port == first_port
        assert one.pid != first_pid
        async with client(one, "reader", reader, stays=True) as back:
            assert payloads(await take(back, lambda got: len(got) == 200)) == faces


async def test_after_a_crash_it_has_what_was_saved_before(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        saved = [b"saved %d" % number for number in range(50)]
        await subscribe_and_go(local, "reader", "t")
        await send(local, "t", saved)
        assert local.pid is not None
        os.kill(local.pid, signal.SIGUSR1)  # save now; otherwise once in autosave_interval
        await until(lambda: any("Saving in-memory database" in line for line in local.last_lines))
        await send(local, "t", [b"perhaps"])  # acknowledged after the save is done
        local.kill()
        await until(lambda: not local.running)
        await local.restart()
        await send(local, "t", [b"end"])
        async with client(local, "reader", stays=True) as back:
            got = payloads(await take(back, lambda got: got[-1].payload == b"end"))
        assert [each for each in got if each != b"perhaps"] == [*saved, b"end"]


async def test_too_large_a_message_is_refused_at_the_door(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        assert await verdict(local, "t", bytes(4 * 1024 * 1024)) == "No matching subscribers"
        for protocol in ("5", "3.1.1"):  # the reason gets lost when the sender is still sending
            assert (await verdict(local, "t", bytes(20_000_000), protocol=protocol)).startswith("hung up")
            await until(lambda: "oversize packet" in local.last_lines[-1])
            assert await verdict(local, "t", b"the next one") == "No matching subscribers"
        reader, writer = await asyncio.open_connection("127.0.0.1", local.port)
        writer.write(bytes.fromhex("1010 0004 4d515454 05 02 003c 00 0003 726177"))  # CONNECT: MQTT 5, name "raw"
        async with asyncio.timeout(LIMIT_S):
            told = await reader.readexactly((await reader.readexactly(2))[1])
            writer.write(bytes.fromhex("32 80dac409"))  # PUBLISH: 20,000,000 bytes follow
            said = await reader.read()
        writer.close()
        assert (4 * 1024 * 1024 + 64 * 1024).to_bytes(4) in told, "CONNACK names the limit"
        assert (said[0], said[2]) == (0xE0, 0x95), "DISCONNECT: packet too large, before the payload came"


async def test_a_full_queue_drops_the_newest(tmp_path: Path) -> None:
    async with broker("local", tmp_path) as local:
        await subscribe_and_go(local, "reader", "t")
        large = [b"%04d" % number + bytes(2_000_000) for number in range(140)]  # the limit is 256 MiB
        await send(local, "t", large)
        async with client(local, "reader", stays=True) as back:
            await take(back, lambda got: len(got) == 134)
            await send(local, "t", [b"end"])
            left = payloads(await take(back, lambda got: got[-1].payload == b"end"))
        assert left[-1] == b"end"
        assert len(left) <= 2, "what was above the limit is gone"


@pytest.mark.parametrize("kind", KINDS)
async def test_frozen_it_stands_still_and_goes_on_afterwards(kind: Kind, tmp_path: Path) -> None:
    async with broker("local", tmp_path, kind) as local, client(local, "sender") as sender:
        local.freeze()
        await until(lambda: state_of(local.pid) == "T")
        sending = asyncio.create_task(sender.publish("t", b"x", qos=1))
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done
        local.resume()
        async with asyncio.timeout(LIMIT_S):
            await sending
        local.freeze()
        await local.terminate()
        assert not local.running, "even frozen it ends"


async def test_a_port_that_somebody_took_meanwhile_is_not_the_last_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], private.free_port()])
        monkeypatch.setattr(private, "free_port", lambda: next(ports))
        async with broker("local", tmp_path) as local:
            assert local.port != taken.getsockname()[1]
            await send(local, "t", [b"x"])


@pytest.mark.parametrize("kind", KINDS)
async def test_it_says_why_it_does_not_start(kind: Kind, tmp_path: Path) -> None:
    async with broker("local", tmp_path, kind) as local:
        await local.terminate()
        with (
            socket.create_server(("127.0.0.1", local.port)),
            pytest.raises(BrokerError, match=rf"(?is)local broker \({kind}\) ended with 1.*address already in use"),
        ):
            await local.start()
        await local.start()


def test_without_mosquitto_it_is_embedded_and_says_what_that_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "find_program", lambda name: None)
    instead = PrivateBroker("local", tmp_path)
    assert (instead.kind, instead.protocol) == ("embedded", "3.1.1")
    assert "loses what waits" in instead.warning
    with pytest.raises(BrokerError, match="cannot be a bridge"):
        PrivateBroker("local", tmp_path, bridge_to=instead)


async def test_mosquitto_asked_for_and_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "find_program", lambda name: None)
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        await PrivateBroker("remote", tmp_path, kind="mosquitto").start()


async def test_the_embedded_one_refuses_mqtt_5(tmp_path: Path) -> None:
    async with broker("local", tmp_path, "embedded") as local:
        assert await verdict(local, "t", b"x") == "no connection: Unsupported protocol version"


async def test_the_embedded_one_keeps_messages_for_a_client_that_is_away(tmp_path: Path) -> None:
    async with broker("local", tmp_path, "embedded") as local:
        faces = [b"%d" % number for number in range(100)]
        await subscribe_and_go(local, "reader", "t")
        await send(local, "t", faces)
        async with client(local, "reader", stays=True) as back:
            got = await take(back, lambda got: len(got) == 100)
        assert payloads(got) == faces
        assert not any(message.retain for message in got)


async def test_the_embedded_one_knows_a_client_that_is_back_at_once(tmp_path: Path) -> None:
    async with broker("local", tmp_path, "embedded") as local, client(local, "sender") as sender:
        await subscribe_and_go(local, "reader", "t")
        for number in range(20):
            async with client(local, "reader", stays=True) as back:
                await sender.publish("t", b"%d" % number, qos=1)
                assert payloads(await take(back, bool)) == [b"%d" % number]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing ends a child with its parent")
@pytest.mark.parametrize("kind", KINDS)
async def test_it_dies_with_the_program_that_started_it(kind: Kind, tmp_path: Path) -> None:
    if kind == "mosquitto":
        need_mosquitto()
    code = (
        "import asyncio, pathlib\n"
        "from archive.broker.private import PrivateBroker\n"
        "async def main():\n"
        f"    async with PrivateBroker('local', pathlib.Path({str(tmp_path)!r}), kind={kind!r}) as broker:\n"
        "        print(broker.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert state_of(pid) in ("R", "S")
    parent.kill()
    await parent.wait()
    await until(lambda: state_of(pid) in ("", "Z"))
