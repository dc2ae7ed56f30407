"""The archive's image and the cloud's compose file say what the programs and the broker understand."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from archive.broker_config import BrokerConfig, TlsFiles
from archive.mqtt import BrokerError, Mqtt
from common.scrape import ScrapeServer
from tests.deploy.archive_parts import (
    BROKER_IMAGE,
    DEPLOY,
    PAGE,
    mosquitto,
    page_credentials,
    password,
    settings_of,
)
from tests.deploy.containerfile import ARCHIVE

FOLDER = DEPLOY / "container"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "archive-cloud.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GIVEN = {"AWS_ACCESS_KEY_ID": "id", "TAGALONG_ARCHIVE_GALLERY__PASSWORD": "correct horse"}


def filled(text: str, environ: dict[str, str]) -> str:
    """As compose does: ${NAME:-default}."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environ.get(found[1]) or found[2], text)


def environment_of(service: dict[str, Any], environ: dict[str, str]) -> dict[str, str]:
    """As compose does: a key without a value is passed on, where it is set."""
    pairs = {name: environ.get(name) if value is None else str(value) for name, value in service["environment"].items()}
    return {name: filled(value, environ) for name, value in pairs.items() if value is not None}


def settings_in(name: str, environ: dict[str, str]) -> Any:
    return settings_of(SERVICES[name]["command"], environment_of(SERVICES[name], environ))


def test_every_program_of_the_image_has_its_health_where_the_check_asks() -> None:
    remote = {"TAGALONG_ARCHIVE_FORWARD__REMOTE__URL": "mqtts://cloud"}
    for program in ("log", "forward", "store"):
        assert settings_of([program], remote).metrics_port == 9090
    assert settings_of(["gallery"], {}).port == 8090
    assert ARCHIVE.values("EXPOSE") == ["9090 8090"]
    assert not ARCHIVE.values("CMD")


@pytest.mark.parametrize(
    "start", ["tagalong\0archive\0", "/sbin/docker-init\0--\0/opt/tagalong/bin/tagalong\0archive\0"]
)
@pytest.mark.parametrize(("problem", "expected"), [("", 0), ("broker is away", 1)])
@pytest.mark.parametrize(("program", "key"), [("forward", "METRICS_PORT"), ("gallery", "PORT")])
def test_the_health_check_asks_the_program_that_runs(
    start: str, problem: str, expected: int, program: str, key: str, tmp_path: Path
) -> None:
    words = tmp_path / "cmdline"
    words.write_text(f"{start}{program}\0--log-level\0info\0")
    python, flag, code = ARCHIVE.health_check()
    assert python == "python3"
    assert code.count("/proc/1/cmdline") == 1
    server = ScrapeServer("127.0.0.1", 0, CollectorRegistry(), lambda: problem)
    try:
        name = f"TAGALONG_ARCHIVE_{program.upper()}__{key}"
        environ = os.environ | ARCHIVE.environment() | {"http_proxy": "http://127.0.0.1:9", name: str(server.port)}
        environ["PATH"] = os.environ["PATH"]
        code = code.replace("/proc/1/cmdline", str(words))
        done = subprocess.run([sys.executable, flag, code], env=environ, capture_output=True, check=False, timeout=30)
    finally:
        server.close()
    assert done.returncode == expected, done.stderr


@pytest.mark.parametrize("environ", [{}, {"ARCHIVE_STORE": "s3://faces/hall"}])
def test_the_services_settings_are_valid_and_store_and_gallery_mean_one_place(environ: dict[str, str]) -> None:
    store, gallery = settings_in("store", GIVEN | environ), settings_in("gallery", GIVEN | environ)
    assert store.storage == gallery.storage
    assert store.storage.url == environ.get("ARCHIVE_STORE", "file:///var/lib/faces")
    assert store.broker.client_id
    assert store.broker.host in SERVICES
    assert gallery.host == "0.0.0.0"
    for name in ("store", "gallery"):
        assert "faces:/var/lib/faces" in SERVICES[name]["volumes"]


