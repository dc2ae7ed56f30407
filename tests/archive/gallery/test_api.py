"""What the gallery answers to a program: pages of faces, pictures, and nothing that it should not."""

import asyncio
import hashlib
import json
import logging
import socket
import statistics
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from archive.bucket import Bucket
from archive.config import S3Config, StorageConfig
from archive.face import NO_TRACK, Face
from archive.gallery.serve import serve
from archive.index import Index, Line
from archive.keys import Key
from archive.rules import Rule, Rules
from common.errors import ConfigError
from tests.archive.gallery.served import Answer, ask, basic, on, served, until
from tests.archive.made import DAY, Made, made, paths, put, series
from tests.archive.swift import Swift, need_swift

NAME = f"{DAY:%Y-%m-%d}"
SECRET = "correct horse"
HOSTILE = "../<img src=x onerror=alert(1)>/%2F"


def bucket_in(folder: Path) -> Bucket:
    return Bucket(StorageConfig(url=f"file://{folder}"))


def address(key: str) -> str:
    return f"/api/picture/{quote(key)}"


async def until_counted(url: str) -> Answer:
    async def is_counted() -> bool:
        return all(day["faces"] is not None for day in (await ask(url, "/api/days")).json["days"])

    await until(is_counted)
    return await ask(url, "/api/days")


async def test_days_with_their_counts_newest_first_and_undated_last(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, [*series("rover", "t1", 3), *series("rover", "t2", 2, DAY - timedelta(days=2))])
    await put(bucket, [made(Face("rover", "t3"))])
    async with served(on(tmp_path)) as url:
        days = await until_counted(url)
        again = await ask(url, "/api/days", if_none_match=days.headers["etag"])
    assert days.json["days"] == [
        {"day": "2024-05-17", "faces": 3, "tracks": 1},
        {"day": "2024-05-15", "faces": 2, "tracks": 1},
        {"day": "undated", "faces": 1, "tracks": 1},
    ]
    assert days.json["storage"] == f"file://{tmp_path}"
    assert (again.status, again.body) == (304, b"")


async def test_tracks_are_grouped_with_their_best_crop(tmp_path: Path) -> None:
    def of(track: str, second: int, quality: float, edge: str) -> Made:
        return made(Face("rover", track, DAY + timedelta(seconds=second), 0.8, edge=edge, quality=quality))

    faces = [of("a", 0, 0.2, "edge-1"), of("a", 4, 0.9, "edge-2"), of("a", 8, 0.5, "edge-2"), of("b", 6, 0.1, "")]
    await put(bucket_in(tmp_path), [*faces, *series("hall", "a", 1, DAY - timedelta(seconds=9))])
    async with served(on(tmp_path)) as url:
        told = await ask(url, "/api/tracks")
        a, b, hall = told.json["tracks"]
        assert (a["robot"], a["track"], a["faces"], a["edges"]) == ("rover", "a", 3, ["edge-2", "edge-1"])
        assert (a["first"], a["last"]) == ("2024-05-17T09:30:00.000000Z", "2024-05-17T09:30:08.000000Z")
        assert a["best"]["key"] == faces[1].key
        assert (b["track"], hall["robot"]) == ("b", "hall")
        assert (told.json["total"], told.json["faces"]) == (3, 5)
        assert told.json["robots"] == [["hall", 1], ["rover", 4]]
        of_rover = (await ask(url, "/api/tracks?robot=rover&find=B")).json
        assert [track["track"] for track in of_rover["tracks"]] == ["b"]
        assert of_rover["robots"] == told.json["robots"]  # the filters stay
        assert [t["track"] for t in (await ask(url, "/api/tracks?limit=1")).json["tracks"]] == ["a"]


