"""The gallery's page and what it asks for. FastAPI is imported only when `build` is called."""

import json
import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from archive.bucket import StorageError
from archive.gallery import guard
from archive.gallery.gallery import Gallery, Told, WishError
from archive.keys import segment
from common.errors import ConfigError
from common.serving import GUARDS

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

log = logging.getLogger(__name__)

FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "ask.js": ("ask.js", "text/javascript"),
    "cards.js": ("cards.js", "text/javascript"),
    "shape.js": ("shape.js", "text/javascript"),
    "viewer.js": ("viewer.js", "text/javascript"),
    "favicon.svg": ("favicon.svg", "image/svg+xml"),
}
NO_CACHE = {**GUARDS, "Cache-Control": "no-cache"}  # of the page: asked for anew, but kept
NO_STORE = {**GUARDS, "Cache-Control": "private, no-store"}  # of faces: what is forgotten is on no other disk either
MAX_JSON_BYTES = 4096
NOT_FOUND = "There is no such thing here."


def build(gallery: Gallery) -> "FastAPI":
    """Raises ConfigError when FastAPI is not installed."""
    try:
        from fastapi import FastAPI, Request, Response
        from fastapi.responses import JSONResponse
    except ImportError as error:
        raise ConfigError(f"the gallery needs {error.name}: pip install 'tagalong[archive]'") from error
    config = gallery.config
    app = FastAPI(title="tagalong gallery", docs_url=None, redoc_url=None, openapi_url=None)
    folder = resources.files("archive.gallery") / "static"
    content = {path: (folder / file).read_bytes() for path, (file, _) in FILES.items()}

    def problem(status: int, text: str) -> Response:
        return JSONResponse({"error": text}, status, NO_STORE)

    async def answer(make: Callable[[], Awaitable[Response]]) -> Response:
        """Problems become sentences with a status."""
        try:
            return await make()
        except WishError as error:
            return problem(400, str(error))
        except StorageError as error:
            return problem(503, str(error))

    async def told(request: Request, make: Callable[[dict[str, str]], Awaitable[Told]]) -> Response:
        """JSON, or 304 for who has it already."""

        async def make_response() -> Response:
            made = await make(dict(request.query_params))
            headers = NO_STORE | {"ETag": f'"{made.version}"'}
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(None, 304, headers)
            return JSONResponse(made.data, headers=headers)

        return await answer(make_response)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not guard.is_asked_here(request.headers, config):
            return problem(403, "The gallery is for this machine only: open it as http://127.0.0.1 or localhost.")
        if request.url.path != "/healthz" and not guard.knows_password(request.headers, config):
            return Response("The gallery needs its password.", 401, NO_STORE | guard.CHALLENGE, "text/plain")
        if request.method not in ("GET", "HEAD") and not guard.is_own_page(request.headers):
            return problem(403, "This came from the page of another site, and is refused.")
        return await call_next(request)

    @app.get("/api/days")
    async def days(request: Request) -> Response:
        return await told(request, lambda _: gallery.days())

    @app.get("/api/tracks")
    async def tracks(request: Request) -> Response:
        return await told(request, gallery.tracks)

    @app.get("/api/faces")
    async def faces(request: Request) -> Response:
        return await told(request, gallery.faces)

    @app.get("/api/picture/{key:path}")
    async def picture(request: Request, key: str) -> Response:
        async def make() -> Response:
            png = await gallery.picture(key)
            if png is None:
                return problem(404, "There is no such picture here; it may have been forgotten.")
            headers = dict(NO_STORE)
            if "download" in request.query_params:
                headers["Content-Disposition"] = f'attachment; filename="{_file_name(key)}"'
            return Response(png, 200, headers, "image/png")

        return await answer(make)

    @app.post("/api/forget")
    async def forget(request: Request) -> Response:
        async def make() -> Response:
            wish = await _json(request)
            swept = await gallery.forget(str(wish.get("robot", "")), str(wish.get("track", "")))
            return JSONResponse({"objects": swept.objects, "lines": swept.lines}, headers=NO_STORE)

        return await answer(make)

    @app.get("/healthz")
    async def health() -> Response:
        """Asked without a password; says no more than it has to."""
        try:
            await gallery.reader.days()
        except StorageError as error:
            log.warning("%s", error)
            return Response("the storage does not answer\n", 503, NO_STORE, "text/plain")
        return Response("ok\n", 200, NO_STORE, "text/plain")

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    async def file(request: Request, path: str) -> Response:
        if path not in FILES:
            return problem(404, NOT_FOUND) if path.startswith("api/") else Response(NOT_FOUND, 404, NO_CACHE)
        if request.method not in ("GET", "HEAD"):
            return Response("This page can only be read.", 405, NO_CACHE | {"Allow": "GET, HEAD"}, "text/plain")
        return Response(content[path], 200, NO_CACHE, FILES[path][1])

    return app


def _file_name(key: str) -> str:
    """Letters, digits, `-`, `_` and `.` only: a name that is encoded already is made harmless once more."""
    return "-".join(segment(part) for part in key.split("/")).replace("%", "_")


async def _json(request: "Request") -> dict[str, Any]:
    """A small JSON object. Raises WishError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise WishError("This is too long: robot and track are all it needs.")
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict):
        raise WishError('Not understood. Send JSON: {"robot": "...", "track": "..."}.')
    return wish
