"""Names of topics. Local and remote ones are kept apart, so that one broker for both makes no loop."""

import re
from dataclasses import dataclass

from archive.face import MAX_NAME, MAX_NAME_BYTES, plain
from common.errors import ConfigError

LOCAL = "tagalong/{robot}/faces"
REMOTE = "archive/{robot}/faces"
RECEIPTS = "archive-receipts"


@dataclass(frozen=True, slots=True)
class FaceTopic:
    """A pattern with `{robot}` as one whole level."""

    pattern: str

    def __post_init__(self) -> None:
        levels = self.pattern.split("/")
        if levels.count("{robot}") != 1 or any(re.search(r"[+#{}\x00]", x) for x in levels if x != "{robot}"):
            raise ValueError(
                f"{self.pattern!r}: write levels with / between them, exactly one of them {{robot}}, "
                f"no + and no #; for example {LOCAL}"
            )

    def of(self, robot: str) -> str:
        """To publish to. Raises ConfigError for a name that cannot be a level of a topic."""
        return self.pattern.replace("{robot}", check_robot(robot))

    @property
    def filter(self) -> str:
        """To subscribe to: every robot."""
        return self.pattern.replace("{robot}", "+")

    def robot_in(self, topic: str) -> str | None:
        """The robot that a message is from; None where the topic is another one."""
        wanted, levels = self.pattern.split("/"), topic.split("/")
        if len(wanted) != len(levels):
            return None
        found = ""
        for want, level in zip(wanted, levels, strict=True):
            if want == "{robot}":
                found = level
            elif want != level:
                return None
        return found if is_robot(found) else None


def is_robot(name: str) -> bool:
    """Whether it can be one level of a topic, and one part of a key."""
    if not 0 < len(name) <= MAX_NAME or name in (".", "..") or name[0] == "$" or set("+#/") & set(name):
        return False
    return plain(name) == name and len(name.encode()) <= MAX_NAME_BYTES


def check_robot(name: str, setting: str = "robot_id") -> str:
    """The name, if it can be one level of a topic. Raises ConfigError that names the setting."""
    if not is_robot(name):
        raise ConfigError(
            f"{setting}: {name!r} cannot be part of an MQTT topic. Take 1 to {MAX_NAME} characters "
            f"({MAX_NAME_BYTES} bytes) without / + # and "
            "control characters, not beginning with $; for example rover-1"
        )
    return name
