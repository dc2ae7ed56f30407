"""The gRPC services Pose, Parsing and TryOn: unpack, call, pack.

Their handlers take a stream of requests where the protocol has one request: on the wire these are the same, and so a
call that finds no place is refused before its picture is read from the network.
"""

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, cast

import grpc

from common.errors import TagalongError
from edge_server.config import TryOnConfig
from edge_server.tryon.service_metrics import TryOnMetrics
from edge_server.tryon.service_work import Fitter
from edge_server.tryon.stages_lane import Ask
from protos.tagalong.v1 import tryon_pb2 as pb
from protos.tryon import BodyRequest, News, TryOnDone, TryOnRequest, Working, reply_to_pb
from protos.tryon_errors import BusyError, EngineFailedError, TooLateError, code_of, refuse

log = logging.getLogger(__name__)
Context = Any  # grpc.aio.ServicerContext has no types
T = TypeVar("T")
POSE, PARSING, TRYON = (pb.DESCRIPTOR.services_by_name[name].full_name for name in ("Pose", "Parsing", "TryOn"))
SIGN_OF_LIFE_S = 1.0  # clients take a node for dead that says nothing for 5 s
MARGIN_S = 0.05  # of the caller's deadline, for the way back
SLACK_S = 0.2  # each step keeps the deadline itself and says where the time went; this is for those that cannot
UNREAD_S = 10.0  # who takes no answer for so long loses its call


class Latest:
    """The newest of the news for a slow reader: what it did not read is of no use any more."""

    def __init__(self) -> None:
        self.news: News = Working(0.0, "looking at the picture")
        self.is_over = False
        self.changed = asyncio.Event()
        self.changed.set()

    def put(self, news: News) -> None:
        if news != self.news:
            self.news = news
            self.changed.set()

    def end(self) -> None:
        self.is_over = True
        self.changed.set()


