"""One garment as a folder: `garment.yaml` and `picture.png`, read with suspicion and written whole or not at all."""

import re
import shutil
import tempfile
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import yaml
from pydantic import Field, StringConstraints, field_validator, model_validator

from common.errors import BadImageError, ConfigError
from common.settings import Strict, check, read_yaml
from edge_server.tryon.service_pictures import read_layer
from edge_server.tryon.values import BGR, BGRA, TROUSER_LANDMARKS, UPPER_LANDMARKS, Garment, Kind, TryOnError

RECORD, PICTURE, PREVIEW = "garment.yaml", "picture.png", "preview.jpg"
MAX_RECORD_BYTES = 64 * 1024
MAX_PICTURE_BYTES = 8 * 1024 * 1024
MAX_PICTURE_PX = 2048 * 2048
MIN_SIDE_PX = 64
MIN_SHARE = 0.02  # of the picture that is garment, and that is not
ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

Share = Annotated[float, Field(ge=0, le=1)]
Place = tuple[Share, Share]


class GarmentError(TryOnError):
    """A garment cannot be read, made or kept; the message names file, key and value."""


class Record(Strict):
    """What `garment.yaml` holds."""

    version: Literal[1]
    """Of this format."""
    id: str
    """The folder's name."""
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    """What people read. Plain text: whoever shows it in a page escapes it."""
    kind: Kind
    landmarks: dict[str, Place]
    """x and y, 0..1 of the picture from its top left; left is the wearer's own."""
    inside: Annotated[
        tuple[Annotated[tuple[Place, ...], Field(min_length=3, max_length=256)], ...], Field(max_length=8)
    ] = ()
    """Outlines of what the wearer's body hides."""

    @field_validator("id")
    @classmethod
    def _id(cls, value: str) -> str:
        if not ID.fullmatch(value):
            raise ValueError("must be 1 to 63 of a-z, 0-9 and -, with no - at its ends")
        return value

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
            raise ValueError("must not hold control characters")
        return value

    @model_validator(mode="after")
    def _landmarks(self) -> "Record":
        needed = landmarks_of(self.kind)
        missing = [name for name in needed if name not in self.landmarks]
        if missing:
            raise ValueError(f"landmarks of a {self.kind.value} are missing: {', '.join(missing)}")
        strange = [name for name in self.landmarks if name not in needed]
        if strange:
            raise ValueError(f"a {self.kind.value} has no landmark {strange[0]!r}; it has {', '.join(needed)}")
        return self


def landmarks_of(kind: Kind) -> tuple[str, ...]:
    return TROUSER_LANDMARKS if kind is Kind.TROUSERS else UPPER_LANDMARKS


def check_id(garment_id: str) -> str:
    """Raises GarmentError. What passes is safe as the name of a folder and in a URL."""
    if not ID.fullmatch(garment_id):
        raise GarmentError(
            f"the garment id {garment_id[:80]!r} is none: give 1 to 63 of a-z, 0-9 and -, with no - at its ends."
        )
    return garment_id


def read_record(folder: Path) -> Record:
    """Raises GarmentError that names file, key and value."""
    file = _own_file(folder, RECORD, MAX_RECORD_BYTES)
    try:
        record = check(Record, read_yaml(file), str(file))
    except ConfigError as error:
        raise GarmentError(str(error)[:2000]) from error
    except RecursionError as error:
        raise GarmentError(f"{file}: is nested too deeply.") from error
    if record.id != folder.name:
        raise GarmentError(
            f"{file}: id: is {record.id!r}, but its folder is named {folder.name!r}. Rename one of them."
        )
    return record


