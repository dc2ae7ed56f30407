"""`tagalong robot`: one robot until q, Ctrl-C, SIGTERM or the end of its video."""

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from common.errors import ConfigError, TagalongError
from common.logs import LogLevel, set_up_logs
from robot.agent import Agent
from robot.build import hardware_of
from robot.config import RobotConfig
from robot.keyboard import HELP, Keyboard
from robot.notify import Notifier, Service
from robot.values import Key
from robot.view import AgentView
from robot.watching import watchers_of

log = logging.getLogger(__name__)

CAMERA_KINDS = ("picamera2", "robomaster", "sim")  # all else that --camera may say is a source for `opencv`


def robot(
    camera: Annotated[
        str | None,
        typer.Option(
            help="Webcam index, video or picture file, rtsp:// address, picamera2, robomaster or sim. [default: 0]"
        ),
    ] = None,
    driver: Annotated[
        str | None,
        typer.Option(
            help="console (prints what it would drive), robomaster-text, robomaster-binary, dji-sdk or sim. "
            "[default: console]"
        ),
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option(help="Way to a RoboMaster: ap (its Wi-Fi), sta (yours), rndis (USB), uart. [default: ap]"),
    ] = None,
    rover_ip: Annotated[str | None, typer.Option(help="A RoboMaster's address, if it is not the usual one.")] = None,
    lights: Annotated[
        str | None,
        typer.Option(help="none, console, gpio, ws281x or robomaster. [default: the rover's own, else console]"),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="What to follow: person, face or a COCO class. [default: person]")
    ] = None,
    server: Annotated[
        list[str] | None, typer.Option(help="HOST:PORT of an edge server that is not announced; may be repeated.")
    ] = None,
    discovery: Annotated[
        bool | None, typer.Option("--discovery/--no-discovery", help="Find announced servers. [default: on]")
    ] = None,
    interface: Annotated[
        list[str] | None, typer.Option(help="Look for servers only there; may be repeated. Also $TAGALONG_INTERFACES.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Use only servers that announce this group.")] = None,
    keep_distance: Annotated[float | None, typer.Option(help="Metres to keep from the target. [default: 1.5]")] = None,
    repeat: Annotated[bool | None, typer.Option("--repeat/--once", help="Play a video file again and again.")] = None,
    web: Annotated[
        bool | None, typer.Option("--web/--no-web", help="A page to watch the robot. [default: off]")
    ] = None,
    web_host: Annotated[str | None, typer.Option(help="Address of the page. [default: 127.0.0.1]")] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of the page. [default: 8080]")] = None,
    archive: Annotated[
        bool | None, typer.Option("--archive/--no-archive", help="Publish faces over MQTT. [default: off]")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="MQTT broker to publish faces to: mqtt://HOST:PORT. [default: mqtt://127.0.0.1:1883]"
        ),
    ] = None,
    log_file: Annotated[Path | None, typer.Option("--log", help="Write a CSV log there.")] = None,
    id: Annotated[str | None, typer.Option(help="Name of this robot. [default: host name]")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Prometheus metrics; 0 is off. [default: 0]")] = None,
    duration: Annotated[float | None, typer.Option(min=0.0, help="Stop after so many seconds.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Look for camera, rover, lights, servers, broker (--archive), tell what is missing, and end.",
        ),
    ] = False,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings; flags win over it.")] = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much to say on standard error.")] = LogLevel.INFO,
) -> None:
    """Run a robot: it finds edge servers nearby and follows what they see.

    Try it with a webcam and no wheels, beside `tagalong edge`: tagalong robot --camera 0 --driver console

    A RoboMaster on a USB cable, a Pi camera: tagalong robot --driver robomaster-text --connection rndis
    --camera picamera2. First, without moving anything: the same with --check.
    """
    set_up_logs(log_level)
    overrides: dict[str, Any] = {
        "camera.kind": camera if camera in CAMERA_KINDS else None,
        "camera.source": None if camera in CAMERA_KINDS else camera,
        "camera.repeat": repeat,
        "base.kind": driver,
        "base.connection": connection,
        "base.ip": rover_ip,
        "lights": lights,
        "target.label": label,
        "handover.servers": [{"address": address} for address in server] if server else None,
        "handover.zeroconf": discovery,
        "handover.interfaces": interface or None,
        "handover.group": group,
        "servo.keep_distance_m": keep_distance,
        "web.enabled": web,
        "web.host": web_host,
        "web.port": web_port,
        "archive.enabled": archive,
        "archive.broker.url": broker,
        "log.path": log_file,
        "robot_id": id,
        "metrics_port": metrics_port,
    }
    try:
        settings = RobotConfig.load(config, overrides)
        if broker is not None and archive is None and not settings.archive.get("enabled"):
            raise ConfigError("--broker is where faces are published to, and nothing is published. Add --archive.")
        if check:
            from robot.check import check as check_all

            raise typer.Exit(check_all(settings, Console(highlight=False)))
        asyncio.run(_run(settings, duration))
    except TagalongError as error:
        for line in str(error).splitlines():
            print(f"tagalong robot: {line}", file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None


async def _run(config: RobotConfig, duration_s: float | None) -> AgentView:
    """Run one robot to its end; returns the last look at it. Raises TagalongError."""
    console = Console(highlight=False)
    keyboard = Keyboard() if config.keyboard else None
    clock = time.monotonic
    watchers = tuple(watchers_of(config, clock).values())
    hardware = hardware_of(config, console)
    with Service(Notifier.from_environ()) as service:
        agent = Agent(config, hardware, keyboard, clock, on_decision=service.on_decision, watchers=watchers)
        service.wait_for(lambda: bool(agent.view().jpeg))
        return await _run_agent(agent, service, console, keyboard, duration_s)


async def _run_agent(
    agent: Agent, service: Service, console: Console, keyboard: Keyboard | None, duration_s: float | None
) -> AgentView:
    config = agent.config
    console.print(
        f"robot {config.robot_id}: looks for {config.target.label}, asks for {', '.join(config.wanted_tasks)}"
    )
    if keyboard is not None and keyboard.is_there:
        console.print(HELP)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _quit_on, loop, number, agent, service)
    try:
        async with asyncio.timeout(duration_s):
            await agent.run()
    except TimeoutError:
        log.info("%.0f s are over", duration_s)
    view = agent.view()
    _say_goodbye(console, view)
    return view


def _quit_on(loop: asyncio.AbstractEventLoop, number: signal.Signals, agent: Agent, service: Service) -> None:
    """The first time in good order; a second one ends the program as usual."""
    loop.remove_signal_handler(number)
    service.stopping()
    agent.press(Key.QUIT)


def _say_goodbye(console: Console, view: AgentView) -> None:
    if view.counts is None:
        return
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in view.counts.outcomes.items() if count)
    console.print(f"sent {view.counts.sent} frames: {outcomes or 'none answered'}; {view.safety_stops} safety stops")
