"""Tests in a network of their own, where the robot can have its usual addresses and nobody else announces robots.

`python -m tests.dji_sdk.namespace ADDRESS... -- PYTEST ARGUMENTS`, started by `run_tests` under `unshare`.
"""

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from protos.robomaster.ids import FTP_PORT

ROOT = Path(__file__).parents[2]
DEADLINE_S = 240.0


def why_not() -> str | None:
    """Why there can be no namespace here; None: there can."""
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    tried = subprocess.run(
        ["unshare", "--net", "--map-root-user", "ip", "link", "set", "lo", "up"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() or "namespaces are not allowed here" if tried.returncode else None


def port_21_is_open() -> bool:
    """For us to listen on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.60.1", FTP_PORT))
        except PermissionError:
            return False
    return True


def run_tests(files: Sequence[Path], addresses: Sequence[str]) -> str:
    """Returns what pytest prints; fails when a test does."""
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-m", "tests.dji_sdk.namespace", *addresses]
    arguments = ["--", *map(str, files), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-3000:]
    return done.stdout


def main(arguments: list[str]) -> int:
    at = arguments.index("--")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in arguments[:at]:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    return int(pytest.main(arguments[at + 1 :]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
