"""OpenStack Swift as the object store of a test: it speaks S3, keeps what it is given, and checks each signature."""

import contextlib
import http.client
import itertools
import json
import os
import pwd
import select
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import pytest

from tests.archive.swift_settings import KINDS, READER, STRANGER, WRITER, Keys, write_settings

__all__ = ["READER", "STRANGER", "WRITER", "Keys", "StoredObject", "Swift", "need_swift"]

SYSTEM_PYTHON = "/usr/bin/python3"  # of the packages; a virtual environment does not see them
SERVERS = Path(__file__).with_name("swift_servers.py")
START_S = 60.0  # it takes 1.5 CPU seconds
END_S = 10.0


def need_swift() -> None:
    """Skips where the system lacks one of Swift's servers."""
    missing = [f"swift-{kind}" for kind in KINDS if not Path(f"/usr/bin/swift-{kind}-server").exists()]
    if missing:
        pytest.skip(f"OpenStack Swift is not installed: apt install {' '.join(missing)}")
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        pytest.skip(f"Swift runs only for a user with a name, and user {os.geteuid()} has none in /etc/passwd")


@dataclass(frozen=True, slots=True)
class StoredObject:
    body: bytes
    content_type: str
    metadata: dict[str, str]  # the user's, keys in lower case


class Swift:
    """`with Swift(folder) as swift:` one store of its own. What the methods do goes past S3, by Swift's own protocol.

    They block for some milliseconds, and need no loop: the servers are other processes. `in_memory` is for a folder
    whose file system has no extended attributes, where Swift keeps what belongs to an object; it is seen by itself.
    """

    region = "us-east-1"
    access_key = WRITER.access_key
    secret_key = WRITER.secret_key

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        self._folder = folder
        self._in_memory = in_memory
        self._port = 0
        self._token = ""
        self._account = ""
        self._process: subprocess.Popen[str] | None = None
        self._names = itertools.count(1)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the program whose children the four servers are."""
        assert self._process
        return self._process.pid

    # ---- the servers ----

    def __enter__(self) -> Self:
        for may_try_again in (True, True, False):
            try:
                self._start(_free_ports())
                break
            except RuntimeError as error:
                if not may_try_again or "Could not bind" not in str(error):
                    raise  # else another program took one of the ports meanwhile
        return self

    def _start(self, ports: dict[str, int]) -> None:
        self._port = ports["proxy"]
        self._folder.mkdir(parents=True, exist_ok=True)
        in_memory = self._in_memory or not _keeps_attributes(self._folder)
        write_settings(self._folder, ports, self.region, in_memory)
        command = [SYSTEM_PYTHON, "-I", str(SERVERS), str(self._folder), *(f"{kind}={ports[kind]}" for kind in KINDS)]
        with (self._folder / "servers.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # the terminal's Ctrl-C is for the test run, which ends them itself
            )
        try:
            self._wait_until_ready(self._process)
            self._log_in()
        except BaseException:
            self._end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        heard, _, _ = select.select([process.stdout], [], [], START_S)
        if not heard or process.stdout.readline() != "ready\n":
            logs = {path.name: path.read_text()[-2000:] for path in sorted(self._folder.glob("*.log"))}
            told = "\n".join(f"{name}:\n{text}" for name, text in logs.items() if text)
            raise RuntimeError(f"Swift did not start; its logs in {self._folder} end with:\n{told}")

    def _log_in(self) -> None:
        headers = {"X-Auth-User": self.access_key, "X-Auth-Key": self.secret_key}
        answer, _ = self._ask("GET", "/auth/v1.0", headers)
        self._token = answer.headers["X-Auth-Token"]
        self._account = urlsplit(answer.headers["X-Storage-Url"]).path

    def _end(self) -> None:
        if not (process := self._process):
            return
        assert process.stdin
        assert process.stdout
        process.stdin.close()  # they end at that
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()  # its children go with it
            process.wait()
            raise
        finally:
            process.stdout.close()

    # ---- what is in it ----

    def create_bucket(self, name: str = "", readers: tuple[Keys, ...] = ()) -> str:
        """Without a name: one that no other test has. `readers` may list and get, not put or delete."""
        name = name or f"bucket-{next(self._names)}"
        self._ask("PUT", f"/{name}", {"X-Container-Read": ",".join(reader.access_key for reader in readers)})
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        found: list[str] = []
        while True:
            after = quote(found[-1], safe="") if found else ""
            _, body = self._ask("GET", f"/{bucket}?format=json&prefix={quote(prefix, safe='')}&marker={after}")
            page = [row["name"] for row in json.loads(body)]
            if not page:
                return found
            found += page

    def get(self, bucket: str, key: str) -> StoredObject:
        """Raises KeyError when it is not there."""
        answer, body = self._ask("GET", f"/{bucket}/{quote(key)}", fine=(404,))
        if answer.status == 404:
            raise KeyError(f"{bucket}/{key}")
        mark = "x-object-meta-"
        metadata = {
            name.lower().removeprefix(mark): value
            for name, value in answer.headers.items()
            if name.lower().startswith(mark)
        }
        return StoredObject(body, answer.headers["Content-Type"], metadata)

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, fine: tuple[int, ...] = ()
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=START_S)) as connection:
            connection.request(method, self._account + path, headers={"X-Auth-Token": self._token} | (headers or {}))
            answer = connection.getresponse()
            body = answer.read()
        if answer.status >= 300 and answer.status not in fine:
            raise RuntimeError(f"Swift answers {method} {path} with {answer.status} {answer.reason}: {body[:500]!r}")
        return answer, body


def _free_ports() -> dict[str, int]:
    """Of loopback. Held together until all are known, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = {kind: held.enter_context(socket.socket()) for kind in KINDS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {kind: int(each.getsockname()[1]) for kind, each in sockets.items()}


def _keeps_attributes(folder: Path) -> bool:
    """Whether its file system has extended attributes."""
    try:
        os.setxattr(folder, "user.tests", b"1")
        os.removexattr(folder, "user.tests")
    except OSError:
        return False
    return True
