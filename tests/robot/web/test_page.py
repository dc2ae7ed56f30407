"""The page, served for real and asked by real clients."""

import asyncio
import json
import math
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.errors import ConfigError
from robot.values import Key
from robot.view import AgentView
from robot.web.page import run
from robot.web.state import to_json
from robot.web.viewers import CAMERA, MAX_VIEWERS, TOP, key_in, may_connect
from tests.robot.web.browser import CHROMIUM, browsing
from tests.sim.example import FLOOR_PLAN, agent_view


def picture(noise: bool = False) -> bytes:
    bgr = np.full((480, 640, 3), (60, 160, 40), np.uint8)
    if noise:  # does not compress: a big message
        bgr = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


class Robot:
    """A robot that goes on living: each view has a new picture."""

    def __init__(self, jpeg: bytes = b"") -> None:
        self.jpeg = jpeg or picture()
        self.views = 0
        self.pressed: list[Key] = []

    def view(self) -> AgentView:
        self.views += 1
        return agent_view(20 + self.views / 30, bytes(bytearray(self.jpeg)))

    def press(self, key: Key) -> None:
        self.pressed.append(key)


class World:
    def plan(self) -> dict[str, Any]:
        return FLOOR_PLAN.to_json()

    def moment(self) -> dict[str, Any]:
        return {"rover": [1.0, 0.0, 0.0], "people": [[3.0, 0.0, True]], "now_s": 20.0, "length_s": 60.0}

    def top_jpeg(self) -> bytes:
        return TOP_JPEG


TOP_JPEG = picture()


@asynccontextmanager
async def served(robot: Robot, world: World | None = None) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(robot, "127.0.0.1", 0, world, ready.set_result))
    try:
        yield (await asyncio.wait_for(ready, 20)).removeprefix("http://")
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def get(address: str, path: str) -> str:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def next_state(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message = await client.recv()
            if isinstance(message, str) and json.loads(message)["type"] == "state":
                return dict(json.loads(message))


async def test_the_page_and_its_files_come_from_here_and_from_nowhere_else() -> None:
    async with served(Robot()) as address:
        page = await get(address, "/")
        assert page.startswith("HTTP/1.1 200")
        assert "<title>tagalong</title>" in page
        assert "default-src 'self'" in page
        for file in ("page.css", "page.js", "draw.js", "map.js", "favicon.svg"):
            text = await get(address, f"/{file}")
            assert text.startswith("HTTP/1.1 200"), file
            assert "https://" not in text
        for path in ("/no-such-page", "/../page.py", "/%2e%2e/page.py", "/docs"):
            assert (await get(address, path)).startswith("HTTP/1.1 404"), path


async def test_a_viewer_gets_plan_state_and_pictures() -> None:
    robot = Robot()
    async with served(robot, World()) as address, connect(f"ws://{address}/live") as client:
        async with asyncio.timeout(20):
            plan = json.loads(await client.recv())
            assert plan["type"] == "plan"
            assert plan["plan"]["sites"][0]["id"] == "edge-1"
            kinds: set[bytes] = set()
            while kinds != {CAMERA, TOP}:
                message = await client.recv()
                if isinstance(message, bytes):
                    kinds.add(message[:1])
                    assert message[1:] in (robot.jpeg, TOP_JPEG)
        state = await next_state(client)
        assert state["state"] == "follow"
        assert state["server"] == "edge-2"
        assert state["colour"] == "#10ac54"
        assert [track["target"] for track in state["tracks"]] == [True, False]
        assert state["world"]["people"] == [[3.0, 0.0, True]]
        assert state["viewers"] == 1


async def test_a_key_reaches_the_robot_and_nothing_else_does() -> None:
    robot = Robot()
    async with served(robot) as address, connect(f"ws://{address}/live") as client:
        for bad in ('{"key": "quit"}', '{"key": "fly"}', "no json", "[]", '{"key": 5}', "[" * 3000):
            await client.send(bad)
        await client.send('{"key": "estop"}')
        async with asyncio.timeout(20):
            while not robot.pressed:
                await next_state(client)
        assert robot.pressed == [Key.ESTOP]


async def test_a_binary_message_ends_only_that_connection() -> None:
    robot = Robot()
    async with served(robot) as address:
        async with connect(f"ws://{address}/live") as client:
            await client.send(b"\x00\x01")
            async with asyncio.timeout(20):
                async for _ in client:  # ends when the connection does
                    pass
        async with connect(f"ws://{address}/live") as client:
            assert (await next_state(client))["state"] == "follow"


async def test_the_page_of_another_site_cannot_press_keys() -> None:
    async with served(Robot()) as address:
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(f"ws://{address}/live", origin="http://evil.example"):  # type: ignore[arg-type]
                pass
        async with connect(f"ws://{address}/live", origin=f"http://{address}") as client:  # type: ignore[arg-type]
            assert (await next_state(client))["state"] == "follow"


def test_who_may_connect() -> None:
    assert may_connect(None, "127.0.0.1:8080", "127.0.0.1")
    assert may_connect("http://localhost:8080", "localhost:8080", "127.0.0.1"), "through a tunnel"
    assert not may_connect("http://robot.example:8080", "robot.example:8080", "127.0.0.1"), "a name that lies"
    assert may_connect("http://robot.local:8080", "robot.local:8080", "0.0.0.0")
    assert not may_connect("http://evil.example", "robot.local:8080", "0.0.0.0")
    assert not may_connect("null", "127.0.0.1:8080", "127.0.0.1")
    assert not may_connect(None, None, "127.0.0.1")


async def test_one_viewer_too_many_is_told_so() -> None:
    async with served(Robot()) as address:
        clients = [await connect(f"ws://{address}/live") for _ in range(MAX_VIEWERS)]
        for client in clients:
            await next_state(client)
        late = await connect(f"ws://{address}/live")
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionClosed) as closed:
                await late.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.reason == f"{MAX_VIEWERS} are watching already"
        await clients[0].close()
        async with asyncio.timeout(20):
            while (await next_state(clients[1]))["viewers"] == MAX_VIEWERS:
                pass
        async with connect(f"ws://{address}/live") as client:
            await next_state(client)
        for client in clients[1:]:
            await client.close()


