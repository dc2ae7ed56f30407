"""`tagalong edge` as a process: ready line, stopping, errors."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from zeroconf import IPVersion, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from edge_server.announce import SERVICE_TYPE
from tests.edge_server.support import TWO_BOXES, Track, channel_to, until

EDGE = (sys.executable, "-m", "tagalong", "edge")
ORACLE = ("--task", "person", "--engine", "person=oracle", "--no-liquidedge", "--host", "127.0.0.1", "--port", "0")


async def start(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*EDGE, *arguments, stdout=pipe, stderr=pipe)


def ports_in(ready_file: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads(ready_file.read_text())
    return ports


@contextlib.asynccontextmanager
async def edge_process(
    ready_file: Path, *arguments: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, int], str]]:
    """A ready server process with its ports and its ready line; killed at the end if it is still there."""
    process = await start(*ORACLE, "--ready-file", str(ready_file), *arguments)
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        await until(ready_file.exists)
        yield process, ports_in(ready_file), line
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_server_says_goodbye_tells_streams_to_go_and_exits_with_0_within_5_s(
    tmp_path: Path, number: signal.Signals
) -> None:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    seen: list[ServiceStateChange] = []

    def on_change(state_change: ServiceStateChange, name: str, **_: object) -> None:
        if name.startswith("to-be-stopped."):
            seen.append(state_change)

    browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[on_change])
    try:
        async with edge_process(tmp_path / "ready", "--id", "to-be-stopped") as (process, ports, line):
            assert line.startswith(f"tagalong edge to-be-stopped ready on 127.0.0.1:{ports['port']} (person by oracle")
            async with channel_to(f"127.0.0.1:{ports['port']}") as channel:
                track = Track(channel)
                await track.open("person")
                await until(lambda: ServiceStateChange.Added in seen)
                process.send_signal(number)
                stopped_s = time.monotonic()
                assert (await track.reply()).WhichOneof("kind") == "go_away"
                # this client never goes: the server must leave all the same
                assert await asyncio.wait_for(process.wait(), 20) == 0
                assert time.monotonic() - stopped_s < 5  # the promise itself, not a measure of speed
                with pytest.raises(grpc.aio.AioRpcError):
                    await track.reply()
            await until(lambda: ServiceStateChange.Removed in seen)
    finally:
        await browser.async_cancel()
        await zeroconf.async_close()


async def test_a_server_with_a_hung_engine_leaves_within_5_s_too(tmp_path: Path) -> None:
    """A program that runs the same command with an engine that never comes back."""
    program = (
        "import threading, sys\n"
        "from edge_server.engines import oracle\n"
        "calls = []\n"
        "def detect(self, pictures):\n"
        "    calls.append(1)\n"
        "    if len(calls) > 2: threading.Event().wait()\n"  # the warm-up makes two
        "    return [[] for _ in pictures]\n"
        "oracle.OracleEngine.detect = detect\n"
        "from tagalong.cli import main\n"
        "main()\n"
    )
    ready = tmp_path / "ready"
    arguments = [*ORACLE, "--no-announce", "--ready-file", str(ready)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "edge", *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until(ready.exists)
        async with channel_to(f"127.0.0.1:{ports_in(ready)['port']}") as channel:
            track = Track(channel)
            await track.open("person")
            await track.send(1, TWO_BOXES)
            await track.send(2, TWO_BOXES)
            await track.send(3, TWO_BOXES)
            assert (await track.result()).number == 2  # superseded: so the engine has the first one
            process.terminate()
            stopped_s = time.monotonic()
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert time.monotonic() - stopped_s < 5
            with pytest.raises(grpc.aio.AioRpcError):
                await anext(track.until_the_end())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "70000"], "port: Input should be less than or equal to 65535, got 70000"),
        (["--engine", "person"], "write TASK=ENGINE"),
        (["--engine", "person=blazepoze"], "blazepose"),
        (["--config", "/nowhere/edge.yaml"], "/nowhere/edge.yaml: cannot be read"),
        (["--tls-certificate", "/nowhere/cert.pem"], "tls.certificate and tls.key"),
    ],
)
async def test_a_wrong_setting_ends_with_one_line_and_status_2(arguments: list[str], says: str) -> None:
    process = await start(*arguments)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    lines = errors.decode().splitlines()
    assert process.returncode == 2, errors.decode()
    assert len(lines) == 1
    assert lines[0].startswith("tagalong edge: ")
    assert says in lines[0]


async def test_help_of_the_command_is_quick_to_load_and_names_the_parts() -> None:
    code = "import sys; from tagalong.cli import main; sys.argv = ['tagalong', '--help']; main()"
    check = "import atexit, sys; atexit.register(lambda: print('HEAVY', 'grpc' in sys.modules, 'cv2' in sys.modules)); "
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", check + code, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    text = output.decode()
    assert process.returncode == 0
    assert "edge" in text
    assert "models" in text
    assert "HEAVY False False" in text
