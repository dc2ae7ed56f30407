"""The manifests: Kubernetes' schemas accept them, and what they say fits the programs, the broker and each other."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from archive.broker_config import BrokerConfig, TlsFiles
from archive.mqtt import BrokerError, Mqtt, RefusedError
from common.settings import read_yaml
from tests.deploy.archive_parts import (
    BROKER_IMAGE,
    DEPLOY,
    blocks,
    kubectl,
    mosquitto,
    page_credentials,
    password,
    settings_of,
    without,
)
from tests.deploy.containerfile import ARCHIVE, TOP

FOLDER = DEPLOY / "kubernetes" / "archive"
KUSTOMIZATION = read_yaml(FOLDER / "kustomization.yaml")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
VERSION = kubernetes_validate.latest_version()
PROGRAMS = ("forward", "log")


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


MANIFESTS = [each for name in KUSTOMIZATION["resources"] for each in documents((FOLDER / name).read_text("utf-8"))]


def manifest(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in MANIFESTS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def workload(name: str) -> dict[str, Any]:
    return manifest("Deployment" if name == "log" else "StatefulSet", name)


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = workload(name)["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    assert isinstance(only, dict)
    return only


def config_map(name: str) -> dict[str, Path]:
    """Its keys, and the files that they come from."""
    (found,) = [each for each in KUSTOMIZATION["configMapGenerator"] if each["name"] == name]
    pairs = [text.rpartition("=") for text in found["files"]]
    return {key or Path(file).name: FOLDER / file for key, _, file in pairs}


def mounted(name: str) -> dict[str, dict[str, Any]]:
    """Volumes of a workload by the folder in which they appear."""
    volumes = {each["name"]: each for each in pod(name)["volumes"]}
    volumes |= {
        each["metadata"]["name"]: {"claim": each} for each in workload(name)["spec"].get("volumeClaimTemplates", [])
    }
    assert {each["name"] for each in container(name)["volumeMounts"]} == set(volumes)
    return {each["mountPath"]: volumes[each["name"]] for each in container(name)["volumeMounts"]}


def settings(name: str) -> Any:
    """As the program reads them: the file of its ConfigMap, under the image's environment."""
    words = container(name)["args"]
    file = Path(words[words.index("--config") + 1])
    volume = mounted(name)[str(file.parent)]
    return settings_of(words, {}, config_map(volume["configMap"]["name"])[file.name])


def ports(name: str) -> dict[str, int]:
    return {each["name"]: each["containerPort"] for each in container(name)["ports"]}


def page_secrets() -> dict[str, set[str]]:
    """Name and keys of each secret that the page's commands make."""
    (commands,) = blocks("sh", "create secret")
    made: dict[str, set[str]] = {}
    for line in commands.splitlines():
        words = shlex.split(line)
        if "secret" not in words:
            continue
        kind, name = words[words.index("secret") + 1 :][:2]
        assert words[words.index("-n") + 1] == KUSTOMIZATION["namespace"]
        files = [word.removeprefix("--from-file=") for word in words if word.startswith("--from-file=")]
        made[name] = {"tls.crt", "tls.key"} if kind == "tls" else {Path(file.split("=")[0]).name for file in files}
    return made


