"""The certificate: made once, kept, renewed when it has to be."""

import datetime
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509

from common.errors import ConfigError
from mirror.certificate import RENEW_DAYS, VALID_DAYS, default_folder, ensure, make, own_names

NOW = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
NAMES = ("localhost", "mirror.local", "127.0.0.1", "::1")


def names_in(file: Path) -> set[str]:
    held = x509.load_pem_x509_certificate(file.read_bytes())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_it_is_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mirror"
    first = ensure(folder, NAMES, NOW)
    again = ensure(folder, NAMES, NOW + datetime.timedelta(days=30))
    assert (first.is_new, again.is_new) == (True, False)
    assert first.fingerprint == again.fingerprint
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600
    assert names_in(first.file) == set(NAMES)
    assert [each.name for each in folder.iterdir()] == ["mirror.pem"]


@pytest.mark.parametrize("days", [VALID_DAYS - RENEW_DAYS, VALID_DAYS + 1, -2])
def test_it_is_renewed_shortly_before_its_end_and_when_the_clock_was_wrong(tmp_path: Path, days: int) -> None:
    first = ensure(tmp_path, NAMES, NOW)
    later = ensure(tmp_path, NAMES, NOW + datetime.timedelta(days=days))
    assert later.is_new
    assert later.fingerprint != first.fingerprint


def test_a_new_address_of_this_machine_gets_in_and_the_old_ones_stay(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    assert names_in(ensure(tmp_path, ("localhost", "192.0.2.7"), NOW).file) == {*NAMES, "192.0.2.7"}


@pytest.mark.parametrize("content", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mirror.pem").write_bytes(content)
    (tmp_path / "mirror.pem").chmod(0o600)
    assert ensure(tmp_path, NAMES, NOW).is_new


def test_a_key_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    first = ensure(tmp_path, NAMES, NOW)
    first.file.chmod(0o644)
    second = ensure(tmp_path, NAMES, NOW)
    assert second.is_new
    assert stat.S_IMODE(second.file.stat().st_mode) == 0o600


def test_key_and_certificate_that_do_not_belong_together_are_replaced(tmp_path: Path) -> None:
    one, other = make(NAMES, NOW), make(NAMES, NOW)
    mixed = one.partition(b"-----BEGIN CERT")[0] + b"-----BEGIN CERT" + other.partition(b"-----BEGIN CERT")[2]
    (tmp_path / "mirror.pem").write_bytes(mixed)
    (tmp_path / "mirror.pem").chmod(0o600)
    assert ensure(tmp_path, NAMES, NOW).is_new


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"file.*cannot be written.*--folder"):
        ensure(tmp_path / "file", NAMES, NOW)


def test_this_machine_is_known_by_name_and_address() -> None:
    names = own_names()
    assert names[0] == "localhost"
    assert {"127.0.0.1", "::1"} <= set(names)
    for name in names:
        if name[:1].isdigit() and "." in name:
            ipaddress.ip_address(name)


def test_it_lies_in_the_users_configuration_folder() -> None:
    assert default_folder({"XDG_CONFIG_HOME": "/etc/mine"}) == Path("/etc/mine/tagalong/mirror")
    assert default_folder({}) == Path.home() / ".config" / "tagalong" / "mirror"
