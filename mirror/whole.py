"""All of `tagalong mirror` put together: the page, the nodes it asks, and a node of its own inside."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common.supervise import Job, supervise
from edge_server.config import AnnounceConfig, EdgeConfig, LiquidEdgeConfig
from edge_server.garments.catalogue import Catalogue, search_path
from edge_server.models.store import ModelStore
from edge_server.server import EdgeServer
from edge_server.tryon.stages import make_engines
from handover.config import StaticServer
from handover.nodes import Nodes
from handover.policies.base import ONBOARD
from mirror import serve
from mirror.config import MirrorConfig
from mirror.studio import Studio
from mirror.wardrobe import Wardrobe


class Mirror:
    """`run` returns after `stop` was called and all is put away. Made inside the event loop."""

    def __init__(self, config: MirrorConfig, certificate: Path | None) -> None:
        """Raises ConfigError, ModelError when the node inside cannot do its work."""
        own = (config.garments,) if config.garments else ()
        self.config = config
        self.catalogue = Catalogue((*search_path(), *own))
        self.studio: Studio | None = None
        """Known from readiness on."""
        self._certificate = certificate
        self._stop = asyncio.Event()
        self._node = self._node_inside() if config.local else None
        self._node_port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def engine_hangs(self) -> bool:
        """After `run`: an engine's thread was left behind."""
        return self._node is not None and self._node.engine_hangs

    def stop(self) -> None:
        """Safe to call again."""
        self._stop.set()

    async def run(self, on_ready: Callable[[int], None] = lambda port: None) -> None:
        """`on_ready` is told the page's port. Raises TagalongError."""

        async def stopped() -> None:
            await self._stop.wait()

        jobs = [Job("mirror stops", stopped, ends_all=True), Job("mirror", lambda: self._run_page(on_ready))]
        if self._node is not None:
            jobs.append(Job("node inside the mirror", self._run_node))
        await supervise(jobs)

    async def _run_page(self, on_ready: Callable[[int], None]) -> None:
        handover = self.config.handover
        if self._node is not None:  # `onboard`: nodes that somebody has started elsewhere come first
            inside = StaticServer(address=f"127.0.0.1:{await self._node_port}", zone=ONBOARD)
            handover = handover.model_copy(update={"servers": (*handover.servers, inside)})
        self.studio = Studio(self.config, Nodes(handover, "mirror"), Wardrobe(self.catalogue))
        await self.studio.wardrobe.look()
        await serve.run(self.studio, self._certificate, on_ready)

    async def _run_node(self) -> None:
        assert self._node is not None

        def ready(node: EdgeServer) -> None:
            if not self._node_port.done():
                self._node_port.set_result(node.ports.port)

        await self._node.run(ready)

    def _node_inside(self) -> EdgeServer:
        """On a free port of loopback, not announced: it is this mirror's alone."""
        config = EdgeConfig(
            host="127.0.0.1",
            port=0,
            tasks=("pose", "parsing", "tryon"),
            announce=AnnounceConfig(enabled=False),
            liquidedge=LiquidEdgeConfig(enabled=False),
        )
        engines = make_engines(config, ModelStore())
        return EdgeServer(config, {}, replace(engines, wardrobe=self.catalogue))
