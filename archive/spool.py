"""The forwarder's queue on disk: SQLite in WAL mode, so that what was taken survives a crash.

Libraries for queues on SQLite were looked at (persist-queue, litequeue): none bounds bytes and age by dropping the
oldest, or commits many messages with one sync. All methods block; call them in a thread, one at a time.
"""

import contextlib
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import ConfigError, DeviceError

SCHEMA = """
CREATE TABLE IF NOT EXISTS face (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL,
    time TEXT NOT NULL,
    robot TEXT NOT NULL,
    fields TEXT NOT NULL,
    taken_s REAL NOT NULL,
    bytes INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (robot, time, hash)
) STRICT;
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY) STRICT;
"""
MB = 1_000_000
DROP_AT_ONCE = 256
OWN_BYTES = 300  # of a row beside its payload


class SpoolError(DeviceError):
    """The queue's file cannot be written now: full disk, no permission. Nothing was taken."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message that waits. `number` is 0 until it was put."""

    robot: str
    time: str  # of the face, as text; empty where it has none
    hash: str
    fields: str = ""  # JSON
    payload: bytes = field(default=b"", repr=False)
    taken_s: float = 0.0  # Unix time
    number: int = 0


@dataclass(slots=True)
class Dropped:
    """Counts of what was given up."""

    size: int = 0  # max_mb was reached
    age: int = 0
    disk: int = 0  # the disk was nearly full

    @property
    def total(self) -> int:
        return self.size + self.age + self.disk


