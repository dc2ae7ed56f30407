"""The robot's mind: what was seen, felt and asked goes in with its time, one decision a tick comes out.

Pure: no clock, no sockets, no threads. The same core runs on the robot, in the simulator and in lockstep.
"""

import math

from handover.values import Server
from robot import behaviour
from robot.config import RobotConfig
from robot.decision import Decision
from robot.perception import Perception, Seen
from robot.safety import Safety
from robot.servo import slewed
from robot.states import Event, State, StateMachine, light_of
from robot.values import STILL, ArmourSide, CameraModel, DriveCommand, Key, Odometry, Result, Sound, Track

LEAP_S = 1.0  # a tick later than this after the last one: the clock leapt or the process was stopped
LOOK_AHEAD_S = (
    0.5  # where the target will be then is the side to search: the servo keeps it in the middle until it is lost
)
OFF_CENTRE_RAD = 0.05  # less than this, noise decides on which side the target is
KEYS = {Key.SEARCH: Event.KEY_SEARCH, Key.IDLE: Event.KEY_IDLE, Key.EXPLORE: Event.KEY_EXPLORE}
MIRROR_MARGIN_S = 2.0  # the shell gives up by its own limits; should it not, the core does so much later
SOUNDS = {State.SEARCH: Sound.SEARCH, State.FOLLOW: Sound.FOLLOW}
MOVING = (State.SEARCH, State.FOLLOW, State.HIT, State.EXPLORE)


