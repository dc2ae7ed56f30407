"""The live mode: pictures of the webcam come in over a websocket, dressed ones go out at the pace of the nodes.

The page sends a picture when it has had the answer to the last one. Should one send more, the newest wins. Nothing of
it is kept. From the page: text `{"garment": "..."}`, binary JPEG. To the page, for each picture: text
`{"took_ms", "node", "engine"}` and then binary JPEG, or text `{"error", "status"}`.
"""

import asyncio
import contextlib
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from common.supervise import Job, supervise
from mirror import problems
from mirror.problems import ProblemError
from mirror.studio import Studio

SEND_TIMEOUT_S = 10.0  # a browser that takes nothing for so long is gone
QUIET_S = 60.0  # nor does one that sends nothing for so long keep its place
TRY_LATER = 1013  # websocket close code


async def talk(studio: Studio, browser: WebSocket, session: str) -> None:
    """Until the browser goes or is quiet for long."""
    try:
        await browser.accept()
        try:
            with studio.live():
                await _Talk(studio, browser, session).run()
        except ProblemError as problem:
            await browser.close(TRY_LATER, str(problem))
            return
        await browser.close()
    except (WebSocketDisconnect, RuntimeError, TimeoutError):
        pass  # a browser may go at any of these steps; RuntimeError: sent after the close


class _Talk:
    def __init__(self, studio: Studio, browser: WebSocket, session: str) -> None:
        self._studio = studio
        self._browser = browser
        self._session = session
        self._garment = ""
        self._frame: bytes | None = None
        self._new = asyncio.Event()

    async def run(self) -> None:
        try:
            await supervise(
                [
                    Job("mirror's live page is heard", self._listen, ends_all=True),
                    Job("mirror dresses live", self._dress, ends_all=True),
                ]
            )
        finally:
            self._frame = None

    async def _listen(self) -> None:
        while True:
            async with asyncio.timeout(QUIET_S):
                message = await self._browser.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes"):
                skipped, self._frame = self._frame, message["bytes"]
                self._new.set()
                if skipped is not None:
                    await self._tell({"error": "A newer picture took its place.", "status": 0})
            elif message.get("text"):
                self._garment = _garment_in(message["text"])

    async def _dress(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            frame, self._frame = self._frame, None
            if frame is None:
                continue
            try:
                done = await self._studio.dress_frame(self._session, frame, self._garment)
            except ProblemError as problem:
                await self._tell(problem.to_json())
                if problem.status == problems.GONE:
                    return
                continue
            about = {"took_ms": round(done.took_s * 1000), "node": done.node, "engine": done.engine}
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._browser.send_text(json.dumps(about))
                await self._browser.send_bytes(done.image)

    async def _tell(self, what: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._browser.send_text(json.dumps(what))


def _garment_in(text: str) -> str:
    """Empty for what is not understood; there is no such garment then."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        return str(json.loads(text)["garment"])[:100]
    return ""
