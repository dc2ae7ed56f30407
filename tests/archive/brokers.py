"""Private brokers for tests, and small clients that see what the protocol says."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from archive.broker.private import Kind, PrivateBroker, Role, find_program

LIMIT_S = 30.0


def need_mosquitto() -> None:
    """Skips where it is not installed."""
    if not (find_program("mosquitto") and find_program("mosquitto_passwd")):
        pytest.skip("needs mosquitto (apt install mosquitto)")


@asynccontextmanager
async def broker(role: Role, folder: Path, kind: Kind = "mosquitto", **options: Any) -> AsyncIterator[PrivateBroker]:
    """One that runs; ended with the test."""
    if kind == "mosquitto":
        need_mosquitto()
    async with PrivateBroker(role, folder / role, kind=kind, **options) as running:
        yield running


@asynccontextmanager
async def local_and_remote(
    folder: Path, *, bridged: bool = False
) -> AsyncIterator[tuple[PrivateBroker, PrivateBroker]]:
    async with (
        broker("remote", folder) as remote,
        broker("local", folder, bridge_to=remote if bridged else None) as local,
    ):
        yield local, remote


def client(to: PrivateBroker, name: str, user: str | None = None, *, stays: bool = False) -> aiomqtt.Client:
    """With the login of `user` at a remote one, else the first forwarder's. `stays`: the session outlives it."""
    five = to.protocol == "5"
    properties = None
    if five and stays:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
    return aiomqtt.Client(
        "127.0.0.1",
        to.port,
        identifier=name,
        username=user or to.username,
        password=to.password_of(user) if user else to.password,
        protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
        clean_session=None if five else not stays,
        clean_start=not stays if five else paho.MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        timeout=LIMIT_S,
    )


async def subscribe_and_go(to: PrivateBroker, name: str, topic: str, user: str | None = None) -> None:
    """From now on the broker keeps what comes for it, until `client(..., stays=True)` takes it."""
    async with client(to, name, user, stays=True) as gone:
        await gone.subscribe(topic, qos=1)


async def send(to: PrivateBroker, topic: str, payloads: list[bytes], user: str | None = None) -> None:
    """Each acknowledged by the broker."""
    async with client(to, "sender", user) as sender, asyncio.TaskGroup() as group:
        for payload in payloads:
            group.create_task(sender.publish(topic, payload, qos=1))


async def take(source: aiomqtt.Client, enough: Callable[[list[aiomqtt.Message]], bool]) -> list[aiomqtt.Message]:
    """What comes, until it is enough; fails with what came when that takes too long."""
    got: list[aiomqtt.Message] = []
    try:
        async with asyncio.timeout(LIMIT_S):
            async for message in source.messages:
                got.append(message)
                if enough(got):
                    return got
    except TimeoutError:
        raise AssertionError(f"only {len(got)} came: {[(str(m.topic), m.payload[:20]) for m in got[-5:]]}") from None
    return got


def payloads(messages: list[aiomqtt.Message]) -> list[bytes]:
    return [bytes(message.payload) for message in messages]


async def verdict(
    to: PrivateBroker, topic: str, payload: bytes, user: str | None = None, *, protocol: str = "5", retain: bool = False
) -> str:
    """What the broker says to one message of QoS 1: the reason of its PUBACK, or the one it hangs up with.

    By paho, as aiomqtt does not look at either.
    """
    return await asyncio.to_thread(_verdict, to, topic, payload, user or to.username, protocol, retain)


def _verdict(to: PrivateBroker, topic: str, payload: bytes, user: str | None, protocol: str, retain: bool) -> str:
    said: list[str] = []
    heard = threading.Event()

    def on_connect(who: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if said:  # paho would send it again and again
            return
        if reason.is_failure:
            hear(f"no connection: {reason}")
        else:
            who.publish(topic, payload, 1, retain)

    def hear(what: str) -> None:
        said.append(what)
        heard.set()

    one = paho.Client(CallbackAPIVersion.VERSION2, "judge", protocol=paho.MQTTv5 if protocol == "5" else paho.MQTTv311)
    one.on_connect = on_connect
    one.on_publish = lambda who, data, mid, reason, properties: hear(str(reason))
    one.on_disconnect = lambda who, data, flags, reason, properties: hear(f"hung up: {reason}")
    one.username_pw_set(user, to.password_of(user) if user else None)
    one.connect("127.0.0.1", to.port)
    one.loop_start()
    try:
        assert heard.wait(LIMIT_S), "the broker said nothing"
        return said[0]
    finally:
        one.disconnect()
        one.loop_stop()
