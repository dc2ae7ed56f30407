"""The preview, served for real and asked by real clients."""

import asyncio
import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from archive.preview.hiding import Cover
from archive.preview.shown import Shown
from archive.preview.state import sentence
from archive.preview.viewers import MAX_VIEWERS, PICTURES_PER_S
from common.errors import ConfigError
from tests.archive.preview.watched import PortraitCamera, decoded, faces_in, film, jpeg_of, letter, served

LIMIT_S = 30


def live(url: str) -> str:
    return url.replace("http", "ws", 1) + "live"


async def get(url: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    def ask() -> tuple[int, dict[str, str], bytes]:
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        link = http.client.HTTPConnection(host, int(port), timeout=LIMIT_S)
        try:
            link.request("GET", path, headers=headers)
            answer = link.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            link.close()

    return await asyncio.to_thread(ask)


async def moments(
    client: ClientConnection, until: Callable[[dict[str, Any]], Any], state: dict[str, Any] | None = None
) -> list[tuple[dict[str, Any], bytes]]:
    """All pictures, each with the state it came with, until one for which `until(state)` is true.

    `state`: the last one that came before; only a changed one is sent.
    """
    seen: list[tuple[dict[str, Any], bytes]] = []
    state = state or {}
    async with asyncio.timeout(LIMIT_S):
        while not seen or not until(seen[-1][0]):
            message = await client.recv()
            if isinstance(message, str):
                state = json.loads(message)
            else:
                seen.append((state, message))
    return seen


async def test_the_page_and_its_files_come_from_here_and_from_nowhere_else() -> None:
    async with served(PortraitCamera().shown) as url:
        status, headers, page = await get(url, "/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"<title>tagalong camera</title>" in page
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        for file in ("page.css", "page.js", "picture.js", "strip.js", "favicon.svg"):
            status, _, text = await get(url, f"/{file}")
            assert (status, b"https://" in text) == (200, False), file
        for path in ("/no-such-page", "/../page.py", "/%2e%2e/page.py", "/docs", "/crops/1", "/crops/99999999999"):
            assert (await get(url, path))[0] == 404, path
        assert (await get(url, "/crops/x"))[0] in (404, 422)


async def test_the_picture_comes_as_the_camera_gave_it_with_its_faces() -> None:
    camera = PortraitCamera(newest=[letter(1), letter(2)], waiting=3)
    async with served(camera.shown) as url, connect(live(url)) as client:
        state, jpeg = (await moments(client, lambda state: True))[0]
        sent = [picture for picture, _ in film()]
        assert jpeg in sent
        box = film()[sent.index(jpeg)][1]
        assert state["faces"] == [pytest.approx([box.x, box.y, box.w, box.h], abs=1e-3)]
        assert (state["robot"], state["edge"], state["problem"]) == ("door", "edge-north", "")
        assert state["counts"] == {"offered": 14, "published": 12, "dropped": 0, "waiting": 3}
        assert [crop["track"] for crop in state["crops"]] == ["4fa1c2-2", "4fa1c2-1"]  # newest first
        status, headers, crop = await get(url, f"/crops/{state['crops'][0]['number']}")
        assert (status, headers["content-type"], headers["cache-control"]) == (200, "image/jpeg", "no-store")
        assert max(decoded(crop).shape) <= 256
        assert faces_in(decoded(crop)) != []
        assert b"4fa1c2" not in crop  # what is written in the published file is not passed on


async def test_with_blur_no_byte_with_a_face_leaves_from_the_first_to_the_last() -> None:
    camera = PortraitCamera(newest=[letter(number) for number in range(8)])
    assert all(faces_in(decoded(jpeg)) for jpeg, _ in film())  # so they would be found
    async with served(camera.shown, blur=True) as url, connect(live(url)) as client:
        seen = await moments(client, lambda state: state["cover"] == "faces" and state["crops"])
        seen += await moments(client, lambda state: camera.asked > 45, seen[-1][0])
        camera.answers = False  # the servers hang
        seen += await moments(client, lambda state: state["cover"] == "blind", seen[-1][0])
        assert {state["cover"] for state, _ in seen} == {Cover.SOON, Cover.FACES, Cover.BLIND}
        for state, jpeg in seen:
            assert faces_in(decoded(jpeg)) == [], state["cover"]
        sharp = next(jpeg for state, jpeg in seen if state["cover"] == "faces")
        originals = [decoded(jpeg_of(decoded(jpeg))) for jpeg, _ in film()]
        corner = np.s_[320:, :]  # far from the face, the picture is what it was
        assert min(np.abs(decoded(sharp)[corner].astype(int) - each[corner]).mean() for each in originals) < 3
        for crop in seen[-1][0]["crops"]:
            _, _, jpeg = await get(url, f"/crops/{crop['number']}")
            assert faces_in(decoded(jpeg)) == []


async def test_problems_are_plain_sentences() -> None:
    camera = PortraitCamera(broker_problem="mqtt://127.0.0.1:1883 is gone (closed)", edge="")
    async with served(camera.shown) as url, connect(live(url)) as client:
        state, _ = (await moments(client, lambda state: True))[0]
        assert "because of the local broker: mqtt://127.0.0.1:1883 is gone (closed)." in state["problem"]
        assert state["edge"] == ""
        camera.broker_problem = ""
        await moments(client, lambda after: after["problem"] == "", state)
    assert "has not answered yet" in sentence(Shown().broker_problem)
    asks = sentence("broker.url: nobody to talk to at mqtt://broker:1883 (refused). Is a broker running there?")
    assert asks.endswith(
        "because of the local broker: nobody to talk to at mqtt://broker:1883 (refused). Is a broker running there?"
    )


async def test_nobody_is_asked_while_nobody_watches_and_no_old_picture_is_kept_for_the_next() -> None:
    camera = PortraitCamera()
    async with served(camera.shown, blur=True) as url:
        await get(url, "/")
        assert camera.asked == 0
        async with connect(live(url)) as client:
            await moments(client, lambda state: state["cover"] == "faces")
        asked = -1
        async with asyncio.timeout(LIMIT_S):
            while asked != camera.asked:  # it is noticed that the browser went
                asked = camera.asked
                await asyncio.sleep(5 / PICTURES_PER_S)
        async with connect(live(url)) as client:
            assert (await moments(client, lambda state: True))[0][0]["cover"] == "soon"


async def test_a_browser_that_takes_nothing_holds_nobody_up() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), np.uint8)
    jpegs = [jpeg_of(noise), jpeg_of(noise[::-1].copy())]  # 1 MB each
    asked = 0

    def shown() -> Shown:
        nonlocal asked
        asked += 1
        return Shown(jpeg=jpegs[asked % 2])

    async with (
        served(shown) as url,
        connect(live(url), max_size=None, max_queue=1) as slow,
        connect(live(url), max_size=None) as quick,
    ):
        await slow.recv()  # and no more
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with asyncio.timeout(LIMIT_S):
            pictures = 0
            while pictures < 25:
                pictures += isinstance(await quick.recv(), bytes)
        assert 25 / PICTURES_PER_S * 0.8 < loop.time() - began_s < 4 * 25 / PICTURES_PER_S
        slow.transport.abort()


