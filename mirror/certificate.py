"""The mirror's own certificate. Browsers give the webcam only to pages that come encrypted (or from localhost).

Nobody has signed it but itself, so a browser warns once. It is made at the first start and kept, so that the warning
does not come back.
"""

import contextlib
import datetime
import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ifaddr

from common.errors import ConfigError

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 397  # what browsers accept at most of certificates for servers
RENEW_DAYS = 7  # before the end


@dataclass(frozen=True, slots=True)
class Certificate:
    """A file in PEM form, and what to compare with what the browser shows."""

    file: Path  # key and certificate in one: two programs that start at once cannot mix theirs
    fingerprint: str  # SHA-256, AB:CD:...
    is_new: bool


def own_names() -> tuple[str, ...]:
    """What this machine may be called in an address: localhost, its host name, its addresses."""
    host = socket.gethostname()
    found = {str(ip.ip if ip.is_IPv4 else ip.ip[0]) for adapter in ifaddr.get_adapters() for ip in adapter.ips}
    addresses = {each for each in found if not ipaddress.ip_address(each).is_link_local}  # those need a %zone
    named = {name for name in (host, f"{host.partition('.')[0]}.local") if name.isascii() and host}
    return ("localhost", *sorted(named - {"localhost"}), *sorted({"127.0.0.1", "::1", *addresses}))


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_CONFIG_HOME or ~/.config, then tagalong/mirror."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "tagalong" / "mirror"


def ensure(folder: Path, names: Sequence[str], now: datetime.datetime) -> Certificate:
    """The certificate kept in `folder`; a new one where there is none, or it ends soon or lacks one of the names.

    Raises ConfigError when the folder cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    file = folder / "mirror.pem"
    held = _read(file)
    is_new = held is None or not _holds(held, names, now)
    if is_new:
        covered = dict.fromkeys([*names, *(_names_of(held) if held else ())])  # who knew it by an old name still does
        pem = make(tuple(covered), now)
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(file, pem)
        held = x509.load_pem_x509_certificate(pem)
    assert held is not None
    return Certificate(file, held.fingerprint(hashes.SHA256()).hex(":").upper(), is_new)


def make(names: Sequence[str], now: datetime.datetime) -> bytes:
    """Key and certificate, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tagalong mirror on {socket.gethostname()}"[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of phones differ
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _holds(certificate: "x509.Certificate", names: Sequence[str], now: datetime.datetime) -> bool:
    ends = certificate.not_valid_after_utc - datetime.timedelta(days=RENEW_DAYS)
    return certificate.not_valid_before_utc <= now < ends and set(names) <= set(_names_of(certificate))


def _names_of(certificate: "x509.Certificate") -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for name in names]


def _general(name: str) -> "x509.GeneralName":
    from cryptography import x509

    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _read(file: Path) -> "x509.Certificate | None":
    """None where there is none that can be used, or others could have read the key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        if file.stat().st_mode & 0o077:
            return None
        pem = file.read_bytes()
        held = x509.load_pem_x509_certificate(pem)
        private = serialization.load_pem_private_key(pem, None)
    except (OSError, ValueError, TypeError):
        return None
    return held if held.public_key() == private.public_key() else None


def _write(file: Path, content: bytes) -> None:
    """In one move: a program that starts at the same time never reads half of it."""
    half = file.with_name(f"{file.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    half.replace(file)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"certificate: {folder} cannot be written ({error.strerror}). Give another folder with --folder."
        ) from error
