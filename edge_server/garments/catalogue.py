"""All garments there are: those that come along, and the user's own. Found by looking, read when asked for."""

import difflib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_server.garments.record import PICTURE, RECORD, GarmentError, Record, check_id, read_garment, read_record
from edge_server.tryon.values import Garment, Kind
from protos.tryon_errors import UnknownGarmentError

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "TAGALONG_GARMENTS"
BUILT_IN = Path(__file__).parent / "builtin"
MAX_GARMENTS = 500  # of one folder
MAX_READY = 32  # pictures kept in memory; each is about 1 MB

_Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A garment that was found; its picture has not been read yet."""

    garment_id: str
    name: str
    kind: Kind
    folder: Path
    built_in: bool
    record: Record


def user_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `tagalong garments add` writes: the last folder of $TAGALONG_GARMENTS, else the user's data folder."""
    return search_path(environ)[-1]


def search_path(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Built-in, $XDG_DATA_HOME or ~/.local/share, $TAGALONG_GARMENTS (one folder or several, as PATH). Later wins."""
    base = environ.get("XDG_DATA_HOME")
    data = (Path(base) if base else Path.home() / ".local" / "share") / "tagalong" / "garments"
    given = environ.get(FOLDER_VARIABLE, "")
    return (BUILT_IN, data, *(Path(part).expanduser() for part in given.split(os.pathsep) if part))


class Catalogue:
    """Garments by their id. May be used by several threads; sees what is added or removed while it lives."""

    def __init__(self, search: Sequence[Path] | None = None) -> None:
        self.search = tuple(search) if search is not None else search_path()
        self.problems: tuple[str, ...] = ()
        """Of the last look: why folders were left out."""
        self._lock = threading.Lock()
        self._records: dict[Path, tuple[_Stamp, Record]] = {}
        self._ready: OrderedDict[Path, tuple[_Stamp, Garment]] = OrderedDict()

    def entries(self) -> list[Entry]:
        """What there is now; of one id the last folder's. A folder that is wrong is left out and told in `problems`."""
        found: dict[str, Entry] = {}
        problems: list[str] = []
        with self._lock:
            for root in self.search:
                for folder in self._folders(root, problems):
                    try:
                        record = self._record(folder)
                    except GarmentError as error:
                        problems.append(str(error))
                        continue
                    found.pop(record.id, None)
                    found[record.id] = Entry(record.id, record.name, record.kind, folder, root == BUILT_IN, record)
            if set(problems) - set(self.problems):
                log.warning("garments left out: %s", "; ".join(problems))
            self.problems = tuple(problems)
        return list(found.values())

    def entry(self, garment_id: str) -> Entry:
        """Raises UnknownGarmentError that suggests the nearest id, or says why the garment is left out."""
        entries = {each.garment_id: each for each in self.entries()}
        if garment_id in entries:
            return entries[garment_id]
        try:
            check_id(garment_id)
        except GarmentError as error:
            raise UnknownGarmentError(str(error)) from error
        wrong = [problem for problem in self.problems if f"/{garment_id}/" in problem]
        if wrong:
            raise UnknownGarmentError(f"the garment {garment_id!r} cannot be used: {wrong[0]}")
        near = difflib.get_close_matches(garment_id, list(entries), n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(entries) or 'none'}."
        raise UnknownGarmentError(f"there is no garment {garment_id!r}. {advice}")

    def get(self, garment_id: str) -> Garment:
        """With its picture. Raises UnknownGarmentError, or GarmentError where the picture is wrong."""
        return self._garment(self.entry(garment_id))

    def garments(self) -> list[Garment]:
        """All whose pictures are right."""
        good = []
        for entry in self.entries():
            try:
                good.append(self._garment(entry))
            except GarmentError as error:
                log.warning("garment left out: %s", error)
                self.problems = (*self.problems, str(error))
        return good

    def _folders(self, root: Path, problems: list[str]) -> list[Path]:
        try:
            inside = sorted(each for each in root.iterdir() if not each.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            problems.append(f"{root}: cannot be read ({error.strerror}).")
            return []
        folders = []
        for each in inside:
            if not each.is_dir() or each.name == "__pycache__":
                continue
            if not each.resolve().is_relative_to(root.resolve()):
                problems.append(
                    f"{each}/: is a link out of {root}, which is not followed. Put the folder itself there."
                )
            else:
                folders.append(each)
        if len(folders) > MAX_GARMENTS:
            problems.append(f"{root}: holds {len(folders)} garments; the first {MAX_GARMENTS} are used.")
        return folders[:MAX_GARMENTS]

    def _record(self, folder: Path) -> Record:
        stamp = _stamp(folder / RECORD)
        kept = self._records.get(folder)
        if kept is None or kept[0] != stamp:
            kept = self._records[folder] = (stamp, read_record(folder))
        return kept[1]

    def _garment(self, entry: Entry) -> Garment:
        stamp = (*_stamp(entry.folder / RECORD), *_stamp(entry.folder / PICTURE))
        with self._lock:
            kept = self._ready.get(entry.folder)
            if kept is not None and kept[0] == stamp:
                self._ready.move_to_end(entry.folder)
                return kept[1]
        garment = read_garment(entry.folder, entry.record)
        with self._lock:
            self._ready[entry.folder] = (stamp, garment)
            while len(self._ready) > MAX_READY:
                self._ready.popitem(last=False)
        return garment


def _stamp(file: Path) -> _Stamp:
    """Another one when the file changes."""
    try:
        stat = file.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
