"""The queue on a disk that is full, or nearly: on a small one of memory, which only root can mount."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.spool import Spool, SpoolError
from tests.archive.test_spool import entry, stamps

DISK_MB = 32


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    file = disk / "others"
    with file.open("wb") as out:
        out.write(bytes(max(0, shutil.disk_usage(disk).free - leave)))
    return file


def test_on_a_full_disk_nothing_is_taken_and_nothing_that_was_is_lost(disk: Path) -> None:
    spool = Spool(disk / "spool.db", keep_free_mb=0)
    number = 0
    while shutil.disk_usage(disk).free > 1_000_000:
        spool.put([entry(number + i, 20_000) for i in range(10)], 0.0)
        number += 10
    assert number > 50
    with pytest.raises(SpoolError, match=r"spool\.path: .*spool\.db cannot be written .*full.*Make room"):
        spool.put([entry(number + i, 200_000) for i in range(20)], 0.0)
    assert stamps(spool) == list(range(number))
    assert (spool.count, spool.dropped.total) == (number, 0)
    with pytest.raises(SpoolError):
        spool.put([entry(number + i, 20_000) for i in range(10)], 0.0)
    spool.close()
    again = Spool(disk / "spool.db", keep_free_mb=0)
    again.open()
    assert stamps(again) == list(range(number))
    again.close()


def test_when_there_is_room_again_it_goes_on(disk: Path) -> None:
    spool = Spool(disk / "spool.db", keep_free_mb=0)
    spool.put([entry(1, 20_000)], 0.0)
    others = fill(disk, 0)
    with pytest.raises(SpoolError):
        spool.put([entry(number, 200_000) for number in range(2, 12)], 0.0)
    assert stamps(spool) == [1]
    others.unlink()
    assert spool.put([entry(number, 200_000) for number in range(2, 12)], 0.0) == 10
    assert stamps(spool) == list(range(1, 12))
    spool.close()


def test_with_less_than_it_shall_leave_free_the_oldest_go_first_and_are_counted(disk: Path) -> None:
    spool = Spool(disk / "spool.db", keep_free_mb=20)
    for number in range(1500):
        spool.put([entry(number, 20_000)], 0.0)
    kept = stamps(spool)
    assert kept == list(range(1500 - len(kept), 1500))
    assert len(kept) > 20
    assert spool.dropped.disk == 1500 - len(kept)
    assert spool.dropped.size == 0
    assert shutil.disk_usage(disk).free > 14_000_000  # the file stops growing; its log is 4 MB more
    spool.close()


def test_others_who_fill_the_disk_cost_it_one_face_for_each_new_one_and_no_more(disk: Path) -> None:
    spool = Spool(disk / "spool.db", keep_free_mb=20)
    spool.put([entry(number, 20_000) for number in range(100)], 0.0)
    fill(disk, 10_000_000)
    for number in range(100, 150):
        spool.put([entry(number, 20_000)], 0.0)
    kept = stamps(spool)
    assert kept[-1] == 149
    assert len(kept) >= 90  # what goes makes room in the file for what comes
    spool.close()
