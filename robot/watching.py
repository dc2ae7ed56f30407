"""Watchers: other packages that look on while a robot runs. What they do wrong never reaches the robot."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

from common.supervise import Job
from protos.messages import Detection
from robot.config import RobotConfig
from robot.plugins import plugin
from robot.values import Frame, Track

log = logging.getLogger(__name__)

PLUGINS = "tagalong.watchers"  # entry points: functions from RobotConfig and the robot's clock to a Watcher
FOREVER = 1_000_000  # restarts


@dataclass(frozen=True, slots=True)
class Answered:
    """One picture, and what a server saw in it."""

    number: int
    capture_s: float  # robot's clock
    server_id: str
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]  # seen in this very picture; none where the answer came too late for the tracker


class Watcher(Protocol):
    """Who looks on.

    `saw` and `answered` are called in the robot's event loop, between two steps of its control: they must be quick (no
    file, no network, no encoding: that is for `run`, in a thread where it takes long), and keep a bounded number of
    pictures. The arrays of a picture belong to all: they are never written to.
    """

    @property
    def tasks(self) -> tuple[str, ...]:
        """What servers should look for besides what the robot follows, such as ("face",). Asked once, at the start."""
        ...

    def saw(self, number: int, frame: Frame) -> None:
        """A picture was taken and is on its way. It may never be answered, and answers may come in another order."""
        ...

    def answered(self, answer: Answered) -> None:
        """The first answer to a picture seen before. One that comes after a newer picture's is left out."""
        ...

    async def run(self) -> None:
        """Runs beside the robot until cancelled, and then ends within a moment. Started again when it fails."""
        ...

    async def probe(self) -> str:
        """In place of `run`, for `tagalong robot --check`: what it would work with is there, in a few words.

        Changes nothing, and disturbs no robot that is at work. Raises TagalongError with what is missing.
        """
        ...


def watchers_of(config: RobotConfig, clock: Callable[[], float]) -> dict[str, Watcher]:
    """Those that the settings ask for, by their setting; nothing is reached for yet. `clock` stamps the pictures.

    Raises ConfigError for one that is not installed, and for settings of its own that are wrong.
    """
    wanted = {"archive": config.archive}  # a setting, and the entry point of that name
    return {
        name: cast(Watcher, plugin(PLUGINS, name, f"the setting {name!r}")(config, clock))
        for name, settings in wanted.items()
        if settings.get("enabled")
    }


class Watchers:
    """All of one robot's, behind a wall: an error costs that one call, is logged once for each kind, and counted."""

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = tuple(watchers)
        self._told: set[tuple[str, str, type[Exception]]] = set()
        self.tasks = tuple(dict.fromkeys(task for each in self._watchers for task in each.tasks))
        self.failures: Counter[tuple[str, str]] = Counter()  # by watcher and call

    def jobs(self) -> list[Job]:
        return [
            Job(f"watcher {_name(each)}", partial(self._run, each), restarts=FOREVER, pause_s=1.0)
            for each in self._watchers
        ]

    def saw(self, number: int, frame: Frame) -> None:
        for each in self._watchers:
            try:
                each.saw(number, frame)
            except Exception as error:  # somebody else's code: whatever it trips over, the robot goes on
                self._failed(each, "saw", error)

    def answered(self, answer: Answered) -> None:
        for each in self._watchers:
            try:
                each.answered(answer)
            except Exception as error:  # as above
                self._failed(each, "answered", error)

    async def _run(self, watcher: Watcher) -> None:
        try:
            await watcher.run()
        except Exception as error:  # its job starts it again
            self._failed(watcher, "run", error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # not now: it was ended, and failed while it cleaned up
                raise asyncio.CancelledError from error
            raise

    def _failed(self, watcher: Watcher, call: str, error: Exception) -> None:
        name = _name(watcher)
        self.failures[name, call] += 1
        if (name, call, type(error)) not in self._told:
            self._told.add((name, call, type(error)))
            log.error("watcher %s fails in %s; the robot goes on without it", name, call, exc_info=error)


def _name(watcher: Watcher) -> str:
    return type(watcher).__name__
