"""A whole run in one process on simulated time: the robot's and the handover's own cores, real pictures, the real
detector and scheduler; only durations are modelled. Same plan, same result, to the last byte.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from handover.core import HandoverCore
from handover.values import (
    Action,
    Connect,
    Deliver,
    Disconnect,
    Moved,
    Probe,
    Send,
    Server,
    Source,
)
from protos.messages import EncodedFrame, FrameReply, Load, ServerDescription, StreamOpen
from robot.core import AgentCore
from robot.decision import Decision
from robot.values import BGR, Key, Light, Result
from robot.view import AgentView
from sim.events import EventQueue
from sim.faults import FaultSchedule
from sim.film import Stage, stage_of
from sim.keys import KeyPress
from sim.lockstep_detector import Detector, engines_of
from sim.lockstep_edge import ORACLE_IMAGE_BYTES, LockstepEdge, Wire
from sim.mirrored import Mirrored
from sim.observe import tick_of
from sim.outcome import Outcome
from sim.plan import Plan
from sim.radio import RadioModel
from sim.report import Recorder
from sim.scenario import rgb
from sim.shaping import LinkShape

TICK_S = 0.02  # the control loop's period, as on the robot
RADIO_S = 0.1  # how often the radio model is asked
ENCODE_S = 0.003  # camera read-out and JPEG, until the frame can be sent
DRESSED_S = 2.0  # a sharp picture, the way to a server and back, and its work; the picture itself is not made
ANNOUNCED_S = 0.2  # zeroconf finds what is announced already in about 0.1 s


@dataclass(frozen=True, slots=True)
class Moment:
    """What a watcher (video, terminal, test) may look at, after each control tick."""

    time_s: float
    world: Stage
    core: AgentCore
    handover: HandoverCore
    decision: Decision


class Lockstep:
    """One run. `folder`: where what is made for it goes.

    `watch` is called after every control tick, `see` with every picture taken.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        watch: Callable[[Moment], None] | None = None,
        see: Callable[[float, BGR], None] | None = None,
    ) -> None:
        self.plan = plan
        self.recorder = Recorder(plan.robot.servo.keep_distance_m)
        self.world = stage_of(plan.scenario, plan.seed, folder)
        self.core = AgentCore(plan.robot, self.world.camera, 0.0)
        self.handover = HandoverCore(plan.robot.handover, plan.robot.wanted_tasks)
        self._watch, self._see = watch, see
        self._events = EventQueue()
        self._radio = RadioModel(plan.scenario, plan.seed)
        self._faults = FaultSchedule(plan.scenario.faults)
        self._oracle = all(name == "oracle" for server in plan.scenario.servers for name in server.engines.values())
        self._detector = Detector(engines_of(plan))
        if not self._oracle:
            self.world.render()  # loads shaders and textures, which is not the run's time
        wire = Wire(self._link_up, self._link_down, self._reply, self._probe_answered)
        self._edges = {
            spec.id: LockstepEdge(spec, self._events, wire, self._detector, plan.seed) for spec in plan.scenario.servers
        }
        self._frames = 0
        self._decision: Decision | None = None
        self._world_s = 0.0
        self._probes_open: set[tuple[str, int]] = set()
        self._wake_s = float("inf")

    def run(self) -> Outcome:
        """Play the scenario to its end."""
        began = time.perf_counter()
        length_s = self.plan.scenario.length_s
        every = self._repeat
        self._radio_step()
        every(RADIO_S, self._radio_step)
        every(1 / self.plan.scenario.camera.fps, self._capture)
        every(TICK_S, self._tick)
        self._events.at(ANNOUNCED_S, self._announce)
        for press in self.plan.scenario.keys:
            self._events.at(press.t_s, partial(self._press, press))
        self._events.run_until(length_s)
        self._act(self.handover.finish(length_s))
        self.world.close()
        for engine in self._detector.engines.values():
            engine.close()
        return Outcome(self.recorder, self.handover.counts(), length_s, time.perf_counter() - began)

    def view(self) -> AgentView:
        """As the robot's shell would show itself now."""
        now_s, perception, decision = self._events.now_s, self.core.perception, self._decision
        target = perception.target.track
        return AgentView(
            time_s=now_s,
            robot_id=self.plan.robot.robot_id,
            label=perception.label,
            state=self.core.state,
            light=decision.light if decision else Light(),
            tracks=tuple(perception.tracks_at(now_s)),
            target_id=target.track_id if target else None,
            decision=decision,
            servers=tuple(self.handover.views(now_s)),
            counts=self.handover.counts(),
        )

    # ---- the clockwork ----

    def _repeat(self, period_s: float, call: Callable[[], None]) -> None:
        """Multiples of the period, so that no rounding adds up."""

        def step(count: int) -> None:
            call()
            self._events.at((count + 1) * period_s, lambda: step(count + 1))

        self._events.at(period_s, lambda: step(1))

    def _catch_up(self) -> float:
        """The world is where the clock is; its steps are 5 ms long."""
        now_s = self._events.now_s
        self.world.step(now_s - self._world_s)
        self._world_s = now_s
        return now_s

    def _tick(self) -> None:
        now_s = self._catch_up()
        self._strike(now_s)
        self._act(self.handover.tick(now_s))
        self.core.on_odometry(self.world.odometry())
        decision = self._decision = self.core.tick(now_s)
        self.world.drive(decision.command)
        self.world.light_rgb = decision.light.rgb
        self.recorder.tick(tick_of(now_s, self.world.truth(), decision, self.handover.active))
        if self._watch is not None:
            self._watch(Moment(now_s, self.world, self.core, self.handover, decision))

    def _press(self, press: KeyPress) -> None:
        now_s = self._events.now_s
        self.core.on_key(now_s, press.pressed)
        if press.pressed is Key.MIRROR and self.core.mirror_since_s == now_s:
            self._events.after(DRESSED_S, partial(self._mirrored, press, now_s))

    def _mirrored(self, press: KeyPress, since_s: float) -> None:
        """Only the state and its time are modelled."""
        node = next((server.id for server in self.plan.scenario.servers if server.tryon), "")
        still_at_it = self.core.mirror_since_s == since_s
        if still_at_it:
            self.core.on_mirrored(self._events.now_s, bool(node))
        dressed = still_at_it and bool(node)
        why_not = "" if dressed else "no server dresses people" if still_at_it else "the robot did something else"
        garment = press.garment or next(iter(self.plan.robot.mirror.garments))
        self.recorder.mirrored(Mirrored(since_s, DRESSED_S, garment, dressed, node if dressed else "", why_not))

    def _capture(self) -> None:
        now_s = self._catch_up()
        self._frames += 1
        image = b""
        if not self._oracle or self._see is not None:
            bgr = self.world.render()
            if self._see is not None:
                self._see(now_s, bgr)
            if not self._oracle:
                image = self._encoded(bgr)
        camera = self.world.camera
        frame = EncodedFrame(
            number=self._frames,
            capture_ns=round(now_s * 1e9),
            image=image,
            width_px=camera.width_px,
            height_px=camera.height_px,
            truth=self.world.truth_detections() if self._oracle else (),
        )
        self._events.after(ENCODE_S, lambda: self._act(self.handover.offer(self._events.now_s, frame)))

    def _encoded(self, bgr: BGR) -> bytes:
        quality = self.plan.robot.encoder.quality
        return bytes(np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]))

    def _radio_step(self) -> None:
        now_s = self._catch_up()
        pose = self.world.pose()
        for server_id, link in self._radio.links(now_s, (pose.x_m, pose.y_m)).items():
            self._edges[server_id].reshape(LinkShape.of(link))
            self._act(self.handover.radio(now_s, server_id, link.level_dbm, link.quality))

    def _announce(self) -> None:
        for spec in self.plan.scenario.servers:
            server = Server(spec.id, f"{spec.id}:50050", spec.tasks, colour_rgb=rgb(spec.colour))
            self._act(self.handover.server_seen(self._events.now_s, Source.ZEROCONF, server))

    def _strike(self, now_s: float) -> None:
        active = self.handover.active
        for struck in self._faults.strike(now_s, active.server_id if active else None, self):
            self.recorder.struck(struck)

    # ---- what the handover wants done ----

    def _act(self, actions: list[Action]) -> None:
        now_s = self._events.now_s
        for action in actions:
            match action:
                case Connect():
                    self._edges[action.server.server_id].open(StreamOpen("rover", self.plan.robot.wanted_tasks))
                case Disconnect():
                    self._edges[action.server_id].close()
                case Send():
                    self._edges[action.server_id].send(action.frame)
                case Probe():
                    self._probe(action)
                case Deliver():
                    self._deliver(now_s, action)
                case Moved():
                    self.core.on_server(now_s, action.to_server)
                    self.recorder.moved(action)
        if self.handover.next_tick_s < self._wake_s:
            self._wake_s = self.handover.next_tick_s
            self._events.at(self._wake_s, self._wake)

    def _wake(self) -> None:
        self._wake_s = float("inf")
        self._act(self.handover.tick(self._events.now_s))

    def _probe(self, probe: Probe) -> None:
        key = (probe.server_id, probe.probe)
        self._probes_open.add(key)
        padding_bytes = ORACLE_IMAGE_BYTES if self._oracle else probe.padding_bytes
        self._edges[probe.server_id].probe(probe.probe, padding_bytes)

        def give_up() -> None:
            if key in self._probes_open:
                self._probes_open.discard(key)
                self._act(self.handover.probe_lost(self._events.now_s, *key))

        self._events.after(probe.timeout_s, give_up)

    def _deliver(self, now_s: float, deliver: Deliver) -> None:
        reply = deliver.reply
        self.recorder.result(now_s, deliver.server_id, deliver.rtt_s)
        self.core.on_result(
            Result(reply.number, reply.capture_ns / 1e9, now_s, reply.detections, deliver.server_id, deliver.rtt_s)
        )

    # ---- what comes over the wire ----

    def _link_up(self, server_id: str, description: ServerDescription) -> None:
        self._act(self.handover.link_up(self._events.now_s, server_id, description))

    def _link_down(self, server_id: str, why: str) -> None:
        self._act(self.handover.link_down(self._events.now_s, server_id, why))

    def _reply(self, server_id: str, reply: FrameReply) -> None:
        self._act(self.handover.reply(self._events.now_s, server_id, reply))

    def _probe_answered(self, server_id: str, probe: int, rtt_s: float, service_s: float, load: Load) -> None:
        if (server_id, probe) in self._probes_open:
            self._probes_open.discard((server_id, probe))
            self._act(self.handover.probe_answered(self._events.now_s, server_id, probe, rtt_s, service_s, load))

    # ---- faults (sim.faults.Target) ----

    def kill(self, server_id: str) -> None:
        self._edges[server_id].kill()

    def restart(self, server_id: str) -> None:
        self._edges[server_id].restart()

    def freeze(self, server_id: str) -> None:
        self._edges[server_id].freeze()

    def resume(self, server_id: str) -> None:
        self._edges[server_id].resume()

    def cut(self, server_id: str) -> None:
        self._edges[server_id].cut()

    def slow(self, server_id: str, worse: LinkShape) -> None:
        self._edges[server_id].worsen(worse)

    def corrupt(self, server_id: str, share: float) -> None:
        """A flipped bit ends a gRPC stream sooner or later; in lockstep it ends it at once."""
        self._edges[server_id].break_connection("corrupted stream")

    def heal(self, server_id: str) -> None:
        self._edges[server_id].heal()