class AgentCore:
    """Ticked at 50 Hz; every input carries its own time in seconds on one monotonic clock."""

    def __init__(self, config: RobotConfig, camera: CameraModel, start_s: float) -> None:
        self._config = config
        self._machine = StateMachine(start_s)
        self.safety = Safety(config.safety)
        self.perception = Perception(
            camera,
            config.tracker,
            config.target,
            config.approach,
            config.heights_m,
            config.default_height_m,
        )
        self._server: Server | None = None
        self._base_ready = True
        self._now_s = start_s
        self._slew = STILL  # what the servo has worked up to, before safety
        self._side = 1.0  # where the target was lost: +1 left, -1 right
        self._hit: ArmourSide | None = None
        self._sound: Sound | None = None
        self._answers_since_s: float | None = None  # fresh answers without a break since then
        self._sent_away = False  # told to idle: the person in view is to be left alone
        self._seen_somebody_s = -math.inf

    # ---- queries ----

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def mirror_since_s(self) -> float | None:
        """When `mirror` was entered; None in any other state."""
        return self._machine.entered_s if self.state is State.MIRROR else None

    @property
    def tracks(self) -> list[Track]:
        return self.perception.tracks

    # ---- inputs ----

    def on_result(self, result: Result) -> bool:
        """An answer to a frame, in any order. False when it was of no use (late, or from the future)."""
        return self.perception.on_result(result)

    def on_odometry(self, odometry: Odometry) -> None:
        self.perception.on_odometry(odometry)

    def on_server(self, now_s: float, server: Server | None) -> None:
        """The serving edge server changed; None: there is none."""
        self._server = server

    def on_base(self, ready: bool) -> None:
        """Whether the wheels can be reached."""
        self._base_ready = ready

    def on_key(self, now_s: float, key: Key) -> None:
        """`quit` and `forget` are the shell's to act on; the former stops the wheels here."""
        if key in (Key.ESTOP, Key.QUIT):
            if self.safety.estop and key is Key.ESTOP:
                self.safety.release_estop()
                self._handle(now_s, Event.RELEASE)
            else:
                self.safety.press_estop()
                self._handle(now_s, Event.ESTOP)
            return
        if key is Key.FORGET:
            return
        if key is Key.MIRROR:  # of somebody: of the one it follows, else of the one in view
            if self.state is State.FOLLOW or self.perception.look(now_s).in_view:
                self._handle(now_s, Event.KEY_MIRROR)
            return
        self._sent_away = key is Key.IDLE
        self._handle(now_s, KEYS[key])

    def on_hit(self, now_s: float, side: ArmourSide) -> None:
        """A plate of the armour was hit."""
        if self._handle(now_s, Event.HIT):
            self._hit = side

    def on_mirrored(self, now_s: float, is_dressed: bool) -> None:
        """The picture that was asked for is there, or there will be none."""
        self._handle(now_s, Event.DRESSED if is_dressed else Event.GAVE_UP)

    def look_for(self, label: str) -> None:
        """Follow another kind of object from now on."""
        self.perception.look_for(label)

    # ---- the tick ----

    def tick(self, now_s: float) -> Decision:
        """What to drive and show from now to the next tick."""
        dt_s = self._advance_clock(now_s)
        seen = self.perception.look(now_s)
        self._advance_state(now_s, seen)
        self._slew = self._wish(now_s, seen, dt_s)
        verdict = self.safety.judge(now_s, self._slew, self.perception.newest_capture_s, self._base_ready)
        if verdict.reason is not None:
            self._slew = STILL  # starts from standing when it may go again
        self.perception.on_command(now_s, verdict.command)
        sound, self._sound = self._sound, None
        place = seen.bearing_and_distance
        return Decision(
            time_s=now_s,
            state=self.state,
            light=light_of(self.state, self._server.colour_rgb if self._server else None),
            command=verdict.command,
            wanted=self._slew,
            sound=sound,
            target=seen.target,
            bearing_rad=place[0] if place else None,
            distance_m=place[1] if place else None,
            result_age_s=self._age_s(now_s),
            server=self._server,
            safety_stop=verdict.stopped,
            reason=verdict.reason,
        )

    def _advance_clock(self, now_s: float) -> float:
        """Time since the last tick, for the servo. A clock that went back voids all that was measured."""
        step_s, self._now_s = now_s - self._now_s, now_s
        newest_s = self.perception.newest_capture_s
        if step_s < 0 or (newest_s is not None and newest_s > now_s):
            self.perception.forget()
            self._machine.clock_moved(now_s)
            self._answers_since_s = None
            self._seen_somebody_s = -math.inf
        if not 0 <= step_s <= LEAP_S:
            self._slew = STILL
        return min(max(step_s, 0.0), 0.05)  # after a hiccup the speed still changes smoothly

    def _age_s(self, now_s: float) -> float:
        newest_s = self.perception.newest_capture_s
        return math.inf if newest_s is None else now_s - newest_s

    def _advance_state(self, now_s: float, seen: Seen) -> None:
        """At most a few events a tick; what the table does not list in this state does nothing."""
        age_s, times = self._age_s(now_s), self._config.behaviour
        fresh = age_s <= self._config.safety.max_age_s and self._base_ready  # without wheels answers are of no use
        if not fresh:
            self._answers_since_s = None
        elif self._answers_since_s is None:
            self._answers_since_s = now_s
        if seen.target is not None:
            self._seen_somebody_s = now_s
            heading_for_rad = seen.bearing_after(LOOK_AHEAD_S) if seen.measured else None
            if heading_for_rad is not None and abs(heading_for_rad) > OFF_CENTRE_RAD:
                self._side = math.copysign(1.0, heading_for_rad)
        elif now_s - self._seen_somebody_s > times.lost_after_s:
            self._sent_away = False

        self._machine.has_target = seen.target is not None
        in_state_s = now_s - self._machine.entered_s
        match self.state:
            case State.WAKEUP if in_state_s >= times.wakeup_s:
                self._handle(now_s, Event.AWAKE)
            case State.HIT if in_state_s >= times.escape_s:
                self._handle(now_s, Event.ESCAPED)
            case State.SEARCH if in_state_s >= times.search_s:
                self._handle(now_s, Event.TIRED)
            case State.FOLLOW if seen.target is None:
                self._handle(now_s, Event.LOST)
            case State.MIRROR if in_state_s >= self._config.mirror.longest_s + MIRROR_MARGIN_S:
                self._handle(now_s, Event.GAVE_UP)
            case State.OFFLINE if self._answers_since_s is not None:
                if now_s - self._answers_since_s >= times.online_after_s:
                    self._handle(now_s, Event.ANSWERED)
        silent_s = min(age_s, now_s - self._machine.entered_s)
        if silent_s > times.offline_after_s or not self._base_ready:
            self._handle(now_s, Event.SILENT)
        elif fresh and not self._sent_away and seen.in_view:
            self._handle(now_s, Event.TARGET)

    def _wish(self, now_s: float, seen: Seen, dt_s: float) -> DriveCommand:
        config, in_state_s = self._config.behaviour, now_s - self._machine.entered_s
        match self.state:
            case State.FOLLOW:
                wish = behaviour.chase(self._config.servo, seen)
            case State.SEARCH:
                wish = behaviour.search(config, self._side)
            case State.HIT:
                wish = behaviour.escape(config, self._hit)
            case State.EXPLORE:
                wish = behaviour.explore(config, in_state_s)
            case _:
                return STILL  # at once: these states promise standing wheels
        return STILL if wish.is_still else slewed(self._config.servo, self._slew, wish, dt_s)

    def _handle(self, now_s: float, event: Event) -> bool:
        if not self._machine.handle(now_s, event):
            return False
        self._sound = SOUNDS.get(self.state, self._sound)
        if self.state not in MOVING:
            self._slew = STILL
        return True
