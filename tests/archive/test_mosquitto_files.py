"""The files in deploy/mosquitto as they are: accepted, with TLS too, and the bridge brings all over."""

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from archive.broker.private import BrokerError, find_program, free_port
from common.process import ChildProcess
from tests.archive.brokers import client, local_and_remote, need_mosquitto, payloads, send, subscribe_and_go, take

FILES = Path(__file__).parents[2] / "deploy" / "mosquitto"


def installed(folder: Path, name: str, port: int, tls_port: int = 0) -> Path:
    """One of the files with its neighbours below `folder`; only places and ports are others than in the file."""
    for sub in ("etc/conf.d", "etc/certs", "lib"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    text = (FILES / name).read_text()
    for there, here in [("/etc/mosquitto/", f"{folder}/etc/"), ("/var/lib/mosquitto/", f"{folder}/lib/")]:
        text = text.replace(there, here)
    text = text.replace("\nlistener 1883 ", f"\nlistener {port} ").replace("listener 8883", f"listener {tls_port}")
    if os.geteuid() == 0:
        text = f"user root\n{text}"
    conf = folder / name
    conf.write_text(text)
    return conf


@asynccontextmanager
async def accepted(conf: Path) -> AsyncIterator[ChildProcess]:
    """Mosquitto with this file; fails with its words when it does not take it."""
    child = ChildProcess(conf.name, BrokerError)
    try:
        await child.start(
            ["--", find_program("mosquitto") or "", "-c", str(conf)],
            lambda: any(" running" in line for line in child.last_lines),
            20.0,
        )
        yield child
    finally:
        await child.terminate()


def make_passwords(file: Path, **passwords: str) -> None:
    """As the README says, but for the typing."""
    file.touch(mode=0o640)
    for user, password in passwords.items():
        subprocess.run([find_program("mosquitto_passwd") or "", "-b", str(file), user, password], check=True)


async def test_the_local_one_is_accepted_with_and_without_the_bridge(tmp_path: Path) -> None:
    need_mosquitto()
    conf = installed(tmp_path, "local.conf", free_port())
    async with accepted(conf):
        pass
    shutil.copy(FILES / "bridge.conf", tmp_path / "etc" / "conf.d")
    async with accepted(conf) as child:
        assert any("Connecting bridge" in line and "tagalong-archive" in line for line in child.last_lines)


async def test_the_remote_one_is_accepted_and_its_commented_lines_are_tls(tmp_path: Path) -> None:
    need_mosquitto()
    certificate = pytest.importorskip("mirror.certificate", exc_type=ImportError)
    port, tls_port = free_port(), free_port()
    conf = installed(tmp_path, "remote.conf", port, tls_port)
    shutil.copy(FILES / "acl", tmp_path / "etc" / "acl")
    make_passwords(tmp_path / "etc" / "passwords", store="of the store", forwarder="of the forwarder")
    async with accepted(conf), aiomqtt.Client("127.0.0.1", port, username="store", password="of the store"):
        pass
    pem = certificate.ensure(tmp_path / "pem", ["127.0.0.1"], datetime.now(UTC)).file
    for name in ("fullchain.pem", "privkey.pem"):
        shutil.copy(pem, tmp_path / "etc" / "certs" / name)
    text = conf.read_text()
    for key in ("listener", "certfile", "keyfile", "tls_version"):
        text = text.replace(f"\n#{key} ", f"\n{key} ")
    conf.write_text(text)
    trust = ssl.create_default_context(cafile=str(pem))
    login = {"username": "forwarder", "password": "of the forwarder"}
    async with accepted(conf), aiomqtt.Client("127.0.0.1", tls_port, tls_context=trust, **login):  # type: ignore[arg-type]
        pass


async def test_the_bridge_brings_faces_over_with_their_fields(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path, bridged=True) as (local, remote), client(remote, "store", "store") as store:
        await store.subscribe("archive/+/faces", qos=1)
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("track", "7")]
        properties.ContentType = "image/png"
        async with client(local, "rover") as rover:
            await rover.publish("tagalong/rover/other", b"no face", qos=1)
            await rover.publish("tagalong/rover/faces", b"face", qos=1, properties=properties)
        [message] = await take(store, bool)
        assert (str(message.topic), message.payload, message.qos) == ("archive/rover/faces", b"face", 1)
        assert getattr(message.properties, "UserProperty", None) == [("track", "7")]
        assert getattr(message.properties, "ContentType", None) == "image/png"


async def test_the_bridge_loses_nothing_when_either_side_restarts(tmp_path: Path) -> None:
    async with local_and_remote(tmp_path, bridged=True) as (local, remote):
        await subscribe_and_go(remote, "store", "archive/+/faces", "store")
        faces = [b"%04d" % number + bytes(5_000) for number in range(900)]
        topic = "tagalong/rover/faces"
        await send(local, topic, faces[:200])
        await remote.terminate()
        await send(local, topic, faces[200:400])
        await local.restart()  # while what waits can go nowhere
        await send(local, topic, faces[400:500])
        await remote.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(send(local, topic, faces[500:700]))
            group.create_task(remote.restart())
        await local.restart()
        await send(local, topic, faces[700:])
        async with client(remote, "store", "store", stays=True) as store:
            got = payloads(await take(store, lambda got: len({bytes(each.payload) for each in got}) == len(faces)))
        assert set(got) == set(faces)


async def test_the_lines_for_tls_of_the_bridge_are_accepted(tmp_path: Path) -> None:
    need_mosquitto()
    conf = installed(tmp_path, "local.conf", free_port())
    text = (FILES / "bridge.conf").read_text()
    text = text.replace("\n#bridge_", "\nbridge_").replace("127.0.0.1:1883", f"127.0.0.1:{free_port()}")
    (tmp_path / "etc" / "conf.d" / "bridge.conf").write_text(text)
    async with accepted(conf):
        pass
