"""A real browser for the tests of the page, driven over Chromium's own debugging protocol."""

import asyncio
import base64
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--no-first-run",
)


class Tab:
    """One page. `errors` are what scripts threw or logged as errors."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._next = 0
        self.errors: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        self._next += 1
        await self._connection.send(json.dumps({"id": self._next, "method": method, "params": params}))
        async with asyncio.timeout(30):
            while True:
                message = json.loads(await self._connection.recv())
                if message.get("id") == self._next:
                    assert "error" not in message, message["error"]
                    return message["result"]
                self._note(message)

    async def open(self, url: str, width: int, height: int) -> None:
        await self.call("Page.enable")
        await self.call("Runtime.enable")
        await self.call("Log.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        await self.call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        async with asyncio.timeout(30):
            while not await self.evaluate(script):  # noqa: ASYNC110 (another process has no event for it)
                await asyncio.sleep(0.1)

    async def screenshot(self) -> bytes:
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png"))["data"])

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]["exceptionDetails"])[:500])
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(message["params"]["entry"]["text"] + message["params"]["entry"].get("url", ""))


@asynccontextmanager
async def browsing() -> AsyncIterator[Tab]:
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="tagalong-browser-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS,
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            address = ""
            async with asyncio.timeout(30):
                while not address:
                    line = (await process.stderr.readline()).decode()
                    if "DevTools listening on " in line:
                        address = line.split("DevTools listening on ")[1].strip()
                    assert line, "the browser ended"
            async with connect(address, max_size=None) as top:
                await top.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
                targets = json.loads(await top.recv())["result"]["targetInfos"]
            page = next(target["targetId"] for target in targets if target["type"] == "page")
            url = address.rsplit("/devtools/", 1)[0] + f"/devtools/page/{page}"
            async with connect(url, max_size=None) as connection:
                yield Tab(connection)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
