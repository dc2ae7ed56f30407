"""Settings of the edge server."""

from pathlib import Path

import pytest

from common.errors import ConfigError
from common.settings import load_settings
from edge_server.announce import fingerprint, interfaces_of
from edge_server.config import ENV_PREFIX, EdgeConfig


def test_environment_and_flags_reach_nested_settings() -> None:
    environ = {"TAGALONG_EDGE__LIQUIDEDGE__FACE_PORT": "6000", "TAGALONG_EDGE__ENGINES": "{face: haar}"}
    config = load_settings(EdgeConfig, None, ENV_PREFIX, {"engines.person": "yolo", "port": 0}, environ)
    assert (config.liquidedge.face_port, config.engines, config.port) == (6000, {"face": "haar", "person": "yolo"}, 0)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"prot": 1}, "did you mean 'port'"),
        ({"port": 70000}, "less than or equal to 65535"),
        ({"id": "hall.one"}, "id: "),
        ({"colour": "red"}, "colour: "),
        ({"engines": {"gait": "x"}}, "'person', 'face' or 'coco'"),
        ({"host": "10.0.0.1:50050"}, "without a port"),
        ({"liquidedge": {"face_host": "gpu1"}}, "liquidedge.face_host"),
        ({"announce": {"address": "nowhere"}}, "announce.address"),
        ({"tls": {"certificate": "a.pem"}}, "tls.certificate and tls.key"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_settings(EdgeConfig, None, "", values, {})


def test_a_server_without_an_id_gets_one_of_host_and_port_and_always_the_same_colour() -> None:
    one, again, other = EdgeConfig().named(50050), EdgeConfig().named(50050), EdgeConfig().named(50060)
    assert one.id.endswith("-50050")
    assert one.colour_rgb == again.colour_rgb != other.colour_rgb
    assert EdgeConfig(id="hall").named(1).id == "hall"
    assert EdgeConfig(colour="#010203").colour_rgb == (1, 2, 3)


def test_where_to_announce() -> None:
    everywhere, local = EdgeConfig(), EdgeConfig(host="127.0.0.1")
    assert interfaces_of(everywhere, {}) == ()
    assert interfaces_of(local, {}) == ("127.0.0.1",)
    assert interfaces_of(everywhere, {"TAGALONG_INTERFACES": "127.0.0.1, 10.9.8.7"}) == ("127.0.0.1", "10.9.8.7")
    assert interfaces_of(everywhere, {"TAGALONG_INTERFACES": "lo"}) == ("127.0.0.1",)
    with pytest.raises(ConfigError, match="'wlan9' is no interface"):
        interfaces_of(everywhere, {"TAGALONG_INTERFACES": "wlan9"})


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    assert fingerprint(None) == ""
    file = tmp_path / "x.pem"
    file.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"x\.pem is not a certificate"):
        fingerprint(file)
