"""What `tagalong robot --check` looks at: camera, rover, lights, servers, watchers; this machine: `probe_machine`."""

import asyncio
import importlib.util
import math
import os
import time
from pathlib import Path

from rich.console import Console

from common.errors import TagalongError
from common.supervise import Job, supervise
from handover.session import OffloadSession
from handover.values import ServerView
from robot.cameras.config import OpencvCameraConfig, Picamera2Config
from robot.check import Finding, Findings, Mark, Probe, told
from robot.config import ConsoleBaseConfig, RobotConfig, SimBaseConfig, SimCameraConfig
from robot.drivers.lights_config import (
    ConsoleLightsConfig,
    GpioLightsConfig,
    NoLightsConfig,
    RobomasterLightsConfig,
    Ws281xLightsConfig,
)
from robot.hardware import Camera
from robot.probe_machine import machine
from robot.robomaster.config import DjiSdkConfig, RobomasterCameraConfig, RobomasterTextConfig
from robot.watching import Watcher, watchers_of

LOOK_FOR_SERVERS_S = 3.0  # an announced one is known after 0.1 s, or 1.2 s when a packet was lost


# ---- what the settings put together ----


async def parts(config: RobotConfig) -> Findings:
    """Nothing is reached for here. Raises ConfigError where parts do not go together, or a library is missing."""
    if not isinstance(config.camera, SimCameraConfig) and not isinstance(config.base, SimBaseConfig):
        from robot.build import hardware_of

        hardware_of(config, Console(quiet=True))
    return []


# ---- camera ----


async def camera(config: RobotConfig) -> Findings:
    opened: Camera
    match config.camera:
        case Picamera2Config():
            from robot.cameras.picamera2 import Picamera2Camera

            opened, name = Picamera2Camera(config.camera), f"picamera2 {config.camera.camera}"
        case OpencvCameraConfig():
            from robot.cameras.opencv import OpencvCamera

            opened, name = OpencvCamera(config.camera), config.camera.source
        case RobomasterCameraConfig():
            return [Finding("camera", Mark.NOTE, "the rover's own; not tried, that would take the rover over")]
        case SimCameraConfig():
            return [Finding("camera", Mark.GOOD, "simulated")]
    try:
        await opened.open()
        frame = await opened.latest()
    finally:
        await opened.close()
    model, age_s = opened.model, time.monotonic() - frame.capture_s
    size = f"{model.width_px}x{model.height_px}, {math.degrees(model.hfov_rad):.0f} deg wide"
    findings = [Finding("camera", Mark.GOOD, f"{name}: {size}, picture {age_s * 1e3:.0f} ms old")]
    if frame.bgr.max() < 16:
        findings.append(Finding("camera", Mark.NOTE, "the picture is black", "Take the cap off, or turn a light on."))
    return findings


# ---- rover ----


async def rover(config: RobotConfig) -> Findings:
    base = config.base
    if isinstance(base, ConsoleBaseConfig):
        return [Finding("rover", Mark.NOTE, "no wheels (base: console): prints what it would drive")]
    if isinstance(base, SimBaseConfig):
        return [Finding("rover", Mark.GOOD, "simulated")]
    if isinstance(base, DjiSdkConfig) and not _is_installed("robomaster"):
        step = "Take base.kind robomaster-binary, which needs nothing."
        return [Finding("rover", Mark.BAD, "DJI's package robomaster is not installed", step)]
    if isinstance(base, RobomasterTextConfig) and base.connection == "uart":
        return _serial_line(base.device)
    from robot.robomaster.reach import reach

    return [Finding("rover", Mark.GOOD, f"{await reach(base)} (nothing was sent to it)")]


def _serial_line(device: str) -> Findings:
    if not _is_installed("serial_asyncio_fast"):
        step = "pip install 'tagalong[robomaster]'"
        return [Finding("rover", Mark.BAD, "the library for serial lines is not installed", step)]
    if (trouble := _no_access("rover", device, "dialout", "Turn the serial port on: sudo raspi-config")) is not None:
        return [trouble]
    return [Finding("rover", Mark.NOTE, f"{device} is there; whether a rover is at its end shows only in use")]


# ---- lights ----


async def lights(config: RobotConfig) -> Findings:
    match config.lights:
        case GpioLightsConfig() as pins:
            trouble, what = _led_trouble(), f"LED on pins {pins.red}, {pins.green}, {pins.blue}"
        case Ws281xLightsConfig() as strip:
            trouble, what = _strip_trouble(strip.pin), f"strip of {strip.count} on pin {strip.pin}"
        case RobomasterLightsConfig():
            return [Finding("lights", Mark.GOOD, "the rover's own")]
        case NoLightsConfig():
            return [Finding("lights", Mark.GOOD, "none wanted")]
        case ConsoleLightsConfig() | None:
            return [Finding("lights", Mark.GOOD, "those of the base, else told in the terminal")]
    return [trouble or Finding("lights", Mark.GOOD, f"{what} (not lit for this check)")]


