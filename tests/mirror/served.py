"""A mirror that is served for real, and a browser's part without a browser."""

import asyncio
import http.client
import json
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mirror import serve
from mirror.config import LimitsConfig, MirrorConfig
from mirror.studio import Dressers, Studio
from mirror.wardrobe import Catalogue, Wardrobe

BROWSERS = ThreadPoolExecutor(40)  # not the loop's own threads: in those the server works


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One user: keeps its cookie."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.port = port
        self.cookie = ""
        self._trust = ssl.create_default_context(cafile=str(certificate)) if certificate else None

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._in_thread("GET", path, None, headers)

    async def post(self, path: str, body: bytes | dict[str, Any], **headers: str) -> Answer:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        return await self._in_thread("POST", path, data, headers)

    async def photo(self, body: bytes) -> str:
        answer = await self.post("/api/pictures", body)
        assert answer.status == 200, answer.body
        return str(answer.json["picture"])

    async def _in_thread(self, *what: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(BROWSERS, self._ask, *what)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._trust is not None:
            link: http.client.HTTPConnection = http.client.HTTPSConnection("localhost", self.port, context=self._trust)
        else:
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.cookie:
                named["Cookie"] = self.cookie
            link.request(method, path, body, named)
            response = link.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            if "set-cookie" in told:
                self.cookie = told["set-cookie"].partition(";")[0]
            return Answer(response.status, told, response.read())
        finally:
            link.close()


@asynccontextmanager
async def served(
    nodes: Dressers, catalogue: Catalogue, certificate: Path | None = None, **limits: Any
) -> AsyncIterator[tuple[int, Studio]]:
    config = MirrorConfig(
        host="127.0.0.1", port=0, plain_http=certificate is None, limits=LimitsConfig(**limits), try_on_s=20
    )
    studio = Studio(config, nodes, Wardrobe(catalogue))
    await studio.wardrobe.look()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve.run(studio, certificate, ready.set_result))
    try:
        waits: list[asyncio.Future[Any]] = [task, ready]
        done, _ = await asyncio.wait(waits, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        yield await ready, studio
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
