"""What tests of single parts between brokers share: a broker's settings, a part that runs beside, and small faces."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pydantic import SecretStr

from archive.broker.private import STORE, PrivateBroker
from archive.broker_config import BrokerConfig
from archive.face import Face
from archive.mqtt import Mqtt
from archive.pictures import Format, encode

LIMIT_S = 30.0
START = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


def reach(broker: PrivateBroker, user: str | None = None, **more: Any) -> BrokerConfig:
    """With the login of `user` at a remote one, else the first forwarder's."""
    name = user or broker.username
    password = SecretStr(broker.password_of(name)) if name else None
    return BrokerConfig(url=broker.url, **({"username": name, "password": password} | more))


def as_store(broker: PrivateBroker) -> BrokerConfig:
    return reach(broker, STORE if broker.role == "remote" else None)


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """It runs while inside, and is cancelled after. Its own failure is raised at the end."""
    task = asyncio.create_task(work, name="the part under test")
    try:
        yield task
    finally:
        task.cancel()
        try:
            await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), LIMIT_S)
        finally:
            assert task.done()
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


async def until(condition: Callable[[], bool], what: str = "", limit_s: float = LIMIT_S) -> None:
    try:
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110  # what it looks at has no event for it
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it never came: {what or condition}") from None


def picture(number: int, side: int = 12, format: Format = Format.PNG, fields: dict[str, str] | None = None) -> bytes:
    """Another one for each number."""
    bgr = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    return encode(bgr, fields or {}, format)


def face(number: int, robot: str = "rover", track: str = "t1") -> Face:
    return Face(robot, track, START + timedelta(seconds=number), 0.9, edge="edge-1")


async def publish(
    to: BrokerConfig, faces: list[Face], topic: str = "tagalong/{robot}/faces", qos: int = 1, side: int = 12
) -> list[bytes]:
    """The pictures, each acknowledged by the broker; seconds since `START` are their numbers."""
    images = [picture(round((each.time - START).total_seconds()) if each.time else 10**6, side) for each in faces]
    async with Mqtt(to, "a-publisher") as mqtt:
        async with asyncio.TaskGroup() as group:
            for each, image in zip(faces, images, strict=True):
                filled = topic.replace("{robot}", each.robot)
                group.create_task(mqtt.send(filled, image, qos, each.fields(), "image/png"))
        await until(lambda: not mqtt.backlog)  # at QoS 0 nobody says that it arrived
    return images
