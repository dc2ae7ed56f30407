"""Servers that announce themselves in the local network by mDNS as `_tagalong._tcp.local.`"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence

from zeroconf import DNSQuestionType, InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from handover.values import Server

log = logging.getLogger(__name__)

SERVICE = "_tagalong._tcp.local."
MAX_CHANGES = 256  # a few for each of the most servers a network should hold
RESOLVE_MS = 2_000  # a service of which only the name is known is asked for the rest this long


def interfaces_of(configured: Sequence[str]) -> list[str] | InterfaceChoice:
    """From the settings, else from TAGALONG_INTERFACES (comma separated addresses), else all."""
    named = list(configured) or [each.strip() for each in os.environ.get("TAGALONG_INTERFACES", "").split(",")]
    return [each for each in named if each] or InterfaceChoice.All


def server_of(name: str, port: int, addresses: Sequence[str], properties: Mapping[str, str | None]) -> Server | None:
    """None when the announcement has no address or port. Wrong values in it are left out: it is only a hint."""
    if not addresses or not port:
        return None
    host = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
    instance = name.removesuffix("." + SERVICE)
    colour = properties.get("colour") or ""
    capacity = properties.get("capacity") or ""
    red, green, blue = bytes.fromhex(colour[1:]) if re.fullmatch("#[0-9a-fA-F]{6}", colour) else (255, 255, 255)
    return Server(
        server_id=properties.get("id") or instance,
        address=f"{host}:{port}",
        tasks=tuple(task for task in (properties.get("tasks") or "").split(",") if task),
        colour_rgb=(red, green, blue),
        zone=properties.get("zone") or "",
        capacity=int(capacity) if capacity.isdecimal() else 0,
        version=properties.get("version") or "",
        tls_fingerprint=properties.get("tls") or "",
    )


class ZeroconfBrowser:
    """Reports servers as they are announced and withdrawn. A server that was killed is never withdrawn."""

    def __init__(
        self,
        interfaces: Sequence[str],
        on_seen: Callable[[Server], None],
        on_gone: Callable[[str], None],
        group: str = "",
    ) -> None:
        self._interfaces = interfaces
        self._group = group
        self._on_seen = on_seen
        self._on_gone = on_gone
        self._changes: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue(MAX_CHANGES)
        self._ids: dict[str, str] = {}  # service name -> server id

    async def run(self) -> None:
        """Browse until cancelled. Raises OSError when there is no network to look in."""
        zeroconf = AsyncZeroconf(interfaces=interfaces_of(self._interfaces), ip_version=IPVersion.V4Only)
        try:
            # Asked by multicast. zeroconf's own first question wants its answer by unicast, which on a computer with
            # several programs on port 5353 (avahi, an edge server) reaches one of them: servers came a second later.
            browser = AsyncServiceBrowser(
                zeroconf.zeroconf, SERVICE, handlers=[self._note_change], question_type=DNSQuestionType.QM
            )
            try:
                while True:
                    name, change = await self._changes.get()
                    await self._follow(zeroconf.zeroconf, name, change)
            finally:
                await browser.async_cancel()
        finally:
            await zeroconf.async_close()
            for server_id in self._ids.values():
                self._on_gone(server_id)
            self._ids.clear()

    def _note_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        try:
            self._changes.put_nowait((name, state_change))
        except asyncio.QueueFull:  # somebody floods the network; a real server announces itself again
            log.warning("zeroconf: %d changes wait already, %s of %s is dropped", MAX_CHANGES, state_change.name, name)

    async def _follow(self, zeroconf: Zeroconf, name: str, change: ServiceStateChange) -> None:
        if change is ServiceStateChange.Removed:
            server_id = self._ids.pop(name, None)
            if server_id is not None:
                self._on_gone(server_id)
            return
        info = AsyncServiceInfo(SERVICE, name)
        if not info.load_from_cache(zeroconf) and not await info.async_request(zeroconf, RESOLVE_MS):
            return
        if (info.decoded_properties.get("group") or "") != self._group:
            return
        server = server_of(name, info.port or 0, info.parsed_addresses(IPVersion.V4Only), info.decoded_properties)
        if server is None:
            return
        before = self._ids.get(name)
        if before not in (None, server.server_id):
            self._on_gone(str(before))
        self._ids[name] = server.server_id
        self._on_seen(server)