def test_keys_that_the_page_gives_for_env_reach_the_programs() -> None:
    table = PAGE.partition("## 3.")[2].partition("## 4.")[0]
    keys = {name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert len(keys) >= 8
    text = (FOLDER / "archive-cloud.yaml").read_text(encoding="utf-8")
    assert {key for key in keys if not re.search(rf"(\$\{{{key}:-|^ +{key}:$)", text, re.MULTILINE)} == set()
    assert settings_in("store", GIVEN | {"TAGALONG_ARCHIVE_STORE__RETENTION_DAYS": "30"}).retention_days == 30


def test_no_secret_stands_in_the_file_and_all_that_is_used_is_there() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert value is None or not re.search(r"(PASSWORD|SECRET|KEY_ID|KEY)$", name)
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"]
    store = settings_in("store", {})
    assert store.broker.password_file.parent == Path("/run/secrets")
    assert store.broker.password_file.name in SERVICES["store"]["secrets"]
    commands = PAGE.partition("## 3.")[2].partition("docker compose")[0]
    needed = {Path(each["file"]).name for each in COMPOSE["secrets"].values()} | {"passwords"}
    assert {name for name in needed if name not in commands} == set()


def test_no_service_has_rights_it_can_do_without() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert service.get("cap_add", []) == (["CHOWN"] if name == "broker-folder" else [])
        assert service["image"] in (BROKER_IMAGE, "tagalong-archive")
    assert SERVICES["broker-folder"]["network_mode"] == "none"
    assert SERVICES["broker"]["user"] == "1883:1883"
    assert (FOLDER / SERVICES["store"]["build"]["context"] / SERVICES["store"]["build"]["dockerfile"]).samefile(
        ARCHIVE.path
    )


def test_the_world_sees_the_port_with_tls_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    open_ports = [port.rpartition(":")[2] for port in published if not port.startswith("127.0.0.1:")]
    assert open_ports == ["8883"]
    conf = (FOLDER / "archive-cloud.conf").read_text(encoding="utf-8")
    assert re.search(r"^listener 8883\n(?=certfile)", conf, re.MULTILINE)
    inside = {port.rpartition(":")[2] for name in ("store", "gallery") for port in SERVICES[name]["ports"]}
    assert inside == {str(settings_in("store", {}).metrics_port), str(settings_in("gallery", GIVEN).port)}
    assert SERVICES["broker"]["healthcheck"]["test"][-1] == str(settings_in("store", {}).broker.port)


def test_files_that_are_mounted_are_there_and_where_the_broker_looks() -> None:
    conf = (FOLDER / "archive-cloud.conf").read_text(encoding="utf-8")
    whole = conf + (DEPLOY / "mosquitto" / "remote.conf").read_text(encoding="utf-8")
    targets = []
    for volume in SERVICES["broker"]["volumes"]:
        source, target = volume.removesuffix(":ro").rsplit(":", 1)
        targets.append(target)
        if source.startswith("."):
            assert (FOLDER / source).is_file(), source
    targets += [f"/run/secrets/{name}" for name in SERVICES["broker"]["secrets"]]
    wanted = re.findall(r"^(?:certfile|keyfile|password_file|acl_file|persistence_location) (\S+)", whole, re.MULTILINE)
    assert len(wanted) == 5
    assert {place.rstrip("/") for place in wanted} <= set(targets)
    (include,) = re.findall(r"^include_dir (\S+)", conf, re.MULTILINE)
    assert [target for target in targets if target.startswith(include)] == [f"{include}/remote.conf"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[int, int]]]:
    folder = tmp_path_factory.mktemp("cloud")
    page_credentials(folder)
    places = {
        "/etc/mosquitto/house": folder / "house",
        "/etc/mosquitto/passwords": folder / "passwords",
        "/etc/mosquitto/acl": DEPLOY / "mosquitto" / "acl",
        "/run/secrets": folder,
        "/var/lib/mosquitto/": folder,
    }
    remote = {"house/remote.conf": DEPLOY / "mosquitto" / "remote.conf"}
    with mosquitto(FOLDER / "archive-cloud.conf", places, remote) as ports:
        yield folder, ports


async def test_faces_come_by_tls_and_the_store_gets_them_beside_the_broker(cloud: tuple[Path, dict[int, int]]) -> None:
    folder, ports = cloud
    own = BrokerConfig(url=f"mqtt://localhost:{ports[1884]}", username="store", password=password(folder, "store"))
    theirs = BrokerConfig(
        url=f"mqtts://localhost:{ports[8883]}",
        username="forwarder",
        password_file=folder / "forwarder.password",
        tls=TlsFiles(authority=folder / "ca.crt"),
    )
    async with Mqtt(own, "store") as store, Mqtt(theirs, "forwarder") as forwarder:
        await store.subscribe_to("archive/+/faces", 1)
        assert await forwarder.send("archive/hall/faces", b"face", 1)
        (mail,) = await store.next_mail(1)
        assert mail.payload == b"face"


async def test_nobody_gets_in_without_a_login_by_any_port(cloud: tuple[Path, dict[int, int]]) -> None:
    folder, ports = cloud
    assert sorted(ports) == [1883, 1884, 8883]
    for port in ports:
        is_tls = port == 8883
        config = BrokerConfig(
            url=f"mqtt{'s' if is_tls else ''}://localhost:{ports[port]}",
            tls=TlsFiles(authority=folder / "ca.crt") if is_tls else TlsFiles(),
        )
        with pytest.raises(BrokerError, match=r"login|password|username"):
            async with Mqtt(config, "nobody"):
                pass
