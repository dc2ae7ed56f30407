"""One place for objects, on disk and in memory: what was put is there, and what goes wrong names the setting."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.bucket import Bucket, StorageError, folder_of
from archive.config import StorageConfig
from common.errors import ConfigError
from tests.archive.made import paths


def on(folder: Path) -> Bucket:
    return Bucket(StorageConfig(url=f"file://{folder}"))


@pytest.fixture(params=["file", "memory"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    return on(tmp_path / "faces") if request.param == "file" else Bucket(StorageConfig(url="memory://"))


async def test_what_was_put_is_there_until_it_is_deleted(bucket: Bucket) -> None:
    await bucket.put("a/b/one.png", b"one", "image/png", {"robot": "Zoë"})
    await bucket.put("a/two.png", b"", "image/png")
    assert await bucket.get("a/b/one.png") == b"one"
    assert await bucket.get("a/two.png") == b""
    assert await bucket.get("a/three.png") is None
    assert await bucket.get("a/b") is None
    await bucket.put("a/b/one.png", b"another", "image/png")
    assert await bucket.get("a/b/one.png") == b"another"
    await bucket.delete(["a/b/one.png", "a/not-there.png"])
    assert await bucket.get("a/b/one.png") is None
    await bucket.delete([])
    assert await paths(bucket) == ["a/two.png"]


async def test_a_listing_is_whole_beyond_what_one_answer_holds(bucket: Bucket) -> None:
    await asyncio.gather(*(bucket.put(f"many/{number % 3}/{number}", b"x", "text/plain") for number in range(1100)))
    assert len(await paths(bucket, "many")) == 1100
    assert await paths(bucket, "man") == []  # whole parts of paths only
    assert await bucket.folders("many") == ["0", "1", "2"]
    assert await bucket.folders() == ["many"]
    assert await bucket.folders("nothing") == []
    await bucket.delete(await paths(bucket))
    assert await paths(bucket) == []


async def test_sizes_and_times_are_listed(bucket: Bucket) -> None:
    await bucket.put("x/y", b"12345", "text/plain")
    found = [each async for some in bucket.listing("x") for each in some]
    assert [(each.path, each.size) for each in found] == [("x/y", 5)]
    assert found[0].modified.tzinfo is not None


async def test_a_check_leaves_nothing_behind(bucket: Bucket) -> None:
    await bucket.check()
    assert await paths(bucket) == []


async def test_a_folder_that_became_empty_goes_and_the_root_stays(tmp_path: Path) -> None:
    bucket = on(tmp_path / "faces")
    await bucket.put("2026-11-27/rover/t1/x.png", b"x", "image/png")
    await bucket.delete(["2026-11-27/rover/t1/x.png"])
    assert list((tmp_path / "faces").iterdir()) == []
    await bucket.put("2026-11-28/rover/t1/x.png", b"x", "image/png")
    assert await bucket.get("2026-11-28/rover/t1/x.png") == b"x"


async def test_writing_and_deleting_side_by_side_gets_in_nobodys_way(tmp_path: Path) -> None:
    """The last object of a folder goes while the next one comes: whoever fails says so, and is not there."""
    bucket = on(tmp_path / "faces")

    async def come_and_go(name: str) -> None:
        for turn in range(40):
            try:
                await bucket.put(f"day/robot/{name}{turn}.png", b"x", "image/png")
            except StorageError:
                await bucket.put(f"day/robot/{name}{turn}.png", b"x", "image/png")
            await bucket.delete([f"day/robot/{name}{turn}.png"])

    await asyncio.gather(*(come_and_go(name) for name in "abcd"))
    assert await paths(bucket) == []


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///var/faces", "/var/faces"),
        ("file:///var/my%20faces", "/var/my faces"),
        ("file://./faces", f"{Path.cwd()}/faces"),
        ("file://~/faces", f"{Path.home()}/faces"),
    ],
)
def test_addresses_of_folders(url: str, folder: str) -> None:
    assert str(folder_of(url)) == folder


@pytest.mark.parametrize(
    "url", ["", "faces", "/var/faces", "http://127.0.0.1/x", "file:/tmp/x", "file://", "FILE:///tmp/x", "s3://", "s3:x"]
)
def test_an_address_that_is_none_is_refused_and_nothing_is_made(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^storage\.url: ") as caught:
        Bucket(StorageConfig(url=url))
    assert list(tmp_path.iterdir()) == []
    assert len(str(caught.value).splitlines()) == 1


async def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces").touch()
    with pytest.raises(ConfigError, match=rf"storage\.url: {tmp_path}/faces cannot be made or used"):
        on(tmp_path / "faces")


async def test_a_file_in_the_way_of_an_object_is_an_error_that_names_it(tmp_path: Path) -> None:
    bucket = on(tmp_path / "faces")
    (tmp_path / "faces/2026-11-27").touch()
    with pytest.raises(StorageError, match=rf"storage\.url: {tmp_path}/faces/2026-11-27/x\.png cannot be written"):
        await bucket.put("2026-11-27/x.png", b"x", "image/png")


READ_ONLY = """
import asyncio, os, sys
from archive.bucket import Bucket, StorageError
from archive.config import StorageConfig
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
async def main():
    bucket = Bucket(StorageConfig(url="file://" + sys.argv[1]))
    print(await bucket.get("there.png"))
    for work in (bucket.check(), bucket.put("new.png", b"x", "image/png"), bucket.delete(["there.png"])):
        try:
            await work
            print("no error")
        except StorageError as error:
            print(error)
asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can reach; `tmp_path` is below folders of its user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_folder_where_one_may_not_write_can_be_read_and_says_so(open_folder: Path) -> None:
    folder = open_folder / "faces"
    await on(folder).put("there.png", b"x", "image/png")
    (folder / "there.png").chmod(0o444)
    folder.chmod(0o555)
    try:
        child = [sys.executable, "-c", READ_ONLY, str(folder)]
        done = await asyncio.to_thread(subprocess.run, child, capture_output=True, text=True)
    finally:
        folder.chmod(0o755)
    lines = done.stdout.splitlines()
    assert lines[0] == "b'x'", done.stderr
    assert len(lines) == 4
    for line in lines[1:]:
        assert line.startswith(f"storage.url: {folder}/")
        assert line.endswith("May this user write there?")
    assert await on(folder).get("there.png") == b"x"


async def test_a_full_disk_is_said_and_leaves_no_half_object(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    done = await asyncio.to_thread(subprocess.run, mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        bucket = on(folder)
        await bucket.put("small.png", b"x", "image/png")
        with pytest.raises(StorageError, match=r"storage\.url: .*large\.png .*The disk is full: make room"):
            await bucket.put("large.png", bytes(1_000_000), "image/png")
        assert await paths(bucket) == ["small.png"]
        assert await bucket.get("small.png") == b"x"
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
