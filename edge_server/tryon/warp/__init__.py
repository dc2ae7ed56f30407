"""The embedded try-on: a garment's picture is bent onto a person's picture. Geometry only, no weights."""

from edge_server.tryon.warp.engine import WarpEngine

__all__ = ["WarpEngine"]
