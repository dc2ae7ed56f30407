"""Who may see faces: this machine's own user, or who knows the password. And no other site's page in their name."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from archive.config import GalleryConfig
from common.errors import ConfigError
from common.serving import LOOPBACK

CHALLENGE = {"WWW-Authenticate": 'Basic realm="tagalong gallery", charset="UTF-8"'}


def check(config: GalleryConfig) -> None:
    """Raises ConfigError for a page with faces that everybody in the network could open."""
    if config.host not in LOOPBACK and config.password is None:
        raise ConfigError(
            f"host: on {config.host} everybody in the network could see the faces. "
            "Set a password (TAGALONG_ARCHIVE_GALLERY__PASSWORD), or listen on 127.0.0.1"
        )


def is_asked_here(headers: Mapping[str, str], config: GalleryConfig) -> bool:
    """False for a foreign name that resolves to 127.0.0.1, which is an attack."""
    host = headers.get("host")
    try:
        return config.host not in LOOPBACK or (host is not None and urlsplit(f"//{host}").hostname in LOOPBACK)
    except ValueError:
        return False


def knows_password(headers: Mapping[str, str], config: GalleryConfig) -> bool:
    """HTTP Basic; the user's name is not looked at. Takes the same time however much of a wrong one is right."""
    if config.password is None:
        return True
    scheme, _, coded = headers.get("authorization", "").partition(" ")
    try:
        _, _, given = base64.b64decode(coded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, config.password.encode()) and scheme.lower() == "basic"


def is_own_page(headers: Mapping[str, str]) -> bool:
    """False for what another site's page sends in its visitor's name. Programs send no origin and may ask."""
    origin = headers.get("origin")
    try:
        is_foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return False
    return not is_foreign and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
