"""`viton:folder=...`: the slot for a learned try-on network, described by the manifest in its folder."""

from edge_server.tryon.viton.engine import VitonEngine

__all__ = ["VitonEngine"]