def _led_trouble() -> Finding | None:
    from robot.drivers.gpio import INSTALL

    missing = [name for name in ("gpiozero", "lgpio") if not _is_installed(name)]
    if missing:
        return Finding("lights", Mark.BAD, f"not installed: {', '.join(missing)}", INSTALL)
    chips = sorted(map(str, Path("/dev").glob("gpiochip*"))) or ["/dev/gpiochip0"]
    return _no_access("lights", chips[0], "gpio", "Is this a Raspberry Pi?")


def _strip_trouble(pin: int) -> Finding | None:
    from robot.drivers.ws281x import INSTALL, SPI_PIN

    if not _is_installed("rpi_ws281x"):
        return Finding("lights", Mark.BAD, "not installed: rpi_ws281x", INSTALL)
    if pin == SPI_PIN:
        spi_on = "Turn SPI on: sudo raspi-config nonint do_spi 0, then restart"
        return _no_access("lights", "/dev/spidev0.0", "spi", spi_on)
    return None if os.geteuid() == 0 else Finding("lights", Mark.BAD, f"pin {pin} needs root", f"Take pin {SPI_PIN}.")


# ---- servers ----


async def servers(config: RobotConfig) -> Findings:
    """Connects as a robot does, sends no picture, and leaves."""
    given = {server.address for server in config.handover.servers}
    if not given and not config.handover.zeroconf:
        step = "Give one (--server HOST:PORT), or let them be found (--discovery)."
        return [Finding("servers", Mark.BAD, "none is given, and none is looked for", step)]
    session = OffloadSession(
        config.handover, config.robot_id, config.wanted_tasks, lambda deliver: None, lambda event: None
    )

    wanted = config.wanted_tasks
    faces_will_do = config.face_fallback

    def is_known(view: ServerView) -> bool:
        return bool(view.server.tasks) and (not _offers(view, wanted) or not math.isnan(view.rtt_p50_s))

    async def enough() -> None:
        end_s = time.monotonic() + LOOK_FOR_SERVERS_S
        while time.monotonic() < end_s:
            views = session.views()
            if not config.handover.zeroconf and len(views) == len(given) and all(is_known(view) for view in views):
                return
            await asyncio.sleep(0.05)

    views: list[ServerView] = []

    async def look() -> None:
        await enough()
        views.extend(session.views())

    await supervise([Job("session", session.run), Job("look", look, ends_all=True)])
    if not views:
        step = "Start one (tagalong edge), or give its address where multicast is blocked: --server HOST:PORT"
        return [Finding("servers", Mark.BAD, f"none announced itself in {LOOK_FOR_SERVERS_S:.0f} s", step)]
    findings = [_about(view, view.server.address in given, wanted) for view in views]
    if any(finding.mark is Mark.GOOD for finding in findings):
        return findings
    if faces_will_do and any(_offers(view, ("face",)) for view in views):
        return [*findings, Finding("servers", Mark.NOTE, f"none for {' or '.join(wanted)}: the robot follows faces")]
    step = "Is a model missing there (tagalong models list)? Or start another one: tagalong edge"
    return [*findings, Finding("servers", Mark.BAD, f"none that answers for {' or '.join(wanted)}", step)]


def _offers(view: ServerView, tasks: tuple[str, ...]) -> bool:
    return bool(set(view.server.tasks) & set(tasks))


def _about(view: ServerView, is_given: bool, wanted: tuple[str, ...]) -> Finding:
    server = view.server
    name = server.address if server.server_id == server.address else f"{server.server_id} at {server.address}"
    offers = ", ".join(server.tasks)
    if offers and not _offers(view, wanted):  # a robot does not stay connected to it
        return Finding("server", Mark.NOTE, f"{name}: offers {offers}, not {' or '.join(wanted)}")
    if not view.connected:
        step = "Is it running, is the port right, does a firewall let it through?"
        return Finding("server", Mark.BAD if is_given else Mark.NOTE, f"{name}: does not answer", step)
    speed = "" if math.isnan(view.rtt_p50_s) else f", answers in {view.rtt_p50_s * 1e3:.0f} ms"
    return Finding("server", Mark.GOOD, f"{name}: offers {offers or 'what it does not tell'}{speed}")


# ---- who looks on ----


async def watchers(config: RobotConfig) -> Findings:
    """Raises ConfigError for one that is not installed, or whose settings are wrong."""

    async def probe(name: str, watcher: Watcher) -> Finding:
        try:
            return Finding(name, Mark.GOOD, await watcher.probe())
        except TagalongError as error:
            return told(name, error)

    return [await probe(name, each) for name, each in watchers_of(config, time.monotonic).items()]


# ---- helpers ----


def _is_installed(module: str) -> bool:
    """Without importing it: lgpio makes files when it is, others take a second."""
    return importlib.util.find_spec(module) is not None


def _no_access(what: str, device: str, group: str, if_missing: str) -> Finding | None:
    if not Path(device).exists():
        return Finding(what, Mark.BAD, f"there is no {device}", if_missing)
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding(
            what, Mark.BAD, f"{device} may not be used", f"sudo usermod -aG {group} $USER, then log in again"
        )
    return None


PROBES = (
    Probe("machine", 5.0, machine),
    Probe("settings", 10.0, parts),
    Probe("camera", 20.0, camera),
    Probe("rover", 10.0, rover),
    Probe("lights", 5.0, lights),
    Probe("servers", 10.0, servers),
    Probe("watchers", 15.0, watchers),
)
