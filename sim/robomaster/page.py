"""The live page of an emulated robot: its camera, its lamps, and the room from above."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import cv2

from common.supervise import Job
from robot.decision import Decision
from robot.states import State
from robot.values import BGR, DriveCommand, Effect, Key, Light
from robot.view import AgentView
from sim.floorplan import floor_plan
from sim.robomaster.rover import Rover
from sim.robomaster.values import Led, LedEffect
from sim.robomaster.world_camera import DRAWN_PX, WorldPictures
from sim.world import World

PICTURE_S = 0.1
TOP_EVERY = 5  # pictures
NOBODY, SOMEBODY = "no program yet", "the program that is connected"  # what it follows
WATCHED_S = 2.0  # so long after the last look somebody is taken to watch still
EFFECTS = {
    LedEffect.OFF: Effect.OFF,
    LedEffect.SOLID: Effect.STEADY,
    LedEffect.PULSE: Effect.BREATHE,
    LedEffect.BLINK: Effect.FLASH,
    LedEffect.SCROLLING: Effect.SCROLL,
}


class RoverPage:
    """What the page asks of a robot and of a world (`robot.view.Watched`, `robot.web.source.World`)."""

    def __init__(
        self, world: World, rover: Rover, pictures: WorldPictures, port: int, say: Callable[[str], None]
    ) -> None:
        self._world, self._rover, self._pictures = world, rover, pictures
        self._port, self._say = port, say
        self._jpeg = self._top = b""
        self._asked_s = -WATCHED_S
        self._fps = 0.0

    def jobs(self) -> list[Job]:
        return [Job("page", self._serve), Job("pictures of the page", self._draw)]

    # ---- the robot ----

    def view(self) -> AgentView:
        self._asked_s = time.monotonic()
        shine = self._rover.leds[Led.BOTTOM_FRONT]
        light = Light(EFFECTS[shine.effect], shine.rgb, 1 / max(shine.on_s + shine.off_s, 0.01))
        state, label = (State.IDLE, NOBODY) if self._rover.owner is None else (State.FOLLOW, SOMEBODY)
        speed = self._rover.velocity()
        driven = DriveCommand(speed.body_x_mps, -speed.body_y_mps, -math.radians(speed.turn_degps))
        return AgentView(
            time_s=self._asked_s,
            robot_id=self._rover.identity.serial_number,
            label=label,
            state=state,
            light=light,
            jpeg=self._jpeg,
            decision=Decision(self._asked_s, state, light, driven),
            camera_fps=self._fps,
        )

    def press(self, key: Key) -> None:
        """Whoever is connected drives; the page's one key that counts is the one that stops."""
        if key is Key.ESTOP:
            self._rover.stop_all("stopped from the page")

    # ---- the world ----

    def plan(self) -> Mapping[str, Any]:
        return floor_plan(self._world.scenario).to_json()

    def moment(self) -> Mapping[str, Any]:
        pose, snapshot = self._world.pose(), self._world.snapshot()
        return {
            "rover": [pose.x_m, pose.y_m, pose.heading_rad],
            "people": [[p.x_m, p.y_m, p.person_id == self._world.target_id] for p in snapshot.people if p.present],
            "now_s": self._world.time_s,
            "length_s": 0.0,
        }

    def top_jpeg(self) -> bytes:
        return self._top

    # ---- jobs ----

    async def _serve(self) -> None:
        from robot.web.page import run as serve

        await serve(self, port=self._port, world=self, on_ready=lambda url: self._say(f"The page is at {url}"))

    async def _draw(self) -> None:
        """While somebody watches."""
        number, before_s = 0, 0.0
        while True:
            await asyncio.sleep(PICTURE_S)
            now_s = time.monotonic()
            if now_s - self._asked_s > WATCHED_S:
                continue
            self._fps, before_s = 1 / (now_s - before_s), now_s
            self._jpeg = await asyncio.to_thread(_jpeg_of, await self._pictures.picture(*DRAWN_PX))
            if number % TOP_EVERY == 0:
                self._top = await asyncio.to_thread(_jpeg_of, await self._pictures.top())
            number += 1


def _jpeg_of(bgr: BGR) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
