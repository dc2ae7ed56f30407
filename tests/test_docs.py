"""Pages that are written by the code say what the code says."""

from pathlib import Path

from tagalong.reference import page

DOCS = Path(__file__).parents[1] / "docs"


def test_the_configuration_page_is_up_to_date() -> None:
    written = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m tagalong.reference > docs/configuration.md"


def test_every_setting_says_what_changing_it_does() -> None:
    for line in page().splitlines():
        if line.startswith("| `") and ".kind` |" not in line and not line.startswith("| `kind` |"):
            assert not line.endswith("|  |"), f"a line under the field is missing: {line}"
