"""A gallery that is served for real, and a browser's part without a browser."""

import asyncio
import base64
import http.client
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from archive.config import GalleryConfig, StorageConfig
from archive.gallery.serve import serve


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(url: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
    """`headers`: underscores stand for dashes. The path goes as it is, not made canonical."""
    return await asyncio.to_thread(_ask, url, path, method, body, headers)


def basic(password: str, user: str = "me") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _ask(url: str, path: str, method: str, body: Any, headers: dict[str, str]) -> Answer:
    host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
    link = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=60)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        link.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        response = link.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        link.close()


def on(folder: Path, **settings: Any) -> GalleryConfig:
    return GalleryConfig(storage=StorageConfig(url=f"file://{folder}"), port=0, **settings)


@asynccontextmanager
async def served(config: GalleryConfig) -> AsyncIterator[str]:
    """Its address, with a slash at the end."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(config, ready.set_result))
    try:
        waits: list[asyncio.Future[Any]] = [task, ready]
        done, _ = await asyncio.wait(waits, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        yield await ready
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(comes_true: Callable[[], Awaitable[bool]]) -> None:
    """What is asked over HTTP, or of another process, has no event to wait for."""
    async with asyncio.timeout(30):
        while not await comes_true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
