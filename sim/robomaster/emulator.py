"""One robot on the network: the model, its body, and all services on one address."""

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from common.errors import ConfigError
from common.supervise import Job, supervise
from protos.robomaster.ids import FTP_PORT
from protos.robomaster.unverified import SPEED_HOLD_S
from sim.robomaster.audio import AudioService
from sim.robomaster.binary.service import BinaryService
from sim.robomaster.body import Body
from sim.robomaster.camera import GreyPictures, PictureSource
from sim.robomaster.carrier import Carrier
from sim.robomaster.discovery import EVERYBODY, Announcer
from sim.robomaster.ftp import FtpService
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.text.service import TextService
from sim.robomaster.video import FPS, VideoService

STEP_S = 0.005
CARRIER_S = 0.05  # how often the network's carrier is asked for
LOOPBACK_BROADCAST = "127.255.255.255"


class Emulator:
    """`await run()`, or put `jobs()` beside others. The world's own clock is somebody else's job."""

    def __init__(
        self,
        body: Body,
        ip: str = "127.0.0.1",
        identity: Identity | None = None,
        pictures: PictureSource | None = None,
        hold_s: float | None = SPEED_HOLD_S,
        announce_to: Sequence[str] | None = None,
        video_fps: float = FPS,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`hold_s`: speeds are void after that time. `announce_to`: who is told where the robot is; None: everybody.

        `say` hears what cannot be offered here.
        """
        self.ip = ip
        self.rover = Rover(body, identity, hold_s)
        self.video = VideoService(pictures or GreyPictures(), ip, video_fps)
        self.audio = AudioService(ip)
        self.text = TextService(self.rover, ip, self.video, self.audio)
        self.binary = BinaryService(self.rover, ip, self.video, self.audio)
        self.ftp: FtpService | None = FtpService(self.rover.store_audio, ip)
        self.announcer = Announcer(self.rover, ip, announce_to if announce_to is not None else _everybody_near(ip))
        self._body = body
        self._say = say

    def jobs(self) -> list[Job]:
        return [Job(f"robot {self.ip}", self.run)]

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError for an address of another machine, LinkError for a port that is taken."""
        check_address(self.ip)
        jobs = [
            Job("rover", self._run_rover),
            Job("carrier", self._watch_carrier),
            Job("video", self.video.run),
            Job("audio", self.audio.run),
            Job("text", self.text.run),
            Job("binary", self.binary.run),
            Job("announcements", self.announcer.run),
        ]
        refusal = _refusal(self.ip, FTP_PORT)
        if refusal is None and self.ftp is not None:
            jobs.append(Job("ftp", self.ftp.run))
        else:
            self.ftp = None
            self._say(
                f"{self.ip}: no sounds can be uploaded and DJI's package does not connect, because port {FTP_PORT} "
                f"cannot be opened ({refusal})."
            )
        await supervise([Job(f"{job.name} of robot {self.ip}", job.run) for job in jobs])

    async def ready(self) -> None:
        """All ports are open."""
        for service in (self.video, self.audio, self.text, self.binary, self.announcer):
            await service.ready.wait()
        if self.ftp is not None:  # asked last: it may turn out only at the start that there is none
            await self.ftp.ready.wait()

    async def _run_rover(self) -> None:
        try:
            while True:
                self.rover.step(time.monotonic())
                await asyncio.sleep(STEP_S)
        finally:
            self.rover.stop_all("the robot is switched off")

    async def _watch_carrier(self) -> None:
        """A client that cannot be heard any more does not drive."""
        carrier = Carrier(self.ip)
        try:
            while True:
                if not carrier.is_up():
                    self.rover.release_any()
                await asyncio.sleep(CARRIER_S)
        finally:
            carrier.close()


def check_address(ip: str) -> None:
    """Raises ConfigError where nothing can listen on it."""
    if not _is_one_address(ip):
        raise ConfigError(f"{ip!r} is no IPv4 address of one robot. Use 127.0.0.1, 127.0.0.2, ...")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError as error:
        raise ConfigError(
            f"{ip!r} is no IPv4 address of this machine ({error.strerror or error}). Use 127.0.0.1, 127.0.0.2, ..., or "
            f"add it: sudo ip address add {ip}/24 dev lo"
        ) from error


def _is_one_address(ip: str) -> bool:
    try:
        address = IPv4Address(ip)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)


def _refusal(ip: str, port: int) -> str | None:
    """Why the port cannot be opened, and what to do; None when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "in use: end what holds it"
            return (
                f"{(error.strerror or str(error)).lower()}: run as root, or "
                "sudo sysctl net.ipv4.ip_unprivileged_port_start=21"
            )
    return None


def _everybody_near(ip: str) -> tuple[str, ...]:
    return (LOOPBACK_BROADCAST,) if ip.startswith("127.") else EVERYBODY
