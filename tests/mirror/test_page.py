"""The mirror's server, asked over HTTP as its page asks it."""

import asyncio
import gc
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from common.errors import ConfigError
from edge_server.tryon.values import Kind
from handover.nodes import BusyError, CannotDressError, NoNodeError, TooLateError
from mirror.certificate import ensure
from mirror.config import MirrorConfig
from tests.mirror import pictures
from tests.mirror.fakes import FakeNodes, catalogue, garment, jpeg, pixels, portrait, sse
from tests.mirror.served import Client, served

PHOTO = jpeg(portrait(256))
SSE = {"Accept": "text/event-stream"}


@asynccontextmanager
async def mirror(tmp_path: Path, nodes: FakeNodes | None = None, **limits: Any) -> AsyncIterator[Client]:
    async with served(nodes or FakeNodes(), catalogue(tmp_path / "garments"), **limits) as (port, _):
        yield Client(port)


async def test_the_page_comes_from_here_and_asks_nobody_else(tmp_path: Path) -> None:
    async with mirror(tmp_path) as client:
        for path in ("/", "/page.css", "/page.js", "/ask.js", "/favicon.svg"):
            answer = await client.get(path)
            assert answer.status == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            text = answer.body.decode().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text
            assert "https://" not in text.replace("https:// pages", "").replace("https:// address", "")
        assert not client.cookie  # who only looks is not marked
        state = await client.get("/api/state")
        assert [each["name"] for each in state.json["garments"]] == ["Red tee", "Blue jeans"]
        assert "HttpOnly" in state.headers["set-cookie"]
        assert state.headers["cache-control"] == "no-store"
        picture = await client.get("/api/garments/tee-red.png")
        assert pixels(picture.body).shape[2] == 4


async def test_a_photo_is_dressed_and_everything_made_of_it_can_be_had(tmp_path: Path) -> None:
    nodes = FakeNodes(people=2)
    async with mirror(tmp_path, nodes) as client:
        taken = await client.post("/api/pictures", PHOTO)
        assert taken.json["notes"] == ["Two people are in the picture: the one in front, seen largest, is dressed."]
        picture = taken.json["picture"]
        assert (await client.get(f"/api/pictures/{picture}.jpg")).headers["cache-control"] == "no-store"
        body = (await client.get(f"/api/pictures/{picture}/body")).json
        assert body["points"]["nose"] == [0.44, 0.24, 0.9]
        areas = (await client.get(f"/api/pictures/{picture}/areas.png")).body
        assert pixels(areas).shape == (256, 256, 4)

        stream = await client.post("/api/try-on", {"picture": picture, "garment": "tee-red"}, **SSE)
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = sse(stream.body.decode())
        assert [name for name, _ in events][-1] == "done"
        assert "fitting the garment" in [told.get("text") for _, told in events]
        result = events[-1][1]["result"]
        dressed = await client.get(f"/api/results/{result}.jpg?download")
        assert dressed.headers["content-disposition"] == 'attachment; filename="mirror-tee-red.jpg"'
        assert dressed.body[:2] == b"\xff\xd8"
        assert (await client.get(f"/api/results/{result}.png")).body[:4] == b"\x89PNG"
        plain = await client.post("/api/try-on", {"picture": picture, "garment": "jeans"})  # one answer, no stream
        assert plain.json["engine"] == "paint"
        assert len((await client.get("/api/state")).json["pictures"][0]["results"]) == 2
        assert nodes.asked[0].pose is not None  # found once, used for every garment


async def test_an_own_garment_goes_to_the_nodes_as_a_whole(tmp_path: Path) -> None:
    nodes = FakeNodes()
    async with mirror(tmp_path, nodes) as client:
        picture = await client.photo(PHOTO)
        await client.post("/api/try-on", {"picture": picture, "garment": "jeans"})
        sent = nodes.asked[0].garment
        assert not isinstance(sent, str)
        assert sent.name == "Blue jeans"


