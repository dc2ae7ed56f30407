"""One edge server and the path to it in simulated time: the real scheduler and the real engine, modelled durations.

How long decoding and detecting *take* comes from a table, so that a run does not depend on how busy the machine is;
what is *found* comes from the engine itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from edge_server.engines.registry import parse
from edge_server.scheduler import Batch, Scheduler, SchedulerConfig, Settled, Ticket
from protos.messages import (
    EncodedFrame,
    FrameReply,
    Load,
    Outcome,
    ServerDescription,
    StreamOpen,
    TaskInfo,
    Timings,
)
from sim.events import EventQueue
from sim.lockstep_detector import Detector
from sim.scenario import ServerSpec, rgb
from sim.shaping import LinkShape, Shaper

DECODE_S = 0.0015  # 640x480 JPEG
INFERENCE_S = {"blazepose": 0.006, "blazeface": 0.003, "yolo": 0.012, "haar": 0.035, "oracle": 0.006}
# measured on 2 x86 cores with the other work of a run beside them; see `python -m bench offload`
CONNECT_ROUND_TRIPS = 3  # TCP, HTTP/2 settings, Describe
CONNECT_TIMEOUT_S = 2.0
ORACLE_IMAGE_BYTES = 24_000  # a rendered 640x480 picture as JPEG 80; what a frame without pixels weighs on the link
MESSAGE_BYTES = 120  # an answer with a few boxes, or a probe, with HTTP/2 and TCP headers
FULL_S = 0.5
DEAD_BPS = 300_000.0  # a frame would take a second; what is sent on such a link comes to nothing
MAX_HELD = 64  # messages that socket buffers hold while the other end says nothing, about 2 MB of frames
HEALED_AFTER_S = 0.2  # TCP sends again what a dead path lost (RFC 6298: its timer is never shorter than about this)


@dataclass(frozen=True, slots=True)
class Wire:
    """What the robot's end hears of this server; the robot's core is behind it."""

    link_up: Callable[[str, ServerDescription], None]
    link_down: Callable[[str, str], None]
    reply: Callable[[str, FrameReply], None]
    probe_answered: Callable[[str, int, float, float, Load], None]


class LockstepEdge:
    """A server process, its access point's radio link and the connection over it."""

    def __init__(self, spec: ServerSpec, events: EventQueue, wire: Wire, detector: Detector, seed: int) -> None:
        self.spec = spec
        self._events = events
        self._wire = wire
        self._detector = detector
        self._up = Shaper(LinkShape(), f"{seed}/{spec.id}/up")
        self._down = Shaper(LinkShape(), f"{seed}/{spec.id}/down")
        self._tasks: tuple[str, ...] = ()
        self._scheduler = self._fresh_scheduler()
        self._life = 0  # rises when the process dies or the connection ends: what belongs to an older life is void
        self._is_alive = True
        self._is_frozen = False
        self._is_cut = False
        self._held: list[Callable[[], None]] = []  # has reached a stopped process
        self._lost: list[Callable[[], None]] = []  # sent into a dead path, comes when it heals
        self._opened_life = -1
        self._radio_shape = self._worse = LinkShape()

    # ---- the radio link ----

    def reshape(self, shape: LinkShape) -> None:
        """What the radio gives now; a fault's worsening stays on top."""
        self._radio_shape = shape
        shape = shape.worsened(self._worse)
        self._up.reshape(self._events.now_s, shape)
        self._down.reshape(self._events.now_s, shape)

    # ---- what the robot's shell does ----

    def open(self, request: StreamOpen) -> None:
        """Connect, open the stream, ask who it is."""
        life = self._new_life()
        self._tasks = tuple(task for task in request.tasks if task in self.spec.engines)
        round_trip_s = self._up.shape.delay_s + self._down.shape.delay_s
        if not self._is_alive and not self._is_cut:
            self._in_life(life, round_trip_s, lambda: self._wire.link_down(self.spec.id, "connection refused"))
            return
        self._in_life(life, CONNECT_ROUND_TRIPS * round_trip_s, lambda: self._carry(lambda: self._open_stream(life)))
        self._in_life(life, CONNECT_TIMEOUT_S, lambda: self._gave_up(life))

    def close(self) -> None:
        self._new_life()

    def send(self, frame: EncodedFrame) -> None:
        size = len(frame.image) + MESSAGE_BYTES if frame.image else ORACLE_IMAGE_BYTES
        self._upward(size, lambda: self._arrived(frame))

    def probe(self, number: int, padding_bytes: int) -> None:
        sent_s = self._events.now_s

        def answer() -> None:
            now_s = self._events.now_s
            service_s = self._scheduler.expected_service_s(now_s) or self._service_s(self._tasks)
            load = self._scheduler.load(now_s)
            self._downward(
                lambda: self._wire.probe_answered(self.spec.id, number, self._events.now_s - sent_s, service_s, load)
            )

        self._upward(MESSAGE_BYTES + padding_bytes, answer)

    # ---- faults ----

    def kill(self) -> None:
        """The process dies; the kernel ends its connections, which the robot hears unless the path is cut."""
        if not self._is_alive:
            return
        self._is_alive = False
        self._is_frozen = False
        life = self._new_life()
        self._in_life(
            life,
            self._down.shape.delay_s,
            lambda: self._carry(lambda: self._wire.link_down(self.spec.id, "connection closed by server")),
        )

    def restart(self) -> None:
        if not self._is_alive:
            self._is_alive = True
            self._new_life()

    def freeze(self) -> None:
        self._is_frozen = True

    def resume(self) -> None:
        self._is_frozen = False
        held, self._held = self._held, []
        for call in held:
            call()

    def cut(self) -> None:
        self._is_cut = True

    def worsen(self, worse: LinkShape) -> None:
        self._worse = worse
        self.reshape(self._radio_shape)

    def break_connection(self, why: str) -> None:
        life = self._new_life()
        self._in_life(life, self._down.shape.delay_s, lambda: self._wire.link_down(self.spec.id, why))

    def heal(self) -> None:
        self._is_cut = False
        self.worsen(LinkShape())
        lost, self._lost = self._lost, []
        for call in lost:
            self._in_life(self._life, HEALED_AFTER_S, call)

    # ---- inside ----

    def _open_stream(self, life: int) -> None:
        if not self._is_alive:
            return
        if self._is_frozen:  # the kernel accepts, the process does not answer
            self._held.append(lambda: self._open_stream(life))
            return
        self._scheduler = self._fresh_scheduler()
        self._scheduler.open(self._events.now_s, "robot")
        self._opened_life = life
        engines = self._detector.engines
        self._wire.link_up(
            self.spec.id,
            ServerDescription(
                server_id=self.spec.id,
                version="lockstep",
                tasks=tuple(TaskInfo(task, name, engines[task].labels) for task, name in self.spec.engines.items()),
                colour_rgb=rgb(self.spec.colour),
                zone=self.spec.zone,
                load=self._scheduler.load(self._events.now_s),
                max_image_px=4096 * 4096,
            ),
        )

    def _gave_up(self, life: int) -> None:
        if life != self._opened_life:
            self._new_life()
            self._wire.link_down(self.spec.id, f"no connection within {CONNECT_TIMEOUT_S:g} s")

    def _arrived(self, frame: EncodedFrame) -> None:
        now_s = self._events.now_s
        deadline_s = now_s + frame.budget_s if frame.budget_s else float("inf")
        self._settle(self._scheduler.offer(now_s, "robot", Ticket(frame.number, self._tasks, deadline_s, frame)))
        self._serve()

    def _serve(self) -> None:
        while True:
            turn = self._scheduler.next_batch(self._events.now_s)
            self._settle(turn.settled)
            if turn.batch is None:
                return
            service_s = self._service_s((turn.batch.task,))
            done = partial(self._served, turn.batch, service_s)
            self._in_life(self._life, service_s, partial(self._awake, done))

    def _served(self, batch: Batch, service_s: float) -> None:
        self._settle(self._scheduler.done(self._events.now_s, batch, service_s))
        self._serve()

    def _settle(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            if each.outcome is Outcome.LOST:
                continue
            frame = each.ticket.payload
            assert isinstance(frame, EncodedFrame)
            reply = FrameReply(
                number=frame.number,
                capture_ns=frame.capture_ns,
                outcome=each.outcome,
                retry_after_s=each.retry_after_s,
                load=self._scheduler.load(self._events.now_s),
            )
            if each.outcome is Outcome.RESULT:
                inference_s = self._service_s(each.ticket.tasks) - DECODE_S
                reply = replace(
                    reply,
                    detections=self._detector.detect(frame, each.ticket.tasks),
                    timings=Timings(each.queue_s, DECODE_S, inference_s, each.queue_s + DECODE_S + inference_s),
                )
            self._downward(partial(self._wire.reply, self.spec.id, reply))

    def _service_s(self, tasks: Sequence[str]) -> float:
        return DECODE_S + max((INFERENCE_S.get(parse(self.spec.engines[task])[0], 0.01) for task in tasks), default=0.0)

    def _fresh_scheduler(self) -> Scheduler:
        return Scheduler(
            SchedulerConfig(capacity=self.spec.capacity),
            {task: self._detector.engines[task].max_batch for task in self.spec.engines},
        )

    def _upward(self, size: int, arrive: Callable[[], None]) -> None:
        """To the process; gone with its life.

        A line that is a second behind takes nothing more: the sender's buffers are full, and what waits there is
        given up by its own deadline before it would be sent.
        """
        if self._up.free_s - self._events.now_s > FULL_S or self._up.shape.rate_bps < DEAD_BPS:
            return
        due_s = self._up.admit(self._events.now_s, size)
        self._in_life(self._life, due_s - self._events.now_s, lambda: self._carry(lambda: self._awake(arrive)))

    def _downward(self, arrive: Callable[[], None]) -> None:
        due_s = self._down.admit(self._events.now_s, MESSAGE_BYTES)
        self._in_life(self._life, due_s - self._events.now_s, lambda: self._carry(arrive))

    def _in_life(self, life: int, wait_s: float, call: Callable[[], None]) -> None:
        self._events.after(wait_s, lambda: call() if life == self._life else None)

    def _carry(self, call: Callable[[], None]) -> None:
        """Over the path, if it carries anything now."""
        if not self._is_cut:
            call()
        elif len(self._lost) < MAX_HELD:
            self._lost.append(call)

    def _awake(self, call: Callable[[], None]) -> None:
        """In the process; a stopped one reads nothing, what reaches it waits in its socket."""
        if not self._is_frozen:
            call()
        elif len(self._held) < MAX_HELD:
            self._held.append(call)

    def _new_life(self) -> int:
        self._life += 1
        self._held.clear()
        self._lost.clear()
        return self._life
