"""One private broker as a child process: Mosquitto where it is installed, otherwise the embedded one."""

import asyncio
import json
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from archive.broker import confs
from common.errors import DeviceError
from common.process import ChildProcess

Role = Literal["local", "remote"]
Kind = Literal["mosquitto", "embedded"]

READY_TIMEOUT_S = 30.0  # 0.1 s for Mosquitto, 1 s for the embedded one; more on a busy machine or with a long queue
END_TIMEOUT_S = 20.0  # Mosquitto saves its queue first
PORT_TRIES = 5
READY_WORDS = {"mosquitto": " running", "embedded": "embedded broker is ready"}
STORE = "store"
EMBEDDED_WARNING = (
    "Mosquitto is not installed (sudo apt install mosquitto): an embedded broker takes its place. It speaks MQTT 3.1.1 "
    "only, loses what waits in it when it stops, drops what a client does not acknowledge within 5 s, and gives every "
    "login all topics."
)


class BrokerError(DeviceError):
    """A private broker did not start; the message ends with the last lines it wrote."""


class PrivateBroker:
    """`local`: everybody on this machine may do everything. `remote`: with logins and the rights of `acl`.

    Logins of a remote one: `store`, and one for each of `forwarders`; `username` and `password` are the first
    forwarder's. With `bridge_to` the local one brings faces there by itself (`bridge.conf`, Mosquitto only).
    """

    def __init__(
        self,
        role: Role,
        folder: Path,
        *,
        kind: Kind | None = None,
        forwarders: Sequence[str] = ("forwarder",),
        bridge_to: "PrivateBroker | None" = None,
    ) -> None:
        """Keeps all it needs in `folder`. Without a `kind`: Mosquitto if it is there. Raises BrokerError."""
        self.role = role
        self.folder = folder.absolute()
        self.kind: Kind = kind or ("mosquitto" if find_program("mosquitto") else "embedded")
        self.port = 0  # picked at the first start, kept from then on
        self.protocol: Literal["5", "3.1.1"] = "5" if self.kind == "mosquitto" else "3.1.1"
        self.warning = EMBEDDED_WARNING if self.kind == "embedded" else ""
        self._forwarders = tuple(forwarders)
        self._bridge_to = bridge_to
        users = (*self._forwarders, STORE) if role == "remote" else ()
        self._passwords = {user: secrets.token_urlsafe(16) for user in users}
        self.username = self._forwarders[0] if users else None
        self.password = self._passwords[self.username] if self.username else None
        self._child = ChildProcess(f"{role} broker ({self.kind})", BrokerError)
        if bridge_to is not None and self.kind == "embedded":
            raise BrokerError(
                "the embedded broker cannot be a bridge. Install one that can: sudo apt install mosquitto"
            )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def last_lines(self) -> list[str]:
        return self._child.last_lines

    def password_of(self, username: str) -> str:
        """Of a login of a remote one."""
        return self._passwords[username]

    async def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Start it and wait until it takes connections. Raises BrokerError with its last lines when it does not."""
        if self.running:
            return
        tries = 1 if self.port else PORT_TRIES
        for left in reversed(range(tries)):
            port = self.port or free_port()
            command = await asyncio.to_thread(self._prepare, port)
            try:
                await self._child.start(command, self._is_ready, timeout_s)
            except BrokerError:
                if left and any("address already in use" in line.lower() for line in self.last_lines):
                    continue  # somebody was quicker
                raise
            self.port = port
            return

    def kill(self) -> None:
        """SIGKILL, as a crash: nothing is saved."""
        self._child.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        self._child.freeze()

    def resume(self) -> None:
        self._child.resume()

    async def terminate(self, timeout_s: float = END_TIMEOUT_S) -> int | None:
        """SIGTERM, then SIGKILL if it is still there; returns its exit status (None: it never ran)."""
        return await self._child.terminate(timeout_s)

    async def restart(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """End it if need be and start it again: same port, same folder, same logins."""
        await self.terminate()
        await self.start(timeout_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.terminate()

    def _is_ready(self) -> bool:
        return any(READY_WORDS[self.kind] in line for line in self.last_lines)

    def _prepare(self, port: int) -> list[str]:
        """Writes its files; returns the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "embedded":
            logins = self.folder / "logins.json"
            _write_secret(logins, json.dumps(self._passwords))
            return ["archive.broker.embedded", str(port), *([str(logins)] if self._passwords else [])]
        conf = confs.private_conf(self.role, self.folder, port)
        if self._bridge_to is not None:
            conf += confs.private_bridge(
                self._bridge_to.port, self._bridge_to.username or "", self._bridge_to.password or ""
            )
        _write_secret(self.folder / "mosquitto.conf", conf)
        if self._passwords:
            _write_secret(self.folder / "acl", confs.private_acl(self._forwarders))
            self._write_passwords(self.folder / "passwords")
        return ["--", _program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]

    def _write_passwords(self, file: Path) -> None:
        """Written plainly and hashed in place: as an argument a password could be read in the list of processes."""
        _write_secret(file, "".join(f"{user}:{password}\n" for user, password in self._passwords.items()))
        done = subprocess.run(
            [_program("mosquitto_passwd"), "-U", str(file)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            file.unlink(missing_ok=True)
            raise BrokerError(f"mosquitto_passwd -U {file} ended with {done.returncode}: {done.stderr.strip()}")


def find_program(name: str) -> str | None:
    """Debian keeps mosquitto where only root's PATH looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def free_port() -> int:
    """A port of loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise BrokerError(f"{name} is not installed. Install it: sudo apt install mosquitto")
    return found


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, encoding="utf-8")
