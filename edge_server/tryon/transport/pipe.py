"""What each way of passing frames has to offer: a pipe between two processes, with one call in it at a time."""

from collections.abc import Callable
from typing import Protocol

from common.errors import LinkError
from edge_server.tryon.transport.parcel import Frame


class PipeClosed(LinkError):
    """The other side is gone, or was told to go."""


class Pipe(Protocol):
    """One thread uses it, and closes it."""

    borrows: bool
    """Tensors that were received lie in memory that the other side writes anew with its next frame."""

    def send(self, frame: Frame) -> None:
        """Raises PipeClosed, or BadMessageError for what cannot be sent."""
        ...

    def receive(self, timeout_s: float) -> Frame | None:
        """None: nothing came in that time. Raises PipeClosed, or BadMessageError for what breaks the protocol."""
        ...

    def check(self) -> None:
        """Raises PipeClosed when the other side is gone; does not wait."""
        ...

    def hang_up(self) -> None:
        """End it, from any thread: whoever waits in it gets PipeClosed."""
        ...

    def close(self) -> None:
        """End it and give back what it holds; several times do no harm."""
        ...


class Listener(Protocol):
    """Where pipes come in. `on_pipe` runs in a thread of that pipe's own and returns when the pipe has ended."""

    address: str
    """As a caller writes it; with the port that was given out where none was asked for."""

    def close(self) -> None:
        """No new pipes. Those that are there are closed by whoever uses them."""
        ...


OnPipe = Callable[[Pipe], None]
