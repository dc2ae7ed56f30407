"""The robot's view as JSON for the page. What is not known is null: JSON has no nan and no infinity."""

import math
from typing import Any

from handover.values import ServerView
from protos.messages import RGB, Outcome
from robot.decision import Decision
from robot.mirror_view import MirrorView
from robot.view import AgentView


def to_json(view: AgentView) -> dict[str, Any]:
    active = next((each for each in view.servers if each.is_active), None)
    return {
        "t": number(view.time_s),
        "robot": view.robot_id,
        "label": view.label,
        "state": str(view.state),
        "light": {"effect": str(view.light.effect), "colour": colour(view.light.rgb), "hz": number(view.light.hz)},
        "server": active.server.server_id if active else None,
        "colour": colour(active.server.colour_rgb) if active else None,
        "servers": [_server(each) for each in view.servers],
        "tracks": [
            {
                "id": track.track_id,
                "label": track.label,
                "box": [number(value) for value in (track.box.x, track.box.y, track.box.w, track.box.h)],
                "score": number(track.score),
                "target": track.track_id == view.target_id,
            }
            for track in view.tracks
        ],
        "frames": _frames(view),
        "fps": {"camera": number(view.camera_fps), "results": number(view.result_fps)},
        "rtt_ms": _ms(view.rtt_s),
        "decision": _decision(view.decision) if view.decision is not None else None,
        "safety_stops": view.safety_stops,
        "mirror": _mirror(view.mirror) if view.mirror is not None else None,
    }


def _server(each: ServerView) -> dict[str, Any]:
    role = "serving" if each.is_active else "standby" if each.is_standby else "ready" if each.usable else "away"
    return {
        "id": each.server.server_id,
        "address": each.server.address,
        "zone": each.server.zone,
        "colour": colour(each.server.colour_rgb),
        "role": role,
        "rtt_ms": _ms(each.rtt_p50_s),
        "cost_ms": _ms(each.cost_s),
        "loss": number(each.loss),
        "level_dbm": number(each.level_dbm),
        "streams": each.load.streams,
        "capacity": each.load.capacity,
    }


def _frames(view: AgentView) -> dict[str, int] | None:
    counts = view.counts
    if counts is None:
        return None
    outcomes = {str(outcome): counts.outcomes.get(outcome, 0) for outcome in Outcome}
    return {"sent": counts.sent, "pending": counts.pending, **outcomes, "unaccounted": counts.unaccounted}


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "forward_mps": number(decision.command.forward_mps),
        "turn_degps": number(math.degrees(decision.command.turn_radps)),
        "bearing_deg": number(None if decision.bearing_rad is None else math.degrees(decision.bearing_rad)),
        "distance_m": number(decision.distance_m),
        "age_ms": _ms(decision.result_age_s),
        "reason": str(decision.reason) if decision.reason is not None else None,
    }


def _mirror(mirror: MirrorView) -> dict[str, Any]:
    """Its picture goes another way."""
    return {
        "garments": [{"id": garment, "name": name} for garment, name in mirror.garments],
        "chosen": mirror.chosen,
        "phase": str(mirror.phase),
        "text": mirror.text,
        "share": number(mirror.share),
        "worn": mirror.garment_name,
        "node": mirror.node,
        "took_s": number(mirror.took_s),
    }


def number(value: float | None) -> float | None:
    return round(value, 4) if value is not None and math.isfinite(value) else None


def colour(rgb: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _ms(seconds: float) -> float | None:
    return round(seconds * 1e3, 1) if math.isfinite(seconds) else None
