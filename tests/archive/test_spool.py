"""The queue on disk: what `put` returned for is there, whatever happens, and it never grows beyond its bounds."""

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.face import hash_of
from archive.spool import MB, OWN_BYTES, Entry, Spool, SpoolError
from common.errors import ConfigError

HOUR_S = 3600.0


def entry(number: int, size: int = 1000, robot: str = "rover") -> Entry:
    payload = number.to_bytes(8, "big") * (size // 8)
    return Entry(robot, f"2026-11-27T10:00:00.{number:06}Z", hash_of(payload), '{"track":"é"}', payload)


def stamps(spool: Spool) -> list[int]:
    """Numbers given to `entry`, in the order in which they would go out."""
    return [int(each.time[-7:-1]) for each in spool.after(0, 1_000_000, 10**12)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "deep" / "spool.db", max_mb=1.0, max_age_s=HOUR_S, keep_free_mb=0)
    yield spool
    spool.close()


def test_what_was_put_comes_out_as_it_was_and_in_order(spool: Spool) -> None:
    entries = [entry(number) for number in range(5)]
    assert spool.put(entries, 100.0) == 5
    got = spool.after(0, 100, 10**9)
    assert [(e.robot, e.time, e.hash, e.fields, e.payload) for e in got] == [
        (e.robot, e.time, e.hash, e.fields, e.payload) for e in entries
    ]
    assert [e.number for e in got] == sorted({e.number for e in got})
    assert all(e.number > 0 and e.taken_s == 100.0 for e in got)
    assert spool.one(got[2].number) == got[2]
    assert spool.one(got[-1].number + 1) is None
    assert (spool.count, spool.bytes) == (5, 5 * (1000 + OWN_BYTES))


def test_after_gives_no_more_than_asked_for_but_one_at_least(spool: Spool) -> None:
    spool.put([entry(number) for number in range(10)], 0.0)
    assert len(spool.after(0, 3, 10**9)) == 3
    assert len(spool.after(0, 10, 2500)) == 3  # the one that reaches the limit is the last
    assert len(spool.after(0, 10, 0)) == 1
    first = spool.after(0, 1, 0)[0]
    assert stamps(spool)[1:] == [int(e.time[-7:-1]) for e in spool.after(first.number, 100, 10**9)]


def test_a_duplicate_is_taken_once_and_drops_nothing(spool: Spool) -> None:
    entries = [entry(number, 8000) for number in range(120)]  # all but full
    spool.put(entries, 0.0)
    before = stamps(spool)
    assert len(before) == 120
    assert spool.put(entries[:50], 1.0) == 0
    assert spool.put([entries[7], entries[7]], 1.0) == 0
    assert stamps(spool) == before
    assert spool.dropped.total == 0


def test_pictures_of_two_robots_or_two_moments_are_two(spool: Spool) -> None:
    one = entry(1)
    other_time = Entry(one.robot, "", one.hash, one.fields, one.payload)
    assert spool.put([one, entry(1, robot="rover-2"), other_time], 0.0) == 3


def test_it_is_all_there_after_a_restart(spool: Spool, tmp_path: Path) -> None:
    spool.put([entry(number) for number in range(20)], 50.0)
    numbers = [e.number for e in spool.after(0, 100, 10**9)]
    spool.remove(numbers[:5])
    spool.close()
    again = Spool(spool.path, keep_free_mb=0)
    again.open()
    assert (again.count, again.bytes) == (15, 15 * (1000 + OWN_BYTES))
    assert [e.number for e in again.after(0, 100, 10**9)] == numbers[5:]
    assert again.oldest_s() == 50.0
    again.put([entry(99)], 60.0)
    assert again.after(numbers[-1], 10, 10**9)[0].number > numbers[-1]
    again.close()


def test_numbers_are_never_given_again_even_when_the_newest_is_gone(spool: Spool) -> None:
    spool.put([entry(1)], 0.0)
    number = spool.after(0, 1, 0)[0].number
    spool.remove([number])
    spool.put([entry(2)], 0.0)
    assert spool.after(0, 1, 0)[0].number > number


def test_each_file_has_a_name_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    """Numbers begin at 1 in each: a receipt for a face of a lost file must not confirm another face of the new one."""
    names = []
    for path in (tmp_path / "one.db", tmp_path / "other.db", tmp_path / "one.db"):
        spool = Spool(path, keep_free_mb=0)
        spool.open()
        names.append(spool.name)
        spool.close()
    assert names[0] == names[2] != names[1]
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_at_its_size_the_oldest_go_first_and_are_counted(spool: Spool) -> None:
    for number in range(300):
        spool.put([entry(number, 10_000)], float(number))
    assert spool.bytes <= MB
    kept = stamps(spool)
    assert kept == list(range(300 - len(kept), 300))
    assert len(kept) > 90
    assert spool.dropped.size == 300 - len(kept)
    assert spool.dropped.total == spool.dropped.size


def test_a_batch_larger_than_all_its_room_is_taken_alone(spool: Spool) -> None:
    spool.put([entry(1), entry(2)], 0.0)
    assert spool.put([entry(3, 2_000_000)], 0.0) == 1
    assert stamps(spool) == [3]
    assert spool.dropped.size == 2
    spool.put([entry(4)], 0.0)
    assert stamps(spool) == [4]


def test_the_old_are_dropped_and_counted(spool: Spool) -> None:
    spool.put([entry(1), entry(2)], 0.0)
    spool.put([entry(3)], 1.0)
    spool.drop_old(HOUR_S)
    assert stamps(spool) == [1, 2, 3]
    spool.drop_old(HOUR_S + 0.5)
    assert stamps(spool) == [3]
    assert (spool.dropped.age, spool.count) == (2, 1)


def test_a_clock_that_is_set_makes_nothing_old(spool: Spool) -> None:
    spool.put([entry(1)], 100.0)
    spool.shift(1e9)  # the network told a Pi the time
    spool.drop_old(1e9 + 100.0 + HOUR_S - 1)
    assert stamps(spool) == [1]
    spool.drop_old(1e9 + 100.0 + HOUR_S + 1)
    assert stamps(spool) == []


def test_removing_what_is_not_there_is_no_error(spool: Spool) -> None:
    spool.put([entry(1)], 0.0)
    number = spool.after(0, 1, 0)[0].number
    assert spool.remove([]) == set()
    assert spool.remove([number, number, 12345]) == {number}
    assert spool.remove([number]) == set()
    assert (spool.count, spool.bytes) == (0, 0)
    assert spool.oldest_s() is None


@given(st.lists(st.tuples(st.sampled_from(["put", "remove", "old", "reopen"]), st.integers(0, 60)), max_size=25))
@settings(max_examples=25)
def test_count_and_bytes_are_those_of_the_file_always(steps: list[tuple[str, int]]) -> None:
    folder = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"spool-test-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    spool = Spool(folder / "spool.db", max_mb=1.0, max_age_s=20.0, keep_free_mb=0)
    try:
        for now, (what, number) in enumerate(steps):
            if what == "put":
                spool.put([entry(number + i, 20_000) for i in range(number % 7)], float(now))
            elif what == "remove":
                spool.remove([e.number for e in spool.after(0, number, 10**9)])
            elif what == "old":
                spool.drop_old(float(now))
            else:
                spool.close()
                spool = Spool(folder / "spool.db", max_mb=1.0, max_age_s=20.0, keep_free_mb=0)
                spool.open()
            there = spool.after(0, 10_000, 10**9)
            assert spool.count == len(there)
            assert spool.bytes == sum(len(e.payload) + OWN_BYTES for e in there)
            assert spool.bytes <= MB
    finally:
        spool.close()
        shutil.rmtree(folder, ignore_errors=True)


CHILD = """
import sys
from pathlib import Path
from tests.archive.test_spool import entry
from archive.spool import Spool
spool = Spool(Path(sys.argv[1]), keep_free_mb=0)
number = 0
while True:
    spool.put([entry(number + i, 5000) for i in range(20)], 0.0)
    number += 20
    print(number, flush=True)
"""


def test_after_a_crash_in_the_middle_of_writing_all_is_there_that_put_returned_for(tmp_path: Path) -> None:
    done = 0
    for turn in range(3):
        path = tmp_path / f"{turn}.db"
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
        with child:
            assert child.stdout
            for _ in range(random.Random(turn).randint(1, 60)):
                done = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            done = int(rest[-1]) if rest else done
        spool = Spool(path, keep_free_mb=0)
        spool.open()
        there = stamps(spool)
        assert there == list(range(len(there)))
        assert done <= len(there) <= done + 20
        assert spool.count == len(there)
        spool.close()


def test_closing_waits_for_who_is_at_work_in_another_thread_and_refuses_who_comes_later(spool: Spool) -> None:
    numbers = itertools.count()
    written: list[int] = []

    def write() -> None:
        with contextlib.suppress(SpoolError):
            while True:
                number = next(numbers)
                spool.put([entry(number, 8000)], 0.0)
                written.append(number)

    thread = threading.Thread(target=write)
    thread.start()
    while len(written) < 20:
        thread.join(0.01)
    spool.close()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(SpoolError, match="was closed"):
        spool.after(0, 1, 1)
    with contextlib.closing(Spool(spool.path, keep_free_mb=0)) as again:
        assert stamps(again) == written[-len(stamps(again)) :]  # it holds a megabyte


def test_a_second_opener_is_told_that_somebody_has_it(spool: Spool) -> None:
    spool.put([entry(1)], 0.0)
    with pytest.raises(ConfigError, match=r"spool\.path: .*spool\.db cannot be used .*Is another forwarder using it\?"):
        Spool(spool.path).open()
    assert spool.put([entry(2)], 0.0) == 1  # and the first one has not noticed


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"this is no database, whatever its name is" * 100)
    with pytest.raises(ConfigError, match=r"spool\.path: .*cannot be used \(file is not a database\).*another spool"):
        Spool(path).open()
    assert path.read_bytes().startswith(b"this is no database")  # perhaps it is somebody's


def test_a_damaged_file_is_an_error_that_names_it_and_no_face_is_made_up(spool: Spool) -> None:
    spool.put([entry(number, 20_000) for number in range(40)], 0.0)
    spool.close()
    data = bytearray(spool.path.read_bytes())
    for at in range(8192, len(data), 4096):
        data[at : at + 4096] = b"\xff" * 4096
    spool.path.write_bytes(data)
    again = Spool(spool.path, keep_free_mb=0)
    with pytest.raises((ConfigError, SpoolError), match=r"spool\.path: .*spool\.db"):
        again.after(0, 100, 10**9)
    again.close()


@pytest.mark.parametrize("place", ["a folder", "below a file"])
def test_a_path_where_no_file_can_be_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path if place == "a folder" else tmp_path / "file" / "spool.db"
    with pytest.raises(ConfigError, match=rf"spool\.path: {path} cannot be used"):
        Spool(path).open()


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE face (name TEXT)")
    db.close()
    with pytest.raises(ConfigError, match=r"spool\.path: "):
        Spool(path).open()
