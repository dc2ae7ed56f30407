"""The settings in `deploy/mosquitto`, turned into those of a private broker: other port, other folder, same rules."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

HERE = Path(__file__).parent
PLACES = {
    "listener", "persistence_location", "password_file", "acl_file", "pid_file", "user", "include_dir",
    "log_dest", "log_timestamp_format", "log_type",
}  # fmt: skip
BRIDGE_PLACES = {"address", "remote_username", "remote_password"}


def conf_text(name: str) -> str:
    """One file of `deploy/mosquitto`; a wheel has it inside this package."""
    inside = HERE / "mosquitto" / name
    return (inside if inside.exists() else HERE.parents[1] / "deploy" / "mosquitto" / name).read_text(encoding="utf-8")


def private_conf(role: str, folder: Path, port: int) -> str:
    """`local.conf` or `remote.conf` for one folder, one port of loopback and the user that runs it."""
    lines = [f"listener {port} 127.0.0.1", f"persistence_location {folder}/", "log_dest stderr"]
    if os.geteuid() == 0:  # otherwise it becomes the user mosquitto, who may not write there, and outlives us
        lines.append("user root")
    if role == "remote":
        lines += [f"password_file {folder / 'passwords'}", f"acl_file {folder / 'acl'}"]
    return _joined([*lines, *_without(conf_text(f"{role}.conf"), PLACES)])


def private_bridge(port: int, username: str, password: str) -> str:
    """`bridge.conf` towards another private broker; to stand behind the rest."""
    to = [f"address 127.0.0.1:{port}", f"remote_username {username}", f"remote_password {password}"]
    return _joined([*_without(conf_text("bridge.conf"), BRIDGE_PLACES), *to])


def private_acl(forwarders: Iterable[str]) -> str:
    """`acl`, with the rights of `user forwarder` for forwarders of other names too."""
    more = [f"user {name}\ntopic write archive/+/faces" for name in forwarders if name != "forwarder"]
    return _joined([conf_text("acl"), *more])


def _without(text: str, keys: Collection[str]) -> list[str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if line.split()[0] not in keys]


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
