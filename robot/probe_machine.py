"""What `tagalong robot --check` tells about this machine: system, groups, memory, power, the service."""

import asyncio
import grp
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from robot.cameras.config import OpencvCameraConfig, Picamera2Config
from robot.check import Finding, Findings, Mark
from robot.config import RobotConfig
from robot.drivers.lights_config import GpioLightsConfig, Ws281xLightsConfig
from robot.robomaster.config import RobomasterTextConfig

SERVICE = "tagalong-robot"
TIGHT_MB = 150  # less memory left than the robot needs
UNDERVOLTAGE = 0x10001  # bits of the firmware's: now, or since it was switched on
MODEL = Path("/proc/device-tree/model")
MEMORY = Path("/proc/meminfo")
SYSTEMD = Path("/run/systemd/system")
PLATFORM = Path("/sys/devices/platform")
THROTTLED = "soc*/soc*:firmware/get_throttled"


async def machine(config: RobotConfig) -> Findings:
    findings = [Finding("system", Mark.GOOD, _system())]
    findings += [*_groups(config), *_memory(), *_power()]
    if isinstance(config.camera, Picamera2Config):
        findings += _sees_system_packages()
    return findings + await _service()


def _system() -> str:
    model = MODEL.read_text(errors="replace").strip("\0\n ") if MODEL.exists() else platform.machine()
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{model}, {name}, Python {platform.python_version()}"


def needed_groups(config: RobotConfig) -> list[str]:
    """What the devices in these settings belong to on Raspberry Pi OS."""
    webcam = isinstance(config.camera, OpencvCameraConfig) and config.camera.source.isdecimal()
    needs = {
        "video": webcam or isinstance(config.camera, Picamera2Config),
        "gpio": isinstance(config.lights, GpioLightsConfig),
        "spi": isinstance(config.lights, Ws281xLightsConfig) and config.lights.pin == 10,
        "dialout": isinstance(config.base, RobomasterTextConfig) and config.base.connection == "uart",
    }
    return [group for group, needed in needs.items() if needed]


def _groups(config: RobotConfig) -> Iterator[Finding]:
    needed, mine = needed_groups(config), set(_my_groups())
    missing = [group for group in needed if group not in mine]
    if not needed or os.geteuid() == 0:
        return
    if missing:
        names = ",".join(missing)
        step = f"sudo usermod -aG {names} {os.environ.get('USER', '$USER')}, then log in again"
        yield Finding("groups", Mark.BAD, f"the user is not in {', '.join(missing)}", step)
    else:
        yield Finding("groups", Mark.GOOD, ", ".join(needed))


def _my_groups() -> Iterator[str]:
    for number in {*os.getgroups(), os.getegid()}:
        try:
            yield grp.getgrgid(number).gr_name
        except KeyError:  # a group without a name
            continue


def _memory() -> Iterator[Finding]:
    if not MEMORY.exists():
        return
    amounts = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines())
    free_mb = int(amounts.get("MemAvailable", "0").split()[0]) // 1024
    tight = free_mb < TIGHT_MB
    step = "End other programs, or leave out web and metrics." if tight else ""
    yield Finding("memory", Mark.NOTE if tight else Mark.GOOD, f"{free_mb} MB free", step)


def _power() -> Iterator[Finding]:
    for file in PLATFORM.glob(THROTTLED):
        if int(file.read_text(), 16) & UNDERVOLTAGE:
            step = "Take a stronger supply or a shorter cable; motors on the same battery pull it down."
            yield Finding("power", Mark.NOTE, "the voltage has been too low since it was switched on", step)


def _sees_system_packages() -> Iterator[Finding]:
    settings = Path(sys.prefix) / "pyvenv.cfg"
    if settings.exists() and "include-system-site-packages = true" not in settings.read_text().lower():
        step = "Make it anew: python3 -m venv --system-site-packages .venv"
        yield Finding("environment", Mark.BAD, "does not see the system's packages, where picamera2 lives", step)


def _has_systemd() -> bool:
    return SYSTEMD.exists() and shutil.which("systemctl") is not None


async def _service() -> Findings:
    if not _has_systemd():
        return [Finding("systemd", Mark.NOTE, "does not run here")]
    asked = await asyncio.create_subprocess_exec(
        "systemctl", "is-active", SERVICE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await asked.communicate()
    state = said.decode().strip()
    if state in ("inactive", "failed"):
        return [Finding("systemd", Mark.GOOD, f"the service {SERVICE} does not run")]
    if not state:
        return [Finding("systemd", Mark.NOTE, f"does not tell whether the service {SERVICE} runs")]
    step = f"sudo systemctl stop {SERVICE}, before this check and afterwards start it again"
    return [Finding("systemd", Mark.NOTE, f"the service {SERVICE} runs: it holds camera and rover", step)]
