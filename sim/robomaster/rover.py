"""The emulated robot itself: what both protocols command and ask. It has no sockets; time is passed in by `step`.

DJI's axes: x forward, y to the right (m, m/s), yaw clockwise (deg, deg/s).
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from protos.messages import RGB
from protos.robomaster.kinematics import body_speed
from protos.robomaster.unverified import (
    POWER_ON_MODE,
    S1_REFUSES_STREAM,
    S1_ZERO_SUBJECTS,
    SENSITIVITY_DEFAULT,
    SPEED_HOLD_S,
)
from sim.robomaster.action import Action
from sim.robomaster.body import Body
from sim.robomaster.driving import Driving
from sim.robomaster.gimbal import Gimbal
from sim.robomaster.identity import Identity, Profile
from sim.robomaster.modules import Modules
from sim.robomaster.sensing import Sensing, is_felt
from sim.robomaster.sounds import Sounds
from sim.robomaster.values import (
    Attitude,
    Battery,
    Esc,
    GimbalAngles,
    Hit,
    HitKind,
    Imu,
    Led,
    LedEffect,
    LedState,
    Mode,
    Position,
    SoundMode,
    Status,
    Velocity,
    Wheels,
)

MOVE_MPS, MOVE_DEGPS = 0.5, 30.0  # where a move does not say how fast
GIMBAL_DEGPS = 30.0
MAX_STEP_S = 0.1  # a process that was stopped has not moved its gimbal meanwhile


class Rover:
    """One client at a time drives it. Speeds hold until they are changed, or for `hold_s`."""

    def __init__(self, body: Body, identity: Identity | None = None, hold_s: float | None = SPEED_HOLD_S) -> None:
        self.identity = identity or Identity()
        self.now_s = 0.0
        self.mode = Mode(POWER_ON_MODE)
        self.modules = Modules()
        self.on_hit: list[Callable[[Hit], None]] = []
        self.on_release: list[Callable[[object], None]] = []  # told who it was, after all stopped
        self.sensitivity = SENSITIVITY_DEFAULT
        self._body = body
        self._owner: object | None = None
        self._driving = Driving(hold_s)
        self._gimbal = Gimbal()
        self._sensing = Sensing()
        self._sounds = Sounds()
        self._leds = dict.fromkeys(Led, LedState())
        self._stepped = False

    def step(self, now_s: float) -> None:
        """Every 5 to 10 ms. The motors stop by themselves soon after the last one."""
        dt_s = min(max(now_s - self.now_s, 0.0), MAX_STEP_S) if self._stepped else 0.0
        self._stepped, self.now_s = True, now_s
        before = self._sensing.sensed.position.yaw_deg
        sensed = self._body.sense()
        wanted = self._driving.step(now_s, sensed, self.mode, self._gimbal.yaw_deg)
        self._sensing.update(now_s, dt_s, sensed, wanted)
        self._gimbal.step(dt_s, sensed.position.yaw_deg - before, self.mode)
        self._sounds.step(now_s)
        self.modules.step(dt_s)
        self._body.drive(*wanted)
        self._body.look(self._gimbal.pitch_deg, self._gimbal.yaw_deg)
        for touch in sensed.touches:
            if is_felt(touch, self.sensitivity):
                self._tell_hit(Hit(touch.side, HitKind.COLLISION, touch.speed_mps))

    # ---- whose it is ----

    @property
    def owner(self) -> object | None:
        """The connection that drives it now, of whichever protocol."""
        return self._owner

    def claim(self, owner: object) -> bool:
        """False: another one has it."""
        if self._owner is None:
            self._owner = owner
        return self._owner is owner

    def release(self, owner: object) -> None:
        """Everything stops. Nothing happens if it was another's."""
        if self._owner is None or self._owner is not owner:
            return
        self.stop_all("the client has gone")
        self._owner = None
        for tell in list(self.on_release):
            tell(owner)

    def release_any(self) -> None:
        """The link of whoever has it is gone."""
        if self._owner is not None:
            self.release(self._owner)

    def stop_all(self, why: str) -> None:
        """Wheels, gimbal, sounds and what else moves."""
        self._driving.stop(why)
        self._gimbal.stop(why)
        self._sounds.stop(why)
        self.modules.servo_degps = dict.fromkeys(self.modules.servo_degps, 0.0)
        self._body.drive(0.0, 0.0, 0.0)  # not only at the next step

    # ---- chassis ----

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode

    def drive_speed(self, x_mps: float, y_mps: float, z_degps: float) -> None:
        """Clockwise. Where the gimbal leads, the turn is ignored. Ends a move."""
        self._driving.set_speed(self.now_s, (x_mps, y_mps, z_degps))

    def drive_wheels(self, wheels: Wheels) -> None:
        self._driving.set_speed(self.now_s, body_speed(wheels))

    def move(
        self,
        x_m: float = 0.0,
        y_m: float = 0.0,
        z_deg_ccw: float = 0.0,
        speed_mps: float = MOVE_MPS,
        turn_degps: float = MOVE_DEGPS,
    ) -> Action:
        """Counter-clockwise, unlike all other angles: so do both protocols. Raises ActionRefused during another."""
        here = self._sensing.sensed.position
        return self._driving.move(self.now_s, here, (x_m, y_m, -z_deg_ccw), speed_mps, turn_degps)

    def stop(self) -> None:
        self._driving.stop("stopped")

    @property
    def moving(self) -> Action | None:
        """The move that is going on."""
        return self._driving.moving

    def position(self) -> Position:
        """Since it was switched on; yaw does not wrap."""
        return self._sensing.sensed.position

    def attitude(self) -> Attitude:
        return Attitude() if self._is_zero("attitude") else self._sensing.attitude()

    def velocity(self) -> Velocity:
        return self._sensing.velocity()

    def wheels(self) -> Wheels:
        """As measured."""
        return Wheels(0.0, 0.0, 0.0, 0.0) if self._is_zero("esc") else self._sensing.wheels()

    def wheel_angles(self) -> tuple[float, float, float, float]:
        """Degrees 0..360: right front, left front, left rear, right rear."""
        return self.esc().angle_deg

    def esc(self) -> Esc:
        return Esc() if self._is_zero("esc") else self._sensing.esc()

    def imu(self) -> Imu:
        return Imu(acc_z_g=0.0) if self._is_zero("imu") else self._sensing.imu()

    def status(self) -> Status:
        return self._sensing.status()

    # ---- gimbal ----

    def gimbal_speed(self, pitch_degps: float, yaw_degps: float) -> None:
        """Ignored while suspended; yaw also where the chassis leads."""
        self._gimbal.set_speed(pitch_degps, yaw_degps)

    def gimbal_move(
        self,
        pitch_deg: float = 0.0,
        yaw_deg: float = 0.0,
        pitch_degps: float = GIMBAL_DEGPS,
        yaw_degps: float = GIMBAL_DEGPS,
        absolute: bool = False,
    ) -> Action:
        """`absolute`: seen from the chassis; else from where it is. Raises ActionRefused: moving, or suspended."""
        return self._gimbal.move(pitch_deg, yaw_deg, pitch_degps, yaw_degps, absolute, self.mode)

    def gimbal_recenter(self, pitch_degps: float = 60.0, yaw_degps: float = 60.0) -> Action:
        return self._gimbal.move(0.0, 0.0, pitch_degps, yaw_degps, True, self.mode)

    def gimbal_suspend(self) -> None:
        self._gimbal.suspend()

    def gimbal_resume(self) -> None:
        self._gimbal.resume()

    @property
    def gimbal_suspended(self) -> bool:
        return self._gimbal.is_suspended

    def gimbal(self) -> GimbalAngles:
        return self._gimbal.angles(self._sensing.sensed.position.yaw_deg)

    # ---- lights and sounds ----

    @property
    def leds(self) -> Mapping[Led, LedState]:
        return MappingProxyType(self._leds)

    def set_led(
        self,
        components: Collection[Led],
        rgb: RGB,
        effect: LedEffect = LedEffect.SOLID,
        on_s: float = 1.0,
        off_s: float = 1.0,
        mask: int = 0xFF,
    ) -> None:
        """`mask`: of the eight lights of a top one, lowest bit first."""
        state = LedState(rgb, effect, on_s, off_s, mask)
        for led in components:
            self._leds[led] = state
            self._body.shine(led, state)

    def play_sound(self, sound_id: int, times: int = 1, mode: SoundMode = SoundMode.REPLACE) -> Action:
        """Raises ActionRefused: another plays and is to go on, or there is no such upload."""
        return self._sounds.play(self.now_s, sound_id, times, mode)

    def stop_sound(self) -> None:
        self._sounds.stop("stopped")

    def store_audio(self, number: int, data: bytes) -> None:
        """Number 0..9; played as sound 0xE0 + number."""
        self._sounds.store(number, data)

    @property
    def sounds_played(self) -> list[int]:
        """Ids in the order they began; the last 1000."""
        return self._sounds.played

    @property
    def sounds_playing(self) -> tuple[int, ...]:
        return self._sounds.playing

    @property
    def audio(self) -> Mapping[int, bytes]:
        return MappingProxyType(self._sounds.audio)

    # ---- armour and the rest ----

    def set_armor_sensitivity(self, sensitivity: int) -> None:
        """1..10 as in the text protocol: 10 feels the most."""
        self.sensitivity = min(max(sensitivity, 1), 10)

    def hit(self, hit: Hit) -> None:
        """As if a plate had been hit by something that the world does not have (a bead, a hand)."""
        self._tell_hit(hit)

    def battery(self) -> Battery:
        return Battery(0.0, 0.0, 0.0, 0) if self._is_zero("battery") else self._sensing.battery()

    @property
    def has_camera(self) -> bool:
        """An opened S1 refuses its stream."""
        return not (self._is_s1 and S1_REFUSES_STREAM)

    @property
    def _is_s1(self) -> bool:
        return self.identity.profile is Profile.S1

    def _is_zero(self, subject: str) -> bool:
        return self._is_s1 and subject in S1_ZERO_SUBJECTS

    def _tell_hit(self, hit: Hit) -> None:
        for tell in list(self.on_hit):
            tell(hit)
