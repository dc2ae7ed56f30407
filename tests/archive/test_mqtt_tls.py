"""Over TLS with certificates made here: who is trusted, who is not, and what is said then."""

import asyncio
import contextlib
import ipaddress
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from archive.broker.private import find_program, free_port
from archive.broker_config import BrokerConfig, TlsFiles
from archive.mqtt import BrokerError, Mqtt
from common.errors import ConfigError
from tests.archive.brokers import broker, need_mosquitto

pytestmark = [  # paho leaves a socket whose handshake failed to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Authority:
    """Signs certificates; its own is `file`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        certificate = self._signed(self._name, self._key.public_key(), None, is_authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, address: str | None = None) -> tuple[Path, Path]:
        """Files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), address, is_authority=False)
        files = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return files

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, address: str | None, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if address is not None:
            names = [x509.IPAddress(ipaddress.ip_address(address))]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())


@contextlib.asynccontextmanager
async def listening(folder: Path, authority: Authority, server: tuple[Path, Path], *more: str) -> AsyncIterator[int]:
    """Mosquitto with that certificate; its port."""
    need_mosquitto()
    port, program = free_port(), find_program("mosquitto")
    assert program
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"cafile {authority.file}", f"certfile {server[0]}"]
    conf = folder / "tls.conf"
    conf.write_text("\n".join([*lines, f"keyfile {server[1]}", "user root", *more, ""]))
    child = await asyncio.create_subprocess_exec(program, "-c", str(conf), stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    break
        yield port
    finally:
        child.terminate()
        await child.wait()


async def try_to(port: int, timeout_s: float = 1.0, **tls: Path) -> str:
    """Empty, or why it did not work."""
    config = BrokerConfig(url=f"mqtts://127.0.0.1:{port}", tls=TlsFiles(**tls))
    mqtt = Mqtt(config, "x", "remote")
    mqtt.timeout = timeout_s
    try:
        async with mqtt:
            await mqtt.subscribe_to("x", 1)
            assert await mqtt.send("x", b"hello", 1, {"track": "a"})
            (mail,) = await mqtt.next_mail(1)
            assert (mail.payload, mail.fields) == (b"hello", {"track": "a"})
    except BrokerError as error:
        return str(error)
    return ""


async def test_whom_the_authority_vouches_for_is_trusted_and_nobody_else(tmp_path: Path) -> None:
    right, other = Authority(tmp_path, "right"), Authority(tmp_path, "other")
    async with listening(tmp_path, right, right.issue("server", "127.0.0.1")) as port:
        assert await try_to(port, 10.0, authority=right.file) == ""
        for why in (await try_to(port, authority=other.file), await try_to(port)):
            assert why.startswith(f"remote.url: nobody to talk to at mqtts://127.0.0.1:{port} ")
            assert "certificate verify failed" in why
            assert "Check remote.tls.authority" in why
            assert "Is a broker running there?" not in why


async def test_a_certificate_for_another_name_is_not_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "right")
    async with listening(tmp_path, authority, authority.issue("server", "127.0.0.2")) as port:
        why = await try_to(port, authority=authority.file)
        assert "the broker's certificate is for 127.0.0.1" in why


async def test_a_broker_that_asks_for_a_certificate_gets_ours(tmp_path: Path) -> None:
    right, other = Authority(tmp_path, "right"), Authority(tmp_path, "other")
    server, mine, forged = right.issue("server", "127.0.0.1"), right.issue("mine"), other.issue("forged")
    async with listening(tmp_path, right, server, "require_certificate true") as port:
        assert await try_to(port, 10.0, authority=right.file, certificate=mine[0], key=mine[1]) == ""
        for why in (
            await try_to(port, authority=right.file, certificate=forged[0], key=forged[1]),
            await try_to(port, authority=right.file),
        ):
            assert why.startswith(f"remote.url: nobody to talk to at mqtts://127.0.0.1:{port} ")
            assert "remote.tls" in why


async def test_a_key_of_another_certificate_is_a_wrong_setting(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "right")
    one, other = authority.issue("one"), authority.issue("other")
    tls = TlsFiles(authority=authority.file, certificate=one[0], key=other[1])
    with pytest.raises(ConfigError, match=r"remote\.tls: .*one\.crt cannot be used .*mismatch"):
        Mqtt(BrokerConfig(url="mqtts://127.0.0.1", tls=tls), "x", "remote")


async def test_tls_to_a_plain_port_and_the_other_way_round(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "right")
    async with broker("local", tmp_path) as plain:
        why = await try_to(plain.port, authority=authority.file)
        assert why.startswith(f"remote.url: nobody to talk to at mqtts://127.0.0.1:{plain.port}")
    async with listening(tmp_path, authority, authority.issue("server", "127.0.0.1")) as port:
        mqtt = Mqtt(BrokerConfig(url=f"mqtt://127.0.0.1:{port}"), "x")
        mqtt.timeout = 1.0
        with pytest.raises(BrokerError, match=rf"broker\.url: nobody to talk to at mqtt://127\.0\.0\.1:{port}"):
            async with mqtt:
                pass
