"""Pictures of users, in memory and nowhere else: bounded, dropped when their time is over, overwritten when dropped.

A session is one browser; its name is a secret that only this browser knows. Time is passed in.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from common.errors import TagalongError
from mirror.config import LimitsConfig
from mirror.memory import wipe


class GoneError(TagalongError):
    """What was asked for is not kept any more, or never was, or is somebody else's."""


@dataclass(slots=True)
class Result:
    """A person dressed."""

    result_id: str
    garment_id: str
    jpeg: bytearray = field(repr=False)


@dataclass(slots=True)
class Picture:
    """A photo as it is dressed, what was found in it, and what was made of it."""

    picture_id: str
    until_s: float
    width_px: int
    height_px: int
    jpeg: bytearray = field(repr=False)
    found: Any = field(repr=False)  # pose and parsing, as the nodes gave them
    found_bytes: int = 0
    results: "OrderedDict[str, Result]" = field(default_factory=OrderedDict, repr=False)
    is_dropped: bool = False  # whoever still works on it throws the result away

    @property
    def size_bytes(self) -> int:
        return len(self.jpeg) + self.found_bytes + sum(len(result.jpeg) for result in self.results.values())


class Store:
    """All pictures of all sessions."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._sessions: OrderedDict[str, OrderedDict[str, Picture]] = OrderedDict()  # least lately used first

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def pictures(self) -> int:
        return sum(len(pictures) for pictures in self._sessions.values())

    @property
    def size_bytes(self) -> int:
        return sum(picture.size_bytes for picture in self._all())

    def add(
        self, session: str, jpeg: bytes, size_px: tuple[int, int], found: Any, found_bytes: int, now_s: float
    ) -> Picture:
        """Keep a picture; the session's oldest one may go for it, or another session's."""
        until_s = now_s + self._limits.keep_s
        picture = Picture(_new_id(), until_s, *size_px, bytearray(jpeg), found, found_bytes)
        own = self._sessions.setdefault(session, OrderedDict())
        self._sessions.move_to_end(session)
        own[picture.picture_id] = picture
        while len(own) > self._limits.max_pictures:
            self._drop(session, next(iter(own)))
        self._make_room(picture)
        return picture

    def get(self, session: str, picture_id: str, now_s: float) -> Picture:
        """Raises GoneError; also for a picture of another session, in the same words."""
        own = self._sessions.get(session)
        picture = own.get(picture_id) if own else None
        if picture is None or now_s >= picture.until_s:
            raise GoneError(
                f"This photo is not kept any more: photos are dropped after {self._limits.keep_s / 60:.0f} minutes. "
                "Take a new one."
            )
        self._sessions.move_to_end(session)
        return picture

    def add_result(self, session: str, picture: Picture, garment_id: str, jpeg: bytes) -> Result:
        """Raises GoneError when the picture was dropped while it was being dressed."""
        if picture.is_dropped or session not in self._sessions:
            raise GoneError("This photo was forgotten while it was being dressed.")
        result = Result(_new_id(), garment_id, bytearray(jpeg))
        picture.results[result.result_id] = result
        while len(picture.results) > self._limits.max_results:
            wipe(picture.results.popitem(last=False)[1])
        self._sessions.move_to_end(session)
        self._make_room(picture)
        return result

    def result(self, session: str, result_id: str, now_s: float) -> Result:
        """Raises GoneError."""
        for picture in self._sessions.get(session, {}).values():
            if result_id in picture.results and now_s < picture.until_s:
                return picture.results[result_id]
        raise GoneError("This picture is not kept any more. Take a new photo.")

    def of(self, session: str, now_s: float) -> list[Picture]:
        """All of one session, the newest last."""
        own = self._sessions.get(session)
        return [picture for picture in own.values() if now_s < picture.until_s] if own else []

    def forget(self, session: str) -> int:
        """Drop all of one session; how many pictures those were."""
        own = list(self._sessions.get(session, ()))
        for picture_id in own:
            self._drop(session, picture_id)
        return len(own)

    def tick(self, now_s: float) -> int:
        """Drop what has been kept long enough; how many pictures those were."""
        old = [
            (session, picture.picture_id)
            for session, pictures in self._sessions.items()
            for picture in pictures.values()
            if now_s >= picture.until_s
        ]
        for session, picture_id in old:
            self._drop(session, picture_id)
        return len(old)

    def clear(self) -> None:
        """Forget everybody."""
        for session in list(self._sessions):
            self.forget(session)

    def _make_room(self, keep: Picture) -> None:
        """Drop others' pictures, least lately used first, until all of them together are within bounds."""
        while self.size_bytes > self._limits.max_bytes:
            for session, pictures in self._sessions.items():
                other = next((each for each in pictures.values() if each is not keep), None)
                if other is not None:
                    self._drop(session, other.picture_id)
                    break
            else:
                return

    def _drop(self, session: str, picture_id: str) -> None:
        pictures = self._sessions[session]
        picture = pictures.pop(picture_id)
        picture.is_dropped = True
        wipe(picture.jpeg, picture.found, picture.results)
        picture.results.clear()
        picture.jpeg.clear()
        picture.found = None
        if not pictures:
            del self._sessions[session]

    def _all(self) -> Iterator[Picture]:
        for pictures in self._sessions.values():
            yield from pictures.values()


def _new_id() -> str:
    return secrets.token_urlsafe(12)