BAD_PICTURES = (
    (b"", 400),
    (b"no picture", 415),
    (pictures.animated(), 415),
    (pictures.claims_to_be(10_000, 5_000), 413),
    (PHOTO[: len(PHOTO) // 2], 400),
    (b"\xff\xd8" + bytes(200_000), 413),
)


async def test_a_bad_picture_gets_a_sentence_and_a_status(tmp_path: Path) -> None:
    async with mirror(tmp_path, max_upload_bytes=100_000) as client:
        for data, status in BAD_PICTURES:
            answer = await client.post("/api/pictures", data)
            assert (answer.status, data[:40]) == (status, data[:40])
            assert answer.json["error"].endswith(".")
        assert await client.photo(PHOTO)


async def test_nobody_in_the_picture_is_told(tmp_path: Path) -> None:
    async with mirror(tmp_path, FakeNodes(nobody=True)) as client:
        answer = await client.post("/api/pictures", PHOTO)
        assert answer.status == 422
        assert answer.json["error"].startswith("Nobody is to be seen")


async def test_somebody_from_behind_is_told(tmp_path: Path) -> None:
    async with mirror(tmp_path, FakeNodes(facing="back")) as client:
        assert "from behind" in (await client.post("/api/pictures", PHOTO)).json["notes"][0]


NODE_ERRORS: tuple[tuple[Exception, int], ...] = (
    (CannotDressError("trousers need legs, and none are to be seen."), 422),
    (BusyError("all places are taken.", 2.0), 429),
    (NoNodeError("No node puts garments on now: gpu1 is gone."), 503),
    (TooLateError("no answer within 20 s (gpu1 was asked)"), 504),
    (RuntimeError("secret pixels"), 500),
)


async def test_what_goes_wrong_with_the_nodes_has_a_status_in_both_ways_of_asking(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = FakeNodes()
    async with mirror(tmp_path, nodes) as client:
        wish = {"picture": await client.photo(PHOTO), "garment": "tee-red"}
        for error, status in NODE_ERRORS:
            nodes.error = error
            for headers in ({}, SSE):
                answer = await client.post("/api/try-on", wish, **headers)
                assert answer.status == status
                assert "secret" not in answer.json["error"]
                assert answer.json["error"][0].isupper()
                assert ("retry-after" in answer.headers) == (status in (429, 503, 504))
    assert "secret" not in caplog.text


async def test_a_node_that_dies_in_the_middle_is_told_as_it_goes(tmp_path: Path) -> None:
    nodes = FakeNodes(retries=True)
    nodes.retry_now.set()
    async with mirror(tmp_path, nodes) as client:
        wish = {"picture": await client.photo(PHOTO), "garment": "tee-red"}
        events = sse((await client.post("/api/try-on", wish, **SSE)).body.decode())
        assert [told["text"] for _, told in events if told.get("kind") == "retrying"] == [
            "gpu1 is gone: the connection broke; trying fake"
        ]
        assert events[-1][0] == "done"
        nodes.error = NoNodeError("No node puts garments on now: fake is gone.")
        events = sse((await client.post("/api/try-on", wish, **SSE)).body.decode())
        assert events[-1] == ("problem", {"error": str(nodes.error), "status": 503, "retry_after_s": 3.0})


NONSENSE = (
    ("/api/try-on", b"{", 400),
    ("/api/try-on", b"[]", 400),
    ("/api/try-on", b"[" * 3000, 400),
    ("/api/try-on", b" " * 5000, 413),
    ("/api/try-on", b'{"picture": "nobodys", "garment": "tee-red"}', 410),
    ("/api/nothing", b"", 404),
    ("/page.js", b"", 405),
)
PATH_TRICKS = (
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/static/index.html",
    "/page.py",
    "/api/garments/..%2f..%2fetc%2fpasswd.png",
    "/api/garments/%00.png",
    "/api/pictures/..%2f..%2fx.jpg",
    "/api/results/x.exe",
    "//evil.example/",
)


async def test_nonsense_and_path_tricks_lead_nowhere(tmp_path: Path) -> None:
    async with mirror(tmp_path) as client:
        for path, body, status in NONSENSE:
            assert ((await client.post(path, body)).status, path, body[:20]) == (status, path, body[:20])
        for path in PATH_TRICKS:
            answer = await client.get(path)
            assert answer.status in (404, 410), path
            assert b"root:" not in answer.body


async def test_a_garments_name_is_text_and_an_unknown_garment_is_not_repeated(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    shop = catalogue(tmp_path / "garments", garment("evil", name, Kind.TOP, (1, 2, 3)))
    async with served(FakeNodes(), shop) as (port, _):
        client = Client(port)
        state = await client.get("/api/state")
        assert state.headers["content-type"] == "application/json"
        assert name in [each["name"] for each in state.json["garments"]]
        wish = {"picture": await client.photo(PHOTO), "garment": "<script>alert(1)</script>"}
        answer = await client.post("/api/try-on", wish)
        assert answer.status == 404
        assert "<script>" not in answer.json["error"]


async def test_posts_from_the_page_of_another_site_are_refused(tmp_path: Path) -> None:
    async with mirror(tmp_path) as client:
        picture = await client.photo(PHOTO)
        for path in ("/api/pictures", "/api/try-on", "/api/forget"):
            for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                assert (await client.post(path, PHOTO, **headers)).status == 403
        assert (await client.get(f"/api/pictures/{picture}.jpg")).status == 200


async def test_one_user_does_not_see_anothers_pictures(tmp_path: Path) -> None:
    async with mirror(tmp_path) as anna:
        bert = Client(anna.port)
        picture = await anna.photo(PHOTO)
        await bert.photo(PHOTO)
        for path in (f"/api/pictures/{picture}.jpg", f"/api/pictures/{picture}/body"):
            assert (await bert.get(path)).status == 410
        assert (await bert.post("/api/try-on", {"picture": picture, "garment": "jeans"})).status == 410
        assert (await bert.post("/api/forget", {})).json == {"forgotten": 1}
        assert (await anna.get(f"/api/pictures/{picture}.jpg")).status == 200


async def test_an_upload_cut_in_the_middle_leaves_nothing_and_hurts_nobody(tmp_path: Path) -> None:
    async with served(FakeNodes(), catalogue(tmp_path / "garments"), max_uploads=1) as (port, studio):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
        writer.write(head.encode() + PHOTO[:1000])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await Client(port).photo(PHOTO)  # though only one upload at a time is read
        assert studio.store.pictures == 1


async def test_an_upload_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with served(FakeNodes(), catalogue(tmp_path / "garments"), upload_s=0.2) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
        writer.write(head.encode() + PHOTO[:1000])
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        await writer.wait_closed()


async def test_who_goes_away_is_not_dressed(tmp_path: Path) -> None:
    nodes = FakeNodes(step_s=30)
    async with mirror(tmp_path, nodes) as client:
        wish = json.dumps({"picture": await client.photo(PHOTO), "garment": "tee-red"}).encode()
        for accept in ("text/event-stream", "application/json"):
            _, writer = await asyncio.open_connection("127.0.0.1", client.port)
            head = (
                f"POST /api/try-on HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nCookie: {client.cookie}\r\n"
                f"Accept: {accept}\r\nContent-Length: {len(wish)}\r\n\r\n"
            )
            writer.write(head.encode() + wish)
            async with asyncio.timeout(10):
                while nodes.waiting == 0:  # noqa: ASYNC110 (what it waits for is inside a fake)
                    await asyncio.sleep(0.01)
                writer.close()
                await writer.wait_closed()
                while nodes.waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


async def test_forget_me_stops_what_is_under_way_and_leaves_nothing(tmp_path: Path) -> None:
    nodes = FakeNodes(step_s=30)
    async with served(nodes, catalogue(tmp_path / "garments")) as (port, studio):
        client = Client(port)
        wish = {"picture": await client.photo(PHOTO), "garment": "tee-red"}
        asking = asyncio.create_task(client.post("/api/try-on", wish, **SSE))
        async with asyncio.timeout(10):
            while nodes.waiting == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        before = client.cookie
        assert (await client.post("/api/forget", {})).json == {"forgotten": 1}
        assert client.cookie != before  # nothing ties the next photo to this one
        events = sse((await asking).body.decode())
        assert events[-1][0] == "problem"
        assert events[-1][1]["status"] == 410
        assert (studio.store.sessions, studio.store.size_bytes) == (0, 0)


async def test_after_forgetting_no_object_of_the_process_holds_the_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    nodes = FakeNodes()
    async with served(nodes, catalogue(tmp_path / "garments")) as (port, studio):
        client = Client(port)
        own = np.random.default_rng().integers(0, 255, (128, 128, 3), np.uint8)  # no other test has this one
        wish = {"picture": await client.photo(jpeg(own)), "garment": "tee-red"}
        done = await client.post("/api/try-on", wish)
        kept = await client.get(f"/api/pictures/{wish['picture']}.jpg")
        dressed = await client.get(f"/api/results/{done.json['result']}.jpg")
        marks = [bytes(reversed(each.body[-400:-300])) for each in (kept, dressed)]  # reversed: so as not to be found
        nodes.asked.clear()
        del kept, dressed, done
        assert all(holders(mark) for mark in marks)
        assert (await client.post("/api/forget", {})).json == {"forgotten": 1}
        assert [holders(mark) for mark in marks] == [[], []]
        assert studio.store.size_bytes == 0
    for mark in marks:
        assert mark[::-1].hex() not in caplog.text
    assert "picture" not in caplog.text


def holders(mark_reversed: bytes) -> list[str]:
    """Kinds of objects that hold these bytes (given in reverse)."""
    gc.collect()
    found = []
    mark = mark_reversed[::-1]
    for owner in gc.get_objects():
        for each in gc.get_referents(owner):
            if (isinstance(each, bytes | bytearray) and each is not mark and mark in each) or (
                isinstance(each, np.ndarray) and each.dtype == np.uint8 and each.size > 100 and mark in each.tobytes()
            ):
                found.append(f"{type(each).__name__} in {type(owner).__name__}")
    return found


async def test_pictures_are_dropped_when_their_time_is_over(tmp_path: Path) -> None:
    async with served(FakeNodes(), catalogue(tmp_path / "garments"), keep_s=0.3) as (port, studio):
        client = Client(port)
        picture = await client.photo(PHOTO)
        async with asyncio.timeout(10):
            while studio.store.pictures:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        answer = await client.get(f"/api/pictures/{picture}.jpg")
        assert answer.status == 410


async def test_twenty_users_at_once_all_get_their_picture_and_see_their_place(tmp_path: Path) -> None:
    async with mirror(tmp_path, FakeNodes(step_s=0.01)) as first:

        async def user(client: Client, picture: str) -> list[int]:
            wish = {"picture": picture, "garment": "tee-red"}
            events = sse((await client.post("/api/try-on", wish, **SSE)).body.decode())
            assert events[-1][0] == "done"
            assert (await client.get(f"/api/results/{events[-1][1]['result']}.jpg")).status == 200
            return [told["place"] for name, told in events if name == "news"]

        clients = [Client(first.port) for _ in range(20)]
        pictures = await asyncio.gather(*(client.photo(PHOTO) for client in clients))
        places = await asyncio.gather(*map(user, clients, pictures))
        assert max(max(each) for each in places) > 1


# ---- live ----


async def dressed(client: ClientConnection) -> Any:
    async with asyncio.timeout(20):
        told = json.loads(await client.recv())
        return told if "error" in told else (told, await client.recv())


def height_of(image: bytes) -> int:
    return int(pixels(image).shape[0])


async def test_live_pictures_come_back_dressed_and_are_kept_nowhere(tmp_path: Path) -> None:
    async with served(FakeNodes(), catalogue(tmp_path / "garments")) as (port, studio):
        async with connect(f"ws://127.0.0.1:{port}/api/live") as client:
            await client.send(json.dumps({"garment": "tee-red"}))
            for _ in range(3):
                await client.send(PHOTO)
                about, image = await dressed(client)
                assert about["engine"] == "paint"
                assert pixels(image).shape == (256, 256, 3)
            await client.send(b"no picture")
            assert (await dressed(client))["status"] == 415
            await client.send("nonsense")
            await client.send(PHOTO)
            assert (await dressed(client))["status"] == 404
        assert studio.store.pictures == 0


async def test_of_live_pictures_that_come_too_fast_the_newest_wins(tmp_path: Path) -> None:
    nodes = FakeNodes(step_s=0.05)
    async with mirror(tmp_path, nodes) as http, connect(f"ws://127.0.0.1:{http.port}/api/live") as client:
        await client.send(json.dumps({"garment": "tee-red"}))
        for _ in range(6):
            await client.send(PHOTO)
        last = jpeg(portrait(128))
        await client.send(last)
        answers: list[Any] = []
        while not any(isinstance(each, tuple) and height_of(each[1]) == 128 for each in answers):
            answers.append(await dressed(client))
        assert len(answers) == 7  # each one has its answer
        assert len(nodes.asked) < 7
        assert nodes.asked[-1].image == last


async def test_one_live_user_too_many_is_told_so_and_foreign_pages_get_none(tmp_path: Path) -> None:
    async with mirror(tmp_path, max_live=1) as http:
        url = f"ws://127.0.0.1:{http.port}/api/live"
        async with connect(url) as first, connect(url) as second:
            await first.send(json.dumps({"garment": "tee-red"}))
            await first.send(PHOTO)
            assert (await dressed(first))[0]["engine"] == "paint"
            with pytest.raises(ConnectionClosed, match="Take a photo instead"):
                await second.recv()
        with pytest.raises(InvalidStatus):
            await connect(url, origin="https://evil.example")  # type: ignore[arg-type]


# ---- start ----


async def test_over_https_the_cookie_is_for_https_only(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    certificate = ensure(tmp_path / "certificate", ("localhost",), datetime.now(UTC))
    async with served(FakeNodes(), catalogue(tmp_path / "garments"), certificate.file) as (port, _):
        client = Client(port, certificate.file)
        answer = await client.get("/api/state")
        assert answer.headers["set-cookie"].startswith("__Host-mirror=")
        assert "Secure" in answer.headers["set-cookie"]
        assert await client.photo(PHOTO)
        stranger = Client(port)
        stranger._trust = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await stranger.get("/")


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        from mirror import serve
        from mirror.studio import Studio
        from mirror.wardrobe import Wardrobe

        config = MirrorConfig(host="127.0.0.1", port=other.getsockname()[1], plain_http=True)
        studio = Studio(config, FakeNodes(), Wardrobe(catalogue(tmp_path)))
        with pytest.raises(ConfigError, match="cannot listen on 127"):
            await serve.run(studio, None)


def test_without_encryption_only_this_machine_may_look() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        MirrorConfig(plain_http=True)
