"""Edge servers as children: a small stand-in for `tagalong edge` takes its place, the processes are real."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sim.edges import EdgeError, EdgeProcess, EdgeSpec
from sim.proxy import ShapingProxy

HERE = Path(__file__).parent
ENVIRONMENT = {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent.parent}"}


@asynccontextmanager
async def edge(server_id: str, proxy: ShapingProxy | None = None, **options: object) -> AsyncIterator[EdgeProcess]:
    spec = EdgeSpec(server_id, **options)  # type: ignore[arg-type]
    process = EdgeProcess(spec, proxy, ENVIRONMENT, module="edge_double")
    try:
        yield process
    finally:
        await process.terminate(0.5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (another process has no event for it)
            await asyncio.sleep(0.02)


def state_of(pid: int) -> str:
    """One letter as in ps; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


async def hello(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        try:
            return (await reader.read()).decode()
        except ConnectionError:
            return ""
        finally:
            writer.close()


async def test_it_is_ready_when_start_returns_and_is_reached_through_the_proxy() -> None:
    async with ShapingProxy() as proxy, edge("edge-1", proxy, zone="east", engines={"person": "oracle"}) as server:
        await server.start()
        assert await hello(server.port) == "edge-1"
        assert await hello(proxy.port) == "edge-1"
        await until(lambda: len(server.last_lines) >= 2)
        said = server.last_lines[0]
        assert f"--announce-address 127.0.0.1:{proxy.port}" in said
        assert "--zone east" in said
        assert "--task person --engine person=oracle" in said


async def test_it_has_a_session_of_its_own_so_that_ctrl_c_reaches_only_the_simulator() -> None:
    async with edge("edge-1") as server:
        await server.start()
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid != os.getsid(0)


async def test_a_server_that_does_not_start_shows_its_last_lines() -> None:
    async with edge("broken") as server:
        with pytest.raises(EdgeError) as error:
            await server.start()
        said = str(error.value)
        assert "edge server broken ended with 1 before it was ready" in said
        assert said.count("\n") == 15
        assert said.endswith("no model, no server")
        assert "line 0\n" not in said


async def test_a_server_that_never_gets_ready_is_ended() -> None:
    async with edge("sleepy") as server:
        with pytest.raises(EdgeError, match=r"not ready within 0\.5 s"):
            await server.start(timeout_s=0.5)
        assert not server.running


async def test_killed_behind_its_proxy_it_answers_nobody_until_it_is_started_again_at_the_same_address() -> None:
    async with ShapingProxy() as proxy, edge("edge-1", proxy) as server:
        await server.start()
        first_pid, address = server.pid, proxy.port
        server.kill()
        await until(lambda: not server.running)
        assert await hello(proxy.port) == ""
        await server.restart()
        assert server.pid != first_pid
        assert proxy.port == address
        assert await hello(proxy.port) == "edge-1"


async def test_frozen_it_stands_still_and_goes_on_afterwards() -> None:
    async with edge("edge-1") as server:
        await server.start()
        assert server.pid is not None
        pid = server.pid
        server.freeze()
        await until(lambda: state_of(pid) == "T")
        server.resume()
        await until(lambda: state_of(pid) in "SR")
        assert await hello(server.port) == "edge-1"
        server.freeze()
        assert await server.terminate() == -signal.SIGTERM, "even frozen it ends on SIGTERM"


async def test_one_that_ignores_sigterm_is_killed() -> None:
    async with edge("stubborn") as server:
        await server.start()
        assert await server.terminate(timeout_s=0.3) == -signal.SIGKILL


async def test_its_processor_time_is_counted() -> None:
    async with edge("busy") as server:
        await server.start()
        await until(lambda: server.cpu_s() >= 0.3)
        server.kill()
        await until(lambda: not server.running)
        assert server.cpu_s() == 0.0


async def test_the_children_die_when_the_simulator_is_killed() -> None:
    code = (
        "import asyncio\n"
        "from sim.edges import EdgeProcess, EdgeSpec\n"
        "async def main():\n"
        "    server = EdgeProcess(EdgeSpec('edge-1'), module='edge_double')\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=os.environ | ENVIRONMENT
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert state_of(pid) != ""
    parent.kill()
    await parent.wait()
    await until(lambda: state_of(pid) in ("", "Z"))
