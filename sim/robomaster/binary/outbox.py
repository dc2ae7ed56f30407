"""What the robot says unasked: a frame without its sequence number, which the session adds."""

from dataclasses import dataclass

from protos.robomaster.ids import Command, Host


@dataclass(frozen=True, slots=True)
class Push:
    """One message that no request is waiting for."""

    command: Command
    payload: bytes
    sender: int = Host.SERVICE
    stream: int | None = None
    """Pushes of the same stream replace each other while they wait for a slow link: only the newest is of use."""
