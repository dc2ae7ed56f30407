"""docs/archive-deployment.md: its settings are valid, its metrics and files are there. Other tests run its commands."""

import asyncio
import contextlib
import re
import urllib.request
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from archive.broker.private import free_port
from archive.broker_config import BrokerConfig
from archive.camera_config import PublisherConfig, RobotArchiveConfig
from archive.config import ForwardConfig, LogConfig, SpoolConfig, StorageConfig, StoreConfig
from archive.forwarder import Forwarder
from archive.logger import run_logger
from archive.publisher import Publisher
from archive.store import Store
from common.settings import check
from robot.config import RobotConfig
from tests.deploy.archive_parts import PAGE, blocks
from tests.deploy.containerfile import TOP

METRIC = re.compile(r"tagalong_archive_\w+")


def names_in(registry: CollectorRegistry) -> set[str]:
    names = {sample.name for metric in registry.collect() for sample in metric.samples}
    return {name for name in names if not name.endswith("_created")}


def outcomes_in(registry: CollectorRegistry) -> set[str]:
    return {sample.labels["outcome"] for metric in registry.collect() for sample in metric.samples if sample.labels}


def row_of(name: str) -> str:
    (row,) = re.findall(rf"^\|.*`{name}\{{outcome\}}` \|(.*)\|$", PAGE, re.MULTILINE)
    return str(row)


def test_the_page_has_every_metric_and_outcome_of_the_programs_and_no_other(tmp_path: Path) -> None:
    forward = ForwardConfig(remote=BrokerConfig(url="mqtt://cloud"), spool=SpoolConfig(path=tmp_path / "forward.db"))
    registries = {
        "forward": Forwarder(forward).counts.registry,
        "store": Store(StoreConfig(storage=StorageConfig(url="memory://"))).counts.registry,
        "publish": Publisher(PublisherConfig(), "hall").counts.registry,
    }
    known = {name for registry in registries.values() for name in names_in(registry)}
    on_page = {name for name in METRIC.findall(PAGE) if not name.startswith("tagalong_archive_log")}
    assert on_page == known
    for program, registry in registries.items():
        row = row_of(f"tagalong_archive_{program}_faces_total")
        assert set(re.findall(r"`(\w+)`", row)) == outcomes_in(registry), program


async def test_the_log_counts_what_the_page_says() -> None:
    nobody, own = free_port(), free_port()
    config = LogConfig(broker=BrokerConfig(url=f"mqtt://127.0.0.1:{nobody}"), metrics_port=own)
    task = asyncio.create_task(run_logger(config, lambda face, mail: None))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    reply = await asyncio.to_thread(opener.open, f"http://127.0.0.1:{own}/metrics", timeout=5)
                    break
                await asyncio.sleep(0.02)
        with reply:
            text = reply.read().decode()
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert set(re.findall(r'faces_total\{outcome="(\w+)"\}', text)) == set(
        re.findall(r"`(\w+)`", row_of("tagalong_archive_log_faces_total"))
    )


def test_the_alerts_are_rules_over_metrics_that_exist_and_say_what_is_wrong() -> None:
    (text,) = blocks("yaml", "alert:")
    (group,) = yaml.safe_load(text)["groups"]
    assert len(group["rules"]) >= 3
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "annotations"}
        assert METRIC.search(rule["expr"])
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_robots_settings_on_the_page_are_valid_and_robot_and_login_have_one_name() -> None:
    (text,) = blocks("yaml", "robot_id:")
    robot = check(RobotConfig, yaml.safe_load(text), "docs/archive-deployment.md")
    archive = check(RobotArchiveConfig, robot.archive, "docs/archive-deployment.md")
    assert archive.enabled
    assert archive.broker.username == robot.robot_id
    assert archive.broker.port == 30883


def test_links_and_paths_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (TOP / "docs" / target).exists(), target
    for target in set(re.findall(r"(?<![\w/])(?:deploy|docs)/[\w./@-]+\w", PAGE)) - {"deploy/container/.env"}:
        assert (TOP / target).exists(), target
    assert ".env" in (TOP / ".gitignore").read_text("utf-8").splitlines()