class Spool:
    """Oldest first. Opened by the first call or by `open`."""

    def __init__(
        self, path: Path, max_mb: float = 2000.0, max_age_s: float = 7 * 86_400.0, keep_free_mb: float = 200.0
    ) -> None:
        self.path = path
        self.dropped = Dropped()
        self.name = ""
        """Of this very file: its numbers begin at 1, as every file's do."""
        self.count = 0
        self.bytes = 0
        self._max_bytes, self._max_age_s, self._keep_free = max_mb * MB, max_age_s, keep_free_mb * MB
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def open(self) -> None:
        """Raises ConfigError when there can be no such file, or another forwarder has it."""
        db = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)  # faces are nobody else's business
            db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=2)
            db.execute("PRAGMA locking_mode=EXCLUSIVE")  # one forwarder a queue; and no shared memory is needed
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA journal_size_limit=16000000")
            db.execute("PRAGMA cache_size=-2000")  # 2 MB: pictures are read once
            db.executescript(SCHEMA)
            if db.execute("SELECT count(*) FROM about").fetchone()[0] == 0:
                db.execute("INSERT INTO about VALUES (?)", (secrets.token_hex(8),))
            self.name = db.execute("SELECT name FROM about").fetchone()[0]
            self.count, self.bytes = db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM face").fetchone()
        except (OSError, sqlite3.Error) as error:
            if db is not None:
                db.close()
            advice = "Is another forwarder using it?" if "locked" in str(error) else "Give another spool.path."
            raise ConfigError(f"spool.path: {self.path} cannot be used ({error}). {advice}") from error
        self._db = db

    def close(self) -> None:
        """For good. Waits for a call that is under way in another thread; one that comes later gets a SpoolError."""
        with self._lock:
            self._is_closed = True
            if self._db is not None:
                self._db.close()
                self._db = None

    def put(self, entries: Sequence[Entry], now_s: float) -> int:
        """All or none. One that is there already is not taken twice; how many were new. Raises SpoolError."""
        new = 0
        with self._writing(is_synced=True) as db:
            self._make_room(db, sum(len(each.payload) + OWN_BYTES for each in entries if not _is_in(db, each)), now_s)
            for entry in entries:
                size = len(entry.payload) + OWN_BYTES
                row = (entry.hash, entry.time, entry.robot, entry.fields, now_s, size, entry.payload)
                done = db.execute(
                    "INSERT OR IGNORE INTO face (hash, time, robot, fields, taken_s, bytes, payload) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                if done.rowcount:
                    new += 1
                    self.count += 1
                    self.bytes += size
        return new

    def after(self, number: int, at_most: int, max_bytes: int) -> list[Entry]:
        """Those behind that one, oldest first; at least one, else not more than so many bytes. Raises SpoolError."""
        return self._read("SELECT {} FROM face WHERE id > ? ORDER BY id LIMIT ?", (number, at_most), max_bytes)

    def one(self, number: int) -> Entry | None:
        """None when it is not there any more. Raises SpoolError."""
        return next(iter(self._read("SELECT {} FROM face WHERE id = ?", (number,), 0)), None)

    def remove(self, numbers: Sequence[int]) -> set[int]:
        """They have arrived; those of them that were still there. Raises SpoolError.

        A power cut may bring them back; they are sent again then.
        """
        with self._writing() as db:
            return self._delete(db, f"id IN ({','.join('?' * len(numbers))})", tuple(numbers))

    def drop_old(self, now_s: float) -> None:
        """Those beyond `max_age_s`. Raises SpoolError."""
        with self._writing() as db:
            self.dropped.age += len(self._delete(db, "taken_s < ?", (now_s - self._max_age_s,)))

    def shift(self, by_s: float) -> None:
        """The clock was set: nothing has become older by that. Raises SpoolError."""
        with self._writing() as db:
            db.execute("UPDATE face SET taken_s = taken_s + ?", (by_s,))

    def oldest_s(self) -> float | None:
        """Unix time at which the oldest one was taken."""
        with self._lock:
            row = self._open_db().execute("SELECT taken_s FROM face ORDER BY id LIMIT 1").fetchone()
        return float(row[0]) if row else None

    # ---- inside ----

    def _make_room(self, db: sqlite3.Connection, more: int, now_s: float) -> None:
        """The oldest go, as many as it takes."""
        while self.count and self.bytes + more > self._max_bytes:
            self.dropped.size += self._drop_oldest(db, self.bytes + more - self._max_bytes)
        if self.count and self._disk_is_full(more):
            self.dropped.disk += self._drop_oldest(db, 2 * more)

    def _disk_is_full(self, more: int) -> bool:
        """Pages of rows that went take new ones first: then the file does not grow."""
        db = self._open_db()
        spare = db.execute("PRAGMA freelist_count").fetchone()[0] * db.execute("PRAGMA page_size").fetchone()[0]
        if not self._keep_free or spare > more:
            return False
        return bool(shutil.disk_usage(self.path.parent).free - more < self._keep_free)

    def _drop_oldest(self, db: sqlite3.Connection, bytes_: float) -> int:
        last, freed = 0, 0
        for number, size in db.execute("SELECT id, bytes FROM face ORDER BY id LIMIT ?", (DROP_AT_ONCE,)).fetchall():
            last, freed = number, freed + size
            if freed >= bytes_:
                break
        return len(self._delete(db, "id <= ?", (last,)))

    def _delete(self, db: sqlite3.Connection, where: str, values: tuple[float | int, ...]) -> set[int]:
        gone = dict(db.execute(f"DELETE FROM face WHERE {where} RETURNING id, bytes", values).fetchall())
        self.count -= len(gone)
        self.bytes -= sum(gone.values())
        return set(gone)

    @contextlib.contextmanager
    def _writing(self, is_synced: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. `is_synced`: it is on the disk at the end, also after a power cut."""
        with self._lock:
            db = self._open_db()
            db.execute(f"PRAGMA synchronous={'FULL' if is_synced else 'NORMAL'}")
            before = self.count, self.bytes, self.dropped
            self.dropped = Dropped(before[2].size, before[2].age, before[2].disk)
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException as error:
                self.count, self.bytes, self.dropped = before
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error | OSError):
                    raise SpoolError(
                        f"spool.path: {self.path} cannot be written ({error}). "
                        "Make room on the disk, or lower spool.max_mb"
                    ) from error
                raise

    def _read(self, query: str, values: tuple[int, ...], max_bytes: int) -> list[Entry]:
        entries: list[Entry] = []
        with self._lock:
            db = self._open_db()
            try:
                for row in db.execute(query.format("robot, time, hash, fields, payload, taken_s, id"), values):
                    entries.append(Entry(*row))
                    max_bytes -= len(entries[-1].payload)
                    if max_bytes < 0:
                        break
            except sqlite3.Error as error:
                raise SpoolError(
                    f"spool.path: {self.path} cannot be read ({error}). Move it away, or give another spool.path"
                ) from error
        return entries

    def _open_db(self) -> sqlite3.Connection:
        if self._is_closed:
            raise SpoolError(f"spool.path: {self.path} was closed")
        if self._db is None:
            self.open()
        assert self._db is not None
        return self._db


def _is_in(db: sqlite3.Connection, entry: Entry) -> bool:
    key = entry.robot, entry.time, entry.hash
    return db.execute("SELECT 1 FROM face WHERE robot = ? AND time = ? AND hash = ?", key).fetchone() is not None


def default_path() -> Path:
    """In the user's state folder (XDG Base Directory)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "tagalong/archive/forward.db"
