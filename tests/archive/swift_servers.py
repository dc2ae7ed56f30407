"""Runs under the system's Python, which has OpenStack Swift: makes the rings, and keeps four servers up.

`python3 -I swift_servers.py FOLDER proxy=PORT account=PORT container=PORT object=PORT`: FOLDER has the settings of each
server and gets its log. Says `ready` once all of them answer. They go when standard input ends or this program does,
so also when the test run is killed. `-I`, because the folder of this file has another `swift`.
"""

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path
from time import monotonic
from typing import Any

from swift.common import storage_policy, utils
from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi
from swift.obj.server import global_conf_callback

PR_SET_PDEATHSIG = 1  # of prctl
PART_POWER = 2  # four partitions are enough for one device


class Cache:
    """What memcached does for the proxy. There is one proxy, so a dictionary is enough."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._values: dict[str, tuple[float, Any]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["swift.cache"] = self
        return self._app(environ, start_response)

    def get(self, key: str, **_: Any) -> Any:
        until_s, value = self._values.get(key, (0.0, None))
        return value if until_s > monotonic() else None

    def set(self, key: str, value: Any, time: float = 0, **_: Any) -> None:
        self._values[key] = (monotonic() + (time or float("inf")), value)

    def delete(self, key: str, **_: Any) -> None:
        self._values.pop(key, None)


def cache_factory(global_conf: dict[str, str], **local_conf: str) -> type[Cache]:
    """`use = call:__main__:cache_factory` in the settings of the proxy."""
    return Cache


def make_ring(folder: Path, kind: str, port: int) -> None:
    builder = RingBuilder(PART_POWER, replicas=1, min_part_hours=0)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1.0, **address})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def serve(folder: Path, kind: str, waiting: int) -> int:
    """Swift closes standard output once it answers: whoever reads from the other end of `waiting` knows then."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(folder / f"{kind}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(waiting, 1)
    os.dup2(log, 2)
    os.close(waiting)
    options = {"global_conf_callback": global_conf_callback} if kind == "object" else {}
    return run_wsgi(str(folder / f"{kind}.conf"), f"{kind}-server", verbose=True, **options)


def start(folder: Path, kind: str, waiting: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = serve(folder, kind, waiting)
    except BaseException:  # whatever it is belongs into the log, and this copy of the program must not go on
        traceback.print_exc()
    os.write(1, f"the {kind} server has ended\n".encode())
    os._exit(code)


def main(folder: Path, ports: dict[str, int]) -> int:
    utils.eventlet_monkey_patch()  # a second of work that each server would do by itself
    if utils.set_swift_dir(str(folder)):  # else what /etc/swift says would count
        storage_policy.reload_storage_policies()
    for kind in ("account", "container", "object"):
        make_ring(folder, kind, ports[kind])
    said, waiting = os.pipe()
    children = [start(folder, kind, waiting) for kind in ports]
    os.close(waiting)
    with open(said) as lines:  # noqa: PTH123 - a descriptor
        complaints = lines.read()  # ends once every child has closed its end, by being ready or by being gone
    if complaints:
        print(complaints, file=sys.stderr)
        return 1
    print("ready", flush=True)
    sys.stdin.read()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return 0


if __name__ == "__main__":
    given = dict(pair.split("=") for pair in sys.argv[2:])
    sys.exit(main(Path(sys.argv[1]), {kind: int(port) for kind, port in given.items()}))
