"""`tagalong robot --check`: it finds what is there, names what is missing, and leaves everything as it was."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console

from common.errors import DeviceError
from common.settings import load_settings
from robot import probe_machine, probes
from robot.check import Finding, Findings, Mark, Probe, look, table
from robot.config import RobotConfig
from robot.robomaster import reach as reach_module
from tests.robot.edge_process import Edge

ROBOT = "import typer; from robot.cli import robot; typer.run(robot)"
ROVER_IP, OTHER_IP = "127.0.80.2", "127.0.80.3"


def settings(**flags: object) -> RobotConfig:
    given = {"handover.zeroconf": False, "keyboard": False}
    return load_settings(RobotConfig, None, "", given | {key.replace("__", "."): value for key, value in flags.items()})


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(tmp_path)
    yield edge
    edge.kill()


def picture(folder: Path, grey: int = 90) -> str:
    path = folder / "picture.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), grey, np.uint8))
    return str(path)


# ---- the list of probes ----


async def fine(config: RobotConfig) -> Findings:
    return [Finding("fine", Mark.GOOD, "there")]


async def gone(config: RobotConfig) -> Findings:
    raise DeviceError("camera 7: cannot be opened. Look with `ls /dev/video*`. Or take another one.")


async def stuck(config: RobotConfig) -> Findings:
    await asyncio.Event().wait()
    return []


async def broken(config: RobotConfig) -> Findings:
    raise ZeroDivisionError("by mistake")


async def test_a_probe_that_fails_or_hangs_is_a_finding_and_the_others_go_on() -> None:
    all_probes = [
        Probe("camera", 5.0, gone),
        Probe("rover", 0.05, stuck),
        Probe("lights", 5.0, broken),
        Probe("x", 5.0, fine),
    ]
    found = await look(settings(), all_probes)
    assert found == [
        Finding("camera", Mark.BAD, "camera 7: cannot be opened.", "Look with `ls /dev/video*`. Or take another one."),
        Finding("rover", Mark.BAD, "not known: looking took longer than 0 s", "Try once more."),
        Finding("lights", Mark.BAD, "ZeroDivisionError: by mistake"),
        Finding("fine", Mark.GOOD, "there"),
    ]


def test_names_out_of_the_network_bring_no_markup_and_no_escape_codes() -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as shown:
        console.print(table([Finding("server", Mark.NOTE, "[red]hall[/red]\x1b[2J at 192.0.2.1:1")]))
    assert "[red]hall[/red][2J at" in shown.get()
    assert "\x1b" not in shown.get()


# ---- this machine ----


@pytest.mark.parametrize(
    ("flags", "groups"),
    [
        ({"camera": {"kind": "picamera2"}}, ["video"]),
        ({"camera": {"source": "0"}, "lights": "gpio"}, ["video", "gpio"]),
        ({"camera": {"source": "film.avi"}, "lights": "ws281x"}, ["spi"]),
        ({"camera": {"source": "film.avi"}, "lights": {"kind": "ws281x", "pin": 18}}, []),
        ({"camera": {"kind": "robomaster"}, "base": {"kind": "robomaster-text", "connection": "uart"}}, ["dialout"]),
    ],
)
def test_the_groups_asked_for_are_those_of_the_devices_in_the_settings(flags: Any, groups: list[str]) -> None:
    assert probe_machine.needed_groups(settings(**flags)) == groups


async def test_a_missing_group_comes_with_the_command_that_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(probe_machine, "_my_groups", lambda: iter(["video"]))
    found = {each.what: each for each in await probe_machine.machine(settings(lights="gpio"))}
    assert found["groups"].mark is Mark.BAD
    assert found["groups"].next_step.startswith("sudo usermod -aG gpio ")
    assert "Python" in found["system"].found


async def test_low_voltage_and_little_memory_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firmware = tmp_path / "soc" / "soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text("50000\n")
    (tmp_path / "meminfo").write_text("MemTotal:  512000 kB\nMemAvailable:  100000 kB\n")
    monkeypatch.setattr(probe_machine, "PLATFORM", tmp_path)
    monkeypatch.setattr(probe_machine, "MEMORY", tmp_path / "meminfo")
    found = {each.what: each for each in await probe_machine.machine(settings())}
    assert (found["power"].mark, found["memory"].mark) == (Mark.NOTE, Mark.NOTE)
    assert found["memory"].found == "97 MB free"


@pytest.mark.parametrize(
    ("says", "mark"), [("active", Mark.NOTE), ("activating", Mark.NOTE), ("inactive", Mark.GOOD), ("", Mark.NOTE)]
)
async def test_a_running_service_is_told_for_it_holds_camera_and_rover(
    says: str, mark: Mark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\necho {says}\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(probe_machine, "SYSTEMD", tmp_path)
    found = {each.what: each for each in await probe_machine.machine(settings())}
    assert found["systemd"].mark is mark


async def test_parts_that_do_not_go_together_are_a_finding() -> None:
    probe = Probe("settings", 10.0, probes.parts)
    (found,) = await look(settings(lights="robomaster"), [probe])
    assert (found.what, found.mark) == ("settings", Mark.BAD)
    assert await look(settings(lights="gpio"), [probe]) == []


# ---- camera and lights ----


async def test_a_camera_that_works_is_described_and_a_black_picture_is_told(tmp_path: Path) -> None:
    (found,) = await probes.camera(settings(camera__source=picture(tmp_path)))
    assert found.mark is Mark.GOOD
    assert "64x48, 62 deg wide" in found.found
    both = await probes.camera(settings(camera__source=picture(tmp_path, grey=2)))
    assert [each.mark for each in both] == [Mark.GOOD, Mark.NOTE]


async def test_the_rovers_own_camera_is_not_tried() -> None:
    config = settings(camera={"kind": "robomaster"}, base={"kind": "robomaster-text"})
    assert [each.mark for each in await probes.camera(config)] == [Mark.NOTE]


@pytest.mark.parametrize(
    ("lights", "installed", "says"),
    [
        ("gpio", {"gpiozero"}, "not installed: lgpio"),
        ("gpio", {"gpiozero", "lgpio"}, "/dev/gpiochip"),
        ("ws281x", set(), "not installed: rpi_ws281x"),
        ("ws281x", {"rpi_ws281x"}, "/dev/spidev0.0"),
        ({"kind": "ws281x", "pin": 18}, {"rpi_ws281x"}, "pin 18 needs root"),
    ],
)
async def test_lights_that_cannot_work_are_told_without_touching_a_pin(
    lights: Any, installed: set[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_is_installed", installed.__contains__)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (found,) = await probes.lights(settings(lights=lights))
    assert found.mark is Mark.BAD
    assert says in found.found
    assert found.next_step


# ---- rover ----


class Listener:
    """A port of a rover, and all that was sent to it."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.heard: list[bytes] = []

    @asynccontextmanager
    async def at(self, ip: str, port: int = 0) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, ip, port)
        async with server:
            yield server.sockets[0].getsockname()[1]
            async with asyncio.timeout(10):
                while not self.heard:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        self.heard.append(await reader.read())
        writer.close()