async def test_a_browser_that_reads_nothing_slows_nobody_and_piles_up_nothing() -> None:
    robot = Robot(picture(noise=True))  # 300 kB each
    async with served(robot) as address:
        host, port = address.split(":")
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        stuck.connect((host, int(port)))
        stuck.sendall(
            (
                f"GET /live HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        async with asyncio.timeout(30):
            before = -1
            while before != robot.views or before == 0:  # until nothing is taken any more
                before = robot.views
                await asyncio.sleep(0.4)
        assert robot.views < 60, "some in the kernel's buffers, none in ours"
        async with connect(f"ws://{address}/live", max_size=None) as client:
            first = await next_state(client)
            assert (await next_state(client))["t"] > first["t"]
        stuck.close()


async def test_nobody_watches_nobody_asks() -> None:
    robot = Robot()
    async with served(robot) as address:
        async with connect(f"ws://{address}/live") as client:
            await next_state(client)
        await asyncio.sleep(0.1)
        views = robot.views
        await asyncio.sleep(0.3)
        assert robot.views <= views + 1


async def test_it_ends_cleanly_while_somebody_watches() -> None:
    async with served(Robot()) as address:
        client = await connect(f"ws://{address}/live")
        await next_state(client)
    async with asyncio.timeout(20):
        await client.wait_closed()
    with socket.create_server(("127.0.0.1", int(address.split(":")[1]))):
        pass  # the port is free again


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} .*in use"):
            await run(Robot(), "127.0.0.1", port)


async def test_without_its_packages_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigError, match=r"uvicorn.*pip install 'tagalong\[web\]'"):
        await run(Robot(), "127.0.0.1", 0)


def test_importing_the_page_brings_no_web_framework() -> None:
    code = "import sys, robot.web.page; print({'fastapi', 'starlette', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_not_known_is_null_in_the_state() -> None:
    view = agent_view(20.0)
    assert view.decision is not None
    server = replace(view.servers[0], cost_s=math.inf, rtt_p50_s=math.nan, level_dbm=math.nan)
    decision = replace(view.decision, result_age_s=math.inf, distance_m=None, bearing_rad=None)
    state = to_json(replace(view, servers=(server,), decision=decision, rtt_s=math.nan, counts=None))
    json.dumps(state, allow_nan=False)
    assert state["servers"][0]["cost_ms"] is None
    assert state["decision"]["age_ms"] is None
    assert state["frames"] is None
    assert state["server"] is None


def test_quitting_is_not_for_a_page() -> None:
    assert key_in('{"key": "search"}') is Key.SEARCH
    assert key_in('{"key": "quit"}') is None


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")
@pytest.mark.parametrize(("width", "height"), [(1440, 980), (390, 844)], ids=["desk", "phone"])
async def test_a_browser_shows_the_robot_and_its_buttons_work(width: int, height: int) -> None:
    robot = Robot()
    async with served(robot, World()) as address, browsing() as tab:
        await tab.open(f"http://{address}/", width, height)
        await tab.until("document.getElementById('state')?.textContent === 'follow'")
        await tab.until("document.getElementById('waiting').hidden")
        middle = "[...document.getElementById('video').getContext('2d').getImageData(40, 300, 1, 1).data]"
        red, green, blue, _ = await tab.evaluate(middle)
        assert green > 120 > max(red, blue), "the picture is there"
        assert await tab.evaluate("document.querySelectorAll('.server').length") == 3
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        assert not await tab.evaluate("document.getElementById('world').hidden")
        await tab.evaluate("document.querySelector('[data-key=search]').click()")
        await tab.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: ' '}))")
        async with asyncio.timeout(20):
            while len(robot.pressed) < 2:  # noqa: ASYNC110 (another process has no event for it)
                await asyncio.sleep(0.05)
        assert robot.pressed == [Key.SEARCH, Key.ESTOP]
        assert tab.errors == []
