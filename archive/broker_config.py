"""How a broker is reached; the same for every program of the archive."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings import Strict

PORTS = {"mqtt": 1883, "mqtts": 8883}


class TlsFiles(Strict):
    """Files in PEM form; only for mqtts://."""

    authority: Path | None = None
    """Whom to trust; none: the authorities that this system trusts."""
    certificate: Path | None = None
    """Own certificate chain, for brokers that ask for one."""
    key: Path | None = None
    """Own private key."""

    @model_validator(mode="after")
    def _pair(self) -> "TlsFiles":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("tls: certificate and key go together; give both or none")
        return self


class BrokerConfig(Strict):
    """One MQTT broker."""

    url: str = "mqtt://127.0.0.1:1883"
    """mqtt://HOST:PORT, or mqtts://HOST:PORT with TLS."""
    username: str | None = None
    """Login, where the broker asks for one."""
    password: SecretStr | None = None
    """Its password. Best given by the environment or `password_file`: flags and files are read by others."""
    password_file: Path | None = None
    """A file with the password in it, such as a mounted secret; instead of `password`."""
    tls: TlsFiles = TlsFiles()
    """Certificates, for mqtts://."""
    protocol: Literal["5", "3.1.1"] = "5"
    """Version of MQTT. 3.1.1 has no room for a face's fields but inside the picture, and no receipts."""
    client_id: str | None = Field(default=None, min_length=1, max_length=64)
    """Name towards the broker, under which it keeps messages while this program is away; must be its own."""
    keepalive_s: int = Field(default=20, ge=2, le=3600)
    """A connection on which nothing comes for 1.5 times as long is dead."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            is_one = parts.scheme in PORTS and parts.port != 0 and _is_host(parts.hostname or "")
        except ValueError:  # of the port, or brackets that do not match
            is_one = False
        if not is_one or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS")
        if parts.username is not None:
            raise ValueError("leave the login out of the address; use username and password")
        return url

    @model_validator(mode="after")
    def _goes_together(self) -> "BrokerConfig":
        if not self.is_tls and (self.tls.authority or self.tls.certificate):
            raise ValueError(f"tls: {self.url} is not encrypted; write mqtts:// or leave the certificates out")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: give one of them")
        return self

    @property
    def is_tls(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        return unquote(urlsplit(self.url).hostname or "")

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or PORTS[urlsplit(self.url).scheme]


def _is_host(name: str) -> bool:
    """Whether the resolver can be asked for it."""
    try:
        return bool(name.encode("idna")) and not re.search(r"\s", name)
    except UnicodeError:
        return False
