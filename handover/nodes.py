"""Nodes that try garments on: found and chosen by the handover, asked, and left for the next best when they fail."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from common.errors import BadImageError, ConfigError, LinkError
from common.supervise import Job, supervise
from handover.config import HandoverConfig
from handover.node_order import Failures, in_order
from handover.node_values import NewsKind, NoNodeError, Prepared, ProgressNews, TryOnResult
from handover.session import OffloadSession
from handover.values import Server, ServerView
from protos import tryon as wire
from protos.tryon import GarmentData, ImageFormat, News, ParsingData, PoseData, Quality, Queued, TryOnRequest
from protos.tryon_client import NodeClient
from protos.tryon_errors import BusyError, NodeGoneError, TooLateError, UnknownGarmentError
from protos.tryon_errors import TryOnError as CannotDressError

__all__ = [
    "BadImageError",
    "BusyError",
    "CannotDressError",
    "GarmentData",
    "ImageFormat",
    "NewsKind",
    "NoNodeError",
    "Nodes",
    "ParsingData",
    "PoseData",
    "Prepared",
    "ProgressNews",
    "Quality",
    "TooLateError",
    "TryOnRequest",
    "TryOnResult",
]

T = TypeVar("T")
TRYON, PARSING = "tryon", "parsing"
HOW_TO_START = "Start one with: tagalong edge --task tryon"
BUDGET_S = 30.0  # of a request that sets none
LOOK_S = 4.0  # after the start, before there are none: mDNS asks at once, after 1 s and after 3 s


class Nodes:
    """All nodes in reach. Made anywhere; used inside one event loop."""

    def __init__(self, config: HandoverConfig, name: str) -> None:
        """`name`: of this mirror, for the nodes' logs."""
        self._config = config
        self._sessions = {
            task: OffloadSession(config, name, (task,), lambda deliver: None, lambda moved: None)
            for task in (TRYON, PARSING)  # a node may offer one of them only
        }
        self._failures = {task: Failures() for task in self._sessions}
        self._clients: dict[tuple[str, str], NodeClient] = {}  # by id and address
        self._began_s: float | None = None

    async def run(self) -> None:
        """Find and measure nodes until cancelled; a supervised job. The methods below work while it runs."""
        self._began_s = time.monotonic()
        try:
            await supervise([Job(f"nodes for {task}", session.run) for task, session in self._sessions.items()])
        finally:
            self._began_s = None
            clients, self._clients = self._clients, {}
            for client in clients.values():
                await client.close()

    def views(self) -> list[ServerView]:
        """What is known of each node that offers try-on, the best first; the active one is used next."""
        return in_order(self._sessions[TRYON].views(), (TRYON,))

    async def prepare(self, image: bytes, user: str = "", budget_s: float = 15.0) -> Prepared:
        """Pose and body areas of a picture.

        Raises BadImageError, CannotDressError (nobody to be seen), NoNodeError, BusyError, TooLateError.
        """

        async def ask(server: Server, deadline_s: float) -> wire.BodyReply:
            left_s = max(0.0, deadline_s - time.monotonic())
            return await self._client(server).parse(wire.BodyRequest(image, user, left_s), deadline_s)

        reply, server, _ = await self._somewhere(PARSING, budget_s, ask, lambda news: None)
        assert reply.parsing is not None
        seen = reply.upright
        return Prepared(
            seen.image or image,
            seen.width_px,
            seen.height_px,
            reply.pose,
            reply.parsing,
            server.server_id,
            reply.timings,
        )

    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult:
        """Dress the person. `on_progress` must not block. Cancelling the caller's task cancels the work.

        Raises BadImageError, CannotDressError (also: no such garment, wrong kind), NoNodeError,
        BusyError, TooLateError.
        """
        began_s = time.monotonic()

        async def ask(server: Server, deadline_s: float) -> wire.TryOnDone:
            left_s = max(0.0, deadline_s - time.monotonic())
            return await self._client(server).try_on(
                replace(request, budget_s=left_s), deadline_s, lambda news: on_progress(_told(news, server.server_id))
            )

        done, server, tries = await self._somewhere(TRYON, request.budget_s or BUDGET_S, ask, on_progress)
        return TryOnResult(
            image=done.image,
            format=done.format,
            width_px=done.width_px,
            height_px=done.height_px,
            node=server.server_id,
            engine=done.engine,
            timings=done.timings,
            took_s=time.monotonic() - began_s,
            tries=tries,
            pose=done.pose,
            parsing=done.parsing,
        )

    # ---- inside ----

    async def _somewhere(
        self,
        task: str,
        budget_s: float,
        ask: Callable[[Server, float], Awaitable[T]],
        on_progress: Callable[[ProgressNews], None],
    ) -> tuple[T, Server, int]:
        """Ask one node after the other, the best first, until one gives an answer or says that there can be none."""
        deadline_s = time.monotonic() + budget_s
        servers = await self._candidates(task, deadline_s)
        failed: list[LinkError | UnknownGarmentError] = []
        for tries, server in enumerate(servers, 1):
            if failed:
                text = f"{_short(failed[-1])}; trying {server.server_id}"
                on_progress(ProgressNews(NewsKind.RETRYING, text, server.server_id))
            try:
                async with asyncio.timeout(max(0.0, deadline_s - time.monotonic()) + 1.0):  # the node's own comes first
                    answer = await ask(server, deadline_s)
            except (TooLateError, TimeoutError):
                raise TooLateError(f"no answer within {budget_s:.0f} s ({server.server_id} was asked)") from None
            except (BusyError, UnknownGarmentError) as error:
                failed.append(error)
            except LinkError as error:
                failed.append(error)
                self._failures[task].add(time.monotonic(), server.server_id)
            else:
                self._failures[task].forgive(server.server_id)
                return answer, server, tries
        raise self._verdict(task, failed)

    async def _candidates(self, task: str, deadline_s: float) -> list[Server]:
        session = self._sessions[task]
        await asyncio.sleep(0)  # `run` may have been started in this very moment
        if self._began_s is None:
            raise NoNodeError("the search for nodes does not run")
        # Right after the start nodes are still being found; nobody waits for that later.
        looks = self._config.zeroconf or self._config.servers
        until_s = min(self._began_s + LOOK_S, deadline_s) if looks else 0.0
        while True:
            views = in_order(session.views(), (task,))
            if views or time.monotonic() >= until_s:
                break
            await asyncio.sleep(0.05)
        return [view.server for view in self._failures[task].sorted(time.monotonic(), views)]

    def _client(self, server: Server) -> NodeClient:
        client = self._clients.get((server.server_id, server.address))
        if client is None:
            try:
                client = NodeClient(server.server_id, server.address, self._config.tls)
            except ConfigError as error:
                raise NodeGoneError(str(error)) from error
            self._clients[server.server_id, server.address] = client
        return client

    def _verdict(self, task: str, failed: list[LinkError | UnknownGarmentError]) -> Exception:
        """Why nobody did it. A garment that no node has counts only where all were asked."""
        busy = [error for error in failed if isinstance(error, BusyError)]
        if busy:
            return min(busy, key=lambda error: error.retry_after_s)
        what = "puts garments on" if task == TRYON else "finds people in pictures"
        if not failed:
            return NoNodeError(f"There is no node that {what}. {HOW_TO_START}")
        unknown = next((error for error in failed if isinstance(error, UnknownGarmentError)), None)
        if unknown is not None:
            return unknown
        return NoNodeError(f"No node {what} now: {'; '.join(_short(error) for error in failed)}. {HOW_TO_START}")


def _short(error: Exception) -> str:
    return str(error).rstrip(".")


def _told(news: News, node: str) -> ProgressNews:
    if isinstance(news, Queued):
        text = "you are next" if news.place <= 1 else f"{news.place - 1} before you"
        return ProgressNews(NewsKind.QUEUED, text, node, 0.0, news.place, news.length)
    return ProgressNews(NewsKind.WORKING, news.step, node, news.share)
