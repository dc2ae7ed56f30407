"""What the mirror does for its users: takes pictures in, has them dressed, forgets. Knows nothing of HTTP."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from common.errors import BadImageError, TagalongError
from handover.nodes import (
    BusyError,
    CannotDressError,
    NoNodeError,
    Prepared,
    ProgressNews,
    Quality,
    TooLateError,
    TryOnRequest,
    TryOnResult,
)
from handover.values import ServerView
from mirror import problems
from mirror.config import LimitsConfig, MirrorConfig
from mirror.intake import Photo, check_frame, photo_of
from mirror.memory import let_go, wipe
from mirror.problems import ProblemError
from mirror.store import GoneError, Picture, Result, Store
from mirror.wardrobe import Wardrobe

log = logging.getLogger(__name__)

MAX_AT_ONCE = 3  # try-ons of one user; the page has one
UNPACKING = 2  # pictures unpacked at the same time: each may take 50 MB and a core
TICK_S = 1.0
LET_GO_S = (0.2, 3.0)  # after a wish to be forgotten: what was cancelled for it has ended by then


class Dressers(Protocol):
    """`handover.nodes.Nodes`, as far as it is used here."""

    async def run(self) -> None: ...
    def views(self) -> list[ServerView]: ...
    async def prepare(self, image: bytes, user: str = "", budget_s: float = 15.0) -> Prepared: ...
    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that can be dressed."""

    picture: Picture
    notes: tuple[str, ...]  # sentences for the person
    took_s: float


@dataclass(frozen=True, slots=True)
class Dressed:
    """A result, and who made it."""

    result: Result
    node: str
    engine: str
    took_s: float
    tries: int


@dataclass(slots=True)
class _Visitor:
    """What is under way for one session."""

    user: str  # its line in the nodes' queues; tells nobody the session's name
    tasks: set["asyncio.Task[object]"] = field(default_factory=set)
    dressing: int = 0
    is_forgotten: bool = False


