"""A try-on under way in answer to one request; when whoever asked is gone, the work ends.

Told as it goes by Server-Sent Events, or at its end as JSON. Events: `news` (kind, text, share, place, length, node),
then one of `done` (the result) or `problem` (error, status).
A problem before the first news is answered with its own status code instead.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.responses import JSONResponse, Response

from handover.nodes import ProgressNews
from mirror.problems import ProblemError
from mirror.shown import result_json
from mirror.studio import Dressed

Message = MutableMapping[str, Any]
Work = Callable[[Callable[[ProgressNews], None]], Awaitable[Dressed]]

MAX_WAITING = 64  # news that a slow reader has not taken yet; older ones are passed over
QUIET_S = 5.0  # without news for so long, a sign of life: a reader that is gone is seen


class Dressing(Response):
    """Runs `work` while its reader is there."""

    def __init__(self, work: Work, headers: Mapping[str, str], as_events: bool) -> None:
        super().__init__(None, 200, dict(headers), "text/event-stream")
        del self.headers["content-length"]
        self._work = work
        self._as_events = as_events
        self._news: deque[ProgressNews] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        work = asyncio.create_task(self._run(), name="mirror dresses")
        gone = asyncio.create_task(_until_gone(receive), name="mirror's reader goes")
        work.add_done_callback(self._woken)
        gone.add_done_callback(self._woken)
        try:
            if self._as_events:
                await self._wake.wait()
            else:
                await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not (self._as_events and self._news):
                problem = _problem(work)
                if problem is not None or not self._as_events:
                    data = result_json(work.result()) if problem is None else problem.to_json()
                    await _as_json(data, problem, self.headers)(scope, receive, send)
                    return
            if not self._as_events:
                return
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._tell(work, gone, send)
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _run(self) -> Dressed:
        return await self._work(self._on_news)

    def _on_news(self, news: ProgressNews) -> None:
        self._news.append(news)
        self._wake.set()

    def _woken(self, task: "asyncio.Task[Any]") -> None:
        self._wake.set()

    async def _tell(
        self, work: "asyncio.Task[Dressed]", gone: "asyncio.Task[None]", send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async def body(data: str, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": data.encode(), "more_body": more})

        while not gone.done():
            self._wake.clear()
            while self._news:
                await body(_event("news", news_json(self._news.popleft())))
            if work.done():
                problem = _problem(work)
                data = ("done", result_json(work.result())) if problem is None else ("problem", problem.to_json())
                await body(_event(*data), more=False)
                return
            try:
                async with asyncio.timeout(QUIET_S):
                    await self._wake.wait()
            except TimeoutError:
                await body(": still at it\n\n")


def news_json(news: ProgressNews) -> dict[str, Any]:
    return {
        "kind": str(news.kind),
        "text": news.text,
        "share": round(news.share, 3),
        "place": news.queue_place,
        "length": news.queue_length,
        "node": news.node,
    }


def _event(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _as_json(data: Mapping[str, Any], problem: ProblemError | None, headers: Mapping[str, str]) -> JSONResponse:
    kept = {name: value for name, value in headers.items() if name not in ("content-type", "content-length")}
    if problem is not None and problem.retry_after_s:
        kept["Retry-After"] = f"{max(1, problem.retry_after_s):.0f}"
    return JSONResponse(data, 200 if problem is None else problem.status, kept)


def _problem(work: "asyncio.Task[Dressed]") -> ProblemError | None:
    """None: there is a result. Raises what is no problem of the user's."""
    with contextlib.suppress(asyncio.CancelledError):
        error = work.exception()
        if error is None or isinstance(error, ProblemError):
            return error
        raise error
    return ProblemError(503, "The mirror is being switched off.")


async def _until_gone(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
