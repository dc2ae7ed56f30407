"""One look for log lines on every command."""

import logging
from enum import StrEnum

from rich.console import Console
from rich.logging import RichHandler


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up_logs(level: LogLevel, console: Console | None = None) -> None:
    """Log to standard error: time, level, message; what the libraries say only from warnings up."""
    handler = RichHandler(
        console=console or Console(stderr=True),
        show_path=False,
        rich_tracebacks=False,
        log_time_format="%H:%M:%S",
        omit_repeated_times=False,
    )
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    for package in ("common", "protos", "handover", "robot", "edge_server", "mirror", "archive", "sim", "tagalong"):
        logging.getLogger(package).setLevel(level.value.upper())
