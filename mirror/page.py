"""The mirror's page and what it asks for, over HTTPS.

FastAPI is imported only when `build` is called.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from common import serving
from common.errors import ConfigError
from mirror import problems
from mirror.problems import ProblemError
from mirror.shown import body_json, labels_png, picture_json, result_as_png, state_json
from mirror.studio import Studio
from mirror.uploads import read_upload
from mirror.visitors import check_origin, cookie, cookie_name, new_session, session_of

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "camera.js": ("camera.js", "text/javascript"),
    "ask.js": ("ask.js", "text/javascript"),
    "slider.js": ("slider.js", "text/javascript"),
    "body.js": ("body.js", "text/javascript"),
    "live.js": ("live.js", "text/javascript"),
    "favicon.svg": ("favicon.svg", "image/svg+xml"),
}
GUARDS = serving.GUARDS | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
NO_CACHE = {**GUARDS, "Cache-Control": "no-cache"}  # of the page: asked for anew, but kept
NO_STORE = {**GUARDS, "Cache-Control": "no-store"}  # of pictures: not on the user's disk either
MAX_JSON_BYTES = 4096


def build(studio: Studio) -> "FastAPI":
    """Raises ConfigError when FastAPI is not installed."""
    try:
        from fastapi import FastAPI, Request, Response, WebSocket
        from fastapi.responses import JSONResponse

        from mirror.dressing import Dressing
        from mirror.live import talk
    except ImportError as error:
        raise ConfigError(f"the mirror needs {error.name}: pip install 'tagalong[mirror]'") from error
    config = studio.config
    name = cookie_name(config.plain_http)
    app = FastAPI(title="tagalong mirror", docs_url=None, redoc_url=None, openapi_url=None)
    folder = resources.files("mirror") / "static"
    content = {path: (folder / file).read_bytes() for path, (file, _) in FILES.items()}

    async def answer(request: Request, make: Callable[[str], Awaitable[Any]]) -> Response:
        """What `make(session)` gives: a response, or what becomes JSON; problems become sentences with a status."""
        session = session_of(request.cookies, name)
        known = session is not None
        session = session or new_session()
        try:
            if request.method != "GET":
                check_origin(request.headers, config.host)
            made = await make(session)
            response = made if isinstance(made, Response) else JSONResponse(made, headers=NO_STORE)
        except ProblemError as problem:
            headers = NO_STORE | (
                {"Retry-After": f"{max(1, problem.retry_after_s):.0f}"} if problem.retry_after_s else {}
            )
            response = JSONResponse(problem.to_json(), problem.status, headers)
        if not known:
            response.headers["Set-Cookie"] = cookie(name, session, config.plain_http)
        return response

    @app.get("/api/state")
    async def state(request: Request) -> Response:
        async def make(session: str) -> Any:
            return await state_json(studio, session)

        return await answer(request, make)

    @app.get("/api/garments/{garment_id}.png")
    async def garment(request: Request, garment_id: str) -> Response:
        async def make(session: str) -> Response:
            png = studio.wardrobe.get(garment_id).png
            return Response(png, 200, GUARDS | {"Cache-Control": "max-age=3600"}, "image/png")

        return await answer(request, make)

    @app.post("/api/pictures")
    async def take(request: Request) -> Response:
        async def make(session: str) -> Any:
            async with studio.uploads:
                data = await read_upload(request.stream(), request.headers.get("content-length"), config.limits)
                taken = await studio.take(session, data)
            return picture_json(taken.picture) | {"notes": taken.notes, "took_s": round(taken.took_s, 3)}

        return await answer(request, make)

    @app.get("/api/pictures/{picture_id}.jpg")
    async def picture(request: Request, picture_id: str) -> Response:
        async def make(session: str) -> Response:
            jpeg = bytes(studio.picture(session, picture_id).jpeg)
            return Response(jpeg, 200, NO_STORE, "image/jpeg")

        return await answer(request, make)

    @app.get("/api/pictures/{picture_id}/body")
    async def body(request: Request, picture_id: str) -> Response:
        async def make(session: str) -> Any:
            return body_json(studio.picture(session, picture_id).found)

        return await answer(request, make)

    @app.get("/api/pictures/{picture_id}/areas.png")
    async def areas(request: Request, picture_id: str) -> Response:
        async def make(session: str) -> Response:
            png = await labels_png(studio.picture(session, picture_id).found)
            return Response(png, 200, NO_STORE, "image/png")

        return await answer(request, make)

    @app.post("/api/try-on")
    async def try_on(request: Request) -> Response:
        async def make(session: str) -> Any:
            wish = await _json(request)
            picture_id, garment_id = str(wish.get("picture", "")), str(wish.get("garment", ""))
            as_events = "text/event-stream" in request.headers.get("accept", "")
            return Dressing(partial(studio.dress, session, picture_id, garment_id), NO_STORE, as_events)

        return await answer(request, make)

    @app.get("/api/results/{result_id}.{kind}")
    async def result(request: Request, result_id: str, kind: str) -> Response:
        async def make(session: str) -> Response:
            found = studio.result(session, result_id)
            if kind not in ("jpg", "png"):
                raise ProblemError(problems.NOT_FOUND, "A result is there as .jpg and as .png.")
            headers = dict(NO_STORE)
            if "download" in request.query_params:
                headers["Content-Disposition"] = f'attachment; filename="mirror-{found.garment_id}.{kind}"'
            if kind == "png":
                return Response(await result_as_png(found), 200, headers, "image/png")
            return Response(bytes(found.jpeg), 200, headers, "image/jpeg")

        return await answer(request, make)

    @app.post("/api/forget")
    async def forget(request: Request) -> Response:
        async def make(session: str) -> Response:
            response = JSONResponse({"forgotten": studio.forget(session)}, headers=NO_STORE)
            response.headers["Set-Cookie"] = cookie(name, new_session(), config.plain_http)
            return response

        return await answer(request, make)

    @app.websocket("/api/live")
    async def live(browser: WebSocket) -> None:
        try:
            check_origin(browser.headers, config.host)
        except ProblemError:
            await browser.close()  # before accepting: HTTP 403
            return
        await talk(studio, browser, session_of(browser.cookies, name) or new_session())

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    async def file(request: Request, path: str) -> Response:
        if path not in FILES:
            text = "There is no such page here." if not path.startswith("api/") else '{"error": "No such thing here."}'
            return Response(text, 404, NO_CACHE, "text/plain")
        if request.method not in ("GET", "HEAD"):
            return Response("This page can only be read.", 405, NO_CACHE | {"Allow": "GET, HEAD"}, "text/plain")
        return Response(content[path], 200, NO_CACHE, FILES[path][1])

    return app


async def _json(request: "Request") -> dict[str, Any]:
    """A small JSON object. Raises ProblemError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise ProblemError(problems.TOO_LARGE, "This is too much for a wish: picture and garment are all it needs.")
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict):
        raise ProblemError(problems.NOT_UNDERSTOOD, 'Not understood. Send JSON: {"picture": "...", "garment": "..."}.')
    return wish
