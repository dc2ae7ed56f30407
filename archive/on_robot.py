"""The entry point through which `tagalong robot` finds the archive."""

from collections.abc import Callable

from archive.camera_config import RobotArchiveConfig
from archive.watching import FaceWatcher
from common.settings import check
from robot.config import RobotConfig


def watcher(config: RobotConfig, clock: Callable[[], float]) -> FaceWatcher:
    """Raises ConfigError for wrong settings, and for a robot's name that cannot be part of a topic."""
    settings = check(RobotArchiveConfig, config.archive, "archive")
    return FaceWatcher(settings, config.robot_id, clock, setting="archive.broker")