def read_garment(folder: Path, record: Record | None = None) -> Garment:
    """Record and picture. Raises GarmentError."""
    record = record or read_record(folder)
    file = _own_file(folder, PICTURE, MAX_PICTURE_BYTES)
    try:
        bgra = read_layer(file.read_bytes(), str(file), MAX_PICTURE_PX)
    except BadImageError as error:
        raise GarmentError(str(error)) from error
    except OSError as error:
        raise GarmentError(f"{file}: cannot be read ({error.strerror}).") from error
    if bgra.ndim != 3 or bgra.shape[2] != 4:
        raise GarmentError(f"{file}: has no alpha channel. Cut the garment out: tagalong garments add PHOTO")
    height, width = bgra.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise GarmentError(f"{file}: is {width}x{height} pixels; a garment needs {MIN_SIDE_PX} each way.")
    share = float((bgra[..., 3] > 127).mean())
    if not MIN_SHARE <= share <= 1 - MIN_SHARE:
        raise GarmentError(
            f"{file}: {100 * share:.0f} % of it is garment; between {100 * MIN_SHARE:.0f} and "
            f"{100 - 100 * MIN_SHARE:.0f} % are expected, the rest transparent. "
            "Cut the garment out: tagalong garments add PHOTO"
        )
    bgra.setflags(write=False)  # it is shared by all who ask
    return Garment(record.id, record.name, record.kind, bgra, dict(record.landmarks), record.inside)


def write_garment(root: Path, garment: Garment, preview: BGR | None = None, force: bool = False) -> Path:
    """Make `root`/id. Raises GarmentError where there is one already and `force` is not given."""
    folder = root / check_id(garment.garment_id)
    if (folder.exists() or folder.is_symlink()) and not force:
        raise GarmentError(f"there is {folder} already. Give another --id, or --force to replace it.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    except OSError as error:
        raise GarmentError(f"{root}: cannot be written to ({error.strerror}).") from error
    try:
        (made / RECORD).write_text(as_yaml(garment), encoding="utf-8")
        (made / PICTURE).write_bytes(as_png(garment.bgra))
        if preview is not None:
            (made / PREVIEW).write_bytes(cv2.imencode(".jpg", preview, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())
        made.chmod(0o755)
        read_garment(made, read_record_as(made, garment.garment_id))  # what was written can be read
        remove_folder(folder)
        made.replace(folder)
    except OSError as error:
        raise GarmentError(f"{folder}: cannot be written ({error.strerror}).") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def read_record_as(folder: Path, garment_id: str) -> Record:
    """Of a folder that does not have its name yet."""
    file = folder / RECORD
    try:
        record = check(Record, read_yaml(file), garment_id)
    except ConfigError as error:
        raise GarmentError(str(error)) from error
    return record


def remove_folder(folder: Path) -> None:
    """With what is in it; a link goes, what it points to stays."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def as_yaml(garment: Garment) -> str:
    """The text of `garment.yaml`."""
    head = {"version": 1, "id": garment.garment_id, "name": garment.name, "kind": garment.kind.value}
    lines = [yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000), "landmarks:\n"]
    for name in landmarks_of(garment.kind):
        x, y = garment.landmarks[name]
        lines.append(f"  {name}: [{x:.4f}, {y:.4f}]\n")
    if garment.inside:
        lines.append("inside:\n")
        for outline in garment.inside:
            lines.append("  - [" + ", ".join(f"[{x:.4f}, {y:.4f}]" for x, y in outline) + "]\n")
    return "".join(lines)


def as_png(bgra: BGRA) -> bytes:
    """As small as it gets. Nothing is predicted from neighbours: the grain of cloth packs better so."""
    how = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    how += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE] if hasattr(cv2, "IMWRITE_PNG_FILTER") else []
    done, data = cv2.imencode(".png", np.ascontiguousarray(bgra), how)
    assert done
    return bytes(data.tobytes())


def _own_file(folder: Path, name: str, max_bytes: int) -> Path:
    """A plain file in the folder itself: no link out of it, no device, not too large."""
    file = folder / name
    try:
        real = file.resolve(strict=True)
        size = real.stat().st_size
    except FileNotFoundError as error:
        raise GarmentError(f"{file}: is missing. A garment is a folder with {RECORD} and {PICTURE}.") from error
    except OSError as error:
        raise GarmentError(f"{file}: cannot be read ({error.strerror}).") from error
    if not real.is_relative_to(folder.resolve()):
        raise GarmentError(f"{file}: is a link out of its folder, which is not followed. Put the file itself there.")
    if not real.is_file():
        raise GarmentError(f"{file}: is no plain file.")
    if size > max_bytes:
        raise GarmentError(f"{file}: has {size} bytes; up to {max_bytes} are read.")
    return file
