"""Which servers there are: announcements and what servers say of themselves, turned into peers."""

from dataclasses import replace

from handover.desk import Desk
from handover.peer import Link, Peer
from handover.values import Server, ServerKind, Source
from protos.messages import ServerDescription

LIQUIDEDGE_TASKS = ("face", "person", "coco")  # what the demonstrator's aggregator answers; it cannot be asked


class Roster:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def seen(self, source: Source, server: Server) -> None:
        desk = self._desk
        if server.kind is ServerKind.LIQUIDEDGE and not server.tasks:
            server = replace(server, tasks=LIQUIDEDGE_TASKS)
        change = desk.registry.seen(source, server, self._is_alive)
        if change.warning:
            desk.note(server.server_id, change.warning)
        if change.server is None:
            return
        nameless = desk.peers.get(server.address)
        if nameless is not None and server.address not in desk.registry:  # it has a name now
            self._drop(nameless)
        self._use(change.server, change.replaced)

    def gone(self, source: Source, server_id: str) -> None:
        """Discovery is a hint: a server that is connected stays until its link breaks."""
        desk = self._desk
        server_id = desk.registry.resolve(server_id)
        if desk.registry.gone(source, server_id) and desk.peers[server_id].link is not Link.UP:
            self._drop(desk.peers[server_id])

    def introduced(self, peer: Peer, description: ServerDescription | None) -> bool:
        """A link is about to be up, and the server has said who it is; False when it is not the one we thought."""
        if description is None:
            return True
        if description.server_id not in ("", peer.server_id):
            self._is_somebody_else(peer, description)
            return False
        self._describe(peer, description)
        return True

    def _is_somebody_else(self, peer: Peer, description: ServerDescription) -> None:
        """A name for one that had none; or a wrong announcement, and then better nobody than somebody unknown."""
        desk = self._desk
        if peer.server_id != peer.server.address:
            desk.note(
                peer.server_id,
                f"the server at {peer.server.address} was announced as {peer.server_id!r} and calls itself "
                f"{description.server_id!r}: not used. Correct its id in the settings.",
            )
            peer.penalty.fail(desk.now_s)
            desk.lose_link(peer, tell=True)
            return
        change = desk.registry.learn(peer.server.address, description.server_id)
        if change.warning:
            desk.note(description.server_id, change.warning)
        desk.disconnect(peer)  # the link goes by the old name; a new one costs three round trips, once
        del desk.peers[peer.server_id]
        if change.server is not None:
            self._use(change.server, replaced=False)
            self._describe(desk.peers[description.server_id], description)

    def _use(self, server: Server, replaced: bool) -> None:
        desk = self._desk
        peer = desk.peers.get(server.server_id)
        if peer is None:
            desk.peers[server.server_id] = Peer.new(desk.now_s, server, desk.config, desk.tasks)
            return
        if replaced:
            if peer.link is not Link.DOWN:
                desk.lose_link(peer, tell=True)
            peer.reconnect.reset()
            peer.penalty.reset()
            peer.quality.forget()
            desk.prober.hurry(desk.now_s, [peer])
        peer.server = server

    def _describe(self, peer: Peer, description: ServerDescription) -> None:
        """What a server says of itself counts for more than announcements."""
        peer.server = replace(
            peer.server,
            tasks=tuple(task.name for task in description.tasks) or peer.server.tasks,
            colour_rgb=description.colour_rgb,
            zone=description.zone or peer.server.zone,
            version=description.version or peer.server.version,
            capacity=description.load.capacity or peer.server.capacity,
        )
        peer.quality.load = description.load
        self._desk.registry.described(peer.server)
        if not peer.serves:
            self._desk.note(
                peer.server_id,
                f"{peer.server_id} ({peer.server.address}) offers {', '.join(peer.server.tasks)}; "
                f"this robot needs {', '.join(self._desk.tasks)}: not used",
            )

    def _drop(self, peer: Peer) -> None:
        desk = self._desk
        if peer.link is not Link.DOWN:
            peer.going_away = True  # nobody's fault
            desk.lose_link(peer, tell=True)
        desk.registry.drop(peer.server_id)
        desk.peers.pop(peer.server_id, None)

    def _is_alive(self, server_id: str) -> bool:
        peer = self._desk.peers.get(server_id)
        return peer is not None and peer.is_fresh(self._desk.now_s)
