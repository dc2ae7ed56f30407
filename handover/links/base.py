"""What a connection to a server looks like to the session, and what it reports."""

from typing import Protocol

from handover.values import Probe
from protos.messages import EncodedFrame, FrameReply, Load, ServerDescription


class LinkEvents(Protocol):
    """Where a link reports to. Called in the event loop; never blocks."""

    def link_up(self, description: ServerDescription | None) -> None: ...

    def link_down(self, why: str) -> None: ...

    def go_away(self) -> None: ...

    def reply(self, reply: FrameReply) -> None: ...

    def bad_message(self, why: str) -> None: ...

    def dropped(self, number: int) -> None:
        """A frame was still waiting to be written when a newer one came."""
        ...

    def probe_answered(self, probe: int, rtt_s: float, expected_service_s: float, load: Load) -> None: ...

    def probe_lost(self, probe: int) -> None: ...


class Link(Protocol):
    """One server: a stream that may be open or not, and probes that work either way.

    `run` and `probe` are coroutines for tasks of their own; cancelling `run` closes the stream, and nothing is reported
    afterwards.
    """

    async def run(self) -> None:
        """Connect, report `link_up`, carry frames and answers until the stream ends; then report `link_down`."""
        ...

    def send(self, frame: EncodedFrame) -> None:
        """Put a frame on its way; never waits. Without a stream the frame is forgotten."""
        ...

    async def probe(self, probe: Probe) -> None:
        """One echo; reports how long it took, or that it was lost."""
        ...

    async def close(self) -> None:
        """Let go of the channel. `run` and `probe` have ended before."""
        ...
