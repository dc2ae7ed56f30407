"""Single keys from a terminal, which is left as it was found."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable
from typing import TextIO

from robot.values import Key

KEYS = {
    "q": Key.QUIT,
    "k": Key.QUIT,  # as on the LIQUID EDGE robot
    "s": Key.SEARCH,
    "i": Key.IDLE,
    "x": Key.EXPLORE,
    "m": Key.MIRROR,
    "f": Key.FORGET,
    " ": Key.ESTOP,
}
HELP = "keys: q quit, s search, i idle, x explore, m mirror, f forget it, space emergency stop (again: release)"


class Keyboard:
    """Reads keys while `run` runs. Ctrl-C keeps its meaning."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdin

    @property
    def is_there(self) -> bool:
        """A terminal whose keys are ours to read: not a pipe, and not one that runs us in the background."""
        try:
            descriptor = self._stream.fileno()
            return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
        except (OSError, ValueError, AttributeError):  # closed, replaced, or not the terminal of this session
            return False

    async def run(self, press: Callable[[Key], None]) -> None:
        """Until cancelled, or the terminal is gone."""
        descriptor = self._stream.fileno()
        gone = asyncio.Event()
        before = termios.tcgetattr(descriptor)

        def read() -> None:
            try:
                text = os.read(descriptor, 64).decode(errors="ignore")
            except OSError:
                text = ""
            if not text:
                gone.set()
            for letter in text:
                if (key := KEYS.get(letter.lower())) is not None:
                    press(key)

        loop = asyncio.get_running_loop()
        try:
            tty.setcbreak(descriptor)
            loop.add_reader(descriptor, read)
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            with contextlib.suppress(termios.error):  # the terminal was closed: nothing to restore
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