async def test_faces_come_in_pages_that_lose_and_repeat_nothing(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    faces = await put(bucket, [*series("rover", "t1", 7), *series("hall", "t1", 3)])
    same_moment = [made(Face(f"r{n}", "x", DAY + timedelta(hours=1))) for n in range(4)]
    await put(bucket, same_moment)
    async with served(on(tmp_path)) as url:
        seen, path = [], "/api/faces?limit=3"
        while path:
            page = (await ask(url, path)).json
            seen += [face["key"] for face in page["faces"]]
            assert page["total"] == 14
            path = f"/api/faces?limit=3&before={quote(page['next'])}" if page["next"] else ""
        times = [Key.parse(key).time for key in seen]  # type: ignore[union-attr]
        assert times == sorted(times, reverse=True)  # type: ignore[type-var]
        assert len(seen) == 14
        assert set(seen) == {each.key for each in [*faces, *same_moment]}
        of_track = (await ask(url, f"/api/faces?day={NAME}&robot=hall&track=t1")).json
        assert {face["robot"] for face in of_track["faces"]} == {"hall"}
        assert (of_track["total"], of_track["track"]["faces"]) == (3, 3)


@pytest.mark.parametrize("wish", ["limit=0", "limit=-1", "limit=x", "limit=99999999999", "limit=²", "before=yesterday"])
async def test_wishes_that_make_no_sense_are_refused_in_words(tmp_path: Path, wish: str) -> None:
    async with served(on(tmp_path)) as url:
        answer = await ask(url, f"/api/faces?{quote(wish, safe='=&')}")
    assert answer.status == 400
    assert answer.json["error"].endswith(".")


async def test_a_picture_is_the_object_to_the_last_byte_and_on_nobodys_disk(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    faces = await put(bucket, [*series("rover", "t1", 1), made(Face(HOSTILE, "ü\n", DAY)), made(Face("rover"))])
    async with served(on(tmp_path)) as url:
        for each in faces:
            got = await ask(url, address(each.key))
            assert (got.status, got.body, got.headers["content-type"]) == (200, each.png, "image/png")
            assert got.headers["cache-control"] == "private, no-store"
            saved = await ask(url, f"{address(each.key)}?download")
            name = saved.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('"')
            assert name.endswith(".png")
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


async def test_no_path_leads_to_anything_but_a_listed_face(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    bucket = bucket_in(folder)
    [face] = await put(bucket, series("rover", "t1", 1))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "secret.png").write_bytes(b"secret")
    (folder / NAME / "rover" / "t1" / "093000.000000-0123456789abcdef.png").write_bytes(b"secret")  # in no index
    [part] = await paths(bucket, "index")
    stamp = face.key.rpartition("/")[2]
    tricks = [
        "", "secret.png", "../secret.png", "../../etc/passwd", "..%2Fsecret.png", "%2e%2e/secret.png",
        "..%5Csecret.png", "/etc/passwd", "//etc/passwd", "%2Fetc%2Fpasswd", "%00", part, f"{face.key}%00",
        f"{face.key}/", f"/{face.key}",
        f"./{face.key}", f"x/../{face.key}", f"{NAME}/../{face.key}", face.key.upper(),
        face.key.replace("/rover/", "/%2572over/"), face.key.replace("/rover/", "//rover/"), f"{NAME}/rover/t1",
        f"{NAME}/rover/../rover/{stamp}", f"{NAME}/../t1/{stamp}", f"{NAME}/%252E%252E/secret/{stamp}",
        f"{NAME}/rover/t1/093000.000000-0123456789abcdef.png", f"9999-99-99/rover/t1/{stamp}",
        f"2024-02-31/rover/t1/{stamp}", f"undated/rover/t1/{stamp}", "undated/rover/t1/0123456789abcdef.png",
        "forgotten/a.json", "%ff%fe", "a" * 5000,
    ]  # fmt: skip
    async with served(on(folder)) as url:
        assert (await ask(url, f"/api/picture/{face.key}")).status == 200
        for trick in tricks:
            answer = await ask(url, f"/api/picture/{trick}")
            assert answer.status in (400, 404), trick
            assert b"secret" not in answer.body
            assert b"root:" not in answer.body


async def test_names_that_are_markup_and_paths_come_through_unchanged(tmp_path: Path) -> None:
    await put(bucket_in(tmp_path), [made(Face(HOSTILE, "a b&c=d#e?f+g", DAY))])
    async with served(on(tmp_path)) as url:
        told = await ask(url, f"/api/faces?robot={quote(HOSTILE)}&track={quote('a b&c=d#e?f+g')}")
        assert [(face["robot"], face["track"]) for face in told.json["faces"]] == [(HOSTILE, "a b&c=d#e?f+g")]
        assert told.headers["content-type"] == "application/json"
        assert told.headers["x-content-type-options"] == "nosniff"


async def test_forgetting_from_the_page_deletes_in_the_bucket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, [*series("rover", "t1", 3), *series("rover", "t1", 2, DAY - timedelta(days=1))])
    kept = await put(bucket, [*series("rover", "t2", 2), *series("hall", "t1", 1)])
    async with served(on(tmp_path)) as url:
        await until_counted(url)
        gone = await ask(url, "/api/forget", "POST", {"robot": "rover", "track": "t1"})
        assert gone.json == {"objects": 5, "lines": 5}
        assert [x for x in await paths(bucket) if x.endswith(".png")] == sorted(each.key for each in kept)
        tracks = (await ask(url, "/api/tracks")).json  # at once
        assert [(track["robot"], track["track"]) for track in tracks["tracks"]] == [("rover", "t2"), ("hall", "t1")]

        async def is_counted_anew() -> bool:
            days = (await ask(url, "/api/days")).json["days"]
            return bool(days == [{"day": NAME, "faces": 3, "tracks": 2}])

        await until(is_counted_anew)
    [rule] = await Rules(bucket).refresh()
    assert (rule.robot, rule.track, rule.is_done) == ("rover", "t1", True)
    assert "forgotten from the page: robot 'rover', track 't1', 5 objects" in caplog.text


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"robot": "rover"}', b'{"robot": "", "track": "t1"}', b"[" * 3000, b" " * 5000]
)
async def test_a_wish_to_forget_that_makes_no_sense_deletes_nothing(tmp_path: Path, body: bytes) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, series("rover", "t1", 2))
    before = await paths(bucket)
    async with served(on(tmp_path)) as url:
        answer = await ask(url, "/api/forget", "POST", body)
        assert answer.status == 400
        assert answer.json["error"]
    assert await paths(bucket) == before


