"""A made-up run through a corridor: to look at reports, pictures and views without a simulator, and to test them."""

import math

from handover.values import Counts, Moved, Reason
from protos.messages import Outcome
from sim.faults import Struck
from sim.floorplan import FloorPlan, Site
from sim.report import Recorder
from sim.trace import Tick

COLOURS = {"edge-1": "#2e86de", "edge-2": "#10ac54", "edge-3": "#b53fd0"}

FLOOR_PLAN = FloorPlan(
    walls=(
        ((12.9, 1.1), (-1.2, 1.1), (-1.2, -1.1)),
        ((-1.2, -1.1), (15.1, -1.1)),
        ((15.1, -1.1), (15.1, 15.6)),
        ((15.1, 15.6), (12.9, 15.6), (12.9, 1.1)),
    ),
    furniture=(
        ((4.8, 0.78), (6.0, 0.78), (6.0, 1.08), (4.8, 1.08)),
        ((14.8, 5.1), (15.1, 5.1), (15.1, 6.1), (14.8, 6.1)),
    ),
    sites=(
        Site("edge-1", (1.0, 0.98), COLOURS["edge-1"]),
        Site("edge-2", (14.95, -0.95), COLOURS["edge-2"]),
        Site("edge-3", (14.98, 12.0), COLOURS["edge-3"]),
    ),
)

COUNTS = Counts(
    sent=1100,
    pending=0,
    outcomes={Outcome.RESULT: 1080, Outcome.SUPERSEDED: 12, Outcome.EXPIRED: 2, Outcome.LOST: 6},
)


def along(metres: float) -> tuple[float, float, float]:
    """Position and direction on the way through the L."""
    if metres < 13:
        return 1.0 + metres, 0.08 * math.sin(metres), 0.0
    return 14.0 + 0.05 * math.sin(metres), metres - 13.0, math.pi / 2


def serving(t_s: float) -> str | None:
    if t_s < 0.4:
        return None
    return "edge-1" if t_s < 19 else "edge-2" if t_s < 37 else "edge-3" if t_s < 45.2 else "edge-2"


def recorded() -> Recorder:
    recorder = Recorder(keep_m=1.5)
    for number in range(60 * 50):
        t_s = number / 50
        walked = max(0.0, t_s - 3) * 0.45
        distance_m = 1.5 + 0.5 * math.exp(-t_s / 6) + 0.12 * math.sin(t_s)
        state = "wakeup" if t_s < 1 else "search" if t_s < 1.4 else "follow"
        if 45.0 <= t_s < 45.3:
            state = "offline"
        x_m, y_m, heading = along(walked)
        target_x_m, target_y_m, _ = along(walked + distance_m)
        recorder.tick(
            Tick(
                t_s=t_s,
                state=state,
                server_id=serving(t_s),
                rover_x_m=x_m,
                rover_y_m=y_m,
                heading_rad=heading,
                target_x_m=target_x_m,
                target_y_m=target_y_m,
                bearing_rad=0.05 * math.sin(t_s * 1.3),
                distance_m=distance_m,
                visible=True,
                forward_mps=0.45 + 0.1 * math.sin(t_s) if state == "follow" else 0.0,
                turn_radps=0.2 * math.sin(t_s / 2),
                moving=state == "follow",
                result_age_s=0.06,
            )
        )
        if number % 2 == 0 and t_s > 0.5 and not 45.0 < t_s < 45.25:
            rtt_s = 0.022 + 0.006 * math.sin(number) ** 2 + 0.01 * (number % 97 == 0)
            recorder.result(t_s, serving(t_s) or "edge-1", rtt_s)
    recorder.moved(Moved(0.4, None, "edge-1", Reason.FIRST))
    recorder.moved(Moved(19.0, "edge-1", "edge-2", Reason.BETTER))
    recorder.moved(Moved(37.0, "edge-2", "edge-3", Reason.BETTER))
    recorder.struck(Struck(45.0, "kill", "edge-3"))
    recorder.moved(Moved(45.2, "edge-3", "edge-2", Reason.SILENT))
    return recorder
