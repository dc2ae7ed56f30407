"""What a connection to a broker is made of: its password, its TLS, and the properties of MQTT 5 packets."""

import ssl
from collections.abc import Mapping

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from archive.broker_config import BrokerConfig
from common.errors import ConfigError

OVERHEAD_BYTES = 65_536  # of a packet beside its payload: topic and properties
WEEK_S = 7 * 86_400


def password_of(config: BrokerConfig, setting: str) -> str | None:
    """Raises ConfigError when the file cannot be read."""
    if config.password_file is None:
        return config.password.get_secret_value() if config.password is not None else None
    try:
        return config.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}.password_file: {config.password_file} cannot be read ({error})") from error


def connect_properties(is_persistent: bool, receive_maximum: int, max_payload: int) -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = receive_maximum
    if is_persistent:
        properties.SessionExpiryInterval = WEEK_S
    if max_payload:
        properties.MaximumPacketSize = max_payload + OVERHEAD_BYTES
    return properties


def publish_properties(
    fields: Mapping[str, str], content_type: str, reply_to: str, reply_id: bytes
) -> Properties | None:
    properties = Properties(PacketTypes.PUBLISH)
    if fields:
        properties.UserProperty = list(fields.items())
    if content_type:
        properties.ContentType = content_type
    if reply_to:
        properties.ResponseTopic = reply_to
        properties.CorrelationData = reply_id
    return properties


def tls_context(config: BrokerConfig, setting: str) -> ssl.SSLContext:
    """Raises ConfigError."""
    files = config.tls
    try:
        context = ssl.create_default_context(cafile=str(files.authority) if files.authority else None)
        if files.certificate and files.key:
            context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{setting}.tls: {files.authority or ''} {files.certificate or ''} cannot be used ({error})"
        ) from error
    return context
