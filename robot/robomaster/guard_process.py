"""The process behind `guard.py`: sends ready-made stop bytes when its parent falls silent while driving, or dies.

Run as `python -S -E -s guard_process.py`; only the standard library, and little of it, so that it starts in a few
hundredths of a second. It never imports anything of ours.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time

MOVING, STANDING, FAREWELL = b"m", b"s", b"q"
READY = b"r"
REPEATS = 10  # over half a second: a stop may be lost on the way
REPEAT_S = 0.05
DEAF_TO = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGTERM")
# What ends the parent (Ctrl-C, `systemctl stop`, a service's watchdog) reaches the whole group. The guard's time comes
# after the parent's, and it ends with the pipe.


class Wire:
    """A duplicate of the parent's socket or serial port. What cannot be sent is given up: nothing may hang here."""

    def __init__(self, fd: int, to: tuple[str, int] | None) -> None:
        self._fd = fd
        self._to = to
        self._socket = socket.socket(fileno=fd) if to else None

    def send(self, messages: list[bytes]) -> bool:
        """False: this wire is broken for good."""
        try:
            for message in messages:
                self._send(message)
        except BlockingIOError:
            return True  # full: the next repeat tries again
        except OSError:
            return self._socket is not None  # datagrams: there may be a way again at the next repeat
        return True

    def _send(self, message: bytes) -> None:
        if self._socket is not None and self._to is not None:
            with contextlib.suppress(ConnectionError):  # an old datagram's answer, not this one's
                self._socket.sendto(message, self._to)
            return
        while message:
            message = message[os.write(self._fd, message) :]


def watch(feed: int, wire: Wire, silence_s: float, stops: list[bytes], last_words: list[bytes]) -> None:
    """Until the parent says farewell or its end of the pipe closes."""
    moving, fed_s, repeats = False, time.monotonic(), 0
    while True:
        if repeats:
            wait_s: float | None = REPEAT_S
        else:
            wait_s = max(0.0, fed_s + silence_s - time.monotonic()) if moving else None
        if select.select([feed], [], [], wait_s)[0]:
            heard = os.read(feed, 4096)
            if not heard:
                break
            if FAREWELL in heard:
                return
            moving, fed_s, repeats = heard.endswith(MOVING), time.monotonic(), 0
        elif repeats:
            repeats -= 1
            wire.send(stops)
        else:
            moving, repeats = False, REPEATS - 1
            wire.send(stops)
    for _ in range(REPEATS):
        if not wire.send(stops):
            return
        time.sleep(REPEAT_S)
    wire.send(last_words)


def main(arguments: list[str]) -> None:
    for name in DEAF_TO:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    feed, fd, to, silence, last_words, *stops = arguments
    host, _, port = to.rpartition(":")
    wire = Wire(int(fd), (host, int(port)) if host else None)
    os.write(int(feed), READY)
    words = [bytes.fromhex(last_words)] if last_words else []
    watch(int(feed), wire, float(silence), [bytes.fromhex(stop) for stop in stops], words)


if __name__ == "__main__":
    main(sys.argv[1:])