class Studio:
    """One for all users. Used inside one event loop."""

    def __init__(self, config: MirrorConfig, nodes: Dressers, wardrobe: Wardrobe) -> None:
        self.config = config
        self.nodes = nodes
        self.wardrobe = wardrobe
        self.store = Store(config.limits)
        self._uploads = asyncio.Semaphore(config.limits.max_uploads)
        self._unpacking = asyncio.Semaphore(UNPACKING)
        self._salt = secrets.token_bytes(16)
        self._visitors: defaultdict[str, _Visitor] = defaultdict(lambda: _Visitor(""))
        self._live = 0
        self._closed = False

    @property
    def uploads(self) -> asyncio.Semaphore:
        """Held while an upload is read: memory for bodies is bounded."""
        return self._uploads

    async def drop_old(self) -> None:
        """A supervised job."""
        while True:
            await asyncio.sleep(TICK_S)
            dropped = self.store.tick(time.monotonic())
            if dropped:
                let_go()
                log.debug("dropped %d pictures whose time is over", dropped)

    async def take(self, session: str, data: bytearray) -> Taken:
        """A picture comes in; `data` is overwritten. Raises ProblemError."""
        began_s = time.monotonic()
        with self._working(session) as visitor, _told():
            try:
                async with self._unpacking:
                    photo = await _unpack(data, self.config.limits)
            finally:
                wipe(data)
            prepared = await self.nodes.prepare(photo.jpeg, visitor.user)
            now_s = time.monotonic()
            size_px = prepared.width_px, prepared.height_px
            image = prepared.image or photo.jpeg
            found = replace(prepared, image=b"")
            found_bytes = len(prepared.pose.mask_png) + len(prepared.parsing.labels_png)
            picture = self.store.add(session, image, size_px, found, found_bytes, now_s)
            return Taken(picture, _notes(prepared), now_s - began_s)

    async def dress(
        self, session: str, picture_id: str, garment_id: str, on_news: Callable[[ProgressNews], None]
    ) -> Dressed:
        """Raises ProblemError."""
        with self._working(session) as visitor, _told():
            picture = self.store.get(session, picture_id, time.monotonic())
            garment = self.wardrobe.get(garment_id).photo
            if visitor.dressing >= MAX_AT_ONCE:
                raise ProblemError(
                    problems.TOO_MANY, f"{MAX_AT_ONCE} garments are being tried on for you already. Wait for one.", 2.0
                )
            prepared: Prepared = picture.found
            request = TryOnRequest(
                bytes(picture.jpeg),
                garment,
                pose=prepared.pose,
                parsing=prepared.parsing,
                user=visitor.user,
                budget_s=self.config.try_on_s,
            )
            visitor.dressing += 1
            try:
                done = await self.nodes.try_on(request, on_news)
            finally:
                visitor.dressing -= 1
            result = self.store.add_result(session, picture, garment_id, done.image)
            return Dressed(result, done.node, done.engine, done.took_s, done.tries)

    async def dress_frame(self, session: str, jpeg: bytes, garment_id: str) -> TryOnResult:
        """One picture of the live mode: kept nowhere. Raises ProblemError."""
        with self._working(session) as visitor, _told():
            check_frame(jpeg)
            request = TryOnRequest(
                jpeg,
                self.wardrobe.get(garment_id).live,
                quality=Quality.LIVE,
                user=visitor.user,
                budget_s=self.config.live_s,
            )
            return await self.nodes.try_on(request, _nothing)

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """A place among the users of the live mode. Raises ProblemError when there is none."""
        if self._live >= self.config.limits.max_live:
            raise ProblemError(
                problems.NO_NODE, f"{self._live} people use the live mode already. Take a photo instead.", 10.0
            )
        self._live += 1
        try:
            yield
        finally:
            self._live -= 1

    def picture(self, session: str, picture_id: str) -> Picture:
        """Raises ProblemError."""
        with _told():
            return self.store.get(session, picture_id, time.monotonic())

    def result(self, session: str, result_id: str) -> Result:
        """Raises ProblemError."""
        with _told():
            return self.store.result(session, result_id, time.monotonic())

    def forget(self, session: str) -> int:
        """Drop all of this session's pictures and stop what is under way for it; how many pictures those were."""
        visitor = self._visitors.pop(session, None)
        if visitor is not None:
            visitor.is_forgotten = True
            for task in visitor.tasks:
                task.cancel()
        dropped = self.store.forget(session)
        if dropped:
            for later_s in LET_GO_S:
                asyncio.get_running_loop().call_later(later_s, let_go)
        return dropped

    def close(self) -> None:
        """Forget everybody, and take nobody any more."""
        self._closed = True
        for session in list(self._visitors):
            self.forget(session)
        self.store.clear()

    @contextlib.contextmanager
    def _working(self, session: str) -> Iterator[_Visitor]:
        """What runs in here ends when its session is forgotten, as ProblemError."""
        if self._closed:
            raise ProblemError(problems.NO_NODE, "The mirror is being switched off.", 10.0)
        visitor = self._visitors[session]
        visitor.user = visitor.user or hashlib.blake2s(session.encode(), key=self._salt, digest_size=8).hexdigest()
        task = asyncio.current_task()
        assert task is not None
        visitor.tasks.add(task)
        try:
            yield visitor
        except asyncio.CancelledError:
            if not visitor.is_forgotten:
                raise
            task.uncancel()
            raise ProblemError(problems.GONE, "Forgotten, as you wished: nothing of it is kept.") from None
        finally:
            visitor.tasks.discard(task)
            if not visitor.tasks and not visitor.is_forgotten:
                self._visitors.pop(session, None)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Everybody's errors become ours in this one place."""
    try:
        yield
    except ProblemError:
        raise
    except GoneError as error:
        raise ProblemError(problems.GONE, str(error)) from None
    except BadImageError as error:
        raise ProblemError(problems.NOT_UNDERSTOOD, _sentence(error)) from None
    except CannotDressError as error:
        raise ProblemError(problems.NO_PERSON, _sentence(error)) from None
    except BusyError as error:
        raise ProblemError(problems.TOO_MANY, _sentence(error), error.retry_after_s) from None
    except NoNodeError as error:
        raise ProblemError(problems.NO_NODE, _sentence(error), 3.0) from None
    except TooLateError as error:
        raise ProblemError(problems.TOO_LATE, _sentence(error), 3.0) from None
    except TagalongError as error:
        log.warning("%s: %s", type(error).__name__, error)
        raise ProblemError(problems.BROKEN, _sentence(error)) from None
    except Exception as error:  # one user's bad luck is not the server's end; what it says may hold the picture
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
        log.error("%s at %s", type(error).__name__, place)
        raise ProblemError(problems.BROKEN, "Something went wrong here; it is in the log. Try again.") from None


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _notes(prepared: Prepared) -> tuple[str, ...]:
    notes = []
    if prepared.pose.people > 1:
        count = {2: "Two", 3: "Three", 4: "Four"}.get(prepared.pose.people, str(prepared.pose.people))
        notes.append(f"{count} people are in the picture: the one in front, seen largest, is dressed.")
    if prepared.pose.facing == "back":
        notes.append("You are seen from behind: the garment's front is shown on your back.")
    elif prepared.pose.facing == "side":
        notes.append("You are seen from the side: face the camera for a better fit.")
    return tuple(notes)


async def _unpack(data: bytearray, limits: LimitsConfig) -> Photo:
    """Not left alone when cancelled: its thread still reads `data`, which is overwritten after it."""
    running = asyncio.ensure_future(asyncio.to_thread(photo_of, data, limits))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        with contextlib.suppress(Exception):
            running.result()
        raise


def _nothing(news: ProgressNews) -> None: ...
