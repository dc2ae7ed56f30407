"""Moving the network path together with the server: pluggable, and by default nothing has to be done."""

from typing import Protocol

from handover.values import Server


class PathMover(Protocol):
    """For robots with several radios: steers packets for a server over the right one."""

    async def move(self, server: Server | None) -> None:
        """The active server has changed. Raises DeviceError when the path cannot be moved; frames flow on."""
        ...


class NoPath:
    """Every server is reached by the same way, or the operating system finds it."""

    async def move(self, server: Server | None) -> None:
        return
