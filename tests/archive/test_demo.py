"""The demonstration as a newcomer runs it: one command, faces in a folder, all gone after Ctrl-C."""

import asyncio
import os
import re
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import pytest
import skimage.data

from archive.keys import Key
from tests.archive.brokers import need_mosquitto
from tests.closed_loop.runs import needs_pictures

TAGALONG = (sys.executable, "-m", "tagalong", "archive", "demo", "--port", "0")
LIMIT_S = 60.0


class Demo:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, pattern: str) -> re.Match[str]:
        """The next line that has it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while raw := await self.process.stdout.readline():
                self.lines.append(raw.decode().rstrip())
                if found := re.search(pattern, self.lines[-1]):
                    return found
        raise AssertionError(f"it never said {pattern!r}:\n" + "\n".join(self.lines))

    async def rest(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            self.lines += (await self.process.stdout.read()).decode().splitlines()
            await self.process.wait()
        return " ".join(self.lines)


@asynccontextmanager
async def demo(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", "TMPDIR": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *TAGALONG, *arguments, cwd=folder, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def stored(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*.png") if Key.parse(str(file.relative_to(folder))))


def portrait(file: Path) -> Path:
    cv2.imwrite(str(file), cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR))
    return file


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def left_behind(folder: Path) -> list[Path]:
    return list(folder.glob("tagalong-archive-*"))


async def test_people_walk_by_and_their_faces_lie_in_the_folder_until_ctrl_c_ends_it_all(tmp_path: Path) -> None:
    need_mosquitto()
    needs_pictures()
    async with demo(tmp_path, "--store", f"file://{tmp_path}/faces") as running:
        url = (await running.until(r"Gallery: (http://\S+)"))[1]
        first = (await running.until(r"stored (\S+\.png)"))[1]
        picture = cv2.imread(str(tmp_path / "faces" / first))
        assert picture is not None
        assert min(picture.shape[:2]) >= 24
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read())
        assert b"<html" in page
        brokers = children_of(running.process.pid)
        assert len(brokers) >= 2
        running.process.send_signal(signal.SIGINT)
        said = await running.rest()
    assert running.process.returncode == 0
    assert not alive(brokers), "brokers outlived it"
    assert not left_behind(tmp_path)
    published, kept, waited = re.findall(r"(\d+) faces published, (\d+) stored, (\d+\.\d) s from picture", said)[0]
    told = set(re.findall(r"stored (\S+\.png)", said)) | {first}
    assert int(kept) == len(told)
    there = {str(path.relative_to(tmp_path / "faces")) for path in stored(tmp_path / "faces")}
    assert told <= there  # one that was under way at Ctrl-C may be there without having been told
    assert int(published) >= len(there) >= int(kept) >= 1
    assert float(waited) < 30  # of a busy machine; `bench archive` has the figure


@pytest.mark.parametrize("brokers", [(), ("--embedded",)])
async def test_a_film_ends_it_once_all_its_faces_are_stored(tmp_path: Path, brokers: tuple[str, ...]) -> None:
    if not brokers:
        need_mosquitto()
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (512, 512))
    picture = cv2.imread(str(portrait(tmp_path / "face.png")))
    assert picture is not None
    for _ in range(40):
        film.write(picture)
    film.release()
    options = ("--camera", "film.avi", "--store", f"file://{tmp_path}/faces", "--no-preview")
    async with demo(tmp_path, *options, *brokers) as running:
        said = await running.rest()
    assert running.process.returncode == 0, said
    assert ("loses what waits" in said) == bool(brokers)
    assert "1 faces published, 1 stored" in said, said
    (file,) = stored(tmp_path / "faces")
    assert cv2.imread(str(file)) is not None


async def test_all_keeps_every_face_of_every_picture(tmp_path: Path) -> None:
    portrait(tmp_path / "face.png")
    options = ("--camera", "face.png", "--all", "--store", f"file://{tmp_path}/faces", "--no-preview", "--embedded")
    async with demo(tmp_path, *options) as running:
        for _ in range(5):
            await running.until(r"stored \S+\.png")
        running.process.send_signal(signal.SIGTERM)
        await running.rest()
    assert running.process.returncode == 0
    assert len(stored(tmp_path / "faces")) >= 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--camera", "nothing.mp4"), r"camera nothing\.mp4: there is no such file"),
        (("--store", "ftp://somewhere"), r"storage\.url: 'ftp://somewhere': write file:///FOLDER"),
        (("--store", "file:///proc/faces"), r"storage\.url: /proc/faces cannot be made"),
    ],
)
async def test_what_cannot_be_is_said_in_a_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    async with demo(tmp_path, *arguments, "--embedded", "--no-preview") as running:
        said = await running.rest()
    assert running.process.returncode in (1, 2)
    assert re.search(f"tagalong archive demo: {message}", said), said
    assert "Traceback" not in said
