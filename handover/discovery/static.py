"""Servers out of the settings."""

from handover.config import StaticServer
from handover.values import Server


def server_of(entry: StaticServer) -> Server:
    """Without an id it goes by its address until it says who it is."""
    red, green, blue = bytes.fromhex(entry.colour[1:])
    return Server(
        server_id=entry.id or entry.address,
        address=entry.address,
        tasks=entry.tasks,
        kind=entry.kind,
        colour_rgb=(red, green, blue),
        zone=entry.zone,
    )
