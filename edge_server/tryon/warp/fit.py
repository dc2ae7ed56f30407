"""Lays a garment out on a body: pairs of places for the splines, piece by piece."""

from edge_server.tryon.values import Kind
from edge_server.tryon.warp.body import Body
from edge_server.tryon.warp.lower import Trousers
from edge_server.tryon.warp.pattern import Pattern
from edge_server.tryon.warp.pieces import Fit
from edge_server.tryon.warp.upper import Upper


def fit(pattern: Pattern, body: Body) -> Fit:
    margin_px = max(1.5, 0.014 * body.unit)
    layout = Trousers(pattern, body, margin_px) if pattern.kind is Kind.TROUSERS else Upper(pattern, body, margin_px)
    return layout.fit()