async def test_a_rover_on_the_text_protocol_is_reached_without_a_word() -> None:
    rover = Listener()
    async with rover.at(ROVER_IP, 40923):
        (found,) = await probes.rover(settings(base={"kind": "robomaster-text", "ip": ROVER_IP}))
    assert found.mark is Mark.GOOD
    assert ROVER_IP in found.found
    assert rover.heard == [b""]


async def test_a_rover_on_the_binary_protocol_is_known_by_its_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    for greeting, says in ((b"220 hello\r\n", "greets"), (b"", "does not greet")):
        rover = Listener(greeting)
        async with rover.at(ROVER_IP) as port:
            monkeypatch.setattr(reach_module, "FTP_PORT", port)
            monkeypatch.setattr(reach_module, "GREETING_S", 0.5)
            config = settings(base={"kind": "robomaster-binary", "ip": ROVER_IP})
            (found,) = await look(config, [Probe("rover", 10.0, probes.rover)])
        assert says in found.found
        assert found.mark is (Mark.GOOD if greeting else Mark.BAD)
        assert rover.heard == [b""]


async def test_a_closed_port_and_a_rover_that_does_not_answer_come_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(base={"kind": "robomaster-text", "connection": "rndis", "ip": OTHER_IP})
    with pytest.raises(DeviceError, match=r"port 40923 is closed.*starts up"):
        await probes.rover(config)

    async def nothing(ip: str, port: int) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr("asyncio.open_connection", nothing)
    monkeypatch.setattr(reach_module, "CONNECT_S", 0.05)
    with pytest.raises(DeviceError, match=r"no answer.*USB cable.*192\.168\.42\.x"):
        await probes.rover(config)