class TryOnService:
    """All three; each is added for itself."""

    def __init__(self, fitter: Fitter, settings: TryOnConfig, metrics: TryOnMetrics) -> None:
        self._fitter = fitter
        self._settings = settings
        self._metrics = metrics
        self._calls = 0
        metrics.calls.set_function(lambda: self._calls)

    def add_to(self, server: grpc.aio.Server, names: tuple[str, ...]) -> None:
        handlers = {
            POSE: {
                "Find": grpc.stream_unary_rpc_method_handler(
                    self.find, pb.PoseRequest.FromString, pb.PoseReply.SerializeToString
                )
            },
            PARSING: {
                "Parse": grpc.stream_unary_rpc_method_handler(
                    self.parse, pb.ParsingRequest.FromString, pb.ParsingReply.SerializeToString
                )
            },
            TRYON: {
                "TryOn": grpc.stream_stream_rpc_method_handler(
                    self.try_on, pb.TryOnRequest.FromString, pb.TryOnReply.SerializeToString
                )
            },
        }
        server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(name, handlers[name]) for name in names)
        )

    async def find(self, requests: AsyncIterator[pb.PoseRequest], context: Context) -> pb.PoseReply:
        with self._call(POSE) as outcome:
            try:
                self._check_room()
                request = BodyRequest.from_pb(await self._first(requests))
                reply = await self._guarded(self._fitter.find_pose, request, self._ask(request, context))
            except TagalongError as error:
                await self._refuse(context, error, outcome)
            self._metrics.took(reply.timings)
            return reply.to_pose_pb()

    async def parse(self, requests: AsyncIterator[pb.ParsingRequest], context: Context) -> pb.ParsingReply:
        with self._call(PARSING) as outcome:
            try:
                self._check_room()
                request = BodyRequest.from_pb(await self._first(requests))
                reply = await self._guarded(self._fitter.parse, request, self._ask(request, context))
            except TagalongError as error:
                await self._refuse(context, error, outcome)
            self._metrics.took(reply.timings)
            return reply.to_parsing_pb()

    async def try_on(self, requests: AsyncIterator[pb.TryOnRequest], context: Context) -> None:
        with self._call(TRYON) as outcome:
            try:
                self._check_room()
                request = TryOnRequest.from_pb(await self._first(requests))
                done = await self._tell_and_work(request, context)
            except TagalongError as error:
                await self._refuse(context, error, outcome)
            self._metrics.took(done.timings)
            await _write(context, reply_to_pb(done))

    # ---- inside ----

    async def _tell_and_work(self, request: TryOnRequest, context: Context) -> TryOnDone:
        latest = Latest()
        ask = self._ask(request, context, latest.put)
        done: TryOnDone | TagalongError
        try:
            async with asyncio.TaskGroup() as group:
                # Ended by a word, not cancelled: gRPC allows no write after one that was given up half-way.
                group.create_task(_tell(latest, context), name="try-on news")
                try:
                    done = await self._guarded(self._fitter.try_on, request, ask)
                except TagalongError as error:
                    done = error
                finally:
                    latest.end()
        except BaseExceptionGroup as failed:
            if failed.subgroup(asyncio.CancelledError) is None and failed.subgroup(_GoneClient) is None:
                raise
            raise asyncio.CancelledError from None  # nobody listens: the call is reset
        if isinstance(done, TagalongError):
            raise done
        return done

    async def _guarded(self, work: Callable[[Any, Ask], Any], request: Any, ask: Ask) -> Any:
        """With the deadline over all steps; whatever breaks becomes an error that quotes nothing of a picture."""
        try:
            async with asyncio.timeout(ask.left_s() + SLACK_S):
                return await work(request, ask)
        except TagalongError:
            raise
        except TimeoutError:
            raise TooLateError("the time for this request passed") from None
        except Exception as broken:  # a bug in one request must not take the others with it
            where = traceback.extract_tb(broken.__traceback__)[-1]
            log.error("try-on: %s at %s:%s", type(broken).__name__, where.filename, where.lineno)
            raise EngineFailedError(f"the request failed ({type(broken).__name__})") from None

    @contextlib.contextmanager
    def _call(self, service: str) -> Iterator[list[str]]:
        """Counts the call and how it ended."""
        self._calls += 1
        outcome = ["cut"]
        try:
            yield outcome
            outcome[0] = "done"
        finally:
            self._calls -= 1
            self._metrics.requests.labels(service.rpartition(".")[2].lower(), outcome[0]).inc()

    def _check_room(self) -> None:
        if self._calls > self._settings.max_calls:
            raise BusyError(f"{self._settings.max_calls} requests are open here; please try again in a moment", 2.0)

    async def _first(self, requests: AsyncIterator[T]) -> T:
        try:
            async with asyncio.timeout(self._settings.upload_s):
                # closed at once: a suspended one would hold the picture
                async with contextlib.aclosing(cast(AsyncGenerator[T, None], aiter(requests))) as arriving:
                    async for request in arriving:
                        return request
        except TimeoutError:
            raise TooLateError(f"the request did not arrive within {self._settings.upload_s:.0f} s") from None
        raise TooLateError("the call ended before its request arrived")

    def _ask(
        self, request: BodyRequest | TryOnRequest, context: Context, on_news: Callable[[News], None] = lambda news: None
    ) -> Ask:
        budget_s = min(request.budget_s or self._settings.longest_s, self._settings.longest_s)
        left_s = context.time_remaining()
        if left_s is not None:
            budget_s = min(budget_s, left_s - MARGIN_S)
        user = request.user or str(context.peer()).rpartition(":")[0]
        return Ask(user, time.monotonic() + max(0.0, budget_s), on_news)

    async def _refuse(self, context: Context, error: TagalongError, outcome: list[str]) -> None:
        outcome[0] = code_of(error).name.lower()
        await refuse(context, error)


class _GoneClient(Exception):
    """It takes no answers."""


async def _tell(latest: Latest, context: Context) -> None:
    while True:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_S):
                await latest.changed.wait()
        except TimeoutError:
            pass
        if latest.is_over:
            return
        latest.changed.clear()
        await _write(context, reply_to_pb(latest.news))


async def _write(context: Context, reply: pb.TryOnReply) -> None:
    try:
        async with asyncio.timeout(UNREAD_S):
            await context.write(reply)
    except TimeoutError:
        raise _GoneClient from None
    except asyncio.CancelledError:
        raise
    except Exception as error:  # internal kinds of gRPC's: the client is gone
        raise _GoneClient from error