async def test_what_a_rule_covers_is_neither_listed_nor_served(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    [face, *_] = await put(bucket, series("rover", "t1", 2))
    await put(bucket, series("rover", "t2", 1))
    async with served(on(tmp_path)) as url:
        assert (await ask(url, "/api/tracks")).json["total"] == 2
        await Rules(bucket).add(Rule(DAY + timedelta(hours=1), track="t1"))  # by another program, not swept yet

        async def is_obeyed() -> bool:
            return bool((await ask(url, "/api/tracks")).json["total"] == 1)

        await until(is_obeyed)
        assert (await ask(url, address(face.key))).status == 404
        assert face.key in await paths(bucket)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
        {"Origin": "http://["},
    ],
)
async def test_the_page_of_another_site_cannot_forget(tmp_path: Path, headers: dict[str, str]) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, series("rover", "t1", 1))
    before = await paths(bucket)
    async with served(on(tmp_path)) as url:
        answer = await ask(url, "/api/forget", "POST", {"robot": "rover", "track": "t1"}, **headers)
        assert answer.status == 403
        assert await paths(bucket) == before
        own = {"Origin": url.rstrip("/"), "Sec_Fetch_Site": "same-origin"}
        assert (await ask(url, "/api/forget", "POST", {"robot": "rover", "track": "t1"}, **own)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[", "10.0.0.1"])
async def test_a_foreign_name_for_this_machine_sees_nothing(tmp_path: Path, host: str) -> None:
    async with served(on(tmp_path)) as url:
        for path in ("/", "/api/days", "/page.js", "/healthz"):
            assert (await ask(url, path, Host=host)).status in (400, 403)
        assert (await ask(url, "/", Host="localhost:1234")).status == 200


async def test_other_hosts_need_the_password_for_everything(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    [face] = await put(bucket, series("rover", "t1", 1))
    async with served(on(tmp_path, host="0.0.0.0", password=SECRET)) as url:
        here = f"http://127.0.0.1:{url.rstrip('/').rpartition(':')[2]}/"
        for path in ("/", "/page.js", "/api/days", "/api/tracks", "/api/faces", address(face.key), "/nothing"):
            refused = await ask(here, path)
            assert (refused.status, refused.headers["www-authenticate"][:6]) == (401, "Basic ")
            assert (await ask(here, path, Authorization=basic(SECRET))).status == (404 if path == "/nothing" else 200)
        for wrong in ("correct hors", "correct horsf", "", "é", "correct horse "):
            assert (await ask(here, "/api/days", Authorization=basic(wrong))).status == 401
        for odd in ("Basic", "Basic !!!", f"Bearer {basic(SECRET)[6:]}", SECRET, "Basic aGVsbG8="):
            assert (await ask(here, "/api/days", Authorization=odd)).status == 401
        forget = {"robot": "rover", "track": "t1"}
        assert (await ask(here, "/api/forget", "POST", forget)).status == 401
        assert face.key in await paths(bucket)
        assert (await ask(here, "/healthz")).body == b"ok\n"
        assert (await ask(here, "/", Host="gallery.lan", Authorization=basic(SECRET, "anybody"))).status == 200


async def test_other_hosts_without_a_password_are_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^host: on 0\.0\.0\.0 everybody.*Set a password"):
        await serve(on(tmp_path, host="0.0.0.0"))


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = on(tmp_path).model_copy(update={"port": other.getsockname()[1]})
        with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:.*Give another --port"):
            await serve(config)


async def test_a_storage_that_is_away_is_told_in_a_sentence_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    [face] = await put(bucket_in(folder), series("rover", "t1", 1))
    async with served(on(folder)) as url:
        assert (await ask(url, "/healthz")).status == 200
        folder.rename(tmp_path / "away")

        async def is_told() -> bool:
            return {(await ask(url, path)).status for path in ("/healthz", "/api/tracks")} == {503}

        await until(is_told)
        away = await ask(url, "/api/tracks")
        assert "is not there any more. Is its disk still mounted?" in away.json["error"]
        assert (await ask(url, address(face.key))).status == 503
        health = await ask(url, "/healthz")
        assert (health.status, health.body) == (503, b"the storage does not answer\n")
        assert (await ask(url, "/")).status == 200
        (tmp_path / "away").rename(folder)
        assert (await ask(url, "/api/tracks")).json["total"] == 1


async def test_all_of_it_from_a_real_s3(tmp_path: Path) -> None:
    need_swift()
    with Swift(tmp_path / "swift") as swift:
        name = swift.create_bucket()
        access = S3Config(
            endpoint=swift.endpoint,
            region=swift.region,
            access_key_id=swift.access_key,
            secret_access_key=swift.secret_key,
        )
        storage = StorageConfig(url=f"s3://{name}/hall", s3=access)
        faces = await put(Bucket(storage), [*series("rover", "t1", 2), made(Face(HOSTILE, "50 % é?#", DAY))])
        async with served(on(tmp_path).model_copy(update={"storage": storage})) as url:
            assert (await until_counted(url)).json["days"] == [{"day": NAME, "faces": 3, "tracks": 2}]
            for each in faces:
                assert (await ask(url, address(each.key))).body == each.png
            gone = await ask(url, "/api/forget", "POST", {"robot": HOSTILE, "track": "50 % é?#"})
            assert gone.json == {"objects": 1, "lines": 1}
            assert (await ask(url, "/api/tracks")).json["total"] == 1
        left = [key for key in swift.keys(name) if key.endswith(".png")]
        assert left == sorted(f"hall/{each.key}" for each in faces[:2])


async def test_an_s3_that_does_not_answer_is_no_reason_not_to_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, answers nothing
        s3 = {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "access_key_id": "a", "secret_access_key": "b"}
        storage = StorageConfig.model_validate({"url": "s3://faces", "s3": s3, "timeout_s": 0.3})
        async with served(on(tmp_path).model_copy(update={"storage": storage})) as url:
            answer = await ask(url, "/api/days")
            assert answer.status == 503
            assert "s3://faces does not answer as it should" in answer.json["error"]


async def test_what_is_not_there_and_what_cannot_be_written(tmp_path: Path) -> None:
    async with served(on(tmp_path)) as url:
        assert (await ask(url, "/api/nothing")).json["error"]
        assert (await ask(url, "/page.py")).status == 404
        assert (await ask(url, "/", "DELETE")).status == 405
        assert (await ask(url, "/api/faces", "PUT", b"x")).status in (404, 405)
        page = await ask(url, "/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b"http://" not in page.body.replace(b"mqtt://", b"").replace(b"http://www.w3.org", b"")


async def test_ten_thousand_faces_of_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Index lines without objects will do: what a page shows is 60 pictures at a time."""
    caplog.set_level(logging.INFO)
    index, lines = Index(bucket_in(tmp_path), "store"), []
    for number in range(10_000):
        digest = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        face = Face(f"rover-{number % 4}", f"t{number // 8}", DAY + timedelta(seconds=number), 0.9, edge="edge-1")
        lines.append(Line(str(Key.of(face, digest)), face, face.time or DAY, 50_000))
    for start in range(0, len(lines), 64):
        await index.add(lines[start : start + 64], datetime.now(UTC))
    loop = asyncio.get_running_loop()
    async with served(on(tmp_path)) as url:
        began_s = loop.time()
        first = await ask(url, "/api/tracks")
        cold_s = loop.time() - began_s
        took_s = list[float]()
        for _ in range(3):
            began_s = loop.time()
            same = await ask(url, "/api/tracks", if_none_match=first.headers["etag"])
            took_s.append(loop.time() - began_s)
        warm_s = statistics.median(took_s)
        later = Face("rover-0", NO_TRACK, DAY + timedelta(hours=10))
        await index.add([Line(str(Key.of(later, "0" * 16)), later, DAY, 1)], datetime.now(UTC))
        async with asyncio.timeout(30):
            began_s = loop.time()
            while (new := await ask(url, "/api/tracks", if_none_match=first.headers["etag"])).status == 304:
                began_s = loop.time()
                await asyncio.sleep(0.02)
            new_s = loop.time() - began_s
    assert (first.json["faces"], first.json["total"], len(first.json["tracks"])) == (10_000, 5000, 60)
    assert len(first.body) < 60_000
    assert same.status == 304
    assert new.json["tracks"][0]["track"] == NO_TRACK
    assert new.json["faces"] == 10_001
    told = {"cold_s": cold_s, "unchanged_s": warm_s, "one_new_s": new_s, "bytes": len(first.body)}
    logging.getLogger(__name__).info("10,000 faces: %s", json.dumps(told))
    assert cold_s < 10
    assert warm_s < 1
