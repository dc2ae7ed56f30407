"""`shm:///path`: tensors in shared memory, envelopes and wake-ups over a Unix socket, between processes of one machine.

The memory is anonymous (memfd) and handed over through the socket, so it has no name in /dev/shm: however a process
dies, the kernel frees it with the last descriptor. The end of the socket is how each side sees that the other is gone.
"""

import array
import contextlib
import fcntl
import mmap
import os
import select
import socket
import stat
import struct
import threading
from pathlib import Path

import numpy as np

from common.errors import BadMessageError, ConfigError, LinkError
from edge_server.tryon.transport.parcel import MAX_ENVELOPE, Frame, describe, read
from edge_server.tryon.transport.pipe import OnPipe, Pipe, PipeClosed

SEND_S = 5.0  # a peer that does not read for so long is gone
LEAST = 1 << 20  # bytes of a new memory: pictures of one size, a little more or less, find room in it
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
# Without them the owner could cut the memory off under a reader, which would be killed by the next access.
_LONGEST_PATH = 107  # of a Unix socket
_FD = array.array("i").itemsize


class ShmPipe:
    """A memory for each direction, written by one side and read by the other, one frame at a time."""

    borrows = True

    def __init__(self, sock: socket.socket, name: str, max_bytes: int) -> None:
        self._socket, self._name, self._max = sock, name, max_bytes
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SEND_S), 0))
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._mine: mmap.mmap | None = None
        self._theirs: mmap.mmap | None = None
        self._closed = threading.Event()

    def send(self, frame: Frame) -> None:
        envelope, slots, size = describe(frame, self._max)
        new = self._room_for(size)
        try:
            for slot, tensor in zip(slots, frame.parcel.tensors, strict=True):
                if slot.nbytes:
                    np.copyto(slot.view(self._mine), tensor)
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [new]))] if new is not None else []
            self._socket.sendmsg([envelope], passed, socket.MSG_NOSIGNAL)
        except OSError as error:
            raise PipeClosed(f"{self._name} is gone ({error})") from error
        finally:
            if new is not None:
                os.close(new)

    def receive(self, timeout_s: float) -> Frame | None:
        try:
            if not self._poll.poll(timeout_s * 1e3):
                return None
            data, passed, flags, _ = self._socket.recvmsg(
                MAX_ENVELOPE + 1, socket.CMSG_SPACE(_FD), socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise PipeClosed(f"{self._name} is gone ({error})") from error
        descriptors = _descriptors(passed)
        if len(descriptors) > 1:  # the padding of a control message has room for a second one
            for descriptor in descriptors:
                os.close(descriptor)
            raise BadMessageError(f"{self._name} passed {len(descriptors)} descriptors at once")
        if descriptors:
            self._theirs = _mapped(descriptors[0], self._name, self._max)
        if not data:
            raise PipeClosed(f"{self._name} has hung up")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise BadMessageError(f"{self._name} sent more than {MAX_ENVELOPE} bytes or descriptors in one message")
        envelope = read(data, self._max)
        if envelope.size > (len(self._theirs) if self._theirs is not None else 0):
            raise BadMessageError(f"{self._name} describes {envelope.size} bytes of memory that it did not pass on")
        return envelope.frame([slot.view(self._theirs) for slot in envelope.slots])

    def check(self) -> None:
        if self._closed.is_set():
            raise PipeClosed(f"{self._name} is closed")
        events = self._poll.poll(0)
        if events and events[0][1] & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
            raise PipeClosed(f"{self._name} has hung up")

    def hang_up(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._socket.close()

    def _room_for(self, size: int) -> int | None:
        """A descriptor to pass on where a larger memory had to be made."""
        if size == 0 or (self._mine is not None and len(self._mine) >= size):
            return None
        length = min(max(LEAST, 1 << (size - 1).bit_length()), max(self._max, size))
        descriptor = os.memfd_create("tagalong", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, length)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
            self._mine = mmap.mmap(descriptor, length)  # an older one goes with its last view
        except (OSError, ValueError) as error:
            os.close(descriptor)
            raise LinkError(f"{length / 1e6:.1f} MB of shared memory cannot be had ({error}).") from error
        return descriptor


def _descriptors(passed: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in passed:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % _FD])
    return list(found)


def _mapped(descriptor: int, name: str, max_bytes: int) -> mmap.mmap:
    """The other side's memory, read-only. Takes the descriptor over."""
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or not 0 < about.st_size <= max_bytes:
            raise BadMessageError(f"{name} passed {about.st_size} bytes of memory; 1 to {max_bytes} are taken")
        if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & SEALS != SEALS:
            raise BadMessageError(f"{name} passed memory that it could still cut off")
        return mmap.mmap(descriptor, about.st_size, prot=mmap.PROT_READ)
    except OSError as error:  # no memfd at all
        raise BadMessageError(f"{name} passed a descriptor that is no memory ({error})") from error
    finally:
        os.close(descriptor)


def open_pipe(path: str, max_bytes: int, timeout_s: float) -> Pipe:
    """Raises LinkError when nobody listens at this path."""
    _check(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
        sock.settimeout(None)
    except OSError as error:
        sock.close()
        raise LinkError(f"nobody listens at shm://{path} ({error.strerror or error}). Start the other side.") from error
    return ShmPipe(sock, f"shm://{path}", max_bytes)


class ShmListener:
    """Takes connections of processes of the same user."""

    def __init__(self, path: str, on_pipe: OnPipe, max_bytes: int) -> None:
        """Raises ConfigError when another process listens there, or the path cannot be had."""
        _check(path)
        self.address = f"shm://{path}"
        self._path, self._on_pipe, self._max = path, on_pipe, max_bytes
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            _remove_if_dead(path)
            self._socket.bind(path)
            Path(path).chmod(0o600)  # before `listen`, so nobody else ever gets in
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"cannot listen at {self.address} ({error.strerror or error}).") from error
        except ConfigError:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._accept, name=f"accept {self.address}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._thread.join()
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if user not in (os.geteuid(), 0):
                sock.close()
                continue
            pipe = ShmPipe(sock, f"caller of {self.address}", self._max)
            threading.Thread(target=self._on_pipe, args=(pipe,), name=f"answer {self.address}", daemon=True).start()


def _check(path: str) -> None:
    if not path.startswith("/") or len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigError(f"{path!r} is no path of a socket: absolute, at most {_LONGEST_PATH} bytes.")


def _remove_if_dead(path: str) -> None:
    """A socket that a killed process left behind. Raises ConfigError where someone still listens."""
    if not Path(path).exists():
        return
    if not Path(path).is_socket():
        raise ConfigError(f"{path} exists and is no socket. Give another path.")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            Path(path).unlink(missing_ok=True)
            return
    raise ConfigError(f"{path} is in use by another process. Give another path, or end that process.")
