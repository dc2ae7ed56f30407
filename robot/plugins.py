"""What other installed packages bring, by entry point: `robot` imports none of them."""

from importlib.metadata import entry_points
from typing import Any

from common.errors import ConfigError


def plugin(group: str, name: str, what: str) -> Any:
    """What is registered under that name, which is also the name of the extra that installs it.

    Raises ConfigError where nobody brings it, or a library of its own is missing. `what` names it in the message.
    """
    for found in entry_points(group=group, name=name):
        try:
            return found.load()
        except ImportError as error:
            raise ConfigError(
                f"{what} needs the library {error.name}, which is not installed. Run: pip install 'tagalong[{name}]'"
            ) from error
    raise ConfigError(f"nothing installed here brings {what}. Run: pip install 'tagalong[{name}]'")
