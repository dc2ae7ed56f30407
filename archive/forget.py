"""`tagalong archive forget`: a rule that stays, and the deleting of what it covers now."""

import asyncio
import re
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from archive.bucket import Bucket, StorageError
from archive.config import StorageConfig
from archive.face import NO_TRACK, to_text
from archive.index import Index
from archive.keys import Key
from archive.rules import Rule, Rules
from archive.sweep import Swept, meant, sweep
from common.errors import ConfigError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class UnfinishedError(StorageError):
    """The rule is kept; not all that it covers is deleted yet."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a rule would delete now."""

    objects: int = 0
    size: int = 0  # bytes
    robots: frozenset[str] = frozenset()
    tracks: frozenset[tuple[str, str]] = frozenset()  # robot and track
    first: datetime | None = None
    last: datetime | None = None

    def __str__(self) -> str:
        if not self.objects:
            return "nothing that is stored now"
        counts = (("face", self.objects), ("track", len(self.tracks)), ("robot", len(self.robots)))
        faces, tracks, robots = (f"{number} {word}{'' if number == 1 else 's'}" for word, number in counts)
        times = f", {to_text(self.first)} to {to_text(self.last)}" if self.first and self.last else ""
        return f"{faces} ({self.size / 1e6:.1f} MB) of {tracks} and {robots}{times}"


async def forget(
    bucket: Bucket, *, robot: str | None = None, track: str | None = None, before: datetime | None = None, now: datetime
) -> Swept:
    """What fits all that is given goes, also what arrives later of it. At least one has to be given.

    Raises StorageError when nothing was done, UnfinishedError when the deleting broke off: a running store goes on
    with it, and so does doing it again.
    """
    rule = Rule(now, robot, track, before)
    if before is None:  # a robot's clock may be ahead of ours: what is there is meant, whatever its time
        there = await survey(bucket, replace(rule, before=END_OF_TIME))
        rule = replace(rule, at=max(now, there.last or now))
    rules = Rules(bucket)
    kept = await rules.add(rule)
    try:
        swept = await sweep(bucket, Index(bucket, "forget"), kept)
        await rules.done(kept)
    except StorageError as error:
        raise UnfinishedError(
            f"It is noted down ({kept}), but not all is deleted yet: {error}. A running store goes on with it; "
            "or do the same again"
        ) from error
    return swept


async def survey(bucket: Bucket, rule: Rule) -> Survey:
    """Deletes nothing. Raises StorageError."""
    objects = size = 0
    tracks: set[tuple[str, str]] = set()
    first = last = None
    async for found in meant(bucket, rule):
        for each in found:
            key = Key.parse(each.path)
            if key is None:
                continue
            time = key.time or each.modified
            objects, size = objects + 1, size + each.size
            tracks.add((key.robot, key.track))
            first, last = min(first or time, time), max(last or time, time)
    return Survey(objects, size, frozenset(robot for robot, _ in tracks), frozenset(tracks), first, last)


def run_forget(
    storage: StorageConfig,
    *,
    robot: str | None = None,
    track: str | None = None,
    before: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
) -> bool:
    """The command: says what goes, asks on a terminal, deletes; whether it did. Raises ConfigError, StorageError."""
    now = datetime.now(UTC)
    for name, value in (("--robot", robot), ("--track", track), ("--before", before)):
        if value == "":  # a script's variable that is not set must not mean: any
            raise ConfigError(f"{name}: is empty. Give a value, or leave it out")
    rule = Rule(now, robot, track, moment(before, now) if before else None)
    if (rule.robot, rule.track, rule.before) == (None, None, None):
        raise ConfigError("say what to forget: --track, --robot, --before, or several of them")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise ConfigError("there is no terminal to ask on: give --yes, or --dry-run to see what would go")
    bucket = Bucket(storage)
    if dry_run or not yes:
        found = asyncio.run(survey(bucket, rule if rule.before else replace(rule, before=END_OF_TIME)))
        print(f"{storage.url}: {rule}: {found}")
        if rule.track == NO_TRACK:
            print("That is every face without a track.")
    if dry_run:
        print("Nothing was deleted.")
        return False
    if not yes and not _agreed("Forget this for good? [y/N] "):
        print("Nothing was deleted.")
        return False
    swept = asyncio.run(forget(bucket, robot=rule.robot, track=rule.track, before=rule.before, now=datetime.now(UTC)))
    print(f"Deleted: {swept.objects} objects, {swept.lines} lines of the index. What still arrives of it is refused.")
    return True


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def moment(text: str, now: datetime) -> datetime:
    """2026-11-27 (its first moment, UTC) or 2026-11-27T10:00:00Z. Raises ConfigError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--before: {text!r} is no date and no time ({error}). Write 2026-11-27 or 2026-11-27T10:00:00Z"
        ) from error
    if _DATE.fullmatch(text):
        time = time.replace(tzinfo=UTC)
    if time.tzinfo is None:
        raise ConfigError(f"--before: {text!r} has no zone. Write it like 2026-11-27T10:00:00Z, or with +01:00")
    try:
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise ConfigError(
            f"--before: {text!r} is beyond the calendar. Write 2026-11-27 or 2026-11-27T10:00:00Z"
        ) from error
    if time > now:
        raise ConfigError(f"--before: {text!r} is yet to come; faces would be refused until then. It is {to_text(now)}")
    return time
