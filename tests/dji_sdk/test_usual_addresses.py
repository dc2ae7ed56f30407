"""DJI's package finds robots at their usual addresses and by their announcements, with no setting changed."""

from pathlib import Path

import pytest

from tests.dji_sdk.interpreter import SdkPython
from tests.dji_sdk.namespace import port_21_is_open, run_tests, why_not

HERE = Path(__file__).parent
USUAL = ("192.168.2.1", "192.168.42.2")


def test_robots_are_found_where_they_usually_are(sdk_python: SdkPython) -> None:
    if why := why_not():
        pytest.skip(f"no network namespace: {why}")
    files = [HERE / "cases_in_namespace.py"]
    if not port_21_is_open():  # outside; in a namespace it is
        files.append(HERE / "test_sdk.py")
    said = run_tests(files, USUAL)
    assert " passed in " in said
    assert "port 21" not in said
