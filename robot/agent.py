"""The robot's shell: camera, servers, wheels, lights and keys around the pure core. Everything here is I/O.

Nothing in the control loop waits for a server: pictures go out as they come, answers come in as they come, and fifty
times a second the core decides on what is known by then.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from common.errors import ConfigError, DeviceError
from common.supervise import Job, supervise
from handover.session import OffloadSession
from handover.values import Deliver, MoveCompleted, Moved
from protos.messages import Outcome
from robot.config import RobotConfig
from robot.core import AgentCore
from robot.csv_log import CsvLog, Row
from robot.decision import Decision
from robot.dressing import Dressing
from robot.encoder import encode_aside
from robot.gauge import Rate
from robot.hardware import Armour, EndOfVideo, Hardware
from robot.keyboard import Keyboard
from robot.metrics import Metrics
from robot.states import State
from robot.tasks import TaskChoice
from robot.values import Key, Light, Result, Track
from robot.view import AgentView
from robot.watching import Answered, Watcher, Watchers

log = logging.getLogger(__name__)

PERIOD_S = 0.02  # 50 Hz: a fraction of what a base's wheels need to answer
ROOM_S = 0.1  # waits so long for a place under way before it takes a picture anyway, to look at
REOPEN_FIRST_S, REOPEN_CAP_S = 0.5, 10.0
LOOK_AT_TASKS_S = 0.5
REMEMBERED_FRAMES = 512  # capture times of frames whose answer may still come
NOT_NOW = {  # why there is no picture in these states
    State.OFFLINE: "No server answers, so the robot cannot see who is there.",
    State.ESTOP: "The emergency stop is pressed. Release it first.",
    State.HIT: "The robot was hit. Try again in a moment.",
    State.EXPLORE: "The robot is exploring. Let it search or idle first.",
}


class Agent:
    """One robot. `run` until quit, end of the video, or cancelled; the wheels stand when it returns."""

    def __init__(
        self,
        config: RobotConfig,
        hardware: Hardware,
        keyboard: Keyboard | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_decision: Callable[[float, Decision], None] | None = None,
        on_deliver: Callable[[Deliver], None] | None = None,
        on_event: Callable[[Moved | MoveCompleted], None] | None = None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """`clock` must be the one that stamps the camera's pictures. The `on_` functions only watch; none may block."""
        self.config = config
        self.on_decision, self.on_deliver, self.on_event = on_decision, on_deliver, on_event
        self._hardware, self._keyboard = hardware, keyboard
        self._camera, self._base = hardware.camera, hardware.base
        self._clock = clock
        self.core = AgentCore(config, hardware.camera.model, clock())
        self._watchers = Watchers(watchers)
        self._tasks = TaskChoice(config.wanted_tasks, config.face_fallback)
        self.session = self._new_session()
        self.dressing = Dressing(config, clock, self._on_mirrored)
        self.metrics = Metrics(self.view)
        self._csv = CsvLog(config.log.path, config.log.max_mb) if config.log.path else None
        self._quit = asyncio.Event()
        self._captures: OrderedDict[int, float] = OrderedDict()
        self._number = 0
        self._jpeg = b""
        self._decision: Decision | None = None
        self._shown: Light | None = None
        self._camera_rate, self._result_rate = Rate(), Rate()
        self._rtt_s = math.nan
        self._logged_s = -math.inf

    # ---- what others see and press ----

    def view(self) -> AgentView:
        now_s, perception = self._clock(), self.core.perception
        target = perception.target.track
        return AgentView(
            time_s=now_s,
            robot_id=self.config.robot_id,
            label=perception.label,
            state=self.core.state,
            light=self._decision.light if self._decision else Light(),
            jpeg=self._jpeg,
            tracks=tuple(perception.tracks_at(now_s)),
            target_id=target.track_id if target else None,
            decision=self._decision,
            odometry=perception.odometry,
            servers=tuple(self.session.views()),
            counts=self.session.counts(),
            camera_fps=self._camera_rate.per_s(now_s),
            result_fps=self._result_rate.per_s(now_s),
            rtt_s=self._rtt_s,
            safety_stops=self.core.safety.stops,
            mirror=self.dressing.view(),
            watcher_failures=dict(self._watchers.failures),
        )

    def choose(self, garment: str) -> None:
        """What the key `mirror` puts on."""
        self.dressing.choose(garment)

    def press(self, key: Key) -> None:
        """A key of the keyboard or of a page."""
        log.info("key: %s", key)
        self.core.on_key(self._clock(), key)
        if key is Key.QUIT:
            self._quit.set()
        elif key is Key.FORGET:
            self.dressing.forget()
        elif key is Key.MIRROR and self.core.state is not State.MIRROR:
            self.dressing.refuse(
                NOT_NOW.get(self.core.state, "Nobody is in view. Come before the camera and try again.")
            )

    # ---- running ----

    async def run(self) -> None:
        """Raises DeviceError for a camera that is not there, ConfigError for settings that cannot be obeyed."""
        jobs = [
            Job("control", self._control),
            Job("camera", self._see, ends_all=True),
            Job("offload", self._offload),
            Job("mirror", self.dressing.run),
            Job("quit", self._await_quit, ends_all=True),
            *self._hardware.jobs,
            *self._watchers.jobs(),
        ]
        if (armour := self._hardware.armour) is not None:
            jobs.append(Job("armour", lambda: self._feel(armour)))
        with contextlib.ExitStack() as stack:
            if self._csv is not None:
                self._csv.check()
                jobs.append(Job("log", self._csv.run))
            if self.config.metrics_port:
                stack.enter_context(self.metrics.serving(self.config.metrics_port))
            if self._keyboard is not None and self._keyboard.is_there:
                keyboard = self._keyboard
                jobs.append(Job("keyboard", lambda: keyboard.run(self.press)))
            if self.config.web.enabled:
                jobs.append(Job("page", self._page))
            try:
                await supervise(jobs)
            finally:
                await self._base.stop()

    async def _await_quit(self) -> None:
        await self._quit.wait()

    async def _page(self) -> None:
        """Raises ConfigError where the page cannot start; one that breaks later is left broken."""
        try:
            from robot.web.page import run  # FastAPI only where a page is wanted
        except ImportError as error:
            raise ConfigError(f"web: needs {error.name}: pip install 'tagalong[web]', or leave out --web") from error
        web = self.config.web
        try:
            await run(self, web.host, web.port)
        except ConfigError:
            raise
        except Exception:  # whatever a page trips over, the robot does not stop for it
            log.exception("the page is gone; the robot goes on")

    # ---- decide and drive ----

    async def _control(self) -> None:
        """Once per period, late or not; a missed period is left out, never made up for."""
        due_s = self._clock()
        try:
            while True:
                began_s = time.perf_counter()
                await self._step(self._clock())
                self.metrics.step.observe(time.perf_counter() - began_s)
                now_s = self._clock()
                due_s += PERIOD_S
                if not now_s - PERIOD_S < due_s <= now_s + PERIOD_S:  # late, or the clock jumped
                    due_s = now_s + PERIOD_S
                await asyncio.sleep(max(0.0, due_s - now_s))
        finally:
            await self._base.stop()

    async def _step(self, now_s: float) -> None:
        odometry = self._base.odometry()
        if odometry is not None:
            self.core.on_odometry(odometry)
        self.core.on_base(self._base.ready)
        before, decision = self._decision, self.core.tick(now_s)
        self._decision = decision
        self.dressing.keep_up(self.core.mirror_since_s)
        await self._base.drive(decision.command)
        if decision.light != self._shown:
            self._shown = decision.light
            await self._hardware.lights.show(decision.light)
        if decision.sound is not None and self._hardware.speaker is not None:
            await self._hardware.speaker.play(decision.sound)
        if before is None or before.state is not decision.state:
            log.info("state: %s", decision.state)
        if decision.safety_stop:
            log.warning("stopped: %s, result %.2f s old", decision.reason, decision.result_age_s)
        if now_s - self._logged_s >= 1.0:
            self._log_row(now_s, "", math.nan, 0)
        if self.on_decision is not None:
            self.on_decision(now_s, decision)

    async def _feel(self, armour: Armour) -> None:
        while True:
            side = await armour.next_hit()
            log.info("hit: %s", side)
            self.core.on_hit(self._clock(), side)

    # ---- see and send ----

    async def _see(self) -> None:
        """Pictures out, as long as there are any. A camera that goes away is opened again, with patience."""
        pause_s = REOPEN_FIRST_S
        try:
            while True:
                seen = self._number
                try:
                    await self._camera.open()
                    if self._camera.model != self.core.perception.camera:
                        self.core.perception.use_camera(self._camera.model)
                    await self._send_pictures()
                except EndOfVideo as end:
                    log.info("%s", end)
                    return
                except DeviceError as error:
                    if self._number == 0:
                        raise  # somebody is there to read it
                    pause_s = REOPEN_FIRST_S if self._number > seen else min(2 * pause_s, REOPEN_CAP_S)
                    log.warning("%s Tries again in %.1f s.", error, pause_s)
                await asyncio.sleep(pause_s)
        finally:
            await self._camera.close()

    async def _send_pictures(self) -> None:
        """Latest picture wins: one that comes while the last one is encoded or has no place is never waited for."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_S):
                    await self.session.wait_room()
            frame = await self._camera.latest()
            self._number += 1  # ours: the camera's own numbers start again when it is opened again
            self._camera_rate.count(self._clock())
            encoded = await encode_aside(self.config.encoder, frame, self._number)
            self._captures[encoded.number] = frame.capture_s
            if len(self._captures) > REMEMBERED_FRAMES:
                self._captures.popitem(last=False)
            self._jpeg = encoded.image
            self.dressing.saw(encoded.number, frame)
            self._watchers.saw(encoded.number, frame)
            self.session.offer(encoded)

    # ---- servers and their answers ----

    def _new_session(self) -> OffloadSession:
        config, tasks, extra_tasks = self.config, self._tasks.current, self._watchers.tasks
        # of 80 classes one is wanted, unless somebody who looks on wants them all
        labels = (config.target.label,) if "coco" in tasks and "coco" not in extra_tasks else ()
        return OffloadSession(
            config.handover,
            config.robot_id,
            tasks,
            self._on_deliver,
            self._on_event,
            labels,
            extra_tasks=extra_tasks,
        )

    async def _offload(self) -> None:
        """The session; another one when other tasks are to be asked for."""
        while True:
            await supervise([Job("session", self.session.run), Job("tasks", self._await_other_tasks, ends_all=True)])
            self.core.on_server(self._clock(), None)
            self.session = self._new_session()

    async def _await_other_tasks(self) -> None:
        while not self._tasks.look(self._clock(), self.session.views()):  # noqa: ASYNC110  # a look now and then will do
            await asyncio.sleep(LOOK_AT_TASKS_S)
        if self._tasks.fell_back:
            log.warning("no server offers %s: following faces instead", " or ".join(self._tasks.wanted))
            self.core.look_for("face")
        else:
            log.info("a server offers %s: following %s again", self._tasks.wanted[0], self.config.target.label)
            self.core.look_for(self.config.target.label)

    def _on_deliver(self, deliver: Deliver) -> None:
        reply, now_s = deliver.reply, self._clock()
        # Our own note of the capture time, not the server's echo: a server that answers garbage cannot make old fresh.
        capture_s = self._captures.pop(reply.number, None)
        if capture_s is None or reply.outcome is not Outcome.RESULT:
            return
        self._rtt_s = deliver.rtt_s
        if self.on_deliver is not None:
            self.on_deliver(deliver)
        self.metrics.rtt.labels(deliver.server_id).observe(deliver.rtt_s)
        result = Result(reply.number, capture_s, now_s, reply.detections, deliver.server_id, deliver.rtt_s)
        seen: tuple[Track, ...] = ()
        if self.core.on_result(result):
            self._result_rate.count(now_s)
            self._log_row(now_s, deliver.server_id, deliver.rtt_s, len(reply.detections))
            seen = tuple(track for track in self.core.tracks if track.last_seen_s == capture_s)
            self._show_mirror(reply.number, seen)
        self._watchers.answered(Answered(reply.number, capture_s, deliver.server_id, reply.detections, seen))

    def _show_mirror(self, number: int, seen: tuple[Track, ...]) -> None:
        """Who is in the picture that was just answered, for the mirror. A face beside its person is nobody else."""
        target = self.core.perception.target.track
        if target is None or target not in seen:
            self.dressing.answered(number, None, ())
            return
        others = (track for track in seen if track.label == target.label and track.track_id != target.track_id)
        self.dressing.answered(number, target.box, tuple(track.box for track in others))

    def _on_mirrored(self, is_dressed: bool) -> None:
        self.core.on_mirrored(self._clock(), is_dressed)

    def _on_event(self, event: Moved | MoveCompleted) -> None:
        if self.on_event is not None:
            self.on_event(event)
        if isinstance(event, Moved):
            self.core.on_server(self._clock(), event.to_server)
            log.info("server: %s (%s)", event.to_id or "none", event.reason)
        else:
            log.info("server: %s answers, gap %.0f ms", event.moved.to_id, event.gap_s * 1e3)

    def _log_row(self, now_s: float, server: str, rtt_s: float, detections: int) -> None:
        self._logged_s = now_s
        if self._csv is None:
            return
        odometry = self.core.perception.odometry
        x, y, heading = (odometry.pose.x_m, odometry.pose.y_m, odometry.pose.heading_rad) if odometry else (0, 0, 0)
        fps = self._result_rate.per_s(now_s)
        self._csv.add(Row(time.time(), self.core.state, server, rtt_s, detections, x, y, heading, fps))
