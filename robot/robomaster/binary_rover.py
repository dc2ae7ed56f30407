"""One rover by the binary protocol: connects, keeps the connection alive, notices its end, connects again."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from common.backoff import Backoff
from common.errors import BadMessageError, DeviceError
from common.supervise import Job, supervise
from protos.robomaster.ids import BINARY_PORT, Command, Host, Subject
from protos.robomaster.payloads import (
    ArmorSensitivity,
    Attitude,
    Battery,
    GetMode,
    HitEvent,
    Imu,
    Position,
    SdkMode,
    Velocity,
)
from robot.robomaster.binary_base import READY_S, BinaryBase
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_handshake import local_ip_of, request_connection, rover_ip
from robot.robomaster.binary_lights import BinaryLights
from robot.robomaster.binary_link import Link
from robot.robomaster.binary_session import Identity, Wanted, subscribe, take_charge
from robot.robomaster.binary_video import BinaryVideo
from robot.robomaster.binary_wire import bound_socket, open_wire
from robot.robomaster.config import RobomasterBinaryConfig
from robot.robomaster.hits import Hits
from robot.robomaster.sounds import BinarySpeaker

log = logging.getLogger(__name__)

MOTION_HZ, BATTERY_HZ = 50, 1
HEARTBEAT_S = 1.0
PULSE_S = 0.2  # a question so often: pushes alone do not tell whether the rover hears us
GONE_S = 2.0  # without pushes or without answers: a connection that is worth nothing any more
HELD_S = 5.0  # a connection that lasted so long was a good one
BATTERY_LOW_PERCENT = 15


class BinaryRover:
    """Parts for the robot, and `run` that keeps them connected."""

    def __init__(self, config: RobomasterBinaryConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self.base = BinaryBase(config, counts_unacked=config.protocol == "tcp", clock=clock)
        self.lights = BinaryLights()
        self.speaker = BinarySpeaker(clock)
        self.armour = Hits()
        self.video = BinaryVideo(config)
        self.link: Link | None = None
        self.ip: str | None = None
        self._found_ip: str | None = None  # of a rover that was the first to be heard
        self.identity: Identity | None = None
        self.battery_percent: int | None = None
        self.connections = 0
        self.trouble = ""  # why there is no connection

    async def set_hit_sensitivity(self, number: float) -> None:
        """0 feels everything, 10 nearly nothing: as DJI's package counts. Raises RoverGone."""
        if self.link is None:
            raise RoverGone("rover: is not connected.")
        await self.link.order(Host.ARMOR, Command.ARMOR_SENSITIVITY, ArmorSensitivity.of(number).pack())

    async def run(self) -> None:
        """Until cancelled. Raises DeviceError for a first rover that no other try will help with."""
        backoff = Backoff()
        while True:
            began_s = self._clock()
            try:
                await self._connection()
            except DeviceError as error:
                if not isinstance(error, RoverGone) and self.connections == 0:
                    raise  # somebody is there to read it
                if self._clock() - began_s > HELD_S:
                    backoff.reset()
                pause_s, self.trouble = backoff.next_s(), str(error)
                log.warning("%s Tries again in %.1f s.", error, pause_s)
                await asyncio.sleep(pause_s)

    async def _connection(self) -> None:
        config = self._config
        ip = self._found_ip or await rover_ip(config)
        local_ip = local_ip_of(config, ip)
        tcp = config.protocol == "tcp"
        sock = bound_socket(local_ip, tcp)
        try:
            await request_connection(config, ip, local_ip, sock.getsockname()[1])
        except BaseException:
            sock.close()
            raise
        link = Link(self._clock)
        try:
            link.use(await open_wire(sock, (ip, BINARY_PORT), tcp, link.on_frames, link.on_lost))
            await supervise(
                [Job("rover session", lambda: self._session(link, ip)), Job("rover heartbeat", lambda: _beat(link))]
            )
        except BadMessageError as error:
            raise RoverGone(f"rover {ip}: answers what nobody understands ({error}).") from error
        finally:
            self.link = None
            await _leave(link, self._clock() - link.heard_s < READY_S)

    async def _session(self, link: Link, ip: str) -> None:
        config = self._config
        identity = await take_charge(link, config.profile)
        await subscribe(link, self._wanted())
        link.listen(Command.HIT_EVENT, self._on_hit)  # pushed to whoever is in SDK mode
        now_s = self._clock()
        self.base.felt_s = self.base.answered_s = now_s
        self.link, self.ip, self.identity = link, ip, identity
        if config.serial_number is None:
            self._found_ip = ip  # never another one, which happens to be heard first the next time
        self.connections, self.trouble = self.connections + 1, ""
        log.info("rover %s: %s, firmware %s", ip, identity.serial_number, identity.firmware)
        await supervise(
            [
                Job("rover wheels", lambda: self.base.serve(link, (ip, BINARY_PORT))),
                Job("rover lamps", lambda: self.lights.serve(link)),
                Job("rover sounds", lambda: self.speaker.serve(link)),
                Job("rover video", lambda: self.video.serve(link, ip)),
                Job("rover pulse", lambda: self._pulse(link)),
                Job("rover watch", lambda: self._watch(link, ip)),
            ]
        )

    def _wanted(self) -> list[Wanted]:
        pushed = self.base.pushed

        def on_position(data: bytes) -> None:
            position = Position.unpack(data)
            self.base.on_position(position.x_m, position.y_m)

        def on_attitude(data: bytes) -> None:
            pushed.on_yaw(self._clock(), Attitude.unpack(data).yaw_deg)

        def on_velocity(data: bytes) -> None:
            velocity = Velocity.unpack(data)
            pushed.on_speed(self._clock(), velocity.body_x_mps, velocity.body_y_mps)

        def on_imu(data: bytes) -> None:
            pushed.on_turn(self._clock(), Imu.unpack(data).gyro_z_radps)

        battery = Wanted(Subject.BATTERY, BATTERY_HZ, self._on_battery)
        if self._config.profile == "s1":
            return [battery]  # the rest would be zeros
        return [
            Wanted(Subject.ATTITUDE, MOTION_HZ, on_attitude),
            Wanted(Subject.IMU, MOTION_HZ, on_imu),
            Wanted(Subject.VELOCITY, MOTION_HZ, on_velocity),
            Wanted(Subject.POSITION, MOTION_HZ, on_position),
            battery,
        ]

    def _on_battery(self, data: bytes) -> None:
        percent = Battery.unpack(data).percent
        if self._config.profile == "s1" and percent == 0:
            return  # it always says so
        low_before = self.battery_percent is not None and self.battery_percent <= BATTERY_LOW_PERCENT
        self.battery_percent = percent
        if percent <= BATTERY_LOW_PERCENT and not low_before:
            log.warning("rover: battery at %d %%", percent)

    def _on_hit(self, data: bytes) -> None:
        plate = HitEvent.unpack(data).plate
        if not self.armour.add(plate):
            raise BadMessageError(f"hit on plate {plate}, which no rover has")

    async def _pulse(self, link: Link) -> None:
        while True:
            asked_s = self._clock()
            with contextlib.suppress(RoverGone):  # `_watch` counts the time
                answer = await link.ask(Host.SERVICE, Command.GET_MODE, GetMode().pack(), tries=1)
                if not (answer and answer[0]):  # else it says no: it has left SDK mode, and drives for nobody
                    self.base.answered_s = self._clock()
                    if self._config.profile == "s1":
                        self.base.felt_s = self.base.answered_s
            await asyncio.sleep(max(0.01, asked_s + PULSE_S - self._clock()))

    async def _watch(self, link: Link, ip: str) -> None:
        while not link.lost.done():
            silent_s = self._clock() - min(self.base.felt_s, self.base.answered_s)
            if silent_s > GONE_S:
                raise RoverGone(f"rover {ip}: silent for {silent_s:.1f} s.")
            await asyncio.wait([link.lost], timeout=GONE_S / 8)
        raise RoverGone(f"rover {ip}: the connection is gone ({link.lost.result()}).")


async def _beat(link: Link) -> None:
    while True:
        link.tell(Host.SERVICE, Command.HEARTBEAT)
        await asyncio.sleep(HEARTBEAT_S)


async def _leave(link: Link, is_there: bool) -> None:
    """Leaving SDK mode stops the rover and frees it for others."""
    leave = SdkMode(False).pack()
    try:
        if is_there:
            await link.ask(Host.SERVICE, Command.SDK_MODE, leave, tries=2)
        else:
            for _ in range(3):  # perhaps it only cannot be heard
                link.tell(Host.SERVICE, Command.SDK_MODE, leave)
    except RoverGone as error:
        log.debug("rover: could not be told goodbye: %s", error)
    finally:
        link.close()
