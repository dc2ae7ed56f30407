"""Names of the archive's programs towards brokers and stores: the same after a restart, and their own."""

import re
import socket

from archive.broker_config import BrokerConfig


def client_id(config: BrokerConfig, program: str) -> str:
    """Brokers keep messages under this name; two clients with one name throw each other out."""
    return config.client_id or f"tagalong-{program}-{re.sub('[^A-Za-z0-9_-]', '-', socket.gethostname())}"[:64]