async def test_more_than_so_many_are_told_to_come_later() -> None:
    async with served(PortraitCamera().shown) as url, asyncio.timeout(LIMIT_S):
        watching = [await connect(live(url)) for _ in range(MAX_VIEWERS)]
        for each in watching:
            await each.recv()
        async with connect(live(url)) as late:
            with pytest.raises(ConnectionClosed) as closed:
                await late.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        for each in watching:
            await each.close()
        async with connect(live(url)) as client:
            await client.recv()


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": "[", "Origin": "http://["}]
)
async def test_the_page_of_another_site_sees_nothing(headers: dict[str, str]) -> None:
    camera = PortraitCamera(newest=[letter(1)])
    async with served(camera.shown) as url:
        host, _, port = url.removeprefix("http://").rstrip("/").rpartition(":")
        lines = {"Host": f"{host}:{port}"} | headers
        lines |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        lines |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(("GET /live HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode())
        async with asyncio.timeout(LIMIT_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 4")
        writer.close()
        await writer.wait_closed()
        if "Host" in headers:
            assert (await get(url, "/", Host=headers["Host"]))[0] in (400, 403)
            assert (await get(url, "/crops/1", Host=headers["Host"]))[0] in (400, 403)
        with pytest.raises(InvalidStatus):
            await connect(live(url), origin="http://evil.example")  # type: ignore[arg-type]  # a NewType of str
        assert camera.asked == 0


async def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"preview: cannot listen on 127.0.0.1:{port} .*--preview-port"):
            async with served(PortraitCamera().shown, port=port):
                raise AssertionError


async def test_a_host_that_is_not_here_is_told_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"preview: cannot listen on no-such-host\.invalid"):
        async with served(PortraitCamera().shown, host="no-such-host.invalid"):
            raise AssertionError
