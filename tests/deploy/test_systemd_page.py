"""docs/raspberry-pi.md: settings that are valid, files that are there, commands that exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from common.settings import check
from robot.config import RobotConfig

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "raspberry-pi.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_settings_on_the_page_are_valid(block: str) -> None:
    check(RobotConfig, yaml.safe_load(block), "docs/raspberry-pi.md")


def test_settings_within_sentences_are_valid_too() -> None:
    inline = re.findall(r"`((?:safety|handover|lights|camera|base): \{.*?\})`", PAGE)
    assert len(inline) >= 2
    for text in inline:
        check(RobotConfig, yaml.safe_load(text), "docs/raspberry-pi.md")


def test_links_and_paths_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (TOP / "docs" / target).exists(), target
    for target in re.findall(r"\bdeploy/[\w./-]+", PAGE):
        assert (TOP / target).exists(), target


def test_flags_of_the_robot_on_the_page_exist() -> None:
    known = (TOP / "robot" / "cli.py").read_text(encoding="utf-8").replace("_", "-")
    for line in PAGE.splitlines():
        if "tagalong robot " in line and line.lstrip().startswith(("sudo", "tagalong", ".venv")):
            for word in shlex.split(line.partition("tagalong robot ")[2], comments=True):
                if word.startswith("--"):
                    assert word[2:] in known, word
