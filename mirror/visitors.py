"""Who asks: one browser from another, and our own page from the page of another site."""

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from mirror.config import LOOPBACK
from mirror.problems import FORBIDDEN, ProblemError

_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(plain_http: bool) -> str:
    """`__Host-`: a browser takes it over HTTPS only, and no other name of this host can set it."""
    return "mirror" if plain_http else "__Host-mirror"


def session_of(cookies: Mapping[str, str], name: str) -> str | None:
    """None for a new visitor, and for a cookie that is not from here."""
    session = cookies.get(name, "")
    return session if _SESSION.fullmatch(session) else None


def new_session() -> str:
    return secrets.token_urlsafe(32)


def cookie(name: str, session: str, plain_http: bool) -> str:
    """The header's value. No script can read it, no other site's page sends it, it ends with the browser."""
    return f"{name}={session}; Path=/; HttpOnly; SameSite=Strict{'' if plain_http else '; Secure'}"


def check_origin(headers: Mapping[str, str], listens_on: str) -> None:
    """Raises ProblemError for what another site's page sends in its visitor's name.

    Programs without an origin (curl, a robot) may ask: they carry nobody's cookie but their own.
    """
    host, origin = headers.get("host"), headers.get("origin")
    asked = urlsplit(f"//{host}").hostname if host else None
    is_foreign = origin is not None and urlsplit(origin).netloc != host
    is_foreign |= headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    # A foreign name that resolves to 127.0.0.1 is an attack.
    is_foreign |= listens_on in LOOPBACK and asked not in LOOPBACK
    if is_foreign:
        raise ProblemError(FORBIDDEN, "This came from the page of another site, and is refused.")
