"""What the robot thinks, drawn into its picture: boxes, ids, state, server."""

import math

import cv2
import numpy as np

from protos.messages import RGB, Box
from robot.values import BGR, Track
from robot.view import AgentView

FONT = cv2.FONT_HERSHEY_SIMPLEX
OTHER_RGB: RGB = (170, 180, 190)
ALARM_RGB: RGB = (214, 69, 69)
ALARMING = ("offline", "estop", "hit")


def draw(bgr: BGR, view: AgentView) -> BGR:
    """A copy with everything drawn in. Sizes follow the picture's height; 480 rows are 1:1."""
    out = np.ascontiguousarray(bgr).copy()
    scale = max(out.shape[0] / 480, 0.4)
    colour = serving_rgb(view)
    for track in view.tracks:
        is_target = track.track_id == view.target_id
        _box(out, track, colour if is_target else OTHER_RGB, is_target, scale)
    _head(out, view, colour, scale)
    return out


def serving_rgb(view: AgentView) -> RGB:
    """The colour of the serving edge server; grey when there is none."""
    return next((each.server.colour_rgb for each in view.servers if each.is_active), (154, 165, 177))


def _box(out: BGR, track: Track, rgb: RGB, is_target: bool, scale: float) -> None:
    x0, y0, x1, y1 = _pixels(track.box, out)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    thick = max(1, round((3 if is_target else 1) * scale))
    if is_target:  # corners only: the face stays free
        arm = max(4, min(x1 - x0, y1 - y0) // 4)
        for x, along in ((x0, arm), (x1, -arm)):
            for y, down in ((y0, arm), (y1, -arm)):
                cv2.line(out, (x, y), (x + along, y), _bgr(rgb), thick, cv2.LINE_AA)
                cv2.line(out, (x, y), (x, y + down), _bgr(rgb), thick, cv2.LINE_AA)
    else:
        cv2.rectangle(out, (x0, y0), (x1, y1), _bgr(rgb), thick, cv2.LINE_AA)
    text = f"{track.label} {track.track_id}"
    _label(out, text, x0, max(y0, round(40 * scale)), rgb, 0.45 * scale, above=True)


def _head(out: BGR, view: AgentView, colour: RGB, scale: float) -> None:
    """A dark strip on top: state, server, figures."""
    rows = round(26 * scale)
    out[:rows] = (out[:rows] * 0.35).astype(np.uint8)
    state = str(view.state)
    x = _label(out, state, round(6 * scale), rows, ALARM_RGB if state in ALARMING else colour, 0.5 * scale, above=True)
    server = next((each.server.server_id for each in view.servers if each.is_active), "no server")
    parts = [server]
    if math.isfinite(view.rtt_s):
        parts.append(f"{view.rtt_s * 1e3:.0f} ms")
    parts.append(f"{view.result_fps:.0f} results/s")
    decision = view.decision
    if decision is not None and decision.distance_m is not None and decision.bearing_rad is not None:
        parts.append(f"{decision.distance_m:.2f} m, {math.degrees(decision.bearing_rad):+.0f} deg")
    if decision is not None and decision.reason is not None:
        parts.append(str(decision.reason))
    at = (x + round(10 * scale), rows - round(8 * scale))
    cv2.putText(out, "   ".join(parts), at, FONT, 0.45 * scale, (235, 235, 235), 1, cv2.LINE_AA)


def _label(out: BGR, text: str, x: int, y: int, rgb: RGB, size: float, above: bool) -> int:
    """Text on a filled field whose lower left corner is at x, y; returns the column after it."""
    (width, height), base = cv2.getTextSize(text, FONT, size, 1)
    pad = max(2, round(8 * size))
    top = y - height - base - pad if above else y
    cv2.rectangle(out, (x, top), (x + width + 2 * pad, y), _bgr(rgb), -1)
    ink = (20, 20, 20) if 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] > 120 else (255, 255, 255)
    cv2.putText(out, text, (x + pad, y - base - pad // 4), FONT, size, ink, 1, cv2.LINE_AA)
    return x + width + 2 * pad


def _pixels(box: Box, out: BGR) -> tuple[int, int, int, int]:
    rows, columns = out.shape[:2]
    inside = box.clipped()
    return (
        round(inside.x * columns),
        round(inside.y * rows),
        min(round((inside.x + inside.w) * columns), columns - 1),
        min(round((inside.y + inside.h) * rows), rows - 1),
    )


def _bgr(rgb: RGB) -> tuple[int, int, int]:
    return rgb[2], rgb[1], rgb[0]
