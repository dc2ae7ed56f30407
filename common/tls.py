"""Transport security: settings of the same channel and listener, so that turning it on changes no code.

Without a certificate both ends speak clear text, which suits loopback and a lab.
"""

from pathlib import Path

import grpc
from pydantic import Field

from common.errors import ConfigError
from common.settings import Strict

KEEPALIVE = (
    # gRPC clients send no keepalive by default, and servers count pings closer than 5 minutes as abuse:
    # both ends get the same numbers. Our own probes find a dead server sooner.
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
)


class TlsConfig(Strict):
    """Files in PEM form. On a server: certificate and key; on a robot: authority (and its own pair for mutual TLS)."""

    certificate: Path | None = Field(default=None)
    """Own certificate chain."""
    key: Path | None = Field(default=None)
    """Own private key."""
    authority: Path | None = Field(default=None)
    """Whom to trust. On a server it turns mutual TLS on: clients must show a certificate of this authority."""
    server_name: str | None = None
    """Name to expect in a server's certificate where it is reached by address."""

    @property
    def enabled(self) -> bool:
        return self.certificate is not None or self.authority is not None


def open_channel(address: str, tls: TlsConfig, options: tuple[tuple[str, int | str], ...] = ()) -> grpc.aio.Channel:
    """An asyncio channel to `host:port`. Raises ConfigError when a file of `tls` cannot be read."""
    credentials, everything = _client_side(tls, options)
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=everything)
    return grpc.aio.secure_channel(address, credentials, options=everything)


def open_blocking_channel(
    address: str, tls: TlsConfig, options: tuple[tuple[str, int | str], ...] = ()
) -> grpc.Channel:
    """The same for worker threads, where there is no event loop."""
    credentials, everything = _client_side(tls, options)
    if credentials is None:
        return grpc.insecure_channel(address, options=everything)
    return grpc.secure_channel(address, credentials, options=everything)


def _client_side(
    tls: TlsConfig, options: tuple[tuple[str, int | str], ...]
) -> tuple[grpc.ChannelCredentials | None, list[tuple[str, int | str]]]:
    everything: list[tuple[str, int | str]] = [*KEEPALIVE, *options]
    if not tls.enabled:
        return None, everything
    if tls.server_name:
        everything.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(tls.authority),
        private_key=_read(tls.key),
        certificate_chain=_read(tls.certificate),
    )
    return credentials, everything


def listen(server: grpc.aio.Server, address: str, tls: TlsConfig) -> int:
    """Bind `host:port` (0 picks a free port); returns the port. Raises ConfigError when it cannot be bound."""
    try:
        if not tls.enabled:
            port = server.add_insecure_port(address)
        else:
            key, certificate = _read(tls.key), _read(tls.certificate)
            if key is None or certificate is None:
                raise ConfigError("tls: a server needs both tls.certificate and tls.key")
            credentials = grpc.ssl_server_credentials(
                [(key, certificate)],
                root_certificates=_read(tls.authority),
                require_client_auth=tls.authority is not None,
            )
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(f"cannot listen on {address}: in use, or no such address. Give another --port.") from error
    if port == 0:
        raise ConfigError(f"cannot listen on {address}: in use, or no such address. Give another --port.")
    return int(port)


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"tls: {file} cannot be read ({error.strerror})") from error
