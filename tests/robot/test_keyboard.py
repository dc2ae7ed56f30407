"""Keys from a real (pseudo) terminal."""

import asyncio
import os
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from robot.keyboard import Keyboard
from robot.values import Key


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """(our end, the program's end)."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r") as stream:
        yield ours, stream
    os.close(ours)


async def test_single_keys_are_read_and_the_terminal_is_left_as_it_was(terminal: tuple[int, TextIO]) -> None:
    ours, stream = terminal
    before = termios.tcgetattr(stream.fileno())
    pressed: list[Key] = []
    done = asyncio.Event()

    def press(key: Key) -> None:
        pressed.append(key)
        if key is Key.QUIT:
            done.set()

    task = asyncio.create_task(Keyboard(stream).run(press))
    await asyncio.sleep(0)
    assert not termios.tcgetattr(stream.fileno())[3] & termios.ICANON
    assert termios.tcgetattr(stream.fileno())[3] & termios.ISIG  # Ctrl-C keeps its meaning
    os.write(ours, b"si?X zz q")
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pressed == [Key.SEARCH, Key.IDLE, Key.EXPLORE, Key.ESTOP, Key.ESTOP, Key.QUIT]
    assert termios.tcgetattr(stream.fileno()) == before


def test_a_file_or_a_closed_stream_is_no_keyboard(tmp_path: Path, terminal: tuple[int, TextIO]) -> None:
    with (tmp_path / "text").open("w+") as file:
        assert not Keyboard(file).is_there
    assert not Keyboard(file).is_there
    assert not Keyboard(terminal[1]).is_there  # a terminal, but not the one this process runs in
