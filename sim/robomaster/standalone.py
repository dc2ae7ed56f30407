"""`tagalong sim --robomaster`: the simulated rover as a RoboMaster on the network, for programs of any kind."""

import asyncio
import math
import signal
from dataclasses import dataclass

from rich.console import Console

from common.errors import ConfigError
from common.supervise import Job, supervise
from protos.robomaster.ids import (
    AUDIO_PORT,
    BINARY_PORT,
    FTP_PORT,
    HANDSHAKE_PORT,
    TEXT_EVENT_PORT,
    TEXT_PORT,
    VIDEO_PORT,
)
from sim import scenario
from sim.body import WorldClock
from sim.robomaster.diary import Diary
from sim.robomaster.emulator import Emulator, check_address
from sim.robomaster.identity import Identity
from sim.robomaster.page import RoverPage
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.robomaster.world_camera import WorldPictures
from sim.scenario import Scenario, Start
from sim.world import World

ROOM = "room"
APART_M = 0.7
DIARY_S = 0.1
SERIAL_NUMBER = Identity().serial_number


@dataclass(frozen=True, slots=True)
class Robots:
    """What was asked for."""

    ips: tuple[str, ...] = ("127.0.0.1",)
    scenario: str = ROOM
    seed: int | None = None
    web_port: int | None = None  # None: no page


def serve(console: Console, robots: Robots) -> None:
    """Until interrupted. Raises TagalongError."""
    if len(set(robots.ips)) < len(robots.ips):
        raise ConfigError("--ip: each robot needs an address of its own, for example 127.0.0.1 and 127.0.0.2.")
    for ip in robots.ips:
        check_address(ip)
    loaded = scenario.load(robots.scenario)
    if loaded.world is None:
        raise ConfigError(f"scenario {loaded.name} plays a video; a robot needs a world. Try --robomaster room.")
    asyncio.run(_serve(console, robots, with_rovers(loaded, len(robots.ips))))


def with_rovers(loaded: Scenario, count: int) -> Scenario:
    """Rovers that the scenario has no place for stand beside and behind the first one."""
    more = list(loaded.more_rovers)[: count - 1]
    start = loaded.rover
    heading = math.radians(start.heading_deg)
    for number in range(len(more) + 1, count):
        behind, left = APART_M * (number // 3), APART_M * (0, 1, -1)[number % 3]
        x = start.at[0] - math.cos(heading) * behind - math.sin(heading) * left
        y = start.at[1] - math.sin(heading) * behind + math.cos(heading) * left
        more.append(Start(at=(x, y), heading_deg=start.heading_deg))
    return loaded.model_copy(update={"more_rovers": more})


def serial_number_of(number: int) -> str:
    """The first one has the number that DJI's examples ask for."""
    return SERIAL_NUMBER if number == 0 else f"{SERIAL_NUMBER[:-2]}{number + 1:02d}"


async def _serve(console: Console, robots: Robots, loaded: Scenario) -> None:
    world = World(loaded, robots.seed, ROBOMASTER_LIMITS)
    clock = WorldClock(world)
    pictures = [WorldPictures(world, rover.number) for rover in world.rovers]
    emulators = [
        Emulator(
            WorldBody(clock, rover), ip, Identity(serial_number_of(rover.number)), pictures[rover.number],
            say=lambda text: console.print(f"[yellow]{text}", soft_wrap=True),
        )
        for ip, rover in zip(robots.ips, world.rovers, strict=True)
    ]  # fmt: skip
    jobs = [
        Job("world", clock.run),
        *(job for emulator in emulators for job in emulator.jobs()),
        Job("diary", lambda: _tell(console, world, emulators)),
    ]
    if robots.web_port is not None:
        page = RoverPage(world, emulators[0].rover, pictures[0], robots.web_port, console.print)
        jobs += page.jobs()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    clock.start()
    try:
        await supervise(jobs)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        for each in pictures:
            await each.close()


async def _tell(console: Console, world: World, emulators: list[Emulator]) -> None:
    for emulator in emulators:
        await emulator.ready()
        console.print(how_to_connect(emulator), highlight=False, soft_wrap=True)
    place = world.scenario.name
    together = f", all in one {place}" if len(emulators) > 1 else f" in the {place}"
    console.print(f"Ready{together}. Ctrl-C ends it.")
    diaries = [(emulator, Diary(emulator.rover)) for emulator in emulators]
    while True:
        for emulator, diary in diaries:
            for line in diary.look(world.time_s):
                console.print(
                    f"{world.time_s:7.1f} s  {emulator.ip}  {line}", markup=False, highlight=False, soft_wrap=True
                )
        await asyncio.sleep(DIARY_S)


def how_to_connect(emulator: Emulator) -> str:
    ip, identity = emulator.ip, emulator.rover.identity
    ftp = f", FTP {FTP_PORT}" if emulator.ftp is not None else ""
    return (
        f"[bold]RoboMaster {identity.serial_number} at {ip}[/bold] (firmware {identity.firmware})\n"
        f"  by hand         nc {ip} {TEXT_PORT}   then: command;   chassis move x 0.5;   chassis position ?;\n"
        f'  DJI\'s package   robomaster.config.ROBOT_IP_STR = "{ip}"; '
        f'robomaster.config.LOCAL_IP_STR = "{ip if ip.startswith("127.") else "..."}"; '
        'robot.Robot().initialize(conn_type="sta")\n'
        f"  this project    tagalong robot --driver robomaster-text --connection sta --rover-ip {ip} --camera 0\n"
        f"  ports           text {TEXT_PORT}, events {TEXT_EVENT_PORT}, binary UDP {HANDSHAKE_PORT} and {BINARY_PORT} "
        f"(TCP too), video {VIDEO_PORT}, audio {AUDIO_PORT}{ftp}"
    )
