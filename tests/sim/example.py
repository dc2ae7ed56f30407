"""A made-up run through a corridor: to look at reports, pictures and views without a simulator, and to test them."""

import math
from collections.abc import Iterator

from handover.values import Counts, Moved, Reason, Server, ServerView
from protos.messages import RGB, Box, Load, Outcome
from robot.decision import Decision
from robot.states import State
from robot.values import DriveCommand, Effect, Light, Pose, Track
from robot.view import AgentView
from sim.faults import Struck
from sim.floorplan import FloorPlan, Site
from sim.live_view import RunView
from sim.place import XY
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


def agent_view(t_s: float, jpeg: bytes = b"") -> AgentView:
    """The robot at a moment of the made-up run."""
    active = serving(t_s)
    state = State.WAKEUP if t_s < 1 else State.SEARCH if t_s < 1.4 else State.FOLLOW
    rgb = _rgb(COLOURS[active]) if active else (40, 40, 40)
    servers = tuple(
        ServerView(
            server=Server(
                name, f"127.0.0.1:{50061 + index}", ("person",), colour_rgb=_rgb(colour), zone=zone, capacity=8
            ),
            connected=True,
            usable=not (name == "edge-3" and t_s > 45),
            is_active=name == active,
            is_standby=name == {"edge-1": "edge-2", "edge-2": "edge-3", "edge-3": "edge-2"}.get(active or ""),
            cost_s=0.03 + 0.012 * index,
            rtt_p50_s=0.022 + 0.01 * index + 0.003 * math.sin(t_s + index),
            loss=0.0,
            level_dbm=-52.0 - 9 * index,
            quality=80.0 - 15 * index,
            load=Load(1 if name == active else 0, 8, 0.2),
            penalty_until_s=0.0,
        )
        for index, ((name, colour), zone) in enumerate(zip(COLOURS.items(), ("start", "corner", "end"), strict=True))
    )
    box = Box(0.42 + 0.05 * math.sin(t_s), 0.2, 0.16, 0.62)
    track = Track(7, "person", box, (0.0, 0.0), 0.93, (200, 80, 30), t_s, t_s, 60, True)
    other = Track(9, "person", Box(0.78, 0.3, 0.1, 0.4), (0.0, 0.0), 0.71, (90, 90, 200), t_s, t_s, 12, True)
    decision = Decision(
        t_s,
        state,
        Light(),
        command=DriveCommand(0.45 + 0.1 * math.sin(t_s), 0.0, 0.1 * math.sin(t_s)),
        target=track,
        bearing_rad=0.05 * math.sin(t_s * 1.3),
        distance_m=1.5 + 0.12 * math.sin(t_s),
        result_age_s=0.061,
    )
    sent = round(20 * t_s)
    return AgentView(
        time_s=t_s,
        robot_id="rover",
        label="person",
        state=state,
        light=Light(Effect.STEADY if state is State.FOLLOW else Effect.FLASH, rgb, 2.0),
        jpeg=jpeg,
        tracks=(track, other),
        target_id=7,
        decision=decision,
        servers=servers,
        counts=Counts(sent, 1, {Outcome.RESULT: max(0, sent - 5), Outcome.SUPERSEDED: 3, Outcome.LOST: 1}),
        camera_fps=20.0,
        result_fps=19.6,
        rtt_s=0.024,
    )


def run_view(t_s: float) -> RunView:
    """What the terminal shows at a moment of the made-up run."""
    x_m, y_m, heading = along(max(0.0, t_s - 3) * 0.45)
    target_x_m, target_y_m, _ = along(max(0.0, t_s - 3) * 0.45 + 1.6)
    return RunView(
        scenario="corridor",
        now_s=t_s,
        length_s=60.0,
        agent=agent_view(t_s),
        plan=FLOOR_PLAN,
        rover=Pose(x_m, y_m, heading),
        target=(target_x_m, target_y_m),
        trail=tuple(_trail(t_s)),
        bearing_rad=0.05 * math.sin(t_s * 1.3),
        distance_m=1.6,
        page="http://127.0.0.1:8000",
        news=("19.0 s  edge-1 -> edge-2, better, 40 ms without a result", "37.0 s  edge-2 -> edge-3, better, 40 ms"),
    )


def _trail(t_s: float) -> Iterator[tuple[XY, str]]:
    for half_second in range(6, int(t_s * 2)):
        then_s = half_second / 2
        yield along((then_s - 3) * 0.45)[:2], COLOURS[serving(then_s) or "edge-1"]


def _rgb(colour: str) -> RGB:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
