"""The mirror as a program, with its real engines: users, nodes that die, and what is left after "forget me"."""

import asyncio
import http.client
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.mirror.fakes import jpeg, pixels, portrait, sse
from tests.mirror.processes import Program, edge_program, mirror_program, need_models
from tests.mirror.served import BROWSERS, Client

SSE = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def models() -> None:
    need_models()


def memory_of(pid: int) -> list[bytes]:
    """What a process could read of itself, region by region."""
    regions = []
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            place, rights, *_ = line.split()
            if not rights.startswith("rw") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(part, 16) for part in place.split("-"))
            try:
                memory.seek(begin)
                regions.append(memory.read(end - begin))
            except (OSError, OverflowError, ValueError):
                continue
    return regions


def found_in_memory(pid: int, marks: dict[str, bytes]) -> set[str]:
    regions = memory_of(pid)
    return {name for name, mark in marks.items() if any(mark in region for region in regions)}


def found_on_disk(folder: Path, marks: dict[str, bytes]) -> set[str]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {name for name, mark in marks.items() for file in files if mark in file.read_bytes()}


async def test_after_forget_me_nothing_is_left_in_memory_on_disk_or_in_the_log(tmp_path: Path) -> None:
    person = portrait(512)
    person[:40] = np.random.default_rng().integers(0, 255, (40, 512, 3), np.uint8)  # no other picture has these rows
    mark = bytes(np.random.default_rng().integers(33, 126, 48, np.uint8))
    plain = jpeg(person)
    upload = plain[:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + plain[2:]  # a comment
    async with mirror_program(tmp_path) as mirror:
        client = Client(mirror.port)
        picture = await client.photo(upload)
        done = await client.post("/api/try-on", {"picture": picture, "garment": "tee-sage"})
        assert done.status == 200, done.body
        await client.get(f"/api/pictures/{picture}/areas.png")
        await client.get(f"/api/results/{done.json['result']}.png")
        kept = (await client.get(f"/api/pictures/{picture}.jpg")).body
        dressed = (await client.get(f"/api/results/{done.json['result']}.jpg")).body
        marks = {
            "the upload": mark,
            "its data": plain[2000:2100],
            "the photo": kept[2000:2100],
            "its pixels": pixels(kept)[20, 100:140].tobytes(),
            "the result": dressed[2000:2100],
            "its pixels, dressed": pixels(dressed)[20, 100:140].tobytes(),
        }
        try:
            assert {"the photo", "the result"} <= await asyncio.to_thread(found_in_memory, mirror.process.pid, marks)
        except PermissionError:
            pytest.skip("this system lets nobody look into another process' memory")
        assert (await client.post("/api/forget", {})).json == {"forgotten": 1}
        left: set[str] = set(marks)
        for _ in range(10):  # what a cancelled or finished call held goes with it, in other threads
            left = await asyncio.to_thread(found_in_memory, mirror.process.pid, marks)
            if not left:
                break
            await asyncio.sleep(0.3)
        assert left == set()
    assert await asyncio.to_thread(found_on_disk, tmp_path, marks) == set()
    log = (tmp_path / "mirror.log").read_text()
    assert picture not in log
    assert client.cookie.partition("=")[2] not in log


async def test_twenty_users_at_once_are_all_dressed_by_one_node_and_see_the_queue(tmp_path: Path) -> None:
    async with mirror_program(tmp_path) as mirror:
        garments = [each["id"] for each in (await Client(mirror.port).get("/api/state")).json["garments"]]
        upper = [each for each in garments if not each.startswith(("jeans", "chinos"))]

        clients = [Client(mirror.port) for _ in range(20)]
        photos = await asyncio.gather(
            *(client.photo(jpeg(portrait(512), 80 + number % 15)) for number, client in enumerate(clients))
        )

        async def user(number: int) -> int:
            client = clients[number]
            wish = {"picture": photos[number], "garment": upper[number % len(upper)]}
            events = sse((await client.post("/api/try-on", wish, **SSE)).body.decode())
            assert events[-1][0] == "done", events[-1]
            assert (await client.get(f"/api/results/{events[-1][1]['result']}.jpg")).body[:2] == b"\xff\xd8"
            return max(told["place"] for name, told in events if name == "news")

        places = await asyncio.gather(*(user(number) for number in range(20)))
        assert max(places) > 1


async def test_a_node_killed_in_the_middle_is_left_for_another_and_the_last_one_for_a_clear_message(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        nodes = await asyncio.gather(
            *(
                stack.enter_async_context(edge_program(tmp_path, name, "--task", "tryon", "--task", "parsing"))
                for name in ("gpu1", "gpu2")
            )
        )
        addresses = [part for node in nodes for part in ("--node", f"127.0.0.1:{node.port}")]
        mirror = await stack.enter_async_context(mirror_program(tmp_path, "--no-local", *addresses))
        client = Client(mirror.port)
        picture = await client.photo(jpeg(cv2.resize(portrait(512), (1024, 1024))))

        events = await try_on_and_kill(client, picture, "hoodie-mustard", nodes)
        told = [each["text"] for name, each in events if name == "news" and each["kind"] == "retrying"]
        assert len(told) == 1
        assert "is gone" in told[0]
        assert events[-1][0] == "done"
        assert events[-1][1]["tries"] == 2

        events = await try_on_and_kill(client, picture, "tee-sage", nodes)
        assert events[-1][0] == "problem"
        assert events[-1][1]["status"] == 503
        assert "No node puts garments on now" in events[-1][1]["error"]
        answer = await client.post("/api/try-on", {"picture": picture, "garment": "tee-sage"})
        assert answer.status == 503
        assert (await client.get(f"/api/pictures/{picture}.jpg")).status == 200  # nothing of the user's is lost


async def try_on_and_kill(
    client: Client, picture: str, garment: str, nodes: list[Program]
) -> list[tuple[str, dict[str, Any]]]:
    """Kills the node that has begun to work."""

    def ask() -> str:
        link = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
        wish = json.dumps({"picture": picture, "garment": garment})
        link.request("POST", "/api/try-on", wish, {"Cookie": client.cookie, **SSE})
        response = link.getresponse()
        text, killed = "", False
        while part := response.read1(4096):
            text += part.decode()
            if not killed and "putting the garment on" in text:
                killed = True
                name = next(told["node"] for kind, told in sse(text) if kind == "news")
                next(node for node in nodes if node.name == name).kill()
        link.close()
        return text

    return sse(await asyncio.get_running_loop().run_in_executor(BROWSERS, ask))


async def test_ctrl_c_ends_it_all_at_once_also_in_the_middle_of_work(tmp_path: Path) -> None:
    async with mirror_program(tmp_path) as mirror:
        client = Client(mirror.port)
        picture = await client.photo(jpeg(portrait(512)))
        asking = asyncio.create_task(client.post("/api/try-on", {"picture": picture, "garment": "tee-sage"}))
        await asyncio.sleep(0)
        mirror.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(8):
            assert await mirror.process.wait() == 0
        await asyncio.gather(asking, return_exceptions=True)
    log = (tmp_path / "mirror.log").read_text()
    assert "Traceback" not in log, log
