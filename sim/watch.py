"""A run in progress as the terminal and the page want to see it."""

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import cv2

from robot.values import BGR
from sim.floorplan import floor_plan
from sim.live_view import RunView
from sim.place import XY
from sim.realtime import RealTime

TRAIL_S = 0.4
MAX_TRAIL = 600
TOP_S = 0.5  # a picture from above costs as much as one of the camera


class Watch:
    """Reads from a run, changes nothing. Also the page's `robot.web.source.World`."""

    def __init__(self, run: RealTime) -> None:
        self._run = run
        self._plan = floor_plan(run.plan.scenario)
        self._trail: deque[tuple[XY, str]] = deque(maxlen=MAX_TRAIL)
        self._trail_s = -math.inf
        self._top = b""
        self._top_asked = False
        self.page = ""

    # ---- the terminal ----

    def view(self) -> RunView | None:
        """None before the run has begun."""
        run = self._run
        if run.agent is None or run.truth is None:
            return None
        agent, truth = run.agent.view(), run.truth
        is_world = run.plan.scenario.world is not None
        if is_world and run.now_s - self._trail_s >= TRAIL_S:
            self._trail_s = run.now_s
            colour = next((each.server.colour_rgb for each in agent.servers if each.is_active), (154, 165, 177))
            self._trail.append(((truth.rover.x_m, truth.rover.y_m), "#{:02x}{:02x}{:02x}".format(*colour)))
        people = {person.person_id: (person.x_m, person.y_m) for person in truth.people if person.present}
        return RunView(
            scenario=run.plan.scenario.name,
            now_s=run.now_s,
            length_s=run.plan.scenario.length_s,
            agent=agent,
            plan=self._plan,
            rover=truth.rover if is_world else None,
            target=people.pop(truth.target_id, None),
            others=tuple(people.values()),
            trail=tuple(self._trail),
            bearing_rad=truth.target_bearing_rad,
            distance_m=truth.target_distance_m,
            keep_m=run.plan.robot.servo.keep_distance_m,
            page=self.page,
            news=tuple(run.news),
        )

    # ---- the page ----

    def plan(self) -> Mapping[str, Any]:
        return self._plan.to_json()

    def moment(self) -> Mapping[str, Any]:
        run, truth = self._run, self._run.truth
        if truth is None or run.plan.scenario.world is None:
            return {"people": [], "now_s": run.now_s, "length_s": run.plan.scenario.length_s}
        pose = truth.rover
        return {
            "rover": [pose.x_m, pose.y_m, pose.heading_rad],
            "people": [[p.x_m, p.y_m, p.person_id == truth.target_id] for p in truth.people if p.present],
            "now_s": run.now_s,
            "length_s": run.plan.scenario.length_s,
        }

    def top_jpeg(self) -> bytes:
        """Being asked means that somebody watches: only then is it drawn."""
        self._top_asked = True
        return self._top

    async def draw_top(self) -> None:
        """A picture from above now and then, while somebody watches; until cancelled."""
        while True:
            await asyncio.sleep(TOP_S)
            if self._top_asked and self._run.plan.scenario.world is not None:
                self._top_asked = False
                self._top = await asyncio.to_thread(_jpeg, await self._run.camera.render_top())


def _jpeg(bgr: BGR) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
