"""The archive's programs as processes of their own, between two private brokers; tests of whole chains use them too."""

import asyncio
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from archive.broker.private import PrivateBroker, free_port
from archive.broker_config import BrokerConfig
from archive.face import Face, hash_of
from archive.keys import Key
from archive.mqtt import Mqtt
from archive.pictures import Format, encode
from bench.offload_parts import cpu_of_s
from common.errors import DeviceError
from common.process import ChildProcess

UNDER_WAY = 100


class Program(ChildProcess):
    """`tagalong archive ...`, with its metrics on a port."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(f"archive {arguments[0]}", DeviceError)
        self.metrics_port = free_port()
        self.highest_mb = 0.0  # of all its lives
        self._command = ["tagalong", "archive", *arguments]
        self._command += ["--metrics-port", str(self.metrics_port)]
        self._environment = dict(environment or {})

    async def begin(self) -> None:
        """Until it answers scrapers; again after a crash."""
        await self.terminate()
        await self.start(self._command, self._answers, 60.0, self._environment)

    def crash(self) -> None:
        """SIGKILL."""
        self.look_at_memory()
        self.kill()

    async def end(self) -> int | None:
        self.look_at_memory()
        return await self.terminate(20.0)

    def look_at_memory(self) -> None:
        self.highest_mb = max(self.highest_mb, memory_mb(self.pid))

    @property
    def cpu_s(self) -> float:
        """Processor time used in this life."""
        return cpu_of_s(self.pid) if self.pid is not None and self.running else 0.0

    def numbers(self) -> dict[str, float]:
        """Its metrics, by name without the common beginning; faces by outcome."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(r'^tagalong_archive_[a-z]+?_(\w+?)(?:_total\{outcome="(\w+)"\})? (\S+)$', text, re.M)
        return {outcome or name: float(value) for name, outcome, value in found}

    def health(self) -> str:
        """ "ok", or what is wrong."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=10) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode().strip()

    def _answers(self) -> bool:
        try:
            self.numbers()
        except OSError:
            return False
        return True


def memory_mb(pid: int | None) -> float:
    """The most it ever had in memory (VmHWM); 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def forwarder(local: PrivateBroker, remote: PrivateBroker, folder: Path, *more: str) -> Program:
    return Program(
        "forward", "--local", local.url, "--remote", remote.url, "--username", remote.username or "",
        "--spool", str(folder / "forward.db"), *more,
        environment={"TAGALONG_ARCHIVE_FORWARD__REMOTE__PASSWORD": remote.password or ""},
    )  # fmt: skip


def store(remote: PrivateBroker, url: str, *more: str, environment: Mapping[str, str] | None = None) -> Program:
    password = {"TAGALONG_ARCHIVE_STORE__BROKER__PASSWORD": remote.password_of("store")}
    return Program(
        "store", "--broker", remote.url, "--username", "store", "--store", url, *more,
        environment=password | dict(environment or {}),
    )  # fmt: skip


def made_faces(count: int, side_px: int = 24) -> list[tuple[Face, bytes]]:
    """Different ones, of the last minutes."""
    rng = np.random.default_rng(7)
    made = []
    start = datetime.now(UTC) - timedelta(milliseconds=10 * count)
    for number in range(count):
        face = Face("rover-1", f"run-{number // 50}", start + timedelta(milliseconds=10 * number), 0.9)
        pixels = rng.integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)
        made.append((face, encode(pixels, face.fields(), Format.PNG)))
    return made


def keys_of(faces: Sequence[tuple[Face, bytes]]) -> list[str]:
    return sorted(str(Key.of(face, hash_of(picture))) for face, picture in faces)


async def publish(to: PrivateBroker, faces: Sequence[tuple[Face, bytes]], rate: float = 0.0) -> dict[str, float]:
    """Returns when the broker has all of them: Unix time at which each was published, by key.

    `rate`: so many a second; 0: as fast as the broker takes them.
    """
    begun_s = time.time()
    sent_s: dict[str, float] = {}
    places = asyncio.Semaphore(UNDER_WAY)

    async def one(mqtt: Mqtt, face: Face, picture: bytes) -> None:
        try:
            assert await mqtt.send(f"tagalong/{face.robot}/faces", picture, 1, face.fields(), "image/png")
        finally:
            places.release()

    async with Mqtt(BrokerConfig(url=to.url), f"publisher-{os.getpid()}") as mqtt, asyncio.TaskGroup() as group:
        for number, (face, picture) in enumerate(faces):
            if rate:
                await asyncio.sleep(begun_s + number / rate - time.time())
            await places.acquire()
            sent_s[str(Key.of(face, hash_of(picture)))] = time.time()
            group.create_task(one(mqtt, face, picture))
    return sent_s


async def until_healthy(*programs: Program) -> None:
    """Connected to all they need."""
    async with asyncio.timeout(60):
        for program in programs:
            while await asyncio.to_thread(program.health) != "ok":  # noqa: ASYNC110 (another process has no event for it)
                await asyncio.sleep(0.05)
