"""Which servers are said to exist: several sources, one server however often it is seen.

Being announced says nothing about being alive. So a source that loses sight of a server takes nothing away that works,
and a second address under a known id never replaces a server that is alive.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from handover.values import Server, Source


@dataclass(frozen=True, slots=True)
class Change:
    """What an announcement came to."""

    server: Server | None = None  # new or changed: as it is to be used from now on
    replaced: bool = False  # the address is another one than before: start anew
    warning: str = ""


NOTHING = Change()


@dataclass(slots=True)
class _Entry:
    server: Server
    sources: dict[Source, Server] = field(default_factory=dict)
    rivals: dict[str, Server] = field(default_factory=dict)  # the same id from other addresses, by address


class Registry:
    """All known servers by id. A static server without an id goes by its address until it says who it is."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._same: dict[str, str] = {}  # address it went by -> id

    def __contains__(self, server_id: str) -> bool:
        return server_id in self._entries

    def resolve(self, server_id: str) -> str:
        """The id under which a server that went by its address is known now."""
        return self._same.get(server_id, server_id)

    def seen(self, source: Source, server: Server, is_alive: Callable[[str], bool]) -> Change:
        """A source says that a server exists. `is_alive` tells whether one that is known answers at this time."""
        if server.server_id == server.address:
            return self._seen_nameless(source, server)
        nameless = self._entries.get(server.address)
        if nameless is not None:
            return self.learn(server.address, server.server_id, source, server)
        entry = self._entries.get(server.server_id)
        if entry is None:
            self._entries[server.server_id] = _Entry(server, {source: server})
            return Change(server)
        if server.address == entry.server.address:
            entry.sources[source] = server
            entry.rivals.pop(server.address, None)
            return self._merge(entry, server)
        if is_alive(server.server_id):
            known = server.address in entry.rivals
            entry.rivals[server.address] = server
            if known:
                return NOTHING
            return Change(
                warning=f"two servers call themselves {server.server_id!r}: {entry.server.address}, which answers and "
                f"is kept, and {server.address} ({source}). Give one of them another --id."
            )
        entry.sources[source] = server
        entry.server = server
        return Change(server, replaced=True)

    def gone(self, source: Source, server_id: str) -> bool:
        """A source lost sight of a server; True when no source knows it any more (it is still kept: see `drop`)."""
        entry = self._entries.get(self.resolve(server_id))
        if entry is None:
            return False
        entry.sources.pop(source, None)
        return not entry.sources

    def is_orphan(self, server_id: str) -> bool:
        """Known, but no longer announced by any source."""
        entry = self._entries.get(server_id)
        return entry is not None and not entry.sources

    def drop(self, server_id: str) -> None:
        self._entries.pop(server_id, None)
        self._same = {address: known for address, known in self._same.items() if known != server_id}

    def learn(
        self, address: str, server_id: str, source: Source | None = None, announced: Server | None = None
    ) -> Change:
        """The server that went by its address has an id; from now on it goes by that one only."""
        nameless = self._entries.pop(address)
        self._same[address] = server_id
        named = announced or replace(nameless.server, server_id=server_id)
        entry = self._entries.get(server_id)
        sources = {each: replace(server, server_id=server_id) for each, server in nameless.sources.items()}
        if source is not None:
            sources[source] = named
        if entry is None:
            self._entries[server_id] = _Entry(named, sources)
            return Change(named)
        if entry.server.address == address:
            entry.sources.update(sources)
            return self._merge(entry, named)
        # Known from another source under another address: most often one server with two addresses.
        entry.rivals[address] = named
        entry.sources.update({each: entry.server for each in sources if each not in entry.sources})
        return Change(
            warning=f"{address} calls itself {server_id!r}, known at {entry.server.address}: taken as one server. "
            "If they are two, give one of them another --id."
        )

    def another_address(self, server_id: str) -> Server | None:
        """The server is dead where it was: the same id at the next address it was seen at, if there is one."""
        entry = self._entries.get(server_id)
        if entry is None or not entry.rivals:
            return None
        address, rival = next(iter(entry.rivals.items()))
        del entry.rivals[address]
        entry.rivals[entry.server.address] = entry.server
        entry.server = rival
        return rival

    def _seen_nameless(self, source: Source, server: Server) -> Change:
        for entry in self._entries.values():
            if entry.server.address == server.address:
                named = replace(entry.server)
                entry.sources[source] = named
                if entry.server.server_id != server.address:
                    self._same[server.address] = entry.server.server_id
                return NOTHING
        if server.address in self._same:
            return NOTHING
        self._entries[server.server_id] = _Entry(server, {source: server})
        return Change(server)

    def _merge(self, entry: _Entry, news: Server) -> Change:
        """Later news win, but an empty field never wipes out what is known."""
        old = entry.server
        merged = replace(
            news,
            tasks=news.tasks or old.tasks,
            colour_rgb=news.colour_rgb if news.colour_rgb != (255, 255, 255) else old.colour_rgb,
            zone=news.zone or old.zone,
            capacity=news.capacity or old.capacity,
            version=news.version or old.version,
            tls_fingerprint=news.tls_fingerprint or old.tls_fingerprint,
        )
        entry.server = merged
        return Change(merged) if merged != old else NOTHING

    def described(self, server: Server) -> None:
        """What a server said of itself, which counts for more than announcements."""
        entry = self._entries.get(server.server_id)
        if entry is not None:
            entry.server = server