async def test_a_serial_line_is_looked_at_and_not_opened(tmp_path: Path) -> None:
    base = {"kind": "robomaster-text", "connection": "uart"}
    (found,) = await probes.rover(settings(base=base | {"device": str(tmp_path / "ttyNone")}))
    assert found.mark is Mark.BAD
    assert "raspi-config" in found.next_step
    (tmp_path / "ttySome").touch()
    (found,) = await probes.rover(settings(base=base | {"device": str(tmp_path / "ttySome")}))
    assert found.mark is Mark.NOTE


# ---- servers, and all together ----


async def test_servers_are_asked_what_they_offer_and_one_that_is_gone_is_named(edge: Edge) -> None:
    await edge.start()
    here = f"127.0.0.1:{edge.port}"
    found = await probes.servers(settings(handover__servers=[{"address": here}, {"address": "127.0.0.1:9"}]))
    assert {each.mark for each in found} == {Mark.GOOD, Mark.BAD}
    good, bad = sorted(found, key=lambda each: each.mark is Mark.BAD)
    assert f"edge-1 at {here}: offers person" in good.found
    assert bad.found == "127.0.0.1:9: does not answer"
    cats = await probes.servers(settings(handover__servers=[{"address": here}], tasks=["coco"]))
    assert [each.mark for each in cats] == [Mark.NOTE, Mark.BAD]
    assert cats[0].found == f"edge-1 at {here}: offers person, not coco"


async def test_where_only_faces_are_offered_they_will_do(tmp_path: Path) -> None:
    edge = Edge(tmp_path, "face")
    try:
        await edge.start()
        given = settings(handover__servers=[{"address": f"127.0.0.1:{edge.port}"}])
        found = await probes.servers(given)
    finally:
        edge.kill()
    assert [each.mark for each in found] == [Mark.NOTE, Mark.NOTE]
    assert "follows faces" in found[-1].found


async def test_no_server_at_all_is_told_with_what_to_start() -> None:
    (found,) = await probes.servers(settings())
    assert found.mark is Mark.BAD
    assert "--server HOST:PORT" in found.next_step


async def test_the_command_tells_all_in_a_table_and_leaves_nothing_behind(edge: Edge, tmp_path: Path) -> None:
    await edge.start()
    here = tmp_path / "here"
    here.mkdir()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "100", "TAGALONG_INTERFACES": "127.0.0.1"}

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-c", ROBOT, "--check", "--no-discovery", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False, cwd=here
        )

    done = await asyncio.to_thread(
        check, "--camera", picture(tmp_path), "--server", f"127.0.0.1:{edge.port}", "--id", "pi"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All there." in done.stdout
    assert "missing" not in done.stdout
    done = await asyncio.to_thread(check, "--camera", "/nowhere.avi", "--server", "127.0.0.1:9")
    assert done.returncode == 1
    assert "there is no such file" in done.stdout
    assert "-> Give the path of a video or picture file." in done.stdout
    assert "3 things missing" in done.stdout
    assert "Traceback" not in done.stderr
    assert list(here.iterdir()) == []