@pytest.mark.parametrize("each", MANIFESTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_kubernetes_schemas_accept_every_manifest(each: dict[str, Any]) -> None:
    kubernetes_validate.validate(each, VERSION, strict=True)


def test_the_schemas_are_strict_enough_to_find_a_misspelt_key() -> None:
    wrong = {**manifest("Service", "broker"), "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_kustomize_builds_them_with_images_and_names_that_lead_somewhere() -> None:
    built = documents(kubectl("kustomize", str(FOLDER)))
    for each in built:
        kubernetes_validate.validate(each, VERSION, strict=True)
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in built} == {"tagalong-archive"}
    images = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in built
        if each["kind"] in ("StatefulSet", "Deployment")
    }
    version = re.search(r'^version = "(.+)"', (TOP / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version
    ours = f"localhost/tagalong-archive:{version[1]}"
    assert images == {"broker": f"docker.io/library/{BROKER_IMAGE}", "forward": ours, "log": ours}
    assert f"-t {ours} ." in (TOP / "docs/archive-deployment.md").read_text("utf-8")
    maps = {each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap"}
    used = set(re.findall(r"configMap:\n +name: (\S+)", kubectl("kustomize", str(FOLDER))))
    assert used == maps


def test_a_folder_of_ones_own_as_on_the_page_changes_the_forwarders_settings(tmp_path: Path) -> None:
    (text,) = blocks("yaml", "behavior: replace")
    (tmp_path / "forward.yaml").write_text("remote: {url: mqtts://mine}\n")
    base = os.path.relpath(FOLDER.resolve(), tmp_path.resolve())
    assert text.count("../tagalong/deploy/kubernetes/archive") == 1
    (tmp_path / "kustomization.yaml").write_text(text.replace("../tagalong/deploy/kubernetes/archive", base))
    built = documents(kubectl("kustomize", str(tmp_path)))
    (data,) = [
        each["data"]
        for each in built
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("forward-")
    ]
    assert data == {"forward.yaml": "remote: {url: mqtts://mine}\n"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_settings_are_valid_and_ports_probes_and_annotations_agree_with_them(name: str) -> None:
    port = settings(name).metrics_port
    assert ports(name) == {"metrics": port}
    notes = workload(name)["spec"]["template"]["metadata"]["annotations"]
    assert notes == {
        "prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics",
    }  # fmt: skip
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(name)[probe]["httpGet"]["port"] == "metrics"
    policy = manifest("NetworkPolicy", "metrics")["spec"]
    assert name in policy["podSelector"]["matchExpressions"][0]["values"]
    assert [each["port"] for rule in policy["ingress"] for each in rule["ports"]] == [port]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_cloud_that_is_away_does_not_get_a_program_killed(name: str) -> None:
    for probe in ("startupProbe", "livenessProbe"):
        assert container(name)[probe]["httpGet"]["path"] == "/metrics"
    assert container(name)["readinessProbe"]["httpGet"]["path"] == "/healthz"


def test_passwords_and_certificates_come_from_secrets_that_the_page_makes() -> None:
    made = page_secrets()
    forward, log = settings("forward"), settings("log")
    conf = (FOLDER / "mosquitto.conf").read_text("utf-8")
    in_conf = [
        Path(place)
        for place in re.findall(r"^\w+file (/run/\S+)|password_file (\S+)", conf, re.M)
        for place in place
        if place
    ]
    wanted = {
        "forward": [forward.local.password_file, forward.remote.password_file, forward.remote.tls.authority],
        "log": [log.broker.password_file],
        "broker": in_conf,
    }
    assert len(in_conf) == 3
    used = set()
    for name, files in wanted.items():
        for file in files:
            secret = mounted(name)[str(file.parent)]["secret"]
            assert file.name in made[secret["secretName"]], file
            assert secret["defaultMode"] in (0o440, 0o444)
            used.add(secret["secretName"])
    assert used == set(made)
    for each in (forward.local, forward.remote, log.broker):
        assert each.password is None


def test_logins_are_those_of_the_access_list_and_all_clients_reach_the_broker_by_its_service() -> None:
    users = re.findall(r"^user (\S+)", (FOLDER / "acl").read_text("utf-8"), re.MULTILINE)
    clients = {"forward": settings("forward").local, "log": settings("log").broker}
    assert sorted(each.username for each in clients.values()) == sorted(users)
    service = manifest("Service", "broker")["spec"]
    for each in clients.values():
        assert each.host == "broker"
        assert [port["port"] for port in service["ports"]] == [each.port]


def test_services_lead_to_ports_that_exist_and_only_tls_leads_outside() -> None:
    for each in MANIFESTS:
        if each["kind"] == "Service":
            name = each["spec"]["selector"]["app.kubernetes.io/name"]
            assert workload(name)["spec"]["selector"]["matchLabels"] == each["spec"]["selector"]
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= set(ports(name))
    outside = [
        each for each in MANIFESTS if each["kind"] == "Service" and each["spec"].get("type", "ClusterIP") != "ClusterIP"
    ]
    (only,) = outside
    assert [port["targetPort"] for port in only["spec"]["ports"]] == ["mqtts"]
    assert only["spec"]["externalTrafficPolicy"] == "Local"
    assert not any(pod(name).get("hostNetwork") for name in ("broker", *PROGRAMS))


def test_plain_mqtt_is_for_this_namespace_only() -> None:
    assert manifest("NetworkPolicy", "nobody")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    rules = manifest("NetworkPolicy", "broker")["spec"]["ingress"]
    by_port = {each["port"]: rule["from"] for rule in rules for each in rule["ports"]}
    assert set(by_port) == set(ports("broker").values())
    (inside,) = by_port[ports("broker")["mqtt"]]
    (labels,) = KUSTOMIZATION["labels"]
    assert labels["includeTemplates"]
    assert inside == {"podSelector": {"matchLabels": labels["pairs"]}}
    assert all(set(each) == {"ipBlock"} for each in by_port[ports("broker")["mqtts"]])


@pytest.mark.parametrize("name", ["broker", *PROGRAMS])
def test_pods_have_no_rights_and_pass_the_restricted_standard(name: str) -> None:
    context, own = pod(name)["securityContext"], container(name)["securityContext"]
    assert context["runAsNonRoot"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod(name)["automountServiceAccountToken"] is False
    assert {"requests", "limits"} <= set(container(name)["resources"])
    user = 1883 if name == "broker" else int(ARCHIVE.values("USER")[0].split(":")[0])
    assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {user}
    assert manifest("Namespace", "tagalong-archive")["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


def test_what_lies_on_a_volume_has_one_writer_and_room() -> None:
    for each in MANIFESTS:
        assert each["kind"] != "PersistentVolumeClaim"  # one that two pods could mount
        if each["kind"] == "StatefulSet":
            assert each["spec"]["replicas"] == 1
            assert each["spec"]["podManagementPolicy"] == "Parallel"  # one that is not ready can be mended
            (claim,) = each["spec"]["volumeClaimTemplates"]
            assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    forward = settings("forward")
    assert forward.local.client_id
    assert forward.remote.client_id
    claim = mounted("forward")[str(forward.spool.path.parent)]["claim"]
    size = gibibytes(claim["spec"]["resources"]["requests"]["storage"])
    assert size > 1.5e6 * forward.spool.max_mb + 1e6 * forward.spool.keep_free_mb


def test_the_brokers_queue_fits_its_memory_and_its_volume() -> None:
    conf = (FOLDER / "mosquitto.conf").read_text("utf-8")
    location, most = (
        re.search(rf"^{key} (\S+)", conf, re.MULTILINE) for key in ("persistence_location", "max_queued_bytes")
    )
    assert location
    assert most
    claim = mounted("broker")[location[1].rstrip("/")]["claim"]
    assert gibibytes(claim["spec"]["resources"]["requests"]["storage"]) > 3 * int(
        most[1]
    )  # the old file and the new one
    memory = container("broker")["resources"]["limits"]["memory"]
    assert int(memory.removesuffix("Mi")) * 2**20 >= 3 * int(most[1])


def gibibytes(text: str) -> float:
    return float(text.removesuffix("Gi")) * 2**30


def test_the_clusters_broker_differs_from_the_edges_in_ways_in_and_logins_only() -> None:
    ways = {
        "listener",
        "certfile",
        "keyfile",
        "tls_version",
        "allow_anonymous",
        "password_file",
        "acl_file",
        "include_dir",
    }
    edge = (DEPLOY / "mosquitto" / "local.conf").read_text("utf-8")
    assert without((FOLDER / "mosquitto.conf").read_text("utf-8"), ways) == without(edge, ways)
    assert config_map("broker").keys() == {"mosquitto.conf", "acl"}
    assert mounted("broker")["/etc/mosquitto"]["configMap"]["name"] == "broker"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[int, int]]]:
    folder = tmp_path_factory.mktemp("edge")
    page_credentials(folder)
    places = {
        "/run/secrets/tls/tls.crt": folder / "edge.crt",
        "/run/secrets/tls/tls.key": folder / "edge.key",
        "/run/secrets/logins/passwords": folder / "edge-passwords",
        "/etc/mosquitto/acl": FOLDER / "acl",
        "/var/lib/mosquitto/": folder,
    }
    with mosquitto(FOLDER / "mosquitto.conf", places) as found:
        yield folder, found


def client(edge: tuple[Path, dict[int, int]], user: str | None, is_outside: bool) -> BrokerConfig:
    folder, found = edge
    return BrokerConfig(
        url=f"mqtts://localhost:{found[8883]}" if is_outside else f"mqtt://localhost:{found[1883]}",
        username=user,
        password=password(folder, f"edge-{user}") if user else None,
        tls=TlsFiles(authority=folder / "ca.crt") if is_outside else TlsFiles(),
    )


async def test_a_robot_outside_publishes_under_its_own_name_and_no_other(edge: tuple[Path, dict[int, int]]) -> None:
    async with (
        Mqtt(client(edge, "forwarder", False), "forwarder") as forwarder,
        Mqtt(client(edge, "log", False), "log") as log,
        Mqtt(client(edge, "rover-1", True), "robot") as robot,
    ):
        await forwarder.subscribe_to("tagalong/+/faces", 1)
        await log.subscribe_to("tagalong/+/faces", 0)
        await robot.subscribe_to("tagalong/+/faces", 1)  # Mosquitto 2.0 denies this without a word
        assert await robot.send("tagalong/rover-1/faces", b"face", 1)
        with pytest.raises(RefusedError):
            await robot.send("tagalong/rover-2/faces", b"face", 1)
        for reader in (forwarder, log):
            (mail,) = await reader.next_mail(1)
            assert (mail.topic, mail.payload) == ("tagalong/rover-1/faces", b"face")
        assert robot.mail.empty()


@pytest.mark.parametrize("is_outside", [True, False])
async def test_without_a_login_nobody_gets_in(edge: tuple[Path, dict[int, int]], is_outside: bool) -> None:
    with pytest.raises(BrokerError, match=r"login|password|username"):
        async with Mqtt(client(edge, None, is_outside), "nobody"):
            pass
