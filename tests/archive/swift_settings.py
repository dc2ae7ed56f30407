"""The settings of OpenStack Swift's four servers: one of each, on loopback, with users that the tests know."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

KINDS = ("account", "container", "object", "proxy")
FILTERS = "catch_errors gatekeeper healthcheck proxy_logging cache listing_formats s3api tempauth copy slo dlo"
PIPELINE = f"{FILTERS} versioned_writes proxy-server"

COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
bind_timeout = 1
user = {user}
workers = 0
swift_dir = {folder}
devices = {folder}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
# Nobody listens there: Swift always wants a syslog, and the logs in the folder come beside it.
log_udp_host = 127.0.0.1
log_udp_port = 9
# On a busy machine a slow answer is no fault: nothing repairs here what a server gave up on.
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
"""

STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{app}
"""

PROXY = """
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
[filter:cache]
use = call:__main__:cache_factory
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:tempauth]
use = egg:swift#tempauth
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a user of the store signs with."""

    access_key: str  # ACCOUNT:USER
    secret_key: str
    may: str = ""  # .admin: everything in its account

    @property
    def line(self) -> str:
        return f"user_{self.access_key.replace(':', '_')} = {self.secret_key} {self.may}".rstrip()


WRITER = Keys("archive:writer", "the-writers-secret", ".admin")
READER = Keys("archive:reader", "the-readers-secret")  # the same buckets, as far as each lets it
STRANGER = Keys("stranger:owner", "the-strangers-secret", ".admin")  # an account of its own


def write_settings(folder: Path, ports: dict[str, int], region: str, in_memory: bool) -> None:
    """For the user that runs this, who needs a name."""
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\n")
    (folder / "disk").mkdir(exist_ok=True)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for kind in KINDS:
        text = COMMON.format(port=ports[kind], user=user, folder=folder)
        if kind == "proxy":
            text += PROXY.format(pipeline=PIPELINE, region=region)
            text += "\n".join(keys.line for keys in (WRITER, READER, STRANGER))
            plain = set(PIPELINE.split()) - {"cache", "s3api", "tempauth", "proxy-server"}
            text += "".join(f"\n[filter:{name}]\nuse = egg:swift#{name}\n" for name in sorted(plain))
        else:
            text += STORAGE.format(kind=kind, app="mem_object" if in_memory and kind == "object" else kind)
        (folder / f"{kind}.conf").write_text(text)
