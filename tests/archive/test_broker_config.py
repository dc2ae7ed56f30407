"""How a broker is reached: addresses that are none stop the start, with the key named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archive.broker_config import BrokerConfig
from archive.config import ForwardConfig, StoreConfig
from archive.mqtt import Mqtt
from archive.mqtt_parts import password_of
from archive.names import client_id
from common.errors import ConfigError
from common.settings import check


def broker(**data: Any) -> BrokerConfig:
    return check(BrokerConfig, data, "settings")


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("mqtt://127.0.0.1", "127.0.0.1", 1883, False),
        ("mqtt://broker.example:1884", "broker.example", 1884, False),
        ("mqtt://broker.example/", "broker.example", 1883, False),
        ("mqtts://broker.example", "broker.example", 8883, True),
        ("mqtts://broker.example:443", "broker.example", 443, True),
        ("MQTTS://broker.example", "broker.example", 8883, True),
        ("mqtt://[::1]:1884", "::1", 1884, False),
        ("mqtt://bröker.example", "bröker.example", 1883, False),
    ],
)
def test_addresses(url: str, host: str, port: int, is_tls: bool) -> None:
    config = broker(url=url)
    assert (config.host, config.port, config.is_tls) == (host, port, is_tls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:1883",
        "tcp://127.0.0.1",
        "mqtt:127.0.0.1",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://broker:port",
        "mqtt://broker:0",
        "mqtt://broker:70000",
        "mqtt://broker:-1",
        "mqtt://broker/path",
        "mqtt://broker?x=1",
        "mqtt://broker#x",
        "mqtt://bro ker",
        "mqtt://broker..example",
        "mqtt://" + "x" * 64 + ".example",
        "mqtt://[::1",
    ],
)
def test_an_address_that_is_none_is_refused_with_its_key_and_how_to_write_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^settings: url: write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS"):
        broker(url=url)


@pytest.mark.parametrize("url", ["mqtt://user:word@broker", "mqtt://user@broker", "mqtts://:word@broker"])
def test_a_login_in_the_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"url: leave the login out of the address; use username and password"):
        broker(url=url)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"tls": {"authority": "ca.pem"}}, r"tls: mqtt://127\.0\.0\.1:1883 is not encrypted; write mqtts://"),
        ({"url": "mqtts://b", "tls": {"key": "key.pem"}}, "tls: certificate and key go together"),
        ({"password": "a", "password_file": "b"}, "password and password_file: give one of them"),
        ({"protocol": "4"}, "protocol: "),
        ({"keepalive_s": 1}, "keepalive_s: "),
        ({"client_id": ""}, "client_id: "),
        ({"pasword": "a"}, "pasword: there is no such key; did you mean 'password'"),
    ],
)
def test_settings_that_do_not_go_together_are_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        broker(**data)


def test_a_password_is_in_no_text_about_the_settings() -> None:
    config = broker(password="a-secret")
    assert "a-secret" not in repr(config) + str(config) + config.model_dump_json()


def test_a_password_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("word with spaces é\n", encoding="utf-8")
    assert password_of(broker(password_file=file), "broker") == "word with spaces é"
    assert password_of(BrokerConfig(password=SecretStr(" x ")), "broker") == " x "
    assert password_of(BrokerConfig(), "broker") is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_password_file_that_cannot_be_read_is_named_with_its_setting(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^remote\.password_file: {file} cannot be read"):
        password_of(broker(password_file=file), "remote")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_certificate_that_cannot_be_read_is_named_with_its_setting(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    config = broker(url="mqtts://127.0.0.1", tls={"authority": file})
    with pytest.raises(ConfigError, match=rf"^remote\.tls: {file}"):
        Mqtt(config, "x", "remote")


def test_names_towards_brokers_are_the_same_after_a_restart_and_each_programs_own() -> None:
    forward, store = (client_id(BrokerConfig(), program) for program in ("forward", "store"))
    assert forward == client_id(BrokerConfig(), "forward") != store
    assert len(client_id(BrokerConfig(), "x" * 200)) <= 64
    assert client_id(BrokerConfig(client_id="mine"), "forward") == "mine"


def test_what_the_programs_settings_say_together() -> None:
    remote = {"url": "mqtt://cloud:1883"}
    with pytest.raises(ConfigError, match="confirm store needs MQTT 5"):
        check(ForwardConfig, {"remote": remote | {"protocol": "3.1.1"}}, "settings")
    check(ForwardConfig, {"remote": remote | {"protocol": "3.1.1"}, "confirm": "broker"}, "settings")
    same = {"local": remote, "remote": remote, "remote_topic": "tagalong/{robot}/faces"}
    with pytest.raises(ConfigError, match=r"remote_topic: .* would go round for ever"):
        check(ForwardConfig, same, "settings")
    check(ForwardConfig, {"local": remote, "remote": remote}, "settings")
    with pytest.raises(ConfigError, match=r"remote: is missing"):
        check(ForwardConfig, {}, "settings")
    with pytest.raises(ConfigError, match=r"topic: .*exactly one of them \{robot\}"):
        check(StoreConfig, {"topic": "archive/#"}, "settings")
    with pytest.raises(ConfigError, match=r"broker\.url: write mqtt://"):
        check(StoreConfig, {"broker": {"url": "cloud"}}, "settings")
