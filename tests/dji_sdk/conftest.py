"""DJI's own, unmodified package drives the emulated robot; what happens in the world is checked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dji_sdk.interpreter import NoSdkError, SdkPython, find
from tests.dji_sdk.namespace import port_21_is_open
from tests.dji_sdk.script import Script

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(420))  # the first of them may have to install DJI's package


@pytest.fixture(scope="session")
def sdk_python() -> SdkPython:
    """Made once at most; where that fails, every test says why it is skipped."""
    try:
        return find()
    except NoSdkError as error:
        pytest.skip(str(error))


@pytest.fixture
def port_21() -> None:
    """DJI's package connects to the robot's FTP server, always."""
    if not port_21_is_open():
        pytest.skip("port 21 may only be opened by root; run by test_usual_addresses.py where namespaces are allowed")


@pytest.fixture
def script(sdk_python: SdkPython, port_21: None, tmp_path: Path) -> Callable[..., Script]:
    """`script("hello.py", connection="sta", robot_ip="127.0.60.1")`: not started yet."""
    return lambda name, **how: Script(sdk_python, HERE / "scripts" / name, how, tmp_path)
