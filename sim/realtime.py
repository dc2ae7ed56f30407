"""A run in real time: the robot's agent in this process, edge servers in theirs, proxies as radio links between."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.supervise import Job, supervise
from handover.values import Deliver, MoveCompleted, Moved
from robot.agent import Agent
from robot.config import RobotConfig
from robot.decision import Decision
from robot.hardware import Hardware
from robot.keyboard import Keyboard
from robot.values import BGR
from robot.watching import watchers_of
from sim import multicast
from sim.body import SimBase, SimCamera, SimLights, WorldClock
from sim.edges import EdgeProcess, EdgeSpec
from sim.faults import FaultSchedule, Struck
from sim.film import stage_of
from sim.mirrored import MirrorWatch
from sim.observe import tick_of
from sim.outcome import Outcome
from sim.plan import Plan
from sim.proxy import ShapingProxy
from sim.radio import RadioModel
from sim.report import Recorder
from sim.robomaster.world_body import ROBOMASTER_LIMITS
from sim.scenario import ServerSpec
from sim.shaping import LinkShape
from sim.wire_kinds import Driver, Eyes
from sim.wired import Wired
from sim.world import Truth, World

INTERFACE = "127.0.0.1"
RADIO_S = 0.1
MAX_NEWS = 50


@dataclass(slots=True)
class Cell:
    """One server process and the link to it."""

    spec: ServerSpec
    proxy: ShapingProxy
    process: EdgeProcess


class RealTime:
    """One run. `await run()`; queries may be asked from tasks beside it."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        keyboard: Keyboard | None = None,
        see: Callable[[BGR], None] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`folder`: where what is made for the run goes.

        `see` gets every picture taken, `say` what happens before the run starts.
        """
        self.plan = plan
        self.recorder = Recorder(plan.robot.servo.keep_distance_m)
        self.news: deque[str] = deque(maxlen=MAX_NEWS)
        limits = None if plan.driver is Driver.SIM else ROBOMASTER_LIMITS
        self.world = stage_of(plan.scenario, plan.seed, folder, limits)
        self.agent: Agent | None = None
        self.truth: Truth | None = None
        self.now_s = 0.0
        self.cells: dict[str, Cell] = {}
        self._say = say
        self._keyboard = keyboard
        self._see = see
        self._wired: Wired | None = None
        self._clock = WorldClock(self.world)
        is_oracle = any(name == "oracle" for server in plan.scenario.servers for name in server.engines.values())
        self.camera = SimCamera(self._clock, plan.scenario.camera.fps, is_oracle, see)
        self._radio = RadioModel(plan.scenario, plan.seed)
        self._faults = FaultSchedule(plan.scenario.faults)
        self._mirror = MirrorWatch()
        # room for every restart that the scenario can ask for
        self._restarts: asyncio.Queue[str] = asyncio.Queue(max(1, 2 * len(plan.scenario.faults)))
        self._began_s = 0.0
        self._group = f"sim-{os.getpid()}"  # other simulators and servers on this machine are not ours

    async def run(self, *others: Job) -> Outcome:
        """Play the scenario; `others` run beside it.

        Raises EdgeError for a server that does not start, DeviceError where nothing can be drawn, ConfigError for
        watchers that cannot be.
        """
        watchers = tuple(watchers_of(self.plan.robot, time.monotonic).values())
        has_multicast = multicast.works_on(INTERFACE)
        if not has_multicast:
            self._say("No multicast here: the robot is given the servers' addresses.")
        try:
            await self._start_cells(has_multicast)
            config = self._robot_config(has_multicast)
            hardware = self._hardware(config)
            if self.plan.eyes is Eyes.SIM:
                await self.camera.open()
            agent = self.agent = Agent(
                config,
                hardware,
                self._keyboard,
                on_decision=self._on_decision,
                on_deliver=self._on_deliver,
                on_event=self._on_event,
                watchers=watchers,
            )
            self._clock.start()
            self._began_s = time.monotonic()
            jobs = [
                Job("world", self._clock.run),
                Job("radio", self._run_radio),
                Job("restarts", self._run_restarts),
                Job("keys", lambda: self._press_keys(agent)),
                Job("agent", lambda: self._run_agent(agent), ends_all=True),
                Job("end", self._await_end, ends_all=True),
                *(self._wired.jobs() if self._wired else ()),
                *others,
            ]
            await supervise(jobs)
            wall_s = time.monotonic() - self._began_s
            return Outcome(self.recorder, agent.session.counts(), min(wall_s, self.plan.scenario.length_s), wall_s)
        finally:
            if self._wired is not None:
                await self._wired.close()
            await self._end_cells()

    def _hardware(self, config: RobotConfig) -> Hardware:
        if self.plan.driver is Driver.SIM or not isinstance(self.world, World):
            return Hardware(self.camera, SimBase(self._clock), SimLights(self.world))
        self._wired = Wired(self._clock, self.world, config, self.plan.scenario.camera.fps)
        self._say(f"The rover is a RoboMaster at {self._wired.emulator.ip}, driven by {self.plan.driver}.")
        return self._wired.hardware(self.plan.eyes, self.camera, self._see)

    async def _run_agent(self, agent: Agent) -> None:
        if self._wired is not None:
            await self._wired.emulator.ready()
        await agent.run()

    async def _press_keys(self, agent: Agent) -> None:
        for press in sorted(self.plan.scenario.keys, key=lambda press: press.t_s):
            await asyncio.sleep(max(0.0, self._clock.start_s + press.t_s - time.monotonic()))
            if press.garment:
                agent.choose(press.garment)
            agent.press(press.pressed)
            self.news.append(f"{press.t_s:5.1f} s  key: {press.key}")

    # ---- servers and links ----

    def _robot_config(self, has_multicast: bool) -> RobotConfig:
        config = self.plan.robot
        servers: tuple[dict[str, Any], ...] = ()
        if not has_multicast:
            servers = tuple(
                {
                    "address": f"{INTERFACE}:{cell.proxy.port}",
                    "id": cell.spec.id,
                    "colour": cell.spec.colour,
                    "tasks": cell.spec.tasks,
                }
                for cell in self.cells.values()
            )
        handover = config.handover.model_copy(
            update={"zeroconf": has_multicast, "interfaces": (INTERFACE,), "group": self._group}
        )
        if servers:
            handover = type(handover).model_validate({**handover.model_dump(), "servers": servers})
        return config.model_copy(update={"handover": handover})

    async def _start_cells(self, announce: bool) -> None:
        names = ", ".join(spec.id for spec in self.plan.scenario.servers)
        self._say(f"Starting {names} ...")
        for spec in self.plan.scenario.servers:
            proxy = ShapingProxy(seed=f"{self.plan.seed}/{spec.id}")
            await proxy.start()
            edge = EdgeSpec(
                spec.id,
                colour=spec.colour,
                zone=spec.zone,
                capacity=spec.capacity,
                engines=spec.engines,
                announce=announce,
                interface=INTERFACE,
                group=self._group,
                arguments=("--task", "tryon", "--tryon", spec.tryon) if spec.tryon else (),
            )
            self.cells[spec.id] = Cell(spec, proxy, EdgeProcess(edge, proxy))
        self._reshape()
        await supervise([Job(f"start {cell.spec.id}", cell.process.start) for cell in self.cells.values()])

    async def _end_cells(self) -> None:
        await asyncio.gather(*(cell.process.terminate() for cell in self.cells.values()))
        for cell in self.cells.values():
            await cell.proxy.stop()

    async def _run_radio(self) -> None:
        while True:
            for server_id, link in self._reshape().items():
                if self.agent is not None:
                    self.agent.session.radio(server_id, link.level_dbm, link.quality)
            await asyncio.sleep(RADIO_S)

    def _reshape(self) -> dict[str, Any]:
        pose = self.world.pose()
        links = self._radio.links(self.world.time_s, (pose.x_m, pose.y_m))
        for server_id, link in links.items():
            self.cells[server_id].proxy.shape = LinkShape.of(link)
        return dict(links)

    async def _run_restarts(self) -> None:
        """A server that does not start again ends the run: EdgeError."""
        while True:
            await self.cells[await self._restarts.get()].process.restart()

    async def _await_end(self) -> None:
        await asyncio.sleep(self.plan.scenario.length_s)

    # ---- what the agent tells ----

    def _on_decision(self, now_s: float, decision: Decision) -> None:
        self.now_s = now_s - self._clock.start_s
        assert self.agent is not None
        active = self.agent.session.active
        for struck in self._faults.strike(self.now_s, active.server_id if active else None, self):
            self._note_fault(struck)
        self.truth = self.world.truth()
        self.recorder.tick(tick_of(self.now_s, self.truth, decision, active))
        mirrored = self._mirror.look(self.now_s, decision.state, self.agent.dressing.view())
        if mirrored is not None:
            self.recorder.mirrored(mirrored)
            self.news.append(f"{self.now_s:5.1f} s  mirror: {mirrored.why_not or f'dressed by {mirrored.node}'}")

    def _on_deliver(self, deliver: Deliver) -> None:
        self.recorder.result(time.monotonic() - self._clock.start_s, deliver.server_id, deliver.rtt_s)

    def _on_event(self, event: Moved | MoveCompleted) -> None:
        if isinstance(event, Moved):
            at_s = event.at_s - self._clock.start_s
            self.recorder.moved(replace(event, at_s=at_s))
            self.news.append(
                f"{at_s:5.1f} s  {event.from_id or 'no server'} → {event.to_id or 'no server'}  {event.reason}"
            )
        else:
            self.news.append(
                f"{self.now_s:5.1f} s  first result of {event.moved.to_id} after {event.gap_s * 1e3:.0f} ms"
            )

    def _note_fault(self, struck: Struck) -> None:
        self.recorder.struck(struck)
        self.news.append(f"{struck.t_s:5.1f} s  fault: {struck.kind} {struck.server_id}")

    # ---- faults (sim.faults.Target) ----

    def kill(self, server_id: str) -> None:
        self.cells[server_id].process.kill()

    def restart(self, server_id: str) -> None:
        self._restarts.put_nowait(server_id)  # takes seconds, and the control loop waits for nothing

    def freeze(self, server_id: str) -> None:
        self.cells[server_id].process.freeze()

    def resume(self, server_id: str) -> None:
        self.cells[server_id].process.resume()

    def cut(self, server_id: str) -> None:
        self.cells[server_id].proxy.cut()

    def slow(self, server_id: str, worse: LinkShape) -> None:
        self.cells[server_id].proxy.slow(worse)

    def corrupt(self, server_id: str, share: float) -> None:
        self.cells[server_id].proxy.corrupt(share)

    def heal(self, server_id: str) -> None:
        proxy = self.cells[server_id].proxy
        proxy.heal()
        proxy.slow(LinkShape())
        proxy.corrupt(0)
