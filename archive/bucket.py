"""Object storage by obstore: a folder, S3 and all that speaks it.

obstore and not fsspec: it signs, retries and moves bytes in native code, needs 30 MB where s3fs needs 90, and no second
library for each kind of storage. It is called in threads: its own coroutines can abort the interpreter when that ends
right after one of them (seen in 7 to 30 % of ends). This file alone knows its types and its exceptions.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import LocalStore, MemoryStore, from_url

from archive.config import StorageConfig
from common.errors import ConfigError, DeviceError

T = TypeVar("T")
LIST_AT_ONCE = 1000
THREADS = 32  # requests under way; with a disk, syncs that it can put together
PROBE = "index/.writable"
MAX_HEADER = 256  # characters of one field: S3 takes 2 kB in all, Swift 256 each
NO_RIGHT = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError)


class StorageError(DeviceError):
    """The storage does not take or give now; it may later. Nothing was accepted."""


class SetupError(StorageError, ConfigError):
    """The storage says no for a reason that a setting has: bucket, credentials, rights."""


@dataclass(frozen=True, slots=True)
class Found:
    """One object in a listing."""

    path: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Blob:
    """One object to be written; `fields` become its metadata where there is a place for it."""

    path: str
    data: bytes = field(repr=False)
    content_type: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """One place for objects. Paths have `/` between their parts, none at the ends."""

    def __init__(self, config: StorageConfig) -> None:
        """Raises ConfigError for an address that cannot be one."""
        self.config = config
        self.is_local = config.url.startswith("file:")
        self._store: Any = _open(config)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="storage")

    async def put(self, path: str, data: bytes, content_type: str, fields: Mapping[str, str] | None = None) -> None:
        """Whole or not at all; on a disk it is there after a power cut, too. Raises StorageError."""
        await self.put_all([Blob(path, data, content_type, fields or {})])

    async def put_all(self, blobs: Sequence[Blob]) -> None:
        """At the same time. Raises the first StorageError after all were tried; some may be there then."""
        results = await asyncio.gather(
            *(self._call(blob.path, self._put, blob) for blob in blobs), return_exceptions=True
        )
        if failed := [result for result in results if isinstance(result, BaseException)]:
            raise failed[0]
        folders = {folder for result in results if isinstance(result, set) for folder in result}
        if folders:
            await self._call(blobs[0].path, _sync, *folders)  # the names of the files

    async def get(self, path: str) -> bytes | None:
        """None when there is no such object. Raises StorageError."""
        return await self._call(path, self._get, path)

    async def delete(self, paths: Sequence[str]) -> None:
        """What is not there is no error. Raises StorageError."""
        for start in range(0, len(paths), LIST_AT_ONCE):
            some = list(paths[start : start + LIST_AT_ONCE])
            await self._call(some[0], self._delete, some)

    async def listing(self, prefix: str = "") -> AsyncIterator[list[Found]]:
        """All objects below it, some at a time. Raises StorageError."""
        chunks = iter(obstore.list(self._store, prefix or None, chunk_size=LIST_AT_ONCE))
        while (chunk := await self._call(prefix, next, chunks, None)) is not None:
            yield [Found(each["path"], each["size"], each["last_modified"]) for each in chunk]

    async def folders(self, prefix: str = "") -> list[str]:
        """Last parts of the paths right below it that have more below them. Raises StorageError."""
        found = await self._call(prefix, obstore.list_with_delimiter, self._store, prefix or None)
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])

    async def check(self) -> None:
        """Whether objects can be written: writes one. Raises StorageError, SetupError for what a setting can mend."""
        await self.put(PROBE, b"", "text/plain")
        await self.delete([PROBE])

    @property
    def folder(self) -> Path:
        """Of a store on disk."""
        return folder_of(self.config.url)

    async def _call(self, path: str, function: Callable[..., T], *arguments: Any) -> T:
        """In a thread. Raises StorageError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._checked, function, *arguments)
        except (exceptions.BaseError, OSError) as error:
            raise self._translated(error, path) from error

    def _checked(self, function: Callable[..., T], *arguments: Any) -> T:
        """A folder that is gone is not made anew by writing (its disk may be away), and does not count as empty."""
        if self.is_local and not self.folder.is_dir():
            raise StorageError(f"storage.url: {self.folder} is not there any more. Is its disk still mounted?")
        return function(*arguments)

    def _put(self, blob: Blob) -> set[Path]:
        """Folders that have to be synced, on a disk."""
        if not self.is_local:
            attributes = {"Content-Type": blob.content_type, **{n: _header(text) for n, text in blob.fields.items()}}
            obstore.put(self._store, blob.path, blob.data, attributes=attributes, use_multipart=False)
            return set()
        file = self.folder / blob.path  # files have no place for fields; a picture holds them itself
        is_new = not file.parent.is_dir()
        obstore.put(self._store, blob.path, blob.data)
        _sync(file)
        above = {folder for folder in file.parents if folder == self.folder or self.folder in folder.parents}
        return above if is_new else {file.parent}

    def _get(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (FileNotFoundError, exceptions.NotFoundError) as error:
            if "NoSuchBucket" in str(error):
                raise
            return None

    def _delete(self, paths: list[str]) -> None:
        if not self.is_local:
            obstore.delete(self._store, paths)
            return
        for path in paths:
            with contextlib.suppress(FileNotFoundError, exceptions.NotFoundError):
                obstore.delete(self._store, path)

    def _translated(self, error: Exception, path: str) -> StorageError:
        text, url = str(error).partition("Debug source")[0], self.config.url
        status, code = re.search(r"status code: (\d{3}[^:<]*)", text), re.search(r"<Code>(\w+)</Code>", text)
        first = f"{status[1].strip()}, {code[1]}" if status and code else " ".join(text.split())[:300]
        if self.is_local:
            advice = "The disk is full: make room." if "No space left" in text else "May this user write there?"
            return StorageError(f"storage.url: {self.folder / path} cannot be written or read ({first}). {advice}")
        if "NoSuchBucket" in text:
            return SetupError(f"storage.url: {url}: there is no such bucket. Make it first, or correct storage.url")
        if "SignatureDoesNotMatch" in text:
            return SetupError(
                f"storage.s3.secret_access_key: {url} does not accept the signature. "
                "Check storage.s3.secret_access_key (AWS_SECRET_ACCESS_KEY), storage.s3.access_key_id "
                "and storage.s3.region"
            )
        if "169.254.169.254" in text:  # where Amazon's machines get theirs
            return StorageError(
                f"storage.s3.access_key_id: no credentials for {url}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if "InvalidAccessKeyId" in text:
            return SetupError(
                f"storage.s3.access_key_id: {url} does not know this key. "
                "Check storage.s3.access_key_id (AWS_ACCESS_KEY_ID)"
            )
        if isinstance(error, NO_RIGHT) or "AccessDenied" in text:
            who = self.config.s3.access_key_id or "this key"
            return SetupError(
                f"storage.url: {url} does not let {who} do that. Give it the rights to read, write, list and delete, "
                "or other credentials (storage.s3.access_key_id)"
            )
        return StorageError(f"storage.url: {url} does not answer as it should ({first})")


def folder_of(url: str) -> Path:
    """file:///var/faces, file://./faces (from here), file://~/faces."""
    rest = unquote(url.removeprefix("file://"))
    return Path(rest).expanduser().absolute()


def _open(config: StorageConfig) -> Any:
    scheme = urlsplit(config.url).scheme
    if scheme == "file" and config.url.startswith("file://") and config.url != "file://":
        folder = folder_of(config.url)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return LocalStore(prefix=folder, automatic_cleanup=True)  # folders that get empty go
        except (OSError, exceptions.BaseError) as error:
            raise ConfigError(f"storage.url: {folder} cannot be made or used ({error}). Give another folder") from error
    if scheme == "memory":
        return MemoryStore()
    if scheme not in ("s3", "gs", "az"):
        raise ConfigError(
            f"storage.url: {config.url!r}: write file:///FOLDER, s3://BUCKET/PREFIX, gs://... or az://..."
        )
    options: dict[str, Any] = {
        "client_options": {"timeout": timedelta(seconds=config.timeout_s), "connect_timeout": timedelta(seconds=5)},
        # Retries are ours: the store waits longer than any library would, and says so.
        "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=config.timeout_s)},
    }
    if scheme == "s3":
        s3 = _s3(config)
        options["client_options"] |= s3.pop("client_options", {})
        options |= s3
    try:
        return from_url(config.url, **options)
    except (exceptions.BaseError, ValueError) as error:
        first = " ".join(str(error).partition("Debug source")[0].split())
        raise ConfigError(f"storage.url: {config.url} cannot be used ({first})") from error


def _s3(config: StorageConfig) -> dict[str, Any]:
    s3 = config.s3
    given = {
        "endpoint": s3.endpoint or os.environ.get("AWS_ENDPOINT_URL"),
        "region": s3.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        "access_key_id": s3.access_key_id,
        "secret_access_key": s3.secret_access_key,
    }
    options: dict[str, Any] = {name: value for name, value in given.items() if value}
    options["virtual_hosted_style_request"] = s3.virtual_hosts
    if given["endpoint"] and not (s3.access_key_id or os.environ.get("AWS_ACCESS_KEY_ID")):
        raise ConfigError(  # without a key Amazon's own machines would be asked for one
            f"storage.s3.access_key_id: no credentials for {given['endpoint']}. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or storage.s3.access_key_id and secret_access_key"
        )
    if str(options.get("endpoint", "")).startswith("http://"):
        options["client_options"] = {"allow_http": True}
    return options


def _header(text: str) -> str:
    """What HTTP headers can hold and signatures leave alone; reads back by percent-decoding."""
    if text.isascii() and text.isprintable() and "%" not in text and text == " ".join(text.split()):
        return text[:MAX_HEADER]
    return re.sub("%.?$", "", quote(text, safe=",.:/@=+-_")[:MAX_HEADER])


def _sync(*paths: Path) -> None:
    """Contents of a file, names in a folder: to the disk."""
    for path in paths:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
